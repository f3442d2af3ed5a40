"""The way in: a recruitment link or a plain link, consent, instructions.

A platform's link names its rater, so she is entered at once and sent to her own address, which keeps the
platform's id out of the address bar. A plain link names nobody: a rater is made only when somebody agrees,
so that link previews and the merely curious leave no trace.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from annotation.addresses import address_of
from annotation.choices import AttemptKind, CampaignState, ItemKind, Platform
from annotation.effort import ratings_per_rater_at_most
from annotation.forms.rating import ConsentInput, UnreadableRequest, read_consent, read_fields
from annotation.models import Campaign, Rater
from annotation.practice import KINDS as PRACTICE_KINDS
from annotation.recruitment import (
    RaterIdentityData,
    RecruitmentRefused,
    identity_from_query,
    names_a_platform,
    personal_identity,
)
from annotation.services import budgets
from annotation.services.attempts import TooManyAttempts, count_attempt
from annotation.services.entry import (
    EntryRefusal,
    EntryRefused,
    Noticed,
    decline_consent,
    enter,
    give_consent,
    has_place,
)
from annotation.tokens import INVITATION, BadToken, invitation_number, rater_token
from annotation.views import devices
from annotation.views.rater_outcomes import DECLINED, ENTRY_REFUSED, NOT_INVITED, UNFILLED_LINK
from annotation.views.rater_pages import (
    bad_link,
    page,
    rater_page,
    see_other,
    session_url,
    show,
    too_many,
    with_rater,
)
from annotation.views.rater_screens import time_estimate

LONGEST_QUERY = 4096
NOT_TAKING: Mapping[str, EntryRefusal] = {
    CampaignState.DRAFT: EntryRefusal.NOT_OPEN,
    CampaignState.PAUSED: EntryRefusal.PAUSED,
    CampaignState.CLOSED: EntryRefusal.CLOSED,
}


@rater_page("GET", "POST")
def entry(request: HttpRequest, *, public_id: UUID) -> HttpResponse:
    """The campaign's link: on to the rater's own address, to consent, or to a page that says why not."""
    campaign = Campaign.objects.filter(public_id=public_id).first()
    if campaign is None:
        return bad_link(request)
    with translation.override(campaign.language):
        try:
            return _entry(request, campaign)
        except TooManyAttempts as refused:
            return too_many(request, refused)


def _entry(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    try:
        parameters = _parameters(request)
        if names_a_platform(parameters):
            identity = identity_from_query(parameters)
            _count(campaign, identity.platform, identity.platform_id)
            rater = enter(campaign, identity)
            return see_other(session_url(rater))
        if INVITATION in parameters:
            return see_other(session_url(_invited(request, campaign, parameters)))
        if not campaign.plain_link:
            return show(request, NOT_INVITED, campaign=campaign)
        if request.method == "POST":
            return _enter_by_plain_link(request, campaign)
    except RecruitmentRefused as refused:
        return show(request, UNFILLED_LINK, campaign=campaign, details=[str(refused)])
    except EntryRefused as refused:
        return _not_let_in(request, campaign, refused)
    if reason := NOT_TAKING.get(campaign.state):
        return entry_refusal(request, campaign, reason)
    if not (has_place(campaign) and budgets.covers_another(campaign)):
        return entry_refusal(request, campaign, EntryRefusal.FULL)
    address = reverse("rate:entry", args=[campaign.public_id])
    return consent_page(campaign, consent_url=address, visit=secrets.token_hex(16))


@rater_page("POST")
@with_rater
def consent(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """Records a rater's yes or no to the consent text; both can be sent twice without harm."""
    given = read_consent(read_fields(request))
    try:
        if given.agreed:
            return _agreed(request, rater, given)
        decline_consent(rater)
    except EntryRefused as refused:
        return _not_let_in(request, rater.campaign, refused)
    return see_other(session_url(rater))


@rater_page("GET")
@with_rater
def instructions(_request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """The instructions, and the way on to the questions."""
    return page("rate/instructions.html", wording(rater.campaign) | {"continue_url": session_url(rater)})


def consent_page(campaign: Campaign, *, consent_url: str, **context: Any) -> HttpResponse:
    """What a campaign asks of a rater, with the buttons to agree and to decline."""
    return page(
        "rate/consent.html",
        wording(campaign) | session_size(campaign) | {"consent_url": consent_url} | context,
    )


def wording(campaign: Campaign) -> dict[str, Any]:
    """The campaign's texts by the names the templates use. They are frozen from opening on."""
    return {
        "title": campaign.title,
        "question": campaign.question,
        "instructions": campaign.instructions,
        "ways": f"rate/ways_{campaign.task_kind}.html",
        "consent_text": campaign.consent_text,
        "contact": campaign.contact,
        "counts_devices": campaign.count_devices,
    }


def session_size(campaign: Campaign) -> dict[str, Any]:
    """How many questions a session has at most, checks included, and how long they take."""
    ratings = ratings_per_rater_at_most(
        items=campaign.items.filter(kind=ItemKind.RATING).count(),
        raters_per_item=campaign.raters_per_item,
        share_cap=campaign.share_cap,
        items_per_rater=campaign.items_per_rater,
    )
    practice = campaign.items.filter(kind__in=PRACTICE_KINDS).count()
    tasks_total = practice + ratings + campaign.checks_in_session
    return {
        "tasks_total": tasks_total,
        "time_estimate": time_estimate(tasks_total * campaign.seconds_per_item),
    }


def entry_refusal(request: HttpRequest, campaign: Campaign, reason: EntryRefusal) -> HttpResponse:
    """The page for a reason not to let somebody in."""
    return show(request, ENTRY_REFUSED[reason], campaign=campaign)


def declined_page(request: HttpRequest, campaign: Campaign, *, back_url: str = "") -> HttpResponse:
    """Thanks, and the code for those who don't take part."""
    return show(
        request,
        DECLINED,
        campaign=campaign,
        code=campaign.no_consent_code,
        code_label=_("Your code"),
        back_url=back_url,
    )


def _not_let_in(request: HttpRequest, campaign: Campaign, refused: EntryRefused) -> HttpResponse:
    """Whoever has ended here before sees her own last page again, with her code; others see the reason."""
    if refused.rater is not None and refused.rater.outcome:
        return see_other(session_url(refused.rater))
    return entry_refusal(request, campaign, refused.reason)


def _count(campaign: Campaign, kind: str, who: str) -> None:
    """One more entry by this link. A named rater counts for herself, since a campus shares one address."""
    if who:
        count_attempt(AttemptKind.ENTRY, who=f"{campaign.public_id} {kind} {who}")


def _enter_by_plain_link(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    given = read_consent(read_fields(request))
    if not given.agreed:
        return declined_page(request, campaign)
    if not given.visit:
        raise UnreadableRequest("visit must be the number that came with the page.")
    _count(campaign, "address", address_of(request))
    # The page's own random number is the identity, so a double click makes one rater.
    rater = enter(campaign, RaterIdentityData(platform=Platform.LINK, platform_id=given.visit))
    return _agreed(request, rater, given)


def _agreed(request: HttpRequest, rater: Rater, given: ConsentInput) -> HttpResponse:
    """Records the consent with what was noticed; on to the instructions. Raises EntryRefused."""
    number = devices.number_of(request, campaign=rater.campaign)
    give_consent(
        rater,
        noticed=Noticed(
            trap_filled=given.trap_filled, device=devices.name_of(number, campaign=rater.campaign)
        ),
    )
    response = see_other(reverse("rate:instructions", args=[rater_token(rater)]))
    return devices.keep(response, number, secure=request.is_secure())


def _invited(request: HttpRequest, campaign: Campaign, parameters: Mapping[str, Sequence[str]]) -> Rater:
    """The rater of a personal link. Raises RecruitmentRefused for one that was never made, EntryRefused."""
    values = parameters[INVITATION]
    try:
        number = invitation_number(values[0], campaign=campaign) if len(values) == 1 else 0
    except BadToken:
        number = 0
    if not 1 <= number <= campaign.invitations:
        count_attempt(AttemptKind.TOKEN, who=address_of(request))
        raise RecruitmentRefused("This personal link was not made for this study, or not copied whole.")
    identity = personal_identity(number)
    _count(campaign, identity.platform, identity.platform_id)
    return enter(campaign, identity)


def _parameters(request: HttpRequest) -> Mapping[str, Sequence[str]]:
    """The query's parameters. Raises UnreadableRequest where it is not UTF-8 or too long for a link."""
    query = request.META.get("QUERY_STRING", "")
    if len(query) > LONGEST_QUERY:
        raise UnreadableRequest("The link is too long to be one of ours.")
    try:
        return parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise UnreadableRequest("The link holds bytes that are not text.") from None
