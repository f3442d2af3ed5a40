"""python manage.py information IMAGE --caption TEXT: what each word tells a model about your picture."""

import csv
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from PIL import Image, UnidentifiedImageError

from common.signs import true_minus
from generation import registry
from generation.attribution.chosen_heads import ChosenHeads
from generation.attribution.eight_bits import AnimatedPicture, upright
from generation.attribution.level_intervals import FEWEST_LEVELS, half_width
from generation.attribution.rendering import overlay_png
from generation.attribution.words import split_words
from generation.concept_lines import ConceptLinesRefused, read_lines
from generation.fingerprints import FingerprintError
from generation.head_vectors import CaptionWord, chosen_heads
from generation.picture_storage import HEAD_KINDS

OPACITY = 0.8
MOST_LEVELS = 1000


class Command(BaseCommand):
    """Writes maps of every word as pictures and arrays, and the bits of words and captions as CSV."""

    help = "Maps of mutual information between the words of a caption and a picture of yours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("image", type=Path, help="PNG, JPEG or WebP of any size; all of it is read.")
        parser.add_argument("--caption", required=True, help="What the picture shows.")
        parser.add_argument(
            "--against", action="append", default=[], help="Another caption to compare with; may be repeated."
        )
        parser.add_argument(
            "--heads", action="append", default=[], metavar="WORD=CONCEPT",
            help="Whose heads speak for a word, where not those of the list it stands in; may be repeated.",
        )  # fmt: skip
        parser.add_argument("--model", default=registry.DEMO_ID, help="A model of the allow-list.")
        parser.add_argument("--output", type=Path, default=Path("information"), help="Folder to write to.")
        parser.add_argument("--levels", type=int, default=50, help="Noise levels (default 50).")
        parser.add_argument("--seed", type=int, default=0, help="Draws the noise and its levels.")

    def handle(self, *args: Any, image: Path, output: Path, **options: Any) -> None:
        """Refuses what can't work before a model is loaded."""
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        spec, picture = self._inputs(image, options)
        heads = self._heads(spec, options)
        # Here, not above: only a process that generates may import torch.
        from generation.worker import inform_about, silence_progress_bars

        silence_progress_bars()
        try:
            found = inform_about(
                spec,
                picture=picture,
                caption=options["caption"],
                others=options["against"],
                levels=options["levels"],
                seed=options["seed"],
                heads=heads,
            )
        except (TypeError, ValueError) as error:
            raise CommandError(f"{spec.id}: {error}") from error
        self._write(found, picture, output)
        self._tell(found, output, levels=options["levels"])

    def _inputs(self, image: Path, options: dict[str, Any]) -> tuple[registry.ModelSpec, Image.Image]:
        if not FEWEST_LEVELS <= options["levels"] <= MOST_LEVELS:
            raise CommandError(
                f"--levels must lie between {FEWEST_LEVELS} and {MOST_LEVELS}, not {options['levels']}: "
                "of fewer there is no interval to trust"
            )
        if not options["caption"].strip():
            raise CommandError("--caption is empty; say what the picture shows")
        if options["caption"] in options["against"]:
            raise CommandError("--against repeats the caption; give another one")
        try:
            spec = registry.get(options["model"])
        except (LookupError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        try:
            with Image.open(image, formats=["PNG", "JPEG", "WEBP"]) as opened:
                picture = upright(opened)
        except Image.DecompressionBombError as error:
            raise CommandError(f"{image} has too many pixels; make it smaller") from error
        except AnimatedPicture as error:
            raise CommandError(f"{image}: {error}") from error
        except UnidentifiedImageError as error:
            raise CommandError(f"{image} is no PNG, JPEG or WebP picture; convert it to one") from error
        except (ValueError, SyntaxError) as error:
            raise CommandError(f"{image}: {error}") from error
        except OSError as error:
            reason = error.strerror or f"{error}; export it anew"
            raise CommandError(f"{image}: {reason}") from error
        return spec, picture

    def _heads(self, spec: registry.ModelSpec, options: dict[str, Any]) -> dict[int, ChosenHeads]:
        try:
            chosen = read_lines("\n".join(options["heads"]), caption=options["caption"], model=spec)
        except ConceptLinesRefused as refused:
            raise CommandError(f"--heads: {refused}") from refused
        except FingerprintError as error:
            raise CommandError(str(error)) from error
        words = [
            CaptionWord(position=each.position, text=each.text) for each in split_words(options["caption"])
        ]
        return chosen_heads(words, spec, concepts={str(place): name for place, name in chosen.items()})

    def _write(self, found: Any, picture: Image.Image, output: Path) -> None:
        """picture: as it was given, upright; its maps are drawn over it at its size."""
        output.mkdir(parents=True, exist_ok=True)
        found.picture.save(output / "picture.png")
        for each in found.words:
            maps = {kind: getattr(each, kind) for kind in ("cmi", "mi", "attention")}
            by_heads = {kind: each.by_heads.get(name) for kind, name in HEAD_KINDS.items()}
            for kind, word_map in {**maps, **by_heads}.items():
                if word_map is not None:
                    stem = output / f"{each.word.position:02}-{kind}"
                    np.save(stem.with_suffix(".npy"), word_map)
                    stem.with_suffix(".png").write_bytes(overlay_png(picture, word_map, opacity=OPACITY))
        with (output / "words.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["position", "word", "seen_by_model", "bits", "standard_error"])
            for each in found.words:
                word = each.word
                rows.writerow([word.position, word.text, "yes", f"{each.bits:.6g}", f"{each.error:.6g}"])
            rows.writerows([word.position, word.text, "no", "", ""] for word in found.unseen)
        with (output / "captions.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["caption", "bits", "standard_error", "words_not_read", "same_to_the_model_as"])
            rows.writerows(
                [
                    each.text,
                    f"{each.bits:.6g}",
                    f"{each.error:.6g}",
                    " ".join(word.text for word in each.unread),
                    each.same_as or "",
                ]
                for each in found.captions
            )

    def _tell(self, found: Any, output: Path, *, levels: int) -> None:
        self.stdout.write("What each word adds to the rest of the caption, in bits:")
        for each in found.words:
            self.stdout.write(
                f"  {each.word.text:20} {_told(each, levels=levels)}  {each.heads.concept}".rstrip()
            )
        for word in found.unseen:
            self.stdout.write(f"  {word.text:20} not read by the model")
        if len(found.captions) > 1:
            self.stdout.write("Captions against none, in bits:")
            for each in found.captions:
                self.stdout.write(f"  {_told(each, levels=levels)}  {each.text}")
                if each.unread:
                    self.stdout.write(f"  {'':15}not read: {' '.join(word.text for word in each.unread)}")
                if each.same_as is not None:
                    self.stdout.write(f"  {'':15}the same to the model as: {each.same_as}")
        self.stdout.write(f"± spans 95 % over the drawing of {levels} noise levels, for this picture only.")
        self.stdout.write(f"Maps, arrays and tables: {output}")


def _told(found: Any, *, levels: int) -> str:
    half = half_width(found.error, levels=levels)
    return f"{true_minus(f'{found.bits:.2f}'):>12} ± {'–' if half is None else format(half, '.2f')}"
