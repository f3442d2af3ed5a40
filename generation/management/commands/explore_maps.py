"""python manage.py explore_maps IMAGE ...: maps of every step, layer and method of finished images."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.choices import ImageState
from generation.models import Image


class Command(BaseCommand):
    """Draws each image again from its seed and stores its words' maps taken apart, for its page."""

    help = "Takes the word maps of finished images apart: every step, every layer, six methods side by side."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("images", nargs="+", type=int, help="Numbers of images, as on their pages.")
        parser.add_argument("--levels", type=int, default=32, help="Noise levels of the information maps.")

    def handle(self, *args: Any, images: list[int], levels: int, **options: Any) -> None:
        """Explores the images one by one; stops at the first that can't be."""
        if levels < 1:
            raise CommandError(f"--levels must be at least 1, not {levels}")
        found = Image.objects.select_related("run", "prompt").filter(state=ImageState.DONE).in_bulk(images)
        if missing := [number for number in images if number not in found]:
            raise CommandError(f"no finished image has the number {missing[0]}; nothing was done")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        # Here, not above: only a process that generates may import torch.
        from generation.worker import explore_image, silence_progress_bars

        silence_progress_bars()
        for number in images:
            try:
                drift = explore_image(found[number], levels=levels)
            except (LookupError, ValueError) as error:
                raise CommandError(f"image {number}: {error}") from error
            same = "the same pixels" if drift == 0 else f"pixels up to {drift} of 255 off"
            self.stdout.write(f"Image {number}: {same} when drawn again; see its page.")
