"""Raters' tokens and personal links: signed, safe in a path, the only proof a rater needs."""

import re
from typing import Final

from django.core.signing import BadSignature, Signer

from annotation.models import Campaign, Rater

# The parameter of a personal link.
INVITATION: Final = "invitation"
_SALT: Final = "annotation.rater"
_LONGEST: Final = 100
_SHAPE: Final = re.compile(r"([1-9][0-9]{0,18})\.[A-Za-z0-9_-]{20,80}")


class BadToken(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Not a token of ours, or of another secret."""


def rater_token(rater: Rater) -> str:
    """The token of a stored rater: the same each time, letters, digits, `-`, `_` and one `.`."""
    return _signer().sign(str(rater.pk))


def rater_pk_from_token(token: str) -> int:
    """The primary key that a token was made for. Raises BadToken."""
    return _number(token, signer=_signer())


def invitation_token(campaign: Campaign, *, number: int) -> str:
    """What a campaign's personal link carries. number: 1 for the first. The same each time."""
    return _invitation_signer(campaign).sign(str(number))


def invitation_number(token: str, *, campaign: Campaign) -> int:
    """The number that the token was made for in this campaign. Raises BadToken."""
    return _number(token, signer=_invitation_signer(campaign))


def _number(token: str, *, signer: Signer) -> int:
    if len(token) > _LONGEST or not (shape := _SHAPE.fullmatch(token)):
        raise BadToken
    try:
        signer.unsign(token)
    except BadSignature:
        raise BadToken from None
    return int(shape[1])


def _signer() -> Signer:
    return Signer(salt=_SALT, sep=".")


def _invitation_signer(campaign: Campaign) -> Signer:
    return Signer(salt=f"annotation.invitation.{campaign.public_id}", sep=".")
