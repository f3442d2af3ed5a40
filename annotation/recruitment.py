"""Recruitment as data: which parameters name a rater, and which addresses take her back. One table.

Pure. An unfilled placeholder must never pass: every rater would become the same one.
"""

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

from annotation.choices import Platform

LONGEST_ID: Final = 200
# What a platform's own ids are made of; nothing that a template engine or a browser gives a meaning to.
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_INVITATION: Final = "invitation-"
_PLACEHOLDER_MARKS: Final = ("{", "}", "${", "%%", "<", ">", "[", "]")
# Where a return address names the rater, as Sona's do.
RATER_PLACEHOLDER: Final = "{rater}"
_FOREIGN_PLACEHOLDERS: Final = ("XXXX", "{{", "${", "%SURVEY_CODE%", "%%", "<", "{", "}")


@dataclass(frozen=True, kw_only=True)
class PlatformRules:
    """How a platform names its raters in a study's link, and takes them back afterwards.

    rater, study, session: names of its parameters, the last two optional.  placeholders: what stands for
    them in the study's address until the platform fills them in; empty where it appends them by itself.
    returns: what a researcher has to copy from the platform into the campaign.
    """

    platform: Platform
    rater: str
    study: str
    session: str
    placeholders: str
    paste: str
    returns: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters."""
        return tuple(name for name in (self.rater, self.study, self.session) if name)


PLATFORMS: Final = (
    PlatformRules(
        platform=Platform.PROLIFIC,
        rater="PROLIFIC_PID",
        study="STUDY_ID",
        session="SESSION_ID",
        placeholders="PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}",
        paste="Paste as the study's address; Prolific fills in the parts in braces.",
        returns="Enter Prolific's addresses in the campaign: finished, screened out, no consent.",
    ),
    PlatformRules(
        platform=Platform.CONNECT,
        rater="participantId",
        study="projectId",
        session="assignmentId",
        placeholders="",
        paste="Paste as the project's address; Connect adds its three parameters by itself.",
        returns="Enter Connect's redirect addresses in the campaign: finished, partial completion.",
    ),
    PlatformRules(
        platform=Platform.SONA,
        rater="survey_code",
        study="",
        session="",
        placeholders="survey_code=%SURVEY_CODE%",
        paste="Paste as the study's address; Sona fills in the part in percent signs.",
        returns="Paste Sona's client-side completion address and put {rater} in place of XXXX.",
    ),
)
_BY_PARAMETER: Final = {name.upper(): rules for rules in PLATFORMS for name in rules.parameters}


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
    Raises RecruitmentRefused for a missing, doubled, blank, overlong or unfilled parameter, for one whose
    name is spelled in another case, and for parameters of two platforms.
    """
    found = {_BY_PARAMETER[name.upper()].platform for name in params if name.upper() in _BY_PARAMETER}
    if len(found) != 1:
        raise RecruitmentRefused("The link has to carry the parameters of one recruitment platform.")
    rules = next(rules for rules in PLATFORMS if rules.platform in found)
    for right in rules.parameters:
        for name in params:
            if name != right and name.upper() == right.upper():
                raise RecruitmentRefused(
                    f"The link says {name!a}; it must be {right}, in exactly these letters."
                )
    return RaterIdentityData(
        platform=rules.platform,
        platform_id=_value(params, rules.rater, required=True),
        study_id=_value(params, rules.study, required=False) if rules.study else "",
        session_id=_value(params, rules.session, required=False) if rules.session else "",
    )


def names_a_platform(params: Mapping[str, Sequence[str]]) -> bool:
    """Whether any parameter, in any case, is one that a recruitment platform fills in."""
    return any(name.upper() in _BY_PARAMETER for name in params)


def personal_identity(number: int) -> RaterIdentityData:
    """The identity of a personal link. number: 1 for a campaign's first."""
    return RaterIdentityData(platform=Platform.PERSONAL, platform_id=f"{_INVITATION}{number}")


def invitation_of(identity: RaterIdentityData) -> int | None:
    """The number of the personal link that the identity came by; None for any other."""
    if identity.platform != Platform.PERSONAL:
        return None
    return int(identity.platform_id.removeprefix(_INVITATION))


def return_address(template: str, *, platform_id: str) -> str:
    """The address that takes a rater back, with her id where it says {rater}.

    Empty where it needs an id that is not kept any more: a link that credits nobody would mislead.
    """
    if RATER_PLACEHOLDER not in template:
        return template
    return template.replace(RATER_PLACEHOLDER, quote(platform_id, safe="")) if platform_id else ""


def unfilled_part(address: str) -> str:
    """The part of a return address that nobody fills in, as it was copied; empty if there is none."""
    rest = address.replace(RATER_PLACEHOLDER, "")
    for mark in _FOREIGN_PLACEHOLDERS:
        if mark in unquote(rest):
            return mark
    return ""


def fresh_identity() -> RaterIdentityData:
    """A new random identity, for somebody who comes by the plain link."""
    return RaterIdentityData(platform=Platform.LINK, platform_id=secrets.token_hex(16))


def pseudonym(identity: RaterIdentityData, *, campaign_public_id: UUID, secret: str) -> str:
    """The name under which a rater's answers are kept: 32 hexadecimal digits, another one in every campaign.

    A keyed hash (HMAC-SHA-256, first 128 bits): without the secret nobody can try ids until one fits.
    """
    message = "\x1f".join([str(campaign_public_id), identity.platform, identity.platform_id])
    return hmac.new(f"percept.pseudonym\x1f{secret}".encode(), message.encode(), sha256).hexdigest()[:32]


def device_name(number: str, *, campaign_public_id: UUID, secret: str) -> str:
    """What a campaign keeps of the random number in a rater's browser: 32 digits, others in every campaign.

    A keyed hash as `pseudonym` is, so that one browser can't be followed from campaign to campaign.
    """
    message = "\x1f".join([str(campaign_public_id), number])
    return hmac.new(f"percept.device\x1f{secret}".encode(), message.encode(), sha256).hexdigest()[:32]


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
    return decoded.strip("%").upper() in _BY_PARAMETER or any(mark in decoded for mark in _PLACEHOLDER_MARKS)
