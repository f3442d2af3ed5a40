"""Recruitment: the links to give to raters, personal links, and what each ending hands out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation.choices import CampaignState, Platform
from annotation.forms.recruiting import InvitationsForm
from annotation.models import Campaign, RevokedInvitation
from annotation.recruitment import PLATFORMS
from annotation.services import campaigns as service
from annotation.tokens import INVITATION, invitation_token
from annotation.views.endings import walk
from annotation.views.invitations import listed
from annotation.views.scope import campaign_of, campaign_to_edit, can_edit, user_of
from common.csv_stream import Column, in_chunks, lines


@dataclass(frozen=True, kw_only=True)
class Link:
    """An address for one platform's raters, what to do with it, and what to bring back from there."""

    platform: str
    label: str
    address: str
    paste: str
    returns: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """One way in which a visit ends, with what the rater takes along."""

    label: str
    who: str
    code: str
    address: str


@dataclass(frozen=True, kw_only=True)
class PersonalLink:
    """One line of the file of personal links."""

    number: int
    address: str
    revoked: bool


PERSONAL_LINKS: Final = (
    Column[PersonalLink]("number", "Number of the link, from 1.", lambda link: link.number),
    Column[PersonalLink]("address", "Good for one person, on any device.", lambda link: link.address),
    Column[PersonalLink]("revoked", "1: lets nobody in any more.", lambda link: int(link.revoked)),
)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def recruitment(request: HttpRequest, public_id: str) -> HttpResponse:
    """Every link with what to do with it, and the personal ones; the form makes more of them."""
    found = campaign_of(request, public_id)
    form = InvitationsForm(request.POST or None, made=found.invitations)
    if request.method == "POST" and form.is_valid():
        try:
            service.invite(found, user_of(request), invitations=form.cleaned_data["invitations"])
        except service.InvitationsRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "The personal links are in the file.")
        return redirect("annotation:recruitment", found.public_id)
    may_edit = can_edit(request, found)
    page, rows = listed(request, found) if may_edit else (None, [])
    context = {
        "section": "campaigns",
        "campaign": found,
        "page": page,
        "rows": rows,
        "links": links(request, found),
        "endings": endings(found),
        "form": form,
        "faults": [(walked.heading, fault) for walked in walk(found) for fault in walked.faults],
        "can_edit": may_edit,
        "is_draft": found.state == CampaignState.DRAFT,
    }
    return render(request, "annotation/recruitment.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_GET
def outcomes(request: HttpRequest, public_id: str) -> HttpResponse:
    """Walk every outcome: of each ending what the rater reads and takes along, and what has to be mended."""
    found = campaign_of(request, public_id)
    context = {
        "section": "campaigns",
        "campaign": found,
        "walked": walk(found),
        "can_edit": can_edit(request, found),
        "is_draft": found.state == CampaignState.DRAFT,
    }
    return render(request, "annotation/outcomes.html", context)


@login_required
@never_cache
@require_GET
def links_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """The personal links, one a line."""
    found = campaign_to_edit(request, public_id)
    made = personal_links(request, found, numbers=range(1, found.invitations + 1))
    pieces = in_chunks(lines(made, columns=PERSONAL_LINKS))
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="links.csv"'
    return response


def personal_links(request: HttpRequest, found: Campaign, *, numbers: range) -> Iterator[PersonalLink]:
    """The personal links of these numbers; the first is 1."""
    entry = _entry(request, found)
    revoked = set(RevokedInvitation.objects.filter(campaign=found).values_list("number", flat=True))
    for number in numbers:
        address = f"{entry}?{INVITATION}={invitation_token(found, number=number)}"
        yield PersonalLink(number=number, address=address, revoked=number in revoked)


def links(request: HttpRequest, found: Campaign) -> list[Link]:
    """The addresses to give out: the plain one where it leads in, then one for each platform."""
    entry = _entry(request, found)
    plain = Link(
        platform=Platform.LINK,
        label="Plain link",
        address=entry,
        paste="for anybody who has it.",
        returns="At the end raters see the completion code, or go to a completion address of your own.",
    )
    platforms = [
        Link(
            platform=rules.platform,
            label=str(rules.platform.label),
            address=f"{entry}?{rules.placeholders}" if rules.placeholders else entry,
            paste=rules.paste,
            returns=rules.returns,
        )
        for rules in PLATFORMS
    ]
    return [plain, *platforms] if found.plain_link else platforms


def endings(found: Campaign) -> list[Ending]:
    """What each ending hands out, in the order of the page."""
    return [
        Ending(
            label="Finished, stopped early, left out later",
            who="whoever gave at least one answer",
            code=found.completion_code,
            address=found.completion_url,
        ),
        Ending(
            label="Declined",
            who="whoever did not agree to the consent text",
            code=found.no_consent_code,
            address=found.no_consent_url,
        ),
        Ending(
            label="Not qualified",
            who="whoever did not pass the qualification",
            code=found.screened_out_code,
            address=found.screened_out_url,
        ),
    ]


def _entry(request: HttpRequest, found: Campaign) -> str:
    return request.build_absolute_uri(reverse("rate:entry", args=[found.public_id]))
