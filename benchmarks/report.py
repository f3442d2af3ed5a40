"""The whole report of a campaign with a million ratings: how long it takes and how much memory it needs.

    python -m benchmarks.report [--kind KIND] [--ratings N] [--json FILE] [--check]

Fills a scratch database with a closed campaign: N ratings of k = 3 raters per item, 100 by each rater, ten
words per image. Timed in one process, all from one snapshot of the database:

  report       load answers, items and raters; every number, without bootstrap; items.csv, raters.csv,
               groups.csv, comparisons.csv, codebook.csv; report.html; every figure as SVG, PDF, PNG and CSV
  ratings.csv  the raw data with all provenance, about 600 MB, and provenance.json with its hash: timed apart,
               because its time is that of copying the database's rows and has nothing to do with statistics
  bundle.zip   every file of these once more, packed: what the download of the whole costs beside the rest

--kind pairwise: as many comparisons of two pictures of a prompt. --kind object_presence: as many checklists
of twenty words, one image an item; its images have no word maps, for reading two files an image is no part of
the statistics (beyond 20,000 images the page reads none). Timed apart are the file of the answers with
provenance.json, and the bundle.

Memory is the process's largest resident set. The CPU column is this process alone, without the database's;
on a busy machine it tells more than the clock. --check ends with exit code 1 where the report takes more than
10 s by the clock or 1 GB at a million ratings.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEBUG", "1")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from annotation.choices import TaskKind  # noqa: E402
from annotation.exports import snapshot  # noqa: E402
from annotation.models import Campaign  # noqa: E402
from benchmarks.report_fill import K, fill  # noqa: E402
from evaluation import bundles  # noqa: E402
from evaluation.campaign_files import ratings_of  # noqa: E402
from evaluation.files import PROVENANCE, RATINGS, FileSet  # noqa: E402
from evaluation.kinds.files import KindFiles  # noqa: E402
from evaluation.kinds.files import build as build_kind  # noqa: E402
from evaluation.kinds.loading import inputs_of  # noqa: E402
from evaluation.kinds.settings import read_form  # noqa: E402
from evaluation.loading import load  # noqa: E402
from evaluation.reports import build  # noqa: E402

SCRATCH = "percept_benchmark_report"
SECONDS_ALLOWED = 10.0
MEGABYTES_ALLOWED = 1000.0
AT = 1_000_000
BUNDLE = "bundle.zip"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the work: seconds by the clock and of this process's CPU, largest resident set so far in
    MB.
    """

    name: str
    seconds: float
    cpu_seconds: float
    megabytes: float


def main() -> int:
    """Prints the table; 1 where --check is asked for and a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=list(MEASURES), default=TaskKind.OPINION_SCORE.value)
    parser.add_argument("--ratings", type=int, default=AT)
    parser.add_argument("--json", type=Path, help="Writes the figures to this file.")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    with scratch_database():
        kind = TaskKind(arguments.kind)
        raters = fill(arguments.ratings, kind=kind)
        print(f"{arguments.ratings:,} answers, {-(-arguments.ratings // K):,} items, {raters:,} raters")
        parts, apart = MEASURES[kind]()
    whole = Part(
        name="report",
        seconds=sum(part.seconds for part in parts),
        cpu_seconds=sum(part.cpu_seconds for part in parts),
        megabytes=parts[-1].megabytes,
    )
    show([*parts, whole, *apart])
    if arguments.json:
        facts = {
            "kind": kind,
            "ratings": arguments.ratings,
            "parts": [asdict(part) for part in (*parts, whole, *apart)],
        }
        arguments.json.write_text(json.dumps(facts, indent=2) + "\n")
    missed = whole.seconds > SECONDS_ALLOWED or whole.megabytes > MEGABYTES_ALLOWED
    print(f"allowed at {AT:,}: {SECONDS_ALLOWED:g} s and {MEGABYTES_ALLOWED:g} MB")
    return int(arguments.check and missed)


def measure() -> tuple[list[Part], list[Part]]:
    """The parts of the report, and what is timed apart."""
    campaign = Campaign.objects.select_related("run").get(pk=1)
    with snapshot():
        study, loaded = timed("load answers, items, raters", lambda: load(campaign))
        report, built = timed("statistics", lambda: build(study))
        files = FileSet(report, ratings=ratings_of(campaign, {}))
        names = [name for name in files.names() if name not in (RATINGS, PROVENANCE)]
        groups = {
            "items.csv, raters.csv": [n for n in names if n in ("items.csv", "raters.csv")],
            "report.html": ["report.html"],
            "figures": [n for n in names if n.startswith("figures/")],
        }
        rest = [n for n in names if not any(n in group for group in groups.values())]
        parts = [loaded, built]
        for name, group in {**groups, "other tables": rest}.items():
            parts.append(timed(name, partial(make, files, group))[1])
        apart = [
            timed("ratings.csv, provenance.json", lambda: make(files, [RATINGS, PROVENANCE]))[1],
            timed(BUNDLE, lambda: bundle(files))[1],
        ]
    return parts, apart


def measure_kind() -> tuple[list[Part], list[Part]]:
    """The same for a campaign that asks for no score."""
    campaign = Campaign.objects.select_related("run").get(pk=1)
    settings_ = read_form(campaign.task_kind, {}).settings
    with snapshot():
        inputs, loaded = timed("load items", lambda: inputs_of(campaign))
        report, built = timed("load answers, statistics", lambda: build_kind(inputs, settings=settings_))
        files = KindFiles(report, inputs=inputs)
        slow = [files.answers_file, PROVENANCE]
        names = [name for name in files.names() if name not in slow]
        groups = {
            "report.html": ["report.html"],
            "figures": [n for n in names if n.startswith("figures/")],
        }
        groups["tables"] = [n for n in names if not any(n in group for group in groups.values())]
        parts = [loaded, built]
        parts += [timed(name, partial(make, files, group))[1] for name, group in groups.items()]
        apart = [
            timed(", ".join(slow), lambda: make(files, slow))[1],
            timed(BUNDLE, lambda: bundle(files))[1],
        ]
    return parts, apart


MEASURES: dict[str, Callable[[], tuple[list[Part], list[Part]]]] = {
    TaskKind.OPINION_SCORE: measure,
    TaskKind.OBJECT_PRESENCE: measure_kind,
    TaskKind.PAIRWISE: measure_kind,
}


def make(files: FileSet | KindFiles, names: list[str]) -> int:
    """Makes files and throws them away; returns their bytes."""
    return sum(len(piece) for name in names for piece in files.pieces(name))


def bundle(files: FileSet | KindFiles) -> int:
    """Packs every file and throws the archive away; returns its bytes."""
    return sum(len(piece) for piece in bundles.pieces(files))


def timed(name: str, act: Callable[[], Any]) -> tuple[Any, Part]:
    """What the act gives, and what it took."""
    start, cpu = time.perf_counter(), time.process_time()
    result = act()
    return result, Part(
        name=name,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def show(parts: list[Part]) -> None:
    """Prints one line per part."""
    print(f"{'':32}{'seconds':>9}{'CPU':>8}{'MB':>7}")
    for part in parts:
        print(f"{part.name:32}{part.seconds:9.2f}{part.cpu_seconds:8.2f}{part.megabytes:7.0f}")


@contextmanager
def scratch_database() -> Iterator[None]:
    """A database of its own with all tables, dropped at the end."""
    usual = settings.DATABASES["default"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = SCRATCH
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(usual, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
