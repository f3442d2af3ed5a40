"""Every ending of a visit as the campaign has it: what the rater reads, takes along, and what is amiss.

Nothing is stored and no rater is made; the texts are those of the raters' pages.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from annotation.choices import ItemKind
from annotation.models import Campaign
from annotation.recruitment import RATER_PLACEHOLDER, return_address, unfilled_part
from annotation.views.rater_outcomes import (
    ALREADY_HERE,
    BAD_LINK,
    CLOSED,
    DECLINED,
    ENDED,
    FINISHED,
    FULL,
    LATE,
    LINK_REVOKED,
    NOT_INVITED,
    NOT_OPEN,
    NOTHING_LEFT,
    PAUSED,
    SCREENED_OUT,
    SHARE_REACHED,
    STOPPED,
    UNFILLED_LINK,
    Outcome,
)

# Stands for the platform's id of a rater wherever nobody is there.
ANY_RATER: Final = "the-raters-id"
COMPLETION: Final = ("completion_code", "completion_url")
# Prolific's addresses carry the code under this name.
CODE_PARAMETER: Final = "cc"
PROLIFIC_HOST: Final = "prolific.com"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """One way in which a visit ends. when: who meets it.  code, address: the campaign's fields, or empty."""

    name: str
    outcome: Outcome
    when: str
    code: str = ""
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Walked:
    """An ending as the campaign has it. address: where the rater is sent, her id filled in.

    page: the preview of the rater's whole page.  faults: what has to be mended, each with the remedy.
    """

    ending: Ending
    heading: str
    paragraphs: tuple[str, ...]
    code: str
    address: str
    page: str
    faults: tuple[str, ...]


ENDINGS: Final = (
    Ending(
        name="finished", outcome=FINISHED, when="All ratings of her session are given.",
        code=COMPLETION[0], address=COMPLETION[1],
    ),
    Ending(
        name="share-reached", outcome=SHARE_REACHED, when="She has the largest share of one rater.",
        code=COMPLETION[0], address=COMPLETION[1],
    ),
    Ending(
        name="nothing-left", outcome=NOTHING_LEFT, when="No item is left that she has not met.",
        code=COMPLETION[0], address=COMPLETION[1],
    ),
    Ending(
        name="stopped", outcome=STOPPED, when="She stopped, or gave her submission back, after an answer.",
        code=COMPLETION[0], address=COMPLETION[1],
    ),
    Ending(
        name="ended", outcome=ENDED, when="The campaign was closed while she rated.",
        code=COMPLETION[0], address=COMPLETION[1],
    ),
    Ending(
        name="screened-out", outcome=SCREENED_OUT, when="She did not pass the qualification.",
        code="screened_out_code", address="screened_out_url",
    ),
    Ending(
        name="declined", outcome=DECLINED, when="She did not agree to the consent text.",
        code="no_consent_code", address="no_consent_url",
    ),
    Ending(name="late", outcome=LATE, when="Her time for a task ran out, somebody else got it, she answers."),
    Ending(name="full", outcome=FULL, when="Every place is taken: told before consent."),
    Ending(name="paused", outcome=PAUSED, when="The campaign is paused; the same link goes on later."),
    Ending(name="closed", outcome=CLOSED, when="The campaign is closed, and she had not begun."),
    Ending(name="not-open", outcome=NOT_OPEN, when="The campaign is still a draft."),
    Ending(name="been-here", outcome=ALREADY_HERE, when="Her visit is over, and no last page is known."),
    Ending(name="not-invited", outcome=NOT_INVITED, when="The plain link is off and hers names nobody."),
    Ending(
        name="link-revoked", outcome=LINK_REVOKED,
        when="You revoked her personal link; with the code where she has answered something.",
        code=COMPLETION[0], address=COMPLETION[1],
    ),
    Ending(name="bad-link", outcome=UNFILLED_LINK, when="The platform did not fill in who she is."),
    Ending(
        name="expired-link", outcome=BAD_LINK,
        when="Her link is cut short, forged, or of somebody who is deleted.",
    ),
)  # fmt: skip
BY_NAME: Final = {ending.name: ending for ending in ENDINGS}


def walk(campaign: Campaign) -> list[Walked]:
    """Every ending, in the order of a visit; the texts in the language of the campaign's pages."""
    with translation.override(campaign.language):
        return [_walked(campaign, ending) for ending in ENDINGS]


def taken_along(campaign: Campaign, ending: Ending) -> tuple[str, str]:
    """(code, address) that a rater gets, her id filled in; empty where there is none."""
    code = getattr(campaign, ending.code) if ending.code else ""
    template = getattr(campaign, ending.address) if ending.address and code else ""
    return code, return_address(template, platform_id=ANY_RATER)


def _walked(campaign: Campaign, ending: Ending) -> Walked:
    code, address = taken_along(campaign, ending)
    query = urlencode({"page": "end", "ending": ending.name})
    return Walked(
        ending=ending,
        heading=_(ending.outcome.heading),
        paragraphs=tuple(_(text) for text in ending.outcome.paragraphs),
        code=code,
        address=address,
        page=f"{reverse('annotation:preview', args=[campaign.public_id])}?{query}",
        faults=tuple(_faults(campaign, ending)),
    )


def _faults(campaign: Campaign, ending: Ending) -> list[str]:
    """What would go wrong for a rater who ends here."""
    if not ending.code:
        return []
    code, address = getattr(campaign, ending.code), getattr(campaign, ending.address)
    found = []
    screened = campaign.items.filter(kind=ItemKind.QUALIFICATION).exists()
    if ending.name == "screened-out" and not screened and not (code or address):
        return []
    if address and not code:
        found.append(
            "There is an address and no code, and raters are sent back only with a code: give the field"
            f" {ending.code}."
        )
    if ending.name == "screened-out" and screened and not code:
        found.append(
            f"There is a qualification and no code for who fails it: give the field {ending.code}, or she"
            " leaves with nothing to show to her platform."
        )
    if part := unfilled_part(address):
        found.append(
            f"Nobody fills in {part} in {address}: put {RATER_PLACEHOLDER} where the platform wants its id"
            " of the rater, or paste the whole address."
        )
    carried = parse_qs(urlsplit(address).query).get(CODE_PARAMETER, [])
    if PROLIFIC_HOST in (urlsplit(address).hostname or "") and code and carried != [code]:
        said = f"carries the code {carried[0]}" if carried else "carries no code (cc=…)"
        found.append(f"The address {said} and the page shows {code}: they have to be the same.")
    return found
