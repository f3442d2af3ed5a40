"""python manage.py rebuild BUNDLE: makes every file of a bundle again and compares."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.rebuilding import BundleRefused, rebuild


class Command(BaseCommand):
    """Says file by file whether it came out byte for byte; ends with 1 where one did not."""

    help = (
        "Makes every file of a bundle again from its answers and settings, and compares them byte for byte."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("bundle", type=Path, help="A bundle.zip.")
        parser.add_argument("--out", type=Path, metavar="DIR", help="Folder that keeps what was made.")

    def handle(self, *args: Any, bundle: Path, out: Path | None, **options: Any) -> None:
        """Rebuilds. Raises CommandError, and so exits 1, where a file differs."""
        try:
            found = rebuild(bundle, out=out)
        except BundleRefused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or bundle}: {error.strerror}.") from error
        for version in found.versions:
            self.stdout.write(f"Another version: {version}.")
        for names, words in (
            (found.different, "differs"),
            (found.missing, "is in the bundle and was not made again"),
            (found.added, "was made and is not in the bundle"),
        ):
            for name in names:
                self.stdout.write(f"{name} {words}")
        self.stdout.write(f"{len(found.same)} files are the same byte for byte.")
        if out is not None:
            self.stdout.write(f"What was made is in {out}.")
        if not found.is_whole:
            raise CommandError("The bundle was not reproduced: see the files named above.")
