"""How many pages of the database one claim reads, at any number of slots.

    python -m benchmarks.claims [--slots N] [--check]

Fills a scratch database with a campaign half done: N slots, one rater for every 100 of them, each with 50
answers, and 300 leases running. Then it lets raters claim, and has PostgreSQL explain the very statements
that annotation/services/claims.py sends. Buffers are 8 kB pages, hit or read. --check ends with exit code 1
where a claim with all that goes with it reads more than 500. The control is a claim without its index.

The scratch database is made beside the configured one and dropped at the end; it needs a superuser.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEBUG", "1")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from annotation.models import Campaign, Rater, Slot  # noqa: E402
from annotation.services import claims, reservations  # noqa: E402
from annotation.services.claims import Claimant  # noqa: E402
from annotation.services.seats import ConsentMissing, take_seat  # noqa: E402

SCRATCH = "percept_benchmark_claims"
BUFFERS_ALLOWED = 500
K = 3
ANSWERS_EACH = 50
LEASES = 300
CHURN = 2_000
PLACES_KEPT = 5

# Word maps and prompts are not needed to claim. Statements end at line ends: each is executed by itself.
FILL = """
SET session_replication_role = replica;
INSERT INTO annotation_campaign (id, public_id, owner_id, run_id, name, state, title, question, instructions,
    consent_text, contact, parts_of_speech, raters_per_item, share_cap, items_per_rater, checks_per_rater,
    checks_allowed_wrong, lease_seconds, seconds_per_item, order_seed, completion_code, no_consent_code,
    completion_url, opened_at, task_kind, vocabulary, pair_of, language)
SELECT n, gen_random_uuid(), 1, 1, 'c', 'open', 't', 'q', 'i', 'c', 'c', '{NOUN}', %(k)s, 1, 1000000, 0, 0,
    600, 8, 0, 'x', '', '', now(), 'opinion_score', '{}', '', 'en' FROM generate_series(1, 2) n;
INSERT INTO annotation_rater (campaign_id, pseudonym, platform, outcome, exclusion_reason, simulated)
SELECT 1, 'r' || n, 'link', '', '', false FROM generate_series(1, %(raters)s) n;
INSERT INTO annotation_rater (campaign_id, pseudonym, platform, outcome, exclusion_reason, simulated)
SELECT 2, 'r' || n, 'link', '', '', false FROM generate_series(1, %(leases)s) n;
INSERT INTO annotation_item (campaign_id, word_map_id, kind, position, accepted_answers)
SELECT 1, n, 'rating', n, '{}' FROM generate_series(1, %(items)s) n;
INSERT INTO annotation_slot (campaign_id, item_id, number, "order", state, rater_id, leased_at, lease_until,
    void_reason)
SELECT 1, 1 + place %% %(items)s, 1 + place / %(items)s, place,
    CASE WHEN place < %(answered)s THEN 'answered' WHEN place < %(held)s THEN 'leased' ELSE 'free' END,
    CASE WHEN place < %(held)s THEN 1 + place %% %(raters)s END,
    CASE WHEN place < %(held)s THEN now() END,
    CASE WHEN place >= %(answered)s AND place < %(held)s THEN now() + interval '1 hour' END,
    ''
FROM generate_series(0, %(slots)s - 1) place;
INSERT INTO annotation_slot (campaign_id, item_id, number, "order", state, rater_id, leased_at, lease_until,
    void_reason)
SELECT 2, %(items)s + n, 1, n, 'leased', %(raters)s + n, now() - interval '2 hours',
    now() - interval '1 hour', ''
FROM generate_series(1, %(leases)s) n;
SET session_replication_role = origin;
"""


def main() -> int:
    """Prints the table; 1 where --check is asked for and a claim reads too much."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, default=100_000)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    with scratch_database():
        raters = fill(arguments.slots)
        print(f"{arguments.slots:,} slots, half of them answered, {raters:,} raters")
        worst = report()
    print(f"worst claim with all that goes with it: {worst:,} buffers (allowed {BUFFERS_ALLOWED})")
    return int(arguments.check and worst > BUFFERS_ALLOWED)


def report() -> int:
    """Prints one line per case and returns the most buffers of a claim with its look ahead."""
    campaign = Campaign.objects.get(pk=1)
    newcomer = Rater.objects.create(campaign=campaign, pseudonym="new", platform="link")
    regular = Rater.objects.filter(campaign=campaign).exclude(slots__state="leased").order_by("pk")[0]
    worst = 0
    for when in ("freshly filled", f"after {CHURN:,} claims"):
        for name, rater in (("a newcomer", newcomer), (f"a rater with {ANSWERS_EACH} answers", regular)):
            claim = buffers(partial(claims.claim_rating_slot, Claimant.of(rater)))
            ahead = buffers(partial(claims.items_ahead, Claimant.of(rater), at_most=40))
            seat = buffers(partial(look_at_seat, rater))
            kept = buffers(partial(claim_kept, Claimant.of(rater)))
            print(
                f"{when}, {name}: seat {seat:,}, claim {claim:,}, look ahead {ahead:,}, "
                f"{PLACES_KEPT} places kept and one of them claimed {kept:,}"
            )
            worst = max(worst, seat + claim + ahead, seat + kept + ahead)
        if when == "freshly filled":
            print(f"{churn(campaign):,.0f} claims a second on one connection")
    tail = Campaign.objects.get(pk=2)
    taken_over = buffers(
        partial(claims.claim_rating_slot, replace(Claimant.of(newcomer), campaign_id=tail.pk))
    )
    print(f"taking over one of {LEASES} expired leases where nothing is free: {taken_over:,}")
    print(f"control, a claim without the index of free slots: {without_index(regular):,}")
    return max(worst, taken_over)


def claim_kept(claimant: Claimant) -> None:
    """What the dearest claim of a session sends: its places kept anew, and the first of them leased."""
    reservations.renew(claimant)
    reservations.keep_more(claimant, at_most=PLACES_KEPT)
    claims.claim_kept_slot(claimant)


def look_at_seat(rater: Rater) -> None:
    """Reads where the rater stands; nobody in the scratch database has agreed to anything."""
    with suppress(ConsentMissing):
        take_seat(rater)


def without_index(rater: Rater) -> int:
    """Buffers of a claim where `slot_free` is missing; the index is back afterwards."""
    with undone():
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX slot_free")
        return buffers(partial(claims.claim_rating_slot, Claimant.of(rater)))


def buffers(act: Callable[[], object]) -> int:
    """Buffers of all statements on slots that the act sends; it is undone afterwards."""
    found: list[int] = []

    def explain_first(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "annotation_slot" in sql and not sql.startswith("EXPLAIN"):
            found.append(explained(sql, parameters))
        return execute(sql, parameters, many, context)

    with undone(), connection.execute_wrapper(explain_first):
        act()
    return sum(found)


def explained(sql: str, parameters: Any) -> int:
    """Buffers that one statement touches; it is run and undone."""
    with undone(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def churn(campaign: Campaign) -> float:
    """Claims and answers by many raters in turn, each committed; returns claims a second."""
    holding = Slot.objects.filter(state="leased").values("rater")
    raters = list(
        Rater.objects.select_related("campaign")
        .filter(campaign=campaign)
        .exclude(pk__in=holding)[: CHURN // 4]
    )
    start = time.perf_counter()
    for number in range(CHURN):
        slot = claims.claim_rating_slot(Claimant.of(raters[number % len(raters)]))
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE annotation_slot SET state = 'answered', lease_until = NULL WHERE id = %s", [slot]
            )
    return CHURN / (time.perf_counter() - start)


def fill(slots: int) -> int:
    """Fills the scratch database; returns the number of raters."""
    raters = max(slots // 100, LEASES + CHURN // 4)
    answered = min(slots // 2, raters * ANSWERS_EACH)
    values = {
        "slots": slots, "items": -(-slots // K), "k": K, "raters": raters,
        "answered": answered, "held": answered + LEASES, "leases": LEASES,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    return raters


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is rolled back, to here and no further."""
    with transaction.atomic():
        before = transaction.savepoint()
        yield
        transaction.savepoint_rollback(before)


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
