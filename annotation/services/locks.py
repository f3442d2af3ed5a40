"""The one lock of a rater: whoever holds it is the only transaction that acts for this rater."""

from django.db import connection

from annotation.models import Rater

_INT4 = 2**31


def lock_rater(rater: Rater) -> None:
    """Waits until no other transaction acts for this rater; released when the transaction ends.

    Two tabs, a double click and a retry become one after the other. A transaction-level lock also works
    behind a connection pool in transaction mode. Later statements see what the last holder committed.
    """
    with connection.cursor() as cursor:
        # The two keys are 4 bytes each; ids that share them after 2**31 rows would only wait for each other.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [rater.campaign_id % _INT4, rater.pk % _INT4])
