"""python manage.py map_report CAMPAIGN --out DIR: the report of all word maps of a campaign's run."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from annotation.models import Campaign
from common import whole_files
from evaluation import result_folder
from evaluation.kinds.files import KindFiles, build
from evaluation.kinds.map_groups import map_groups
from evaluation.kinds.map_loading import map_inputs
from evaluation.kinds.map_report import MapSettings
from evaluation.settings import Only, read_only
from generation.models import Run
from generation.storage import MediaMissing


class Command(BaseCommand):
    """Measures every map of the run, one image at a time, and writes the report's files."""

    help = "Intensity by part of speech and overlap by relation, of all word maps of a campaign's run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("campaign", type=UUID, help="Public id of the campaign, as in its address.")
        parser.add_argument("--tau", type=float, default=0.4, help="Share of the peak at which maps are cut.")
        parser.add_argument(
            "--only",
            nargs="+",
            action="extend",
            default=[],
            metavar="COL=GROUP",
            help="Only the maps of one group: part_of_speech=NOUN, or prompt_NAME=VALUE by the column"
            " NAME of the prompts; several must all hold.",
        )
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="Folder for the files.")

    def handle(
        self, *args: Any, campaign: UUID, tau: float, only: list[str], out: Path, **options: Any
    ) -> None:
        """Writes the files. Raises CommandError, and so exits 1, where that can't be done."""
        if not 0 < tau <= 1:
            raise CommandError(f"--tau is a share of the peak, above 0 and at most 1, not {tau:g}.")
        found = Campaign.objects.select_related("run").filter(public_id=campaign).first()
        if found is None:
            raise CommandError(f"No campaign has the public id {campaign}. It is in the campaign's address.")
        settings = MapSettings(tau=tau, only=_filters(found.run, only))
        try:
            inputs = map_inputs(found, tau=tau, only=settings.only)
        except MediaMissing as error:
            raise CommandError(str(error)) from error
        files = KindFiles(build(inputs, settings=settings), inputs=inputs)
        try:
            with result_folder.replaced(out) as folder:
                for name in files.names():
                    whole_files.write(folder / name, b"".join(files.pieces(name)))
        except result_folder.FolderRefused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{out} can't be written: {error.strerror}.") from error
        self.stdout.write(f"Wrote {len(files.names())} files to {out}; begin with {out / 'report.html'}.")


def _filters(run: Run, texts: list[str]) -> tuple[Only, ...]:
    """The filters. Raises CommandError for a column or group that there is none of."""
    groups = map_groups(run) if texts else {}
    try:
        return tuple(read_only(text, groups=groups, columns="columns that group maps") for text in texts)
    except ValueError as error:
        raise CommandError(f"--only {error}") from error
