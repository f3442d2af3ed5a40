"""The API of recruitment: the links to give out, what each ending hands out, personal links."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from annotation.api import CampaignOut, campaign_out, found_campaign
from annotation.forms.managing import BudgetForm
from annotation.models import Campaign
from annotation.services import budgets
from annotation.services import campaigns as service
from annotation.services.invitations import InvitationUnknown, invitations, revoke
from annotation.views import recruiting
from annotation.views.endings import walk
from annotation.views.scope import campaign_to_edit, user_of
from generation.api import Page, Refusal, StrictSchema
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import ApiRefused, of_form, refused

router = Router()


class LinkOut(Schema):
    """An address for one platform's raters. paste: what to do with it.  returns: what to bring from there."""

    platform: str
    label: str
    address: str
    paste: str
    returns: str


class EndingOut(Schema):
    """One way in which a visit ends, with what the rater takes along; empty where nothing."""

    label: str
    who: str
    code: str
    address: str


class WalkedOut(Schema):
    """One way in which a visit ends. address: where the rater is sent; faults: each with the remedy."""

    name: str
    heading: str
    when: str
    code: str
    address: str
    faults: list[str]


class RecruitmentOut(Schema):
    """How raters get in and out. plain_link: whether the plain address lets anybody in.

    personal_links: so many were made; `…/invitations` has them.
    """

    plain_link: bool
    personal_links: int
    links: list[LinkOut]
    endings: list[EndingOut]


class BudgetIn(StrictSchema):
    """The new limit as a text, such as "250.00"; null for none."""

    budget: str | None


class InvitationsIn(StrictSchema):
    """How many personal links there are to be in all; those that were made stay good."""

    invitations: int = Field(ge=1, le=service.MOST_INVITATIONS)


class InvitationOut(Schema):
    """One personal link. rater: pseudonym of whoever came by it; empty while nobody has.

    revoked: it lets nobody in any more.
    """

    number: int
    address: str
    rater: str
    revoked: bool


@router.get("/campaigns/{public_id}/recruitment", response=RecruitmentOut, tags=["recruitment"])
@needs(TokenScope.READ)
def read_recruitment(request: HttpRequest, public_id: UUID) -> Any:
    """Every link with what to do with it, and every ending."""
    found = found_campaign(request, public_id)
    return {
        "plain_link": found.plain_link,
        "personal_links": found.invitations,
        "links": [asdict(link) for link in recruiting.links(request, found)],
        "endings": [asdict(ending) for ending in recruiting.endings(found)],
    }


@router.get("/campaigns/{public_id}/invitations", response=list[InvitationOut], tags=["recruitment"])
@needs(TokenScope.CAMPAIGNS)
def list_invitations(request: HttpRequest, public_id: UUID, page: Query[Page]) -> Any:
    """The personal links in their order: for who may change the campaign, since each lets somebody in."""
    return _invitations(request, campaign_to_edit(request, str(public_id)), page)


@router.post(
    "/campaigns/{public_id}/invitations",
    response={200: list[InvitationOut], 400: Refusal},
    tags=["recruitment"],
)
@needs(TokenScope.CAMPAIGNS)
def make_invitations(request: HttpRequest, public_id: UUID, wanted: InvitationsIn) -> Any:
    """So many personal links in all; the new ones, at most 100 of them: `GET` has all."""
    found = found_campaign(request, public_id)
    try:
        made = service.invite(found, user_of(request), invitations=wanted.invitations)
    except service.InvitationsRefused as refusal:
        raise refused(400, str(refusal), field="invitations", value=wanted.invitations) from refusal
    return _invitations(request, made, Page(limit=100, offset=found.invitations))


@router.post(
    "/campaigns/{public_id}/invitations/{number}/revoke",
    response={200: InvitationOut, 404: Refusal},
    tags=["recruitment"],
)
@needs(TokenScope.CAMPAIGNS)
def revoke_invitation(request: HttpRequest, public_id: UUID, number: int) -> Any:
    """Takes a personal link back for good; its rater's visit ends, her answers stay. Twice does no harm."""
    found = found_campaign(request, public_id)
    try:
        revoke(found, user_of(request), number=number)
    except InvitationUnknown as unknown:
        raise refused(404, str(unknown), field="number", value=number) from unknown
    return _invitations(request, found, Page(limit=1, offset=number - 1))[0]


def _invitations(request: HttpRequest, found: Campaign, page: Page) -> list[dict[str, Any]]:
    numbers = range(page.offset + 1, min(page.offset + page.limit, found.invitations) + 1)
    came = {one.number: one.rater for one in invitations(found, numbers=numbers)}
    links = recruiting.personal_links(request, found, numbers=numbers)
    return [asdict(link) | {"rater": came[link.number]} for link in links]


@router.get("/campaigns/{public_id}/endings", response=list[WalkedOut], tags=["campaigns"])
@needs(TokenScope.READ)
def read_endings(request: HttpRequest, public_id: UUID) -> Any:
    """Every ending of a visit as the campaign has it set up, with what has to be mended."""
    return [
        {"name": one.ending.name, "when": one.ending.when}
        | {name: getattr(one, name) for name in ("heading", "code", "address", "faults")}
        for one in walk(found_campaign(request, public_id))
    ]


@router.post(
    "/campaigns/{public_id}/budget",
    response={200: CampaignOut, 400: Refusal, 409: Refusal},
    tags=["campaigns"],
)
@needs(TokenScope.CAMPAIGNS)
def change_budget(request: HttpRequest, public_id: UUID, wanted: BudgetIn) -> Any:
    """Another budget, or none, while the campaign is open or paused."""
    found = found_campaign(request, public_id)
    form = BudgetForm({"budget": wanted.budget or ""})
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given={"budget": wanted.budget}))
    budget = form.cleaned_data["budget"]
    try:
        return campaign_out(budgets.set_budget(found, user_of(request), budget=budget))
    except budgets.BudgetRefused as refusal:
        raise refused(409, str(refusal), field="budget", value=wanted.budget) from refusal
