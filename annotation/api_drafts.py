"""The API of drafts: what a specification would come to, changing a draft, a campaign like another one."""

from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Body, Router, Schema, Status

from annotation import specification, trials
from annotation.api import NEW_CAMPAIGN, CampaignOut, campaign_out, found_campaign, refusal_of, values_body
from annotation.services.campaigns import CampaignMoved
from annotation.views.scope import user_of
from generation.api import Refusal
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import refused

router = Router()

CHANGES: Final = values_body()


class EffortOut(Schema):
    """What a campaign asks of its raters. raters_least: where all rate as much as the rules let them."""

    items: int
    ratings: int
    ratings_per_rater: int
    raters_least: int
    minutes_per_rater: float
    hours_together: float


class TrialOut(Schema):
    """What a specification would make. specification: with all that was not given.  items: by kind of item.

    obstacles: what would keep it from opening, each with the remedy.
    """

    specification: dict[str, Any]
    items: dict[str, int]
    effort: EffortOut
    obstacles: list[str]
    comparison_notes: list[str]


@router.post(
    "/campaigns/try",
    response={200: TrialOut, 400: Refusal},
    tags=["campaigns"],
    openapi_extra=NEW_CAMPAIGN,
)
@needs(TokenScope.CAMPAIGNS)
def try_specification(request: HttpRequest, values: Body[dict[str, Any]]) -> Any:
    """What `POST /campaigns` would make of these values, or refuse with the same words. Nothing is stored."""
    try:
        trial = trials.try_out(user_of(request), values)
    except specification.SpecificationRefused as found:
        raise refusal_of(found, values=values) from found
    return {
        "specification": trial.values,
        "items": trial.items,
        "effort": asdict(trial.effort),
        "obstacles": list(trial.obstacles),
        "comparison_notes": list(trial.comparison_notes),
    }


@router.get("/campaigns/{public_id}/specification", response=dict[str, Any], tags=["campaigns"])
@needs(TokenScope.READ)
def read_specification(request: HttpRequest, public_id: UUID) -> Any:
    """The values from which the same campaign can be made again."""
    return specification.of_campaign(found_campaign(request, public_id))


@router.post(
    "/campaigns/{public_id}/specification",
    response={200: CampaignOut, 400: Refusal, 409: Refusal},
    tags=["campaigns"],
    openapi_extra=CHANGES,
)
@needs(TokenScope.CAMPAIGNS)
def change_draft(request: HttpRequest, public_id: UUID, values: Body[dict[str, Any]]) -> Any:
    """The draft with these values; what is not given stays, null empties a field. 409 once it has opened."""
    draft = found_campaign(request, public_id)
    try:
        return campaign_out(specification.change(draft, values, actor=user_of(request)))
    except specification.SpecificationRefused as found:
        raise refusal_of(found, values=values) from found
    except CampaignMoved as moved:
        raise refused(409, str(moved)) from moved


@router.post(
    "/campaigns/{public_id}/clone",
    response={201: CampaignOut, 400: Refusal},
    tags=["campaigns"],
    openapi_extra=CHANGES,
)
@needs(TokenScope.CAMPAIGNS)
def clone_campaign(request: HttpRequest, public_id: UUID, values: Body[dict[str, Any]]) -> Any:
    """A draft like this campaign, whatever its state, but for these values: `{}` for none."""
    pattern = found_campaign(request, public_id)
    try:
        made = specification.again(user_of(request), pattern, values)
    except specification.SpecificationRefused as found:
        raise refusal_of(found, values=values) from found
    return Status(201, campaign_out(made))
