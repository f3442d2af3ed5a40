"""The API of dry runs: started, worked at a few seconds at a time, thrown away."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from annotation.models import Campaign
from annotation.services import dry_runs
from annotation.services.campaigns import OpeningRefused
from annotation.views.scope import campaign_of, user_of
from generation.api import Refusal
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import ApiRefused, Problem, refused
from studies.rehearsal import advance, rehearsal
from studies.views import SECONDS

router = Router()


class MetOut(Schema):
    """What a simulated rater met at one ending. why_not: why it was not taken; then the rest is empty."""

    name: str
    label: str
    status: int
    heading: str
    code: str
    as_planned: bool
    why_not: str


class DryRunOut(Schema):
    """Where a campaign's dry run stands. campaign: the copy's own id, for its progress, results and files.

    campaign is null where none was started; finished once its places are filled and every ending
    of `endings` was taken, or why not.
    """

    campaign: UUID | None
    raters: int
    places: int
    answered: int
    finished: bool
    endings: list[MetOut]


@router.get("/campaigns/{public_id}/dry-run", response=DryRunOut, tags=["dry runs"])
@needs(TokenScope.READ)
def read_dry_run(request: HttpRequest, public_id: UUID) -> Any:
    """How far the campaign's dry run is."""
    return _state(_current(campaign_of(request, str(public_id))))


@router.post(
    "/campaigns/{public_id}/dry-run",
    response={201: DryRunOut, 400: Refusal, 409: Refusal},
    tags=["dry runs"],
)
@needs(TokenScope.CAMPAIGNS)
def start_dry_run(request: HttpRequest, public_id: UUID) -> Any:
    """An open copy of the campaign for simulated raters; an earlier one goes. 400 as an opening refuses."""
    found = campaign_of(request, str(public_id))
    try:
        copy = dry_runs.start_dry_run(found, user_of(request))
    except OpeningRefused as refusal:
        problems = (Problem(field="", value=None, remedy=obstacle) for obstacle in refusal.obstacles)
        raise ApiRefused(400, *problems) from refusal
    except dry_runs.NoDryRun as refusal:
        raise refused(409, str(refusal)) from refusal
    return Status(201, _state(copy))


@router.post(
    "/campaigns/{public_id}/dry-run/advance",
    response={200: DryRunOut, 409: Refusal},
    tags=["dry runs"],
)
@needs(TokenScope.CAMPAIGNS)
def advance_dry_run(request: HttpRequest, public_id: UUID) -> Any:
    """Lets the simulated raters work for two seconds. Send it again until `finished`."""
    copy = _started(request, public_id)
    advance(copy, host=request.get_host(), secure=request.is_secure(), seconds=SECONDS)
    return _state(copy)


@router.post(
    "/campaigns/{public_id}/dry-run/discard",
    response={200: DryRunOut, 409: Refusal},
    tags=["dry runs"],
)
@needs(TokenScope.CAMPAIGNS)
def discard_dry_run(request: HttpRequest, public_id: UUID) -> Any:
    """Deletes the dry run with everything in it; the campaign itself is left alone."""
    try:
        original = dry_runs.discard_dry_run(_started(request, public_id), user_of(request))
    except dry_runs.NoDryRun as refusal:
        raise refused(409, str(refusal)) from refusal
    return _state(_current(original))


def _current(found: Campaign) -> Campaign | None:
    """The campaign's dry run, or itself where it is one."""
    if found.dry_run_of_id is not None:
        return found
    current: Campaign | None = found.dry_runs.order_by("-pk").first()
    return current


def _started(request: HttpRequest, public_id: UUID) -> Campaign:
    current = _current(campaign_of(request, str(public_id)))
    if current is None:
        raise refused(409, "No dry run was started. Send POST …/dry-run first.")
    return current


def _state(copy: Campaign | None) -> dict[str, Any]:
    if copy is None:
        return {"campaign": None, "raters": 0, "places": 0, "answered": 0, "finished": False, "endings": []}
    state = rehearsal(copy)
    return {
        "campaign": copy.public_id,
        "raters": state.raters,
        "places": state.places,
        "answered": state.answered,
        "finished": state.finished,
        "endings": [asdict(met) for met in state.endings],
    }
