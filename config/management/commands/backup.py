"""python manage.py backup DIR: writes a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backups


class Command(BaseCommand):
    """Says what was kept, or why nothing was."""

    help = "Writes the database and every file into a new folder, while Percept runs."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's argument."""
        parser.add_argument("folder", type=Path, help="A new folder.")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Does it. Raises CommandError, and so exits 1, where it is refused."""
        try:
            found = backups.back_up(folder)
        except backups.BackupRefused as refused:
            raise CommandError(str(refused)) from refused
        rows, files = sum(found.rows.values()), len(found.files)
        self.stdout.write(f"{rows:,} rows of {len(found.rows)} tables and {files:,} files: in {folder}.")
