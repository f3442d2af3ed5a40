"""Making, finding and revoking tokens. A token is 32 random bytes, so a plain hash of it keeps it secret."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from generation.choices import TokenScope
from generation.models import ApiToken

PREFIX: Final = "percept_"
SHOWN: Final = len(PREFIX) + 6
USE_RECORDED_EVERY: Final = timedelta(minutes=1)


def issue(user: User, *, name: str, scopes: Sequence[TokenScope], days: int) -> tuple[ApiToken, str]:
    """A new token and its secret, which is nowhere else from now on. days: until it expires, 1 or more."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        start=secret[:SHOWN],
        sha256=_hash(secret),
        scopes=[scope.value for scope in TokenScope if scope in scopes],
        expires_at=Now() + timedelta(days=days),
    )
    token.refresh_from_db()
    return token, secret


def find(secret: str) -> ApiToken | None:
    """The token of this secret, if it is good now; that it was used is recorded."""
    live = ApiToken.objects.filter(
        sha256=_hash(secret), revoked_at=None, expires_at__gt=Now(), user__is_active=True
    )
    token = live.select_related("user").first()
    if token is not None:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - USE_RECORDED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=Now())
    return token


def revoke(user: User, *, pk: int) -> bool:
    """The user's token opens nothing any more. False if there is no such token or it was revoked already."""
    return ApiToken.objects.filter(user=user, pk=pk, revoked_at=None).update(revoked_at=Now()) == 1


def of(user: User) -> QuerySet[ApiToken]:
    """The user's tokens, the newest first."""
    return ApiToken.objects.filter(user=user)


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
