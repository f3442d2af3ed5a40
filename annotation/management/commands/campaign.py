"""python manage.py campaign FILE --owner NAME: a campaign from its specification."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from annotation import specification
from annotation.services import campaigns
from annotation.services.campaigns import OpeningRefused


class Command(BaseCommand):
    """Makes a draft, or with --open an open campaign, and prints its public id."""

    help = "Makes a campaign from a TOML or JSON file; every fault is named and nothing is made then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("file", type=Path, help="The specification: .toml or .json.")
        parser.add_argument("--owner", required=True, help="Name of the researcher who will own it.")
        parser.add_argument("--open", action="store_true", help="Open it at once.")

    def handle(self, *args: Any, file: Path, owner: str, **options: Any) -> None:
        """Makes the campaign. Raises CommandError, and so exits 1, where it can't be made or opened."""
        researcher = User.objects.filter(username=owner, is_active=True).first()
        if researcher is None:
            raise CommandError(f"There is no active researcher named {owner}.")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None
        try:
            made = specification.create(researcher, specification.read(content, name=file.name))
        except specification.SpecificationRefused as refused:
            raise CommandError("\n".join(map(str, refused.faults))) from None
        self.stdout.write(str(made.public_id))
        # Not the number, which is all that a script reads: what is left out, for whoever looks.
        self.stderr.writelines(campaigns.comparison_notes(made))
        if options["open"]:
            try:
                campaigns.open_campaign(made, researcher)
            except OpeningRefused as refused:
                raise CommandError("It stays a draft.\n" + "\n".join(refused.obstacles)) from None
