"""The whole report of a campaign with a million ratings: how long it takes and how much memory it needs.

    python -m benchmarks.report [--ratings N] [--json FILE] [--check]

Fills a scratch database with a closed campaign: N ratings of k = 3 raters per item, 100 by each rater, ten
words per image. Timed in one process, all from one snapshot of the database:

  report       load answers, items and raters; every number, without bootstrap; items.csv, raters.csv,
               groups.csv, comparisons.csv, codebook.csv; report.html; every figure as SVG, PDF, PNG and CSV
  ratings.csv  the raw data with all provenance, about 600 MB, and provenance.json with its hash: timed apart,
               because its time is that of copying the database's rows and has nothing to do with statistics

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

from annotation.exports import snapshot  # noqa: E402
from annotation.models import Campaign  # noqa: E402
from evaluation.campaign_files import ratings_of  # noqa: E402
from evaluation.files import PROVENANCE, RATINGS, FileSet  # noqa: E402
from evaluation.loading import load  # noqa: E402
from evaluation.reports import build  # noqa: E402

SCRATCH = "percept_benchmark_report"
K = 3
EACH = 100
WORDS = 10
SECONDS_ALLOWED = 10.0
MEGABYTES_ALLOWED = 1000.0
AT = 1_000_000

FILL = """
SET session_replication_role = replica;
INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,
is_active,
    date_joined) VALUES (1, '', false, 'r', '', '', '', false, true, now());
INSERT INTO generation_project (id, name) VALUES (1, 'p');
INSERT INTO generation_promptset (id, project_id, owner_id, name, source_name, source_sha256, parser,
    created_at) VALUES (1, 1, 1, 'p', 'p.csv', repeat('0', 64), 'x', now());
INSERT INTO generation_run (id, owner_id, prompt_set_id, name, state, model_id, model_revision, scheduler,
steps,
    guidance, height, width, negative_prompt, images_per_prompt, first_seed, created_at)
    VALUES (1, 1, 1, 'run', 'done', 'model', 'revision', 'dpm', 30, 7.5, 512, 512, '', 1, 0, now());
INSERT INTO generation_prompt (id, prompt_set_id, row_number, text, extra)
    SELECT n, 1, n, 'a photograph of thing number ' || n, '{}' FROM generate_series(1, %(images)s) n;
INSERT INTO generation_image (id, run_id, prompt_id, seed, state, ready_at, fence, attempts, worker, failure,
    file, file_sha256, maps_file, maps_sha256, safety_verdict, versions, generated_at, seconds)
    SELECT n, 1, n, n, 'done', now(), 1, 1, 'w', '', 'f', md5(n::text) || md5(n::text), 'm', md5(n::text),
    'passed', '{}', now(), 1 FROM generate_series(1, %(images)s) n;
INSERT INTO generation_promptword (id, prompt_id, position, text, start, "end", part_of_speech,
    part_of_speech_parsed, lemma, dependency, head_position)
    SELECT n, 1 + (n - 1) / %(words)s, (n - 1) %% %(words)s, 'word' || n %% 5000, 0, 4,
    (ARRAY['NOUN', 'VERB', 'ADJ', 'ADP', 'DET', 'PRON'])[1 + abs(hashint8(n)) %% 6], 'NOUN', 'word', 'dep', 0
    FROM generate_series(1, %(items)s) n;
INSERT INTO generation_wordmap (id, image_id, word_id, seen_by_model, peak)
    SELECT n, 1 + (n - 1) / %(words)s, n, true, 0.1 + n %% 97 FROM generate_series(1, %(items)s)
    n;
INSERT INTO annotation_campaign (id, public_id, owner_id, run_id, name, state, task_kind, vocabulary, pair_of,
    language, title, question, instructions, consent_text, contact, parts_of_speech, raters_per_item,
    share_cap, items_per_rater, checks_per_rater, checks_allowed_wrong, lease_seconds, seconds_per_item,
    order_seed, completion_code, no_consent_code, completion_url, opened_at, closed_at) VALUES (1,
    gen_random_uuid(), 1, 1, 'A million', 'closed', 'opinion_score', '{}', '', 'en', 't', 'q', 'i', 'c', 'c',
    '{NOUN}', %(k)s, 1, 1000000, 0, 0, 600, 8, 0, 'x', '', '', now(), now());
INSERT INTO annotation_campaignversion (id, campaign_id, number, wording, wording_sha256, consent_sha256,
    ratings_wanted) VALUES (1, 1, 1, '{}', repeat('0', 64), repeat('0', 64), %(ratings)s);
INSERT INTO annotation_rater (id, campaign_id, pseudonym, platform, outcome, ended_at, exclusion_reason,
simulated)
    SELECT n, 1, md5(n::text), 'link', 'completed', now(), '', false FROM generate_series(1, %(raters)s) n;
INSERT INTO annotation_consent (id, rater_id, version_id, text_sha256)
    SELECT n, n, 1, repeat('0', 64) FROM generate_series(1, %(raters)s) n;
INSERT INTO annotation_item (id, campaign_id, word_map_id, kind, position, accepted_answers)
    SELECT n, 1, n, 'rating', n, '{}' FROM generate_series(1, %(items)s) n;
INSERT INTO annotation_slot (id, campaign_id, item_id, number, "order", state, rater_id, leased_at,
void_reason)
    SELECT place, 1, 1 + place %% %(items)s, 1 + place / %(items)s, place, 'answered', 1 + place %%
    %(raters)s, now(), '' FROM generate_series(0, %(ratings)s - 1) place;
INSERT INTO annotation_answer (id, score, opt_out, slot_id, rater_id, consent_id, version_id,
idempotency_key, place,
    shown_at, answered_at, client_milliseconds, view)
    SELECT place + 1,
    CASE WHEN abs(hashint8(place)) %% 50 > 1 THEN
        least(5, greatest(1, 3 + abs(hashint8(item_id)) %% 3 - abs(hashint8(place * 31)) %% 3
            + abs(hashint8(rater_id)) %% 2)) END,
    CASE abs(hashint8(place)) %% 50 WHEN 0 THEN 'word_too_abstract' WHEN 1 THEN 'image_too_poor' ELSE '' END,
    place, rater_id, rater_id, 1, gen_random_uuid(), 1, now(), now() + interval '1 ms' *
    (abs(hashint8(place)) %% 9000), 4000, 'side' FROM (SELECT id AS place, item_id, rater_id FROM
    annotation_slot ORDER BY id) slots;
SET session_replication_role = origin;
"""


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
    parser.add_argument("--ratings", type=int, default=AT)
    parser.add_argument("--json", type=Path, help="Writes the figures to this file.")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    with scratch_database():
        raters = fill(arguments.ratings)
        print(f"{arguments.ratings:,} ratings, {-(-arguments.ratings // K):,} items, {raters:,} raters")
        parts, apart = measure()
    whole = Part(
        name="report",
        seconds=sum(part.seconds for part in parts),
        cpu_seconds=sum(part.cpu_seconds for part in parts),
        megabytes=parts[-1].megabytes,
    )
    show([*parts, whole, *apart])
    if arguments.json:
        facts = {"ratings": arguments.ratings, "parts": [asdict(part) for part in (*parts, whole, *apart)]}
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
        files = FileSet(report, ratings=ratings_of(campaign))
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
        apart = [timed("ratings.csv, provenance.json", lambda: make(files, [RATINGS, PROVENANCE]))[1]]
    return parts, apart


def make(files: FileSet, names: list[str]) -> int:
    """Makes files and throws them away; returns their bytes."""
    return sum(len(piece) for name in names for piece in files.pieces(name))


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


def fill(ratings: int) -> int:
    """Fills the scratch database; returns the number of raters."""
    items = -(-ratings // K)
    # No rater meets an item twice: places of one item are `items` apart, and raters no divisor of that.
    raters = max(ratings // EACH, 2 * K)
    while any(items * step % raters == 0 for step in range(1, K)):
        raters += 1
    values = {
        "ratings": ratings, "items": items, "images": -(-items // WORDS), "words": WORDS,
        "raters": raters, "k": K,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    return raters


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
