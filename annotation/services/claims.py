"""Claiming one slot: the statements that make k per item exact. PostgreSQL, inside the caller's transaction.

Two raters never get one row: each locks the row it takes and skips rows that another holds (SKIP LOCKED). An
item that the rater has met is left out by `item <> ALL (array)`, which lets the planner walk the partial
index of free slots in order and stop at the first fit. NOT EXISTS leaves it the choice to read the whole
table, and PostgreSQL 15 takes it at a million slots.
The f-strings below join constants of this file only.
"""

from typing import Final

from django.db import connection

from annotation.models import Campaign, Rater

LOOK_AHEAD: Final = 400

_MET: Final = (
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
    WHERE campaign_id = %(campaign)s AND state = 'free' AND number IS NOT NULL AND {_MET}
    ORDER BY "order" LIMIT 1 FOR UPDATE
"""  # noqa: S608

_EXPIRED: Final = f"""
    SELECT id FROM annotation_slot
    WHERE campaign_id = %(campaign)s AND state = 'leased' AND number IS NOT NULL
      AND lease_until < statement_timestamp() AND {_MET}
    ORDER BY lease_until LIMIT 1 FOR UPDATE
"""  # noqa: S608

_CHECK: Final = """
    SELECT id FROM annotation_slot
    WHERE rater_id = %(rater)s AND state = 'free' AND number IS NULL AND due_after <= %(given)s
    ORDER BY due_after LIMIT 1 FOR UPDATE
"""

_TAKE_OVER: Final = """
    UPDATE annotation_slot
    SET state = 'void', lease_until = NULL, void_reason = 'lease expired, taken over'
    WHERE id = ({place})
    RETURNING campaign_id, item_id, number, "order"
"""

_SUCCEED: Final = """
    INSERT INTO annotation_slot
        (campaign_id, item_id, number, "order", state, rater_id, leased_at, lease_until, void_reason)
    VALUES (%(campaign)s, %(item)s, %(number)s, %(order)s, 'leased', %(rater)s, statement_timestamp(),
            statement_timestamp() + make_interval(secs => %(seconds)s), '')
    RETURNING id
"""

# At most LOOK_AHEAD rows of the index are read, however many slots there are.
_AHEAD: Final = f"""
    SELECT count(DISTINCT item_id), count(*) FROM (
        (SELECT item_id FROM annotation_slot
         WHERE campaign_id = %(campaign)s AND state = 'free' AND number IS NOT NULL AND {_MET}
         ORDER BY "order" LIMIT %(limit)s)
        UNION ALL
        (SELECT item_id FROM annotation_slot
         WHERE campaign_id = %(campaign)s AND state = 'leased' AND number IS NOT NULL
           AND lease_until < statement_timestamp() AND {_MET}
         LIMIT %(limit)s)
    ) ahead
"""  # noqa: S608


def claim_rating_slot(rater: Rater, *, campaign: Campaign) -> int | None:
    """Leases a slot of an item this rater has never met; returns its id, or None where there is none.

    Free slots first, from the lowest; then expired leases of others. None is only said after waiting for
    claims under way: one of them may yet roll back and leave its slot free.
    """
    return (
        _claim_free(rater, campaign=campaign, wait="SKIP LOCKED")
        or _take_over(rater, campaign=campaign, wait="SKIP LOCKED")
        or _claim_free(rater, campaign=campaign, wait="")
        or _take_over(rater, campaign=campaign, wait="")
    )


def claim_check_slot(rater: Rater, *, campaign: Campaign, given: int) -> int | None:
    """Leases the rater's next attention check that is due after `given` answers; returns its id or None."""
    values = {"rater": rater.pk, "given": given, "seconds": campaign.lease_seconds}
    return _first(_LEASE.format(place=_CHECK), values)


def items_ahead(rater: Rater, *, campaign: Campaign, at_most: int) -> int:
    """How many items the rater could still be given, counted up to at_most.

    Where LOOK_AHEAD slots lie ahead it says at_most without counting further.
    """
    limit = min(at_most * campaign.raters_per_item, LOOK_AHEAD)
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD, {"rater": rater.pk, "campaign": campaign.pk, "limit": limit})
        items, rows = cursor.fetchone()
    return at_most if rows >= LOOK_AHEAD else min(items, at_most)


def _claim_free(rater: Rater, *, campaign: Campaign, wait: str) -> int | None:
    values = {"rater": rater.pk, "campaign": campaign.pk, "seconds": campaign.lease_seconds}
    return _first(_LEASE.format(place=_FREE + wait), values)


def _take_over(rater: Rater, *, campaign: Campaign, wait: str) -> int | None:
    """The slow rater's slot turns void and keeps her as its rater: she never meets the item again."""
    values = {"rater": rater.pk, "campaign": campaign.pk}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OVER.format(place=_EXPIRED + wait), values)
        old = cursor.fetchone()
    if old is None:
        return None
    campaign_id, item, number, order = old
    return _first(
        _SUCCEED,
        {
            "campaign": campaign_id, "item": item, "number": number, "order": order,
            "rater": rater.pk, "seconds": campaign.lease_seconds,
        },
    )  # fmt: skip


def _first(statement: str, values: dict[str, int]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return None if row is None else int(row[0])
