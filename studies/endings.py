"""A dry run takes every ending once: simulated raters who decline, stop, fail, go away, or come too late.

Those who need free places come before the crowd, those who need none left come after it. What each met is
kept in the dry run's own history, which goes with it; who continues a dry run, continues here too. Times that
have to pass are moved in the dry run's rows: of no other campaign.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from django.db.models.functions import Now
from django.urls import reverse

from annotation.choices import CampaignState, Choice, ItemKind, Platform, RaterOutcome, SlotState, TaskKind
from annotation.forms.answers import NONE_OF_THESE
from annotation.models import Answer, AuditEntry, Campaign, Rater, Slot
from annotation.recruitment import RaterIdentityData
from annotation.services import audit, campaigns, reservations, returns
from annotation.services.entry import EntryRefused, enter
from annotation.tokens import rater_token
from studies.careless import answers_of
from studies.crowd import answer_task
from studies.page_forms import PageForm
from studies.simulated_raters import SimulatedRater
from studies.visitors import AnyVisitor, Response

ACT: Final = "walk_ending"
LATE_NAME: Final = "walker-late"
FORGED: Final = "forged"
ANY_ANSWER: Final = {
    TaskKind.OPINION_SCORE: "3",
    TaskKind.OBJECT_PRESENCE: NONE_OF_THESE,
    TaskKind.MASK: Choice.NOT_IN_IMAGE.value,
    TaskKind.PAIRWISE: Choice.TIE.value,
}
MOST_STEPS: Final = 200
TRIES_TO_FAIL: Final = 3
LONGEST_HEADING: Final = 200


@dataclass(frozen=True, kw_only=True)
class Met:
    """What a simulated rater met at one ending. name: of `annotation.views.endings` where it has one there.

    heading: of the page; empty with `why_not`.  as_planned: whether it was the page, and the code, that the
    campaign has for it.  why_not: why the ending could not be taken.
    """

    name: str
    label: str
    status: int
    heading: str
    code: str
    as_planned: bool
    why_not: str = ""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """One ending: how it is taken, the page's status, and the field of the code that it shows, or ""."""

    name: str
    label: str
    status: int
    take: Callable[["_Walk"], Response | None]
    code: str = ""
    why_not: str = "It did not come to that in this dry run."


def before_the_crowd(dry_run: Campaign, visitor: AnyVisitor) -> None:
    """Takes the endings that need free places; each once, however often this is called."""
    _take(dry_run, visitor, plans=BEFORE)


def after_the_crowd(dry_run: Campaign, visitor: AnyVisitor) -> None:
    """Takes the endings that need a full campaign; each once."""
    _take(dry_run, visitor, plans=AFTER)


def met(dry_run: Campaign) -> tuple[Met, ...]:
    """The endings that were taken so far, in the order of a visit."""
    entries = AuditEntry.objects.filter(campaign=dry_run, act=ACT).values_list("detail", flat=True)
    by_name = {detail["name"]: Met(**detail) for detail in entries}
    return tuple(by_name[plan.name] for plan in IN_ORDER if plan.name in by_name)


class _Walk:
    """One visitor's way through a dry run."""

    def __init__(self, dry_run: Campaign, visitor: AnyVisitor) -> None:
        self.dry_run = dry_run
        self.visitor = visitor

    def link(self, **parameters: str) -> Response:
        """The page behind the campaign's link."""
        entry = reverse("rate:entry", args=[self.dry_run.public_id])
        return self.visitor.open(f"{entry}?{urlencode(parameters)}" if parameters else entry)

    def come(self, name: str) -> Response:
        """A simulated rater by her platform's link: her consent page, or where she had got to."""
        enter(self.dry_run, identity(name), simulated=True)
        return self.link(PROLIFIC_PID=name, STUDY_ID="simulated", SESSION_ID=f"{name}-1")

    def begin(self, name: str) -> Response:
        """The same, consent and instructions behind her."""
        response = self.come(name)
        for button, value in (("consent", "agree"), ("start", "yes")):
            response = self.press(response, button, value)
        return response

    def press(self, response: Response, button: str, value: str) -> Response:
        """The page after a button; the same page where it has none of that name."""
        form = response.page().form_with_button(button)
        return response if form is None else self.visitor.press(response, form, button, value)

    def rater(self, name: str) -> Rater:
        """The simulated rater of this name."""
        return Rater.objects.get(campaign=self.dry_run, identity__platform_id=name)

    def post(self, name: str, step: str, **fields: str) -> Response:
        """Sends a form to one of the rater's own addresses."""
        address = reverse(f"rate:{step}", args=[rater_token(self.rater(name))])
        form = PageForm(action=address, method="post", fields=fields, buttons=())
        return self.visitor.press(Response(status=200, url=address, body=b""), form, "", "")

    def answer(self, name: str, response: Response, *, careless: bool = False) -> Response | None:
        """The page after her answer to the task on this one; None where there is no task."""
        rater = SimulatedRater(name=name, careless=careless, bias=0.0)
        generator = random.Random(f"{self.dry_run.order_seed} {name} {response.url}")
        knows = answers_of(self.dry_run, rater)
        step = answer_task(self.visitor, response, rater=rater, generator=generator, knows=knows)
        return None if step is None else step[0]

    def until(self, name: str, response: Response, there: Callable[[Rater], bool]) -> Response | None:
        """Answers, practice included, until it is so; None where her tasks end before."""
        found: Response | None = response
        for _ in range(MOST_STEPS):
            if found is None or there(self.rater(name)):
                return found
            found = self.answer(name, found)
        return None


def identity(name: str) -> RaterIdentityData:
    """A simulated rater's, by name."""
    return RaterIdentityData(
        platform=Platform.PROLIFIC, platform_id=name, study_id="simulated", session_id=f"{name}-1"
    )


def _take(dry_run: Campaign, visitor: AnyVisitor, *, plans: tuple[_Plan, ...]) -> None:
    done = {one.name for one in met(dry_run)}
    for plan in plans:
        if plan.name in done:
            continue
        try:
            found = plan.take(_Walk(dry_run, visitor))
        except EntryRefused:
            found = None
        audit.record(dry_run, actor=None, act=ACT, **_told(dry_run, plan, found))


def _told(dry_run: Campaign, plan: _Plan, found: Response | None) -> dict[str, Any]:
    told: dict[str, Any] = {"name": plan.name, "label": plan.label, "status": 0, "heading": "", "code": ""}
    if found is None:
        return told | {"as_planned": False, "why_not": plan.why_not}
    page = found.page()
    wanted = getattr(dry_run, plan.code) if plan.code else ""
    return told | {
        "status": found.status,
        "heading": page.heading[:LONGEST_HEADING],
        "code": page.code,
        "as_planned": (found.status, page.code) == (plan.status, wanted),
        "why_not": "",
    }


def _unfilled(walk: _Walk) -> Response:
    return walk.link(PROLIFIC_PID="{{%PROLIFIC_PID%}}", STUDY_ID="simulated", SESSION_ID="simulated")


def _forged(walk: _Walk) -> Response:
    return walk.visitor.open(reverse("rate:session", args=[FORGED]))


def _declined(walk: _Walk) -> Response:
    return walk.press(walk.come("walker-declines"), "consent", "decline")


def _paused(walk: _Walk) -> Response:
    state = Campaign.objects.values_list("state", flat=True).get(pk=walk.dry_run.pk)
    if state == CampaignState.PAUSED:
        return walk.link(PROLIFIC_PID="walker-pauses")
    campaigns.pause(walk.dry_run, None)
    try:
        return walk.link(PROLIFIC_PID="walker-pauses")
    finally:
        campaigns.resume(walk.dry_run, None)


def _stopped(walk: _Walk) -> Response | None:
    name = "walker-stops"
    begun = walk.begin(name)
    rated = walk.until(name, begun, lambda rater: Answer.objects.filter(rater=rater).exists())
    return None if rated is None else walk.post(name, "stop")


def _returned(walk: _Walk) -> Response:
    name = "walker-returns"
    walk.begin(name)
    returns.free_places(walk.dry_run, None, platform_ids=[name])
    return walk.post(name, "stop")


def _screened_out(walk: _Walk) -> Response | None:
    """Careless raters, until one fails the qualification."""
    if not walk.dry_run.items.filter(kind=ItemKind.QUALIFICATION).exists():
        return None
    for number in range(1, TRIES_TO_FAIL + 1):
        name = f"walker-fails-{number}"
        found: Response | None = walk.begin(name)
        while found is not None:
            last, found = found, walk.answer(name, found, careless=True)
            rater = walk.rater(name)
            if rater.outcome == RaterOutcome.SCREENED_OUT:
                return found or last
            if not rater.practising:
                walk.post(name, "stop")
                break
    return None


def _hold(walk: _Walk) -> Response | None:
    """Somebody takes a task and goes away: it is as if its time had run out."""
    held = Slot.objects.filter(state=SlotState.LEASED, number__isnull=False)
    found = walk.until(LATE_NAME, walk.begin(LATE_NAME), lambda rater: held.filter(rater=rater).exists())
    if found is None:
        return None
    rater = walk.rater(LATE_NAME)
    reservations.release(rater)
    held.filter(rater=rater).update(lease_until=Now() - timedelta(seconds=1))
    return found


def _late(walk: _Walk) -> Response | None:
    """She answers after all, and her place went to somebody of the crowd."""
    lost = Slot.objects.filter(campaign=walk.dry_run, state=SlotState.VOID)
    slot = lost.filter(rater__identity__platform_id=LATE_NAME).first()
    if slot is None:
        return None
    option = ANY_ANSWER[TaskKind(walk.dry_run.task_kind)]
    answered = walk.post(
        LATE_NAME, "answer", slot=str(slot.public_id), option=option, idempotency_key=str(uuid4())
    )
    walk.visitor.open(reverse("rate:session", args=[rater_token(walk.rater(LATE_NAME))]))
    return answered


def _full(walk: _Walk) -> Response:
    return walk.link(PROLIFIC_PID="walker-too-late", STUDY_ID="simulated", SESSION_ID="simulated")


def _finished(walk: _Walk) -> Response | None:
    """The last page of one of the crowd."""
    through = Rater.objects.filter(campaign=walk.dry_run, outcome=RaterOutcome.COMPLETED)
    answered = through.filter(answers__undone_at__isnull=True)
    rater = answered.exclude(identity__platform_id=LATE_NAME).order_by("pk").first()
    return None if rater is None else walk.visitor.open(reverse("rate:session", args=[rater_token(rater)]))


_NO_QUALIFICATION: Final = "There is no qualification, or nobody failed it by chance."
_NOBODY_LOST: Final = "Nobody took the place over that she had left."
BEFORE: Final = (
    _Plan(name="bad-link", label="A link whose parts nobody filled in", status=400, take=_unfilled),
    _Plan(name="expired-link", label="A link that is not ours any more", status=404, take=_forged),
    _Plan(name="paused", label="Comes while it is paused", status=200, take=_paused),
    _Plan(name="declined", label="Doesn't consent", status=200, take=_declined, code="no_consent_code"),
    _Plan(
        name="screened-out", label="Fails the qualification", status=200, take=_screened_out,
        code="screened_out_code", why_not=_NO_QUALIFICATION,
    ),
    _Plan(name="stopped", label="Stops after an answer", status=200, take=_stopped, code="completion_code"),
    _Plan(name="returned", label="Returns her submission without an answer", status=200, take=_returned),
    _Plan(name="timed-out", label="Lets the time of a task run out", status=200, take=_hold),
)  # fmt: skip
AFTER: Final = (
    _Plan(
        name="late", label="Answers that task when somebody else has it", status=409, take=_late,
        why_not=_NOBODY_LOST,
    ),
    _Plan(name="full", label="Comes when every place is taken", status=200, take=_full),
    _Plan(name="finished", label="Gives all her ratings", status=200, take=_finished, code="completion_code"),
)  # fmt: skip
IN_ORDER: Final = (*BEFORE, *AFTER)
