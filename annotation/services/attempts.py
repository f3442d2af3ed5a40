"""Counting attempts per minute in one statement each, so that several web processes keep one limit."""

import hmac
import math
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from annotation.choices import AttemptKind
from annotation.models import AttemptCount

MINUTE_SECONDS: Final = 60
# A window that has run out starts anew; else the attempt is added. The database's clock decides, and
# PostgreSQL serialises two attempts at once on the row.
_COUNT: Final = """
    INSERT INTO annotation_attemptcount AS seen (kind, who, begun_at, attempts)
    VALUES (%(kind)s, %(who)s, clock_timestamp(), 1)
    ON CONFLICT (kind, who) DO UPDATE SET
        attempts = CASE WHEN seen.begun_at <= clock_timestamp() - make_interval(secs => %(window)s)
                        THEN 1 ELSE LEAST(seen.attempts + 1, %(most)s + 1) END,
        begun_at = CASE WHEN seen.begun_at <= clock_timestamp() - make_interval(secs => %(window)s)
                        THEN clock_timestamp() ELSE seen.begun_at END
    RETURNING attempts, EXTRACT(EPOCH FROM begun_at + make_interval(secs => %(window)s) - clock_timestamp())
"""


class TooManyAttempts(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The limit of a minute is passed. seconds: after how many another attempt counts afresh, at least 1."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Try again in {seconds} seconds.")
        self.seconds = seconds


def count_attempt(kind: AttemptKind, *, who: str) -> None:
    """One more attempt of this visitor is counted. Raises TooManyAttempts past the limit of the kind.

    who: whatever tells visitors apart; only its keyed hash is stored. Empty where nothing does: not counted.
    """
    most = settings.ATTEMPTS_PER_MINUTE[kind]
    if not who:
        return
    values: dict[str, Any] = {"kind": kind, "who": _hash(kind, who), "window": MINUTE_SECONDS, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        attempts, seconds = cursor.fetchone()
    if attempts > most:
        raise TooManyAttempts(max(1, math.ceil(seconds)))


def forget_old_attempts() -> int:
    """Deletes the counts of minutes that are over; returns how many."""
    deleted, _ = AttemptCount.objects.filter(begun_at__lt=Now() - settings.ATTEMPTS_KEPT_FOR).delete()
    return deleted


def _hash(kind: AttemptKind, who: str) -> str:
    key = f"percept.attempts\x1f{settings.SECRET_KEY}".encode()
    return hmac.new(key, f"{kind}\x1f{who}".encode(), sha256).hexdigest()
