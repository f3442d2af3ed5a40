"""Places kept for a rater from her consent on, so that nobody who has agreed is told that she came too late.

A kept slot has its rater and no lease: it is the next that she is given. How long others leave it alone is
one time on her row, set anew with every task, so that keeping ten places costs no more writes than keeping
one. Kept slots were never shown as a task; when the time is up they are simply free again.
The statements run inside the caller's transaction, under the rater's lock. Whoever touches kept slots has
locked their rater's row first, so that nobody waits in a circle.
"""

from typing import Final

from django.db import connection

from annotation.choices import SlotState
from annotation.models import Rater, Slot
from annotation.services import claims
from annotation.services.claims import MET, Claimant, EndOfQueue
from annotation.services.locks import lock_end_of_queue

# Long enough to read instructions, however short the campaign's lease is.
KEPT_AT_LEAST_SECONDS: Final = 600

# Two free slots of one item can lie side by side; the rater gets one of them.
_KEEP: Final = f"""
    WITH found AS (
        SELECT id, item_id, "order" FROM annotation_slot
        WHERE campaign_id = %(campaign)s AND state = 'free' AND number IS NOT NULL AND {MET}
        ORDER BY "order" LIMIT %(most)s FOR UPDATE {{wait}}
    )
    UPDATE annotation_slot SET state = 'kept', rater_id = %(rater)s
    WHERE id IN (SELECT DISTINCT ON (item_id) id FROM found ORDER BY item_id, "order")
"""  # noqa: S608

_RENEW: Final = """
    UPDATE annotation_rater
    SET places_kept_until = statement_timestamp() + make_interval(secs => greatest(%(seconds)s, %(least)s))
    WHERE id = %(rater)s
"""


def keep_first(claimant: Claimant, *, at_most: int) -> int:
    """Keeps places for a newcomer, at most so many; returns how many, never 0.

    Free ones from the lowest, among them those whose reservation has lapsed. Raises EndOfQueue where that
    finds nothing without waiting.
    """
    renew(claimant)
    kept = _keep(claimant, at_most=at_most, wait="SKIP LOCKED")
    if not kept:
        claims.release_lapsed(claimant.campaign_id)
        kept = _keep(claimant, at_most=at_most, wait="SKIP LOCKED")
    if not kept:
        raise EndOfQueue
    return kept


def keep_last(claimant: Claimant, *, at_most: int) -> int:
    """As keep_first, but 0 where there is nothing, said after waiting for claims under way.

    Also takes over a lease that has run out. For a transaction that has searched no slots.
    """
    lock_end_of_queue(claimant.campaign_id)
    renew(claimant)
    claims.release_lapsed(claimant.campaign_id)
    if kept := _keep(claimant, at_most=at_most, wait=""):
        return kept
    taken = claims.take_over(claimant, wait="")
    if taken is None:
        return 0
    return Slot.objects.filter(pk=taken).update(state=SlotState.KEPT, leased_at=None, lease_until=None)


def keep_more(claimant: Claimant, *, at_most: int) -> int:
    """Keeps further free places for a rater who is at work; returns how many. Never waits."""
    return _keep(claimant, at_most=at_most, wait="SKIP LOCKED") if at_most > 0 else 0


def renew(claimant: Claimant) -> None:
    """The rater's places are hers for as long again."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, claimant.values | {"least": KEPT_AT_LEAST_SECONDS})


def release(rater: Rater) -> None:
    """The places kept for the rater are free again."""
    Rater.objects.filter(pk=rater.pk).update(places_kept_until=None)
    Slot.objects.filter(rater=rater, state=SlotState.KEPT).update(state=SlotState.FREE, rater=None)


def _keep(claimant: Claimant, *, at_most: int, wait: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP.format(wait=wait), claimant.values | {"most": at_most})
        return int(cursor.rowcount)
