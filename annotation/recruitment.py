"""Recruitment links: query parameters become a rater identity, or the link is refused with a reason.

Pure. An unfilled placeholder must never pass: every rater would become the same one.
"""

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import unquote
from uuid import UUID

from annotation.choices import Platform

LONGEST_ID: Final = 200
PROLIFIC_PARAMETERS: Final = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
# What a platform's own ids are made of; nothing that a template engine or a browser gives a meaning to.
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_PLACEHOLDER_MARKS: Final = ("{", "}", "${", "%%", "<", ">", "[", "]")


class RecruitmentRefused(Exception):  # noqa: N818 (an outcome that the page shows, not a malfunction)
    """A link that doesn't name one rater. The message is for the rater."""


@dataclass(frozen=True)
class RaterIdentityData:
    """Who a rater is to the platform that sent her."""

    platform: str
    platform_id: str
    study_id: str = ""
    session_id: str = ""


def identity_from_query(params: Mapping[str, Sequence[str]]) -> RaterIdentityData:
    """The identity that a recruitment link carries.

    params: values by name, as they come out of the query string, decoded once.
    Raises RecruitmentRefused for a missing, doubled, blank, overlong or unfilled parameter, and for one whose
    name is spelled in another case.
    """
    misnamed = [
        name for name in params if name not in PROLIFIC_PARAMETERS and name.upper() in PROLIFIC_PARAMETERS
    ]
    if misnamed:
        raise RecruitmentRefused(
            f"The link says {misnamed[0]!a}; it must be {misnamed[0].upper()}, in capitals."
        )
    return RaterIdentityData(
        platform=Platform.PROLIFIC,
        platform_id=_value(params, "PROLIFIC_PID", required=True),
        study_id=_value(params, "STUDY_ID", required=False),
        session_id=_value(params, "SESSION_ID", required=False),
    )


def names_a_platform(params: Mapping[str, Sequence[str]]) -> bool:
    """Whether any parameter, in any case, is one that a recruitment platform fills in."""
    return any(name.upper() in PROLIFIC_PARAMETERS for name in params)


def fresh_identity() -> RaterIdentityData:
    """A new random identity, for somebody who comes by the plain link."""
    return RaterIdentityData(platform=Platform.LINK, platform_id=secrets.token_hex(16))


def pseudonym(identity: RaterIdentityData, *, campaign_public_id: UUID, secret: str) -> str:
    """The name under which a rater's answers are kept: 32 hexadecimal digits, another one in every campaign.

    A keyed hash (HMAC-SHA-256, first 128 bits): without the secret nobody can try ids until one fits.
    """
    message = "\x1f".join([str(campaign_public_id), identity.platform, identity.platform_id])
    return hmac.new(f"percept.pseudonym\x1f{secret}".encode(), message.encode(), sha256).hexdigest()[:32]


def _value(params: Mapping[str, Sequence[str]], name: str, *, required: bool) -> str:
    values = params.get(name, ())
    if not values:
        if required:
            raise RecruitmentRefused(f"The link lacks {name}. Open it again from your recruitment platform.")
        return ""
    if len(values) > 1:
        raise RecruitmentRefused(f"The link carries {name} more than once.")
    value = values[0]
    if not value.strip():
        raise RecruitmentRefused(
            f"{name} is empty in the link. Open it again from your recruitment platform."
        )
    if len(value) > LONGEST_ID:
        raise RecruitmentRefused(f"{name} is longer than {LONGEST_ID} characters.")
    if _is_placeholder(value):
        raise RecruitmentRefused(
            f"{name} was not filled in by the recruitment platform. Open the study from there: "
            "a copied link won't do."
        )
    if not _ID.fullmatch(value):
        raise RecruitmentRefused(f"{name} holds characters that no platform's id has.")
    return value


def _is_placeholder(value: str) -> bool:
    # A platform or a mail program may have encoded the braces once or twice more.
    decoded = unquote(unquote(value))
    return decoded.strip("%").upper() in PROLIFIC_PARAMETERS or any(
        mark in decoded for mark in _PLACEHOLDER_MARKS
    )
