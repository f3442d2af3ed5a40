"""python manage.py head_relevance MODEL OUTPUT: which heads of a model attend to which concept."""

import os
from argparse import ArgumentParser
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from generation import examples, registry
from generation.attribution import concepts as concept_lists
from generation.attribution.relevance import HeadRelevance, save_relevance
from generation.fingerprints import FingerprintError, revision_of
from generation.head_vectors import REVISION
from generation.prompts import read_prompts

DEMO_CONCEPTS = registry.DEMO_FOLDER / "concepts.toml"


class Command(BaseCommand):
    """Counts over images made for the purpose, or takes vectors that somebody has published."""

    help = "Writes head relevance vectors as JSON: counted over generated images, or from a published array."

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
        parser.add_argument(
            "--published",
            type=Path,
            help="Count nothing: take this .npy array, concepts (as in the list) x heads (down, middle, up).",
        )

    def handle(self, *args: Any, model: str, output: Path, **options: Any) -> None:
        """Writes the file, or nothing where something can't work."""
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        if options["images"] < 1:
            raise CommandError(f"--images must be at least 1, not {options['images']}")
        try:
            spec = registry.get(model)
            words = concept_lists.load_concepts(options["concepts"] or _usual_list(spec))
            revision = revision_of(spec)
        except (LookupError, ValueError, OSError, FingerprintError) as error:
            raise CommandError(str(error)) from error
        if options["published"]:
            found, said = _published(spec, words, options["published"])
        else:
            found, said = _counted(spec, words, options)
        origin = {**found.origin, "model": spec.id, REVISION: revision}
        save_relevance(replace(found, origin=origin, words=words.words), output)
        self.stdout.write(f"{said}; see {output}.")
        self.stdout.write(f"SHA-256 {sha256(output.read_bytes()).hexdigest()}")


def _usual_list(spec: registry.ModelSpec) -> Path:
    return DEMO_CONCEPTS if spec.id == registry.DEMO_ID else concept_lists.DEFAULT_LIST


def _counted(
    spec: registry.ModelSpec, words: concept_lists.ConceptList, options: dict[str, Any]
) -> tuple[HeadRelevance, str]:
    file = options["prompts"]
    try:
        content, name = (file.read_bytes(), file.name) if file else (examples.content(), "examples.csv")
        prompts = [row.text for row in read_prompts(content, name=name)]
    except (ValueError, OSError) as error:
        raise CommandError(str(error)) from error
    # Here, not above: only a process that generates may import torch.
    from generation.worker import count_heads, silence_progress_bars

    silence_progress_bars()
    seeds = range(options["seed"], options["seed"] + options["images"])
    try:
        found = count_heads(spec, concepts=words, prompts=prompts, seeds=seeds)
    except ValueError as error:
        raise CommandError(str(error)) from error
    images = len(prompts) * len(seeds)
    origin = {**found.origin, "prompts_sha256": sha256(content).hexdigest(), "images": str(images)}
    return replace(found, origin=origin), f"Counted over {images} images"


def _published(
    spec: registry.ModelSpec, words: concept_lists.ConceptList, path: Path
) -> tuple[HeadRelevance, str]:
    from generation.worker import name_heads, silence_progress_bars

    silence_progress_bars()
    try:
        content = path.read_bytes()
        array = np.load(path, allow_pickle=False)
        origin = {"published": path.name, "published_sha256": sha256(content).hexdigest()}
        found = name_heads(spec, array, concepts=words.names, origin=origin)
    except (ValueError, OSError) as error:
        raise CommandError(f"{path.name}: {error}") from error
    return found, f"{len(found.concepts)} concepts x {len(found.heads)} heads taken from {path.name}"
