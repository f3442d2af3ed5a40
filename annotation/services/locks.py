"""Locks that live as long as their transaction: for each rater, link, budget, payment, end of a queue."""

from django.db import connection

from annotation.models import Rater

_INT4 = 2**31
# A room of its own among the locks that one number names: "pays", then the campaign's key.
_PAYMENTS = 0x70617973 << 32


def lock_rater(rater: Rater) -> None:
    """Waits until no other transaction acts for this rater; released when the transaction ends.

    Two tabs, a double click and a retry become one after the other. A transaction-level lock also works
    behind a connection pool in transaction mode. Later statements see what the last holder committed.
    """
    with connection.cursor() as cursor:
        # The two keys are 4 bytes each; ids that share them after 2**31 rows would only wait for each other.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [rater.campaign_id % _INT4, rater.pk % _INT4])


def lock_budget(campaign_id: int) -> None:
    """Waits until no other transaction counts, changes or takes from the campaign's budget.

    Taken after the rater's lock and before that of the end of the queue. No rater has the number -1.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, -1)", [campaign_id % _INT4])


def lock_payments(campaign_id: int) -> None:
    """Waits until no other transaction hands the campaign's approvals out, or takes a decision back.

    Taken after the rater's lock. Its key is one number of 8 bytes, which never meets the pairs of the others.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [_PAYMENTS + campaign_id])


def lock_invitation(campaign_id: int, number: int) -> None:
    """Waits until no other transaction lets somebody in by this personal link, or revokes it.

    Taken before any rater's lock. number: from 1; budgets have -1, so that links begin at -2.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [campaign_id % _INT4, -1 - number])


def lock_end_of_queue(campaign_id: int) -> None:
    """Waits until no other transaction looks through the last slots of the campaign row by row.

    Such a search keeps every row it has waited for locked, and two of them can wait for each other. Taken
    after the rater's lock, by a transaction that has searched no slots yet. No rater has the number 0.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [campaign_id % _INT4])
