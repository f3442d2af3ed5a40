"""Claiming one slot: the statements that make k per item exact. PostgreSQL, inside the caller's transaction.

Two raters never get one row: each locks the row it takes and skips rows that another holds (SKIP LOCKED). An
item that the rater has met is left out by `item <> ALL (array)`, which lets the planner walk the partial
index of free slots in order and stop at the first fit. NOT EXISTS leaves it the choice to read the whole
table, and PostgreSQL 15 takes it at a million slots.
The f-strings below join constants of this file only.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from annotation.models import Rater
from annotation.services.locks import lock_end_of_queue

LOOK_AHEAD: Final = 400
LAPSED_AT_ONCE: Final = 50

MET: Final = (
    "item_id <> ALL (ARRAY(SELECT met.item_id FROM annotation_slot met WHERE met.rater_id = %(rater)s))"
)

_LEASE: Final = """
    UPDATE annotation_slot
    SET state = 'leased', rater_id = %(rater)s, leased_at = statement_timestamp(),
        lease_until = statement_timestamp() + make_interval(secs => %(seconds)s)
    WHERE id = ({place})
    RETURNING id
"""

_FREE: Final = f"""
    SELECT id FROM annotation_slot
    WHERE campaign_id = %(campaign)s AND state = 'free' AND number IS NOT NULL AND {MET}
    ORDER BY "order" LIMIT 1 FOR UPDATE
"""  # noqa: S608

_EXPIRED: Final = f"""
    SELECT id FROM annotation_slot
    WHERE campaign_id = %(campaign)s AND state = 'leased' AND number IS NOT NULL
      AND lease_until < statement_timestamp() AND {MET}
    ORDER BY lease_until LIMIT 1 FOR UPDATE
"""  # noqa: S608

_KEPT: Final = """
    SELECT id FROM annotation_slot
    WHERE rater_id = %(rater)s AND state = 'kept'
    ORDER BY "order" LIMIT 1 FOR UPDATE
"""

# Whoever touches kept slots has locked their rater's row first, so that nobody waits in a circle.
_LAPSE: Final = """
    WITH gone AS (
        SELECT id FROM annotation_rater
        WHERE campaign_id = %(campaign)s AND places_kept_until < statement_timestamp()
        ORDER BY places_kept_until LIMIT %(at_once)s FOR NO KEY UPDATE SKIP LOCKED
    ), forgotten AS (
        UPDATE annotation_rater SET places_kept_until = NULL WHERE id IN (SELECT id FROM gone)
    )
    UPDATE annotation_slot SET state = 'free', rater_id = NULL
    WHERE rater_id IN (SELECT id FROM gone) AND state = 'kept'
"""

_CHECK: Final = """
    SELECT id FROM annotation_slot
    WHERE rater_id = %(rater)s AND state = 'free' AND number IS NULL AND due_after <= %(given)s
    ORDER BY due_after, id LIMIT 1 FOR UPDATE
"""

_TAKE_OVER: Final = """
    UPDATE annotation_slot
    SET state = 'void', lease_until = NULL, void_reason = 'lease expired, taken over'
    WHERE id = ({place})
    RETURNING item_id, number, "order", swapped
"""

_SUCCEED: Final = """
    INSERT INTO annotation_slot
        (campaign_id, item_id, number, "order", swapped, state, rater_id, leased_at, lease_until, void_reason)
    VALUES (%(campaign)s, %(item)s, %(number)s, %(order)s, %(swapped)s, 'leased', %(rater)s,
            statement_timestamp(), statement_timestamp() + make_interval(secs => %(seconds)s), '')
    RETURNING id
"""

_ANSWER: Final = """
    UPDATE annotation_slot SET state = 'answered', lease_until = NULL
    WHERE id = %(slot)s AND rater_id = %(rater)s AND state = 'leased'
      AND (NOT %(only_live)s OR lease_until > statement_timestamp())
      AND NOT EXISTS (SELECT FROM annotation_lateanswer late WHERE late.idempotency_key = %(key)s)
    RETURNING leased_at, number IS NULL
"""

# At most LOOK_AHEAD rows of the index are read, however many slots there are.
_AHEAD: Final = f"""
    SELECT count(DISTINCT item_id), count(*) FROM (
        (SELECT item_id FROM annotation_slot
         WHERE campaign_id = %(campaign)s AND state = 'free' AND number IS NOT NULL AND {MET}
         ORDER BY "order" LIMIT %(limit)s)
        UNION ALL
        (SELECT item_id FROM annotation_slot
         WHERE campaign_id = %(campaign)s AND state = 'leased' AND number IS NOT NULL
           AND lease_until < statement_timestamp() AND {MET}
         LIMIT %(limit)s)
    ) ahead
"""  # noqa: S608


class EndOfQueue(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """There is no slot that could be had at once. The transaction must be rolled back.

    PostgreSQL keeps a row locked that a search came upon and then passed over, because somebody had just
    taken it, until the transaction ends. Who waited in line with such rows in hand could be waited for by the
    first in line.
    """


@dataclass(frozen=True, kw_only=True)
class Claimant:
    """Who claims in which campaign, and the campaign's rules that a claim needs."""

    rater_id: int
    campaign_id: int
    lease_seconds: int
    raters_per_item: int

    @classmethod
    def of(cls, rater: Rater) -> "Claimant":
        """The rater, with the rules of her campaign."""
        return cls(
            rater_id=rater.pk,
            campaign_id=rater.campaign_id,
            lease_seconds=rater.campaign.lease_seconds,
            raters_per_item=rater.campaign.raters_per_item,
        )

    @property
    def values(self) -> dict[str, Any]:
        """Parameters of the statements below."""
        return {"rater": self.rater_id, "campaign": self.campaign_id, "seconds": self.lease_seconds}


def claim_rating_slot(claimant: Claimant) -> int:
    """Leases a slot of an item this rater has never met; returns its id.

    Free slots first, from the lowest; then places that were kept for somebody who is gone; then expired
    leases of others; never waits for another claim. Raises EndOfQueue where that finds nothing.
    """
    slot_id = _claim_free(claimant, wait="SKIP LOCKED")
    if slot_id is None and release_lapsed(claimant.campaign_id):
        slot_id = _claim_free(claimant, wait="SKIP LOCKED")
    slot_id = slot_id or take_over(claimant, wait="SKIP LOCKED")
    if slot_id is None:
        raise EndOfQueue
    return slot_id


def claim_last_slot(claimant: Claimant) -> int | None:
    """As claim_rating_slot, but None is only said after waiting for claims under way.

    One of them may yet roll back and leave its slot free. For a transaction that has searched no slots.
    """
    lock_end_of_queue(claimant.campaign_id)
    release_lapsed(claimant.campaign_id)
    return _claim_free(claimant, wait="") or take_over(claimant, wait="")


def claim_kept_slot(claimant: Claimant) -> int | None:
    """Leases the lowest of the places that are kept for the rater; returns its id or None."""
    return _first(_LEASE.format(place=_KEPT), claimant.values)


def release_lapsed(campaign_id: int) -> int:
    """Frees the places kept for raters who have been away for too long; returns how many places."""
    with connection.cursor() as cursor:
        cursor.execute(_LAPSE, {"campaign": campaign_id, "at_once": LAPSED_AT_ONCE})
        return int(cursor.rowcount)


def claim_check_slot(claimant: Claimant, *, given: int) -> int | None:
    """Leases the rater's next attention check that is due after `given` answers; returns its id or None."""
    return _first(_LEASE.format(place=_CHECK), claimant.values | {"given": given})


def answer_slot(
    claimant: Claimant, *, slot_id: int, key: UUID, only_live: bool
) -> tuple[datetime, bool] | None:
    """Turns the rater's leased slot into an answered one; returns since when, and if it is a check.

    None where she has it no longer, where only_live and its lease has run out, and where the key has come
    with a late answer before. Other uses of the key are found by its unique constraint.
    """
    values = claimant.values | {"slot": slot_id, "key": key, "only_live": only_live}
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, values)
        row: tuple[datetime, bool] | None = cursor.fetchone()
    return row


def items_ahead(claimant: Claimant, *, at_most: int) -> int:
    """How many items the rater could still be given, counted up to at_most.

    Where LOOK_AHEAD slots lie ahead it says at_most without counting further.
    """
    limit = min(at_most * claimant.raters_per_item, LOOK_AHEAD)
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD, claimant.values | {"limit": limit})
        items, rows = cursor.fetchone()
    return at_most if rows >= LOOK_AHEAD else min(items, at_most)


def take_over(claimant: Claimant, *, wait: str) -> int | None:
    """Leases the place of an expired lease; returns the id of the slot that succeeds it, or None.

    The slow rater's slot turns void and keeps her as its rater: she never meets the item again.
    wait: empty, or SKIP LOCKED.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OVER.format(place=_EXPIRED + wait), claimant.values)
        old = cursor.fetchone()
    if old is None:
        return None
    item, number, order, swapped = old
    place = {"item": item, "number": number, "order": order, "swapped": swapped}
    return _first(_SUCCEED, claimant.values | place)


def _claim_free(claimant: Claimant, *, wait: str) -> int | None:
    return _first(_LEASE.format(place=_FREE + wait), claimant.values)


def _first(statement: str, values: dict[str, Any]) -> int | None:
    found = _one(statement, values)
    return None if found is None else int(found)


def _one(statement: str, values: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return None if row is None else row[0]
