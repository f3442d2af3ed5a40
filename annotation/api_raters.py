"""The API of raters: the evidence, decisions about pay, leaving out of the analysis, places for others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from annotation import review_queue
from annotation.api import found_campaign
from annotation.forms.payments import RejectionForm
from annotation.models import Rater
from annotation.review_queue import ReviewRow
from annotation.services import payments
from annotation.services import raters as service
from annotation.services.identities import forget_identity, rater_named
from annotation.services.raters import LONGEST_REASON, RaterActRefused
from annotation.views.scope import rater_of, user_of
from generation.api import Page, Refusal, StrictSchema
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import ApiRefused, of_form, refused

router = Router()

MOST_APPROVED: Final = 200


class ChecksOut(Schema):
    """A rater's attention checks of one kind."""

    kind: str
    served: int
    wrong: int


class DecisionOut(Schema):
    """The decision about pay that holds. ground: of a rejection.

    handed_out_at: when a list of payments or Prolific last got the approval, which stands from then on.
    """

    verdict: str
    ground: str
    reason: str
    handed_out_at: datetime | None


class AgreementOut(Schema):
    """How far she agrees with the others who met her items. value: null with fewer than three such items."""

    measure: str
    value: float | None
    items: int


class JudgedOut(Schema):
    """A rater and what was decided about her. counts: whether her answers enter the analysis.

    decision: null while nobody has decided.  grounds: what a rejection could rest on; often nothing.
    outcome: empty while the visit goes on.
    """

    rater: str
    platform: str
    outcome: str
    answers: int
    excluded: bool
    exclusion_reason: str
    counts: bool
    decision: DecisionOut | None
    grounds: list[str]


class RaterOut(JudgedOut):
    """With the evidence of her care. seconds and shares as on her page."""

    share: float
    checks: list[ChecksOut]
    failed_checks: bool
    median_seconds: float | None
    too_fast: int
    longest_run: int
    commonest: str
    commonest_share: float
    practice: str
    undone: int
    late: int
    flags: list[str]
    agreement: AgreementOut


class NameIn(StrictSchema):
    """What a rater calls herself: the platform's id, a pseudonym, the address of her page or her link."""

    name: str = Field(max_length=2_000)


class ReasonIn(StrictSchema):
    """Why; kept in the history and, of an exclusion, in raters.csv."""

    reason: str = Field(max_length=LONGEST_REASON)


class MaybeReasonIn(StrictSchema):
    """Why, where there is something to say."""

    reason: str = Field("", max_length=LONGEST_REASON)


class RejectionIn(StrictSchema):
    """ground: one of the rater's `grounds`.  reason: as you would say it to her."""

    ground: str
    reason: str


class ApprovalsIn(StrictSchema):
    """Raters by pseudonym."""

    raters: list[str] = Field(min_length=1, max_length=MOST_APPROVED)


class ApprovedOut(Schema):
    """approved: now or before.  refused: by pseudonym, each with the remedy."""

    approved: list[str]
    refused: dict[str, str]


class PlacesOut(Schema):
    """How many places are free for others."""

    places: int


class ForgottenOut(Schema):
    """Whether the platform's id was there to be deleted."""

    forgotten: bool


@router.get("/campaigns/{public_id}/raters", response=list[RaterOut], tags=["raters"])
@needs(TokenScope.RESULTS)
def list_raters(request: HttpRequest, public_id: UUID, page: Query[Page], shelf: str = "") -> Any:
    """Raters with their evidence, who came first first. shelf: waiting, under_way, approved or rejected.

    Without a shelf all of them, also who never agreed to take part.
    """
    found = found_campaign(request, public_id)
    if shelf and shelf not in review_queue.SHELVES:
        known = ", ".join(review_queue.SHELVES)
        raise refused(400, f"Give one of {known}, or leave it out.", field="shelf", value=shelf)
    raters = review_queue.shelf(found, name=shelf) if shelf else found.raters.order_by("entered_at", "pk")
    chosen = list(raters.select_related("campaign")[page.offset : page.offset + page.limit])
    return [_rater(row) for row in review_queue.review_rows(found, raters=chosen)]


@router.post("/campaigns/{public_id}/raters/find", response={200: JudgedOut, 404: Refusal}, tags=["raters"])
@needs(TokenScope.REVIEW)
def find_rater(request: HttpRequest, public_id: UUID, wanted: NameIn) -> Any:
    """The rater of that name. By POST: an id in an address would end up in logs."""
    rater = rater_named(found_campaign(request, public_id), wanted.name)
    if rater is None:
        remedy = "Nobody of this campaign goes by that. Send the whole id, or the address of her page here."
        raise refused(404, remedy, field="name")
    return _one(rater)


@router.post("/campaigns/{public_id}/approvals", response={200: ApprovedOut}, tags=["raters"])
@needs(TokenScope.PAY)
def approve_raters(request: HttpRequest, public_id: UUID, wanted: ApprovalsIn) -> Any:
    """Approves these raters for payment, one by one: who is refused keeps nobody else from it.

    No rejection is overturned: that takes `approve` of the one rater.
    """
    found = found_campaign(request, public_id)
    by_name = {
        rater.pseudonym: rater
        for rater in Rater.objects.select_related("campaign").filter(
            campaign=found, pseudonym__in=wanted.raters
        )
    }
    refusals = {name: "There is no such rater." for name in wanted.raters if name not in by_name}
    approved = []
    for name, rater in by_name.items():
        try:
            payments.approve(rater, user_of(request), may_overturn=False)
        except RaterActRefused as refusal:
            refusals[name] = str(refusal)
        else:
            approved.append(name)
    return {"approved": approved, "refused": refusals}


@router.get("/campaigns/{public_id}/raters/{pseudonym}", response=RaterOut, tags=["raters"])
@needs(TokenScope.RESULTS)
def read_rater(request: HttpRequest, public_id: UUID, pseudonym: str) -> Any:
    """One rater."""
    return _one(_found(request, public_id, pseudonym))


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/exclude",
    response={200: JudgedOut, 400: Refusal},
    tags=["raters"],
)
@needs(TokenScope.REVIEW)
def exclude_rater(request: HttpRequest, public_id: UUID, pseudonym: str, why: ReasonIn) -> Any:
    """Leaves her answers out of the analysis; they stay stored. Never about pay."""
    rater = _found(request, public_id, pseudonym)
    try:
        service.exclude(rater, user_of(request), why.reason)
    except RaterActRefused as refusal:
        raise refused(400, str(refusal), field="reason", value=why.reason) from refusal
    return _one(rater)


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/include",
    response={200: JudgedOut, 409: Refusal},
    tags=["raters"],
)
@needs(TokenScope.REVIEW)
def include_rater(request: HttpRequest, public_id: UUID, pseudonym: str) -> Any:
    """Takes an exclusion back. 409 once her places were given to others."""
    rater = _found(request, public_id, pseudonym)
    with _conflicts():
        service.include(rater, user_of(request))
    return _one(rater)


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/refill",
    response={200: PlacesOut, 409: Refusal},
    tags=["raters"],
)
@needs(TokenScope.REVIEW)
def refill_places(request: HttpRequest, public_id: UUID, pseudonym: str) -> Any:
    """Gives an excluded rater's places to others, for good."""
    rater = _found(request, public_id, pseudonym)
    with _conflicts():
        return {"places": service.reopen_places(rater, user_of(request))}


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/forget", response={200: ForgottenOut}, tags=["raters"]
)
@needs(TokenScope.CAMPAIGNS)
def forget_rater(request: HttpRequest, public_id: UUID, pseudonym: str) -> Any:
    """Deletes what the recruitment platform calls her; the answers stay, by pseudonym."""
    return {"forgotten": forget_identity(_found(request, public_id, pseudonym), user_of(request))}


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/approve",
    response={200: JudgedOut, 409: Refusal},
    tags=["raters"],
)
@needs(TokenScope.PAY)
def approve_rater(request: HttpRequest, public_id: UUID, pseudonym: str, why: MaybeReasonIn) -> Any:
    """She is to be paid; also after a rejection, which it overturns. `{}` gives no reason."""
    rater = _found(request, public_id, pseudonym)
    with _conflicts():
        payments.approve(rater, user_of(request), reason=why.reason)
    return _one(rater)


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/reject",
    response={200: JudgedOut, 400: Refusal, 409: Refusal},
    tags=["raters"],
)
@needs(TokenScope.PAY)
def reject_rater(request: HttpRequest, public_id: UUID, pseudonym: str, why: RejectionIn) -> Any:
    """She is not to be paid, on a ground that the evidence supports. Her answers stay as they are."""
    rater = _found(request, public_id, pseudonym)
    grounds = _rejection(rater, why)
    with _conflicts():
        payments.reject(rater, user_of(request), **grounds)
    return _one(rater)


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/reject-and-republish",
    response={200: JudgedOut, 400: Refusal, 409: Refusal},
    tags=["raters"],
)
@needs(TokenScope.PAY, TokenScope.REVIEW)
def reject_and_republish(request: HttpRequest, public_id: UUID, pseudonym: str, why: RejectionIn) -> Any:
    """Rejects, leaves out of the analysis and gives the places to others: all three or nothing."""
    rater = _found(request, public_id, pseudonym)
    grounds = _rejection(rater, why)
    with _conflicts():
        payments.reject_and_republish(rater, user_of(request), **grounds)
    return _one(rater)


@router.post(
    "/campaigns/{public_id}/raters/{pseudonym}/take-back",
    response={200: JudgedOut, 409: Refusal},
    tags=["raters"],
)
@needs(TokenScope.PAY)
def take_back_decision(request: HttpRequest, public_id: UUID, pseudonym: str, why: MaybeReasonIn) -> Any:
    """Takes the decision about her pay back; without one nothing changes. `{}` gives no reason.

    409 once a list of payments or Prolific has got her approval: the money may be on its way.
    """
    rater = _found(request, public_id, pseudonym)
    with _conflicts():
        payments.take_back(rater, user_of(request), reason=why.reason)
    return _one(rater)


@contextmanager
def _conflicts() -> Iterator[None]:
    """What a service refuses is a 409 with its words."""
    try:
        yield
    except RaterActRefused as refusal:
        raise refused(409, str(refusal)) from refusal


def _rejection(rater: Rater, why: RejectionIn) -> dict[str, str]:
    """The ground and the reason as the page's form judges them. Raises ApiRefused."""
    given = why.model_dump()
    grounds = payments.grounds_for_rejection(rater)
    form = RejectionForm(given, grounds=grounds)
    if form.is_valid():
        return dict(form.cleaned_data)
    supported = ", ".join(ground.value for ground in grounds) or "none: leave her answers out instead"
    problems = of_form(form, given=given)
    for place, found in enumerate(problems):
        if found.field == "ground":
            problems[place] = replace(found, remedy=f"{found.remedy} The evidence supports {supported}.")
    raise ApiRefused(400, *problems)


def _found(request: HttpRequest, public_id: UUID, pseudonym: str) -> Rater:
    return rater_of(found_campaign(request, public_id), pseudonym)


def _one(rater: Rater) -> dict[str, Any]:
    fresh = Rater.objects.select_related("campaign").get(pk=rater.pk)
    return _rater(review_queue.review_rows(fresh.campaign, raters=[fresh])[0])


def _rater(reviewed: ReviewRow) -> dict[str, Any]:
    row, decision = reviewed.row, reviewed.decision
    same = (
        "platform", "outcome", "answers", "share", "failed_checks", "excluded", "exclusion_reason", "counts",
        "median_seconds", "too_fast", "undone", "late",
    )  # fmt: skip
    return {name: getattr(row, name) for name in same} | {
        "rater": row.pseudonym,
        "flags": list(row.flags),
        "checks": [{"kind": one.kind, "served": one.served, "wrong": one.wrong} for one in row.by_kind],
        "longest_run": row.pattern.longest_run,
        "commonest": row.pattern.commonest,
        "commonest_share": row.pattern.share,
        "practice": row.practice.words if row.practice else "",
        "agreement": asdict(row.agreement),
        "decision": {
            name: getattr(decision, name) for name in ("verdict", "ground", "reason", "handed_out_at")
        }
        if decision
        else None,
        "grounds": [ground.value for ground in reviewed.grounds],
    }
