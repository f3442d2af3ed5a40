"""python manage.py analyse FILE: the whole report from ratings collected elsewhere."""

import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common import whole_files
from evaluation import bundles, result_folder
from evaluation.files import FAULTS, FileSet
from evaluation.importing.assembling import Imported, faults_csv, import_file
from evaluation.importing.mapping import Duplicates, Empty, ImportRefused, Mapping, values_of
from evaluation.metrics.bounded import ITEM_METHODS, ZeroWidth
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.methods import methods_for_means
from evaluation.metrics.opinion import PRESETS, DropRule, Protocol
from evaluation.number_words import counted, end_of_scale, grouped
from evaluation.pages import results_page
from evaluation.reports import Report, build, default_settings
from evaluation.settings import Only, RaterModel, Settings, read_only
from evaluation.settings_form import SHARE_INTERVALS

BUNDLE = "bundle.zip"
# Each is held in memory with the others.
MOST_RESAMPLES = 100_000
# Options, and the fields of a protocol that they are.
OF_PROTOCOL = {
    "item_score": "item_score", "drop": "drop_rule", "interval": "interval", "confidence": "confidence",
    "zero_width": "zero_width", "share_interval": "share_interval", "min_items": "min_items",
    "resamples": "n_resamples", "seed": "seed",
}  # fmt: skip
TYPES: dict[str, Callable[[str], Any]] = {
    "item_score": ItemScore, "drop_rule": DropRule, "interval": IntervalMethod, "zero_width": ZeroWidth,
    "share_interval": IntervalMethod,
}  # fmt: skip
EXAMPLES = """examples:
  python manage.py analyse ratings.csv --item image --rater worker --score quality --group method --out report
  python manage.py analyse batch.csv --item image --no-rater-ids --score same --values yes=1 no=0 --scale 0 1
  --out r
"""


class Command(BaseCommand):
    """Reads a file of ratings, says what was wrong with it, and writes every file of the report."""

    help = "Analyses a CSV or JSON lines file of ratings: report, tables, figures and a bundle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.formatter_class = RawDescriptionHelpFormatter
        # Before Python 3.14 argparse takes -1e1 for an option.
        parser._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$", re.IGNORECASE)
        parser.epilog = EXAMPLES
        parser.add_argument("file", type=Path, help="CSV (comma, semicolon or tab) or .jsonl, in UTF-8.")
        parser.add_argument("--item", required=True, metavar="COL", help="Column: what was rated.")
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--rater", metavar="COL", help="Column: who rated it.")
        who.add_argument("--no-rater-ids", action="store_true", help="The file doesn't say who rated.")
        parser.add_argument("--score", required=True, metavar="COL", help="Column: the score.")
        parser.add_argument(
            "--group", nargs="+", action="extend", default=[], metavar="COL", help="Columns that group items."
        )
        parser.add_argument(
            "--scale",
            nargs=2,
            type=float,
            default=(1.0, 5.0),
            metavar=("LO", "HI"),
            help="Lowest and highest score; 1 5 by default.",
        )
        _meaning_arguments(parser)
        _method_arguments(parser)
        parser.add_argument(
            "--keep-rater-ids",
            action="store_true",
            help="Write the file's own rater ids instead of pseudonyms.",
        )
        parser.add_argument("--strict", action="store_true", help="End with 1 where any row has a fault.")
        parser.add_argument(
            "--out",
            type=Path,
            required=True,
            metavar="DIR",
            help="Folder for the files; made where missing. The files of an earlier run there are replaced.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Writes the report. Raises CommandError, and so exits 1, where the file can't be used."""
        path: Path = options["file"]
        try:
            result_folder.check(options["out"])
            mapping = _mapping(options)
            self.stderr.write(f"Reading {path} …")
            imported = import_file(
                lambda: path.open("rb"), name=path.name, mapping=mapping, progress=self._read_so_far
            )
        except (ImportRefused, result_folder.FolderRefused) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from error
        self._say_what_was_read(imported)
        report = build(imported.study, settings=_settings(imported, options))
        self._write(imported, report, out=options["out"])
        self._say_results(report)
        if options["strict"] and imported.faults.counts:
            raise CommandError(f"The file has faults; they are listed in {options['out'] / FAULTS}.")

    def _read_so_far(self, rows: int) -> None:
        self.stderr.write(f"  {grouped(rows)} rows")

    def _say_what_was_read(self, imported: Imported) -> None:
        facts = imported.study.facts["import"]
        table = imported.study.table
        raters = f", {counted(table.n_raters, 'rater')}" if imported.study.raters_known else ""
        self.stdout.write(
            f"{counted(facts['rows'], 'row')}, {grouped(facts['rows_used'])} used:"
            f" {counted(table.n_items, 'item')}{raters},"
            f" scale {end_of_scale(table.scale[0])} to {end_of_scale(table.scale[1])}."
        )
        for line in imported.faults.summary():
            self.stdout.write(f"Left out: {line}" if "row kept" not in line else f"Noticed: {line}")
        for note in imported.notes:
            self.stdout.write(f"Note: {note}")

    def _write(self, imported: Imported, report: Report, *, out: Path) -> None:
        files = FileSet(report, ratings=imported.ratings, faults=lambda: faults_csv(imported.faults))
        names = files.names()
        try:
            with result_folder.replaced(out) as folder:
                for done, name in enumerate(names, start=1):
                    whole_files.write(folder / name, b"".join(files.pieces(name)))
                    if done % 10 == 0:
                        self.stderr.write(f"  {done} of {len(names)} files")
                whole_files.write(folder / BUNDLE, b"".join(bundles.pieces(files)))
        except result_folder.FolderRefused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{out} can't be written: {error.strerror}.") from error
        self.stdout.write(f"Wrote {len(names) + 1} files to {out}; begin with {out / 'report.html'}.")

    def _say_results(self, report: Report) -> None:
        page = results_page(report)
        score = page.overall.score
        shown = (
            f"{score.interval} ({score.flag or page.interval_words})"
            if score.interval
            else f"no interval: {score.reason}"
        )
        self.stdout.write(
            f"Mean opinion score {score.value or 'undefined'}; {page.score_confidence} interval {shown}."
        )


def _meaning_arguments(parser: ArgumentParser) -> None:
    """What cells mean."""
    parser.add_argument("--seconds", metavar="COL", help="Column: time of the answer in seconds.")
    parser.add_argument(
        "--values",
        nargs="+",
        action="extend",
        default=[],
        metavar="TEXT=SCORE",
        help="What texts mean: a score, word_too_abstract or image_too_poor.",
    )
    parser.add_argument(
        "--empty",
        choices=[e.value for e in Empty],
        default=Empty.FAULT.value,
        help="What an empty score is; a fault by default.",
    )
    parser.add_argument(
        "--duplicates",
        choices=[d.value for d in Duplicates],
        default=Duplicates.LEAVE_OUT.value,
        help="Of one rater's contradicting answers to one item: which one counts; none by default.",
    )


def _method_arguments(parser: ArgumentParser) -> None:
    """How numbers are made of the ratings. What isn't said is the preset's."""
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        default="headline",
        help="Choices to start from; single ones below take their place. headline by default.",
    )
    parser.add_argument(
        "--item-score", choices=[s.value for s in ItemScore], help="How an item's ratings become its score."
    )
    parser.add_argument(
        "--drop",
        choices=[rule.value for rule in DropRule],
        help="When answers word_too_abstract drop an item.",
    )
    parser.add_argument(
        "--fair-from",
        type=float,
        metavar="SCORE",
        help="Lowest score that counts as fair; the middle of the scale by default.",
    )
    parser.add_argument(
        "--interval",
        choices=[str(card.name) for card in methods_for_means()],
        help="Interval of a group's mean opinion score; two_way speaks for new items and new raters.",
    )
    parser.add_argument(
        "--confidence", type=float, metavar="SHARE", help="Level of the intervals, such as 0.99."
    )
    parser.add_argument(
        "--zero-width",
        choices=[rule.value for rule in ZeroWidth],
        help="What stands in where all item scores of a group are equal.",
    )
    parser.add_argument(
        "--share-interval", choices=[str(m) for m in SHARE_INTERVALS], help="Interval of shares of ratings."
    )
    parser.add_argument("--min-items", type=int, metavar="N", help="Groups below so many items are grey.")
    parser.add_argument("--resamples", type=int, metavar="N", help="Resamples of a bootstrap.")
    parser.add_argument("--seed", type=int, metavar="N", help="Seed of the bootstraps.")
    _beside_arguments(parser)


def _beside_arguments(parser: ArgumentParser) -> None:
    """What stands beside the scores, and which items are analysed."""
    parser.add_argument(
        "--item-interval",
        choices=[str(method) for method in ITEM_METHODS],
        default=IntervalMethod.SOS.value,
        help="Interval of a single item's mean in items.csv.",
    )
    parser.add_argument(
        "--rater-model",
        choices=[model.value for model in RaterModel],
        default=RaterModel.DIFFERENCES.value,
        help="Bias of raters: differences from items' means, or P.910's maximum likelihood beside them.",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="COL=GROUP",
        help="Only the items of one group of a --group column; several must all hold.",
    )


def _mapping(options: dict[str, Any]) -> Mapping:
    return Mapping(
        item=options["item"],
        rater=options["rater"],
        score=options["score"],
        groups=tuple(options["group"]),
        seconds=options["seconds"],
        scale=tuple(options["scale"]),
        values=values_of(options["values"]),
        duplicates=Duplicates(options["duplicates"]),
        empty=Empty(options["empty"]),
        keep_rater_ids=options["keep_rater_ids"],
        fair_from=options["fair_from"],
    )


def _settings(imported: Imported, options: dict[str, Any]) -> Settings:
    """Raises CommandError for what can't be."""
    usual = default_settings(imported.study, preset=options["preset"])
    said = {field: options[name] for name, field in OF_PROTOCOL.items() if options[name] is not None}
    typed = {name: TYPES[name](value) if name in TYPES else value for name, value in said.items()}
    return replace(
        usual,
        protocol=_checked(replace(usual.protocol, **typed)),
        only=tuple(_only(imported, text) for text in options["only"]),
        item_interval=IntervalMethod(options["item_interval"]),
        rater_model=RaterModel(options["rater_model"]),
    )


def _checked(protocol: Protocol) -> Protocol:
    """The protocol. Raises CommandError for a number that it can't have."""
    if not 0 < protocol.confidence < 1:
        raise CommandError(f"--confidence is a share such as 0.95, not {protocol.confidence:g}.")
    for name, value, least, most in (
        ("--resamples", protocol.n_resamples, 1, MOST_RESAMPLES),
        ("--min-items", protocol.min_items, 0, None),
        ("--seed", protocol.seed, 0, None),
    ):
        if value < least or (most is not None and value > most):
            up = "up" if most is None else f"to {grouped(most)}"
            raise CommandError(f"{name} is a whole number from {least} {up}, not {value}.")
    return protocol


def _only(imported: Imported, text: str) -> Only:
    """COL=GROUP as a filter. Raises CommandError for a column or group that there is none of."""
    # Without such a column the study has one group of its own making.
    named = imported.study.facts["import"]["columns"]["groups"]
    groups = {name: imported.study.grouping(name).values for name in named}
    try:
        return read_only(text, groups=groups, columns="--group columns")
    except ValueError as error:
        raise CommandError(f"--only {error}") from error
