"""python manage.py head_relevance MODEL OUTPUT: which heads of a model attend to which concept."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation import examples, registry
from generation.attribution import concepts as concept_lists
from generation.attribution.relevance import save_relevance
from generation.prompts import read_prompts

DEMO_CONCEPTS = registry.DEMO_FOLDER / "concepts.toml"


class Command(BaseCommand):
    """Makes images of prompts and counts, at every attention head, the concept that it answers to most."""

    help = "Counts head relevance vectors over generated images and writes them as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("model", help="A model of the allow-list, such as demo.")
        parser.add_argument("output", type=Path, help="JSON file to write.")
        parser.add_argument(
            "--concepts", type=Path, help="TOML list; by default 34 concepts, for the bundled model its own."
        )
        parser.add_argument("--prompts", type=Path, help="Prompt CSV; by default the twelve examples.")
        parser.add_argument("--images", type=int, default=1, help="Images of each prompt.")
        parser.add_argument("--seed", type=int, default=0, help="Draws the concept words and the images.")

    def handle(self, *args: Any, model: str, output: Path, **options: Any) -> None:
        """Counts over all images, one prompt's images at a time."""
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        if options["images"] < 1:
            raise CommandError(f"--images must be at least 1, not {options['images']}")
        spec, words, prompts = self._inputs(model, options)
        # Here, not above: only a process that generates may import torch.
        from generation.worker import count_heads, silence_progress_bars

        silence_progress_bars()
        seeds = range(options["seed"], options["seed"] + options["images"])
        try:
            found = count_heads(spec, concepts=words, prompts=prompts, seeds=seeds)
        except ValueError as error:
            raise CommandError(str(error)) from error
        save_relevance(found, output)
        self.stdout.write(f"Counted over {len(prompts) * len(seeds)} images; see {output}.")

    def _inputs(
        self, model: str, options: dict[str, Any]
    ) -> tuple[registry.ModelSpec, concept_lists.ConceptList, list[str]]:
        default = DEMO_CONCEPTS if model == registry.DEMO_ID else concept_lists.DEFAULT_LIST
        try:
            spec = registry.get(model)
            words = concept_lists.load_concepts(options["concepts"] or default)
            file = options["prompts"]
            content, name = (file.read_bytes(), file.name) if file else (examples.content(), "examples.csv")
            rows = read_prompts(content, name=name)
        except (LookupError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        return spec, words, [row.text for row in rows]
