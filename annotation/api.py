"""The API of campaigns. A campaign's values are those of its specification file, judged in the same place."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja import Body, Query, Router, Schema, Status
from pydantic import Field

from annotation import queries, specification
from annotation.choices import CampaignState, TaskKind
from annotation.forms.campaigns import CampaignForm
from annotation.models import Campaign
from annotation.services import archive, back_fill, budgets, returns, withdrawals
from annotation.services import campaigns as service
from annotation.services.raters import RaterActRefused
from annotation.systems import compares, systems_of
from annotation.views.scope import campaign_of, rater_of, user_of
from generation.api import Page, Refusal, StrictSchema
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import ApiRefused, Problem, refused

router = Router()

MOST_RETURNED: Final = 500

_JSON_TYPES: Final[tuple[tuple[type[forms.Field], dict[str, Any]], ...]] = (
    (forms.DecimalField, {"type": ["number", "string"]}),
    (forms.MultipleChoiceField, {"type": "array", "items": {"type": "string"}}),
    (forms.BooleanField, {"type": "boolean"}),
    (forms.FloatField, {"type": "number"}),
    (forms.IntegerField, {"type": "integer"}),
)


class CampaignOut(Schema):
    """A campaign. obstacles: what stands between a draft and its opening, each with the remedy.

    systems: names of those under comparison; raters never see them.  comparison_notes: what some of them lack
    and what is therefore left out.  archived_at: since when it is out of the lists.  spent: places taken
    times the pay, of one campaign alone; amounts are texts, since numbers of JSON lose cents.
    """

    id: UUID
    name: str
    project: int
    run: int
    task_kind: str
    state: str
    raters_per_item: int
    obstacles: list[str]
    systems: list[str]
    comparison_notes: list[str]
    created_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    archived_at: datetime | None
    pay_per_rater: str | None
    currency: str
    budget: str | None
    spent: str | None
    automatic_back_fill: bool


class Listing(Page):
    """Which part of the list. archived: those out of the lists, in place of the others."""

    archived: bool = False


class ProgressOut(Schema):
    """Where the places stand: places = answered + live + expired + kept + free.

    uncounted: answered by raters who failed the checks or are excluded.  at_work: raters with a task in hand
    or places kept; where there are none, free and expired places wait for new raters.
    """

    places: int
    answered: int
    uncounted: int
    live: int
    expired: int
    kept: int
    free: int
    late: int
    checks_answered: int
    checks_wrong: int
    raters: int
    at_work: int
    raters_excluded: int
    outcomes: dict[str, int]


class WithdrawnOut(Schema):
    """What of a rater was deleted, and how many of her places are free again."""

    answers: int
    masks: int
    places: int


class BackFilledOut(Schema):
    """Of how many raters how many places are free for others. left: raters for another request."""

    raters: int
    places: int
    left: int


class AutomaticIn(StrictSchema):
    """Whether it is done without being asked from now on."""

    automatic: bool


class ExtensionIn(StrictSchema):
    """How many raters each item is to get in all."""

    raters_per_item: int = Field(ge=1, le=service.MOST_RATERS_PER_ITEM)


class ReturnedIn(StrictSchema):
    """Raters by the ids of their platform."""

    participants: list[str] = Field(min_length=1, max_length=MOST_RETURNED)


class FreedOut(Schema):
    """Of how many raters places were freed."""

    freed: int


def _values_schema(*, needed: Sequence[str]) -> dict[str, Any]:
    """What a specification may say, from the fields of its form. needed: names that must be given."""
    names: dict[str, Any] = {
        specification.RUN: {"type": "integer", "description": "Number of a finished run."},
        specification.KIND: {"type": "string", "enum": list(TaskKind.values)},
    }
    names[specification.KNOWN] = {
        "type": "array",
        "items": {"type": "object"},
        "description": "Things whose answer is known, with the columns of the file of known answers.",
    }
    for name, field in CampaignForm.base_fields.items():
        kind = next((dict(shape) for of, shape in _JSON_TYPES if isinstance(field, of)), {"type": "string"})
        names[name] = kind | {"description": f"{field.label}. {field.help_text}".strip()}
    return {
        "type": "object",
        "properties": names,
        "required": list(needed),
        "additionalProperties": False,
    }


def values_body(*needed: str) -> dict[str, Any]:
    """The document's words for a body with the values of a specification."""
    schema = _values_schema(needed=needed)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


NEW_CAMPAIGN: Final = values_body(specification.RUN, "contact")


@router.get("/campaigns", response=list[CampaignOut], tags=["campaigns"])
@needs(TokenScope.READ)
def list_campaigns(request: HttpRequest, page: Query[Listing]) -> Any:
    """Campaigns of the researcher's projects, without dry runs; obstacles only with one campaign."""
    real = Campaign.objects.visible_to(request.user).real().select_related("run__prompt_set")
    visible = real.filter(archived_at__isnull=not page.archived)
    return [campaign_out(row, obstacles=[]) for row in visible[page.offset : page.offset + page.limit]]


@router.post(
    "/campaigns",
    response={201: CampaignOut, 400: Refusal},
    tags=["campaigns"],
    openapi_extra=NEW_CAMPAIGN,
)
@needs(TokenScope.CAMPAIGNS)
def create_campaign(request: HttpRequest, values: Body[dict[str, Any]]) -> Any:
    """A draft from the values of a specification; what is not given is as the page starts with."""
    try:
        made = specification.create(user_of(request), values)
    except specification.SpecificationRefused as found:
        raise refusal_of(found, values=values) from found
    return Status(201, campaign_out(made))


@router.get("/campaigns/{public_id}", response=CampaignOut, tags=["campaigns"])
@needs(TokenScope.READ)
def read_campaign(request: HttpRequest, public_id: UUID) -> Any:
    """One campaign."""
    return campaign_out(found_campaign(request, public_id))


@router.get("/campaigns/{public_id}/progress", response=ProgressOut, tags=["campaigns"])
@needs(TokenScope.READ)
def read_progress(request: HttpRequest, public_id: UUID) -> Any:
    """How far the campaign is, counted now."""
    return queries.progress(found_campaign(request, public_id)).as_json()


@router.post(
    "/campaigns/{public_id}/extend",
    response={200: CampaignOut, 400: Refusal, 409: Refusal},
    tags=["campaigns"],
)
@needs(TokenScope.CAMPAIGNS)
def extend_campaign(request: HttpRequest, public_id: UUID, extension: ExtensionIn) -> Any:
    """More raters per item, while the campaign is open or paused."""
    found = found_campaign(request, public_id)
    wanted = extension.raters_per_item
    try:
        return campaign_out(service.extend(found, user_of(request), raters_per_item=wanted))
    except service.ExtensionRefused as refusal:
        raise refused(400, str(refusal), field="raters_per_item", value=wanted) from refusal
    except service.CampaignMoved as moved:
        raise refused(409, str(moved)) from moved


@router.post("/campaigns/{public_id}/returned", response={200: FreedOut}, tags=["campaigns"])
@needs(TokenScope.CAMPAIGNS)
def free_returned(request: HttpRequest, public_id: UUID, returned: ReturnedIn) -> Any:
    """Frees the places held for raters who gave their submission back; sent twice, it does nothing twice."""
    found = found_campaign(request, public_id)
    freed = returns.free_places(found, user_of(request), platform_ids=returned.participants)
    return {"freed": freed}


@router.post(
    "/campaigns/{public_id}/back-fill", response={200: BackFilledOut, 409: Refusal}, tags=["campaigns"]
)
@needs(TokenScope.CAMPAIGNS)
def give_to_others(request: HttpRequest, public_id: UUID) -> Any:
    """Gives the places of all raters whose answers don't count to others, for good; at most 200 raters."""
    try:
        return asdict(back_fill.give_to_others(found_campaign(request, public_id), user_of(request)))
    except RaterActRefused as refusal:
        raise refused(409, str(refusal)) from refusal


@router.post(
    "/campaigns/{public_id}/back-fill/automatic",
    response={200: CampaignOut, 409: Refusal},
    tags=["campaigns"],
)
@needs(TokenScope.CAMPAIGNS)
def set_automatic_back_fill(request: HttpRequest, public_id: UUID, wanted: AutomaticIn) -> Any:
    """Whether places of raters who failed the checks go to others by themselves; of one open or paused."""
    found = found_campaign(request, public_id)
    try:
        return campaign_out(back_fill.set_automatic(found, user_of(request), automatic=wanted.automatic))
    except service.CampaignMoved as moved:
        raise refused(409, str(moved)) from moved


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/withdraw",
    response={200: WithdrawnOut, 404: Refusal},
    tags=["campaigns"],
)
@needs(TokenScope.CAMPAIGNS)
def withdraw_rater(request: HttpRequest, public_id: UUID, pseudonym: str) -> Any:
    """Deletes all that is a rater's, for good. Nobody is asked again, as the page does."""
    rater = rater_of(found_campaign(request, public_id), pseudonym)
    return asdict(withdrawals.withdraw_rater(rater, user_of(request)))


@router.post(
    "/campaigns/{public_id}/{act}",
    response={200: CampaignOut, 400: Refusal, 409: Refusal},
    tags=["campaigns"],
)
@needs(TokenScope.CAMPAIGNS)
def steer_campaign(request: HttpRequest, public_id: UUID, act: str) -> Any:
    """act: open, pause, resume, close, archive or restore. 400 says what a draft still lacks, 409 that the
    state forbids it."""
    acts: dict[str, Callable[[Campaign, User], Campaign]] = {
        "open": service.open_campaign,
        "pause": service.pause,
        "resume": service.resume,
        "close": service.close,
        "archive": archive.archive,
        "restore": archive.restore,
    }
    if act not in acts:
        raise refused(404, f"Give one of {', '.join([*acts, 'extend'])}.", field="act", value=act)
    try:
        return campaign_out(acts[act](found_campaign(request, public_id), user_of(request)))
    except service.OpeningRefused as refusal:
        problems = (Problem(field="", value=None, remedy=obstacle) for obstacle in refusal.obstacles)
        raise ApiRefused(400, *problems) from refusal
    except service.CampaignMoved as moved:
        raise refused(409, str(moved)) from moved


def found_campaign(request: HttpRequest, public_id: UUID) -> Campaign:
    """The campaign, for who may see it, or change it where the request does.

    Raises Http404, PermissionDenied.
    """
    return campaign_of(request, str(public_id))


def refusal_of(found: specification.SpecificationRefused, *, values: dict[str, Any]) -> ApiRefused:
    """Every fault of a specification as a refusal."""
    problems = (
        Problem(field=fault.field, value=values.get(fault.field), remedy=fault.message)
        for fault in found.faults
    )
    return ApiRefused(400, *problems)


def campaign_out(row: Campaign, *, obstacles: list[str] | None = None) -> dict[str, Any]:
    """A campaign as the API shows it. obstacles: empty for lists, which leave them out; else worked out."""
    is_draft = row.state == CampaignState.DRAFT
    money = budgets.spending(row) if obstacles is None else None
    notes = [] if obstacles is not None else service.comparison_notes(row)
    if obstacles is None:
        obstacles = service.opening_obstacles(row) if is_draft else []
    same = (
        "name", "task_kind", "state", "raters_per_item", "created_at", "opened_at", "closed_at",
        "archived_at", "currency", "automatic_back_fill",
    )  # fmt: skip
    return {name: getattr(row, name) for name in same} | {
        "id": row.public_id,
        "project": row.run.prompt_set.project_id,
        "run": row.run_id,
        "obstacles": obstacles,
        "systems": [system.name for system in systems_of(row)] if compares(row) else [],
        "comparison_notes": notes,
        "pay_per_rater": _text(row.pay_per_rater),
        "budget": _text(row.budget),
        "spent": _text(money.spent) if money else None,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
