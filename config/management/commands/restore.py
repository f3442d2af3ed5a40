"""python manage.py restore DIR: restores a backup into an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backups


class Command(BaseCommand):
    """Says what was restored, or why nothing was."""

    help = "Fills an empty database and MEDIA_ROOT from a backup, and checks every count and file."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's argument."""
        parser.add_argument("folder", type=Path, help="What `backup` wrote.")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Does it. Raises CommandError, and so exits 1, where it is refused."""
        try:
            found = backups.restore(folder)
        except backups.BackupRefused as refused:
            raise CommandError(str(refused)) from refused
        rows, files = sum(found.rows.values()), len(found.files)
        self.stdout.write(f"{rows:,} rows of {len(found.rows)} tables and {files:,} files: all there.")
