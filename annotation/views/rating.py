"""The rating page and everything done on it: answer, undo, stop. One answer is one round trip.

The page's script asks for JSON and gets the next task with what became of its answer; a plain form gets a
redirect to the rater's own address, which always shows where she stands.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from annotation.choices import TaskKind
from annotation.forms.answers import (
    MASK_BODY_LIMIT,
    AnswerInput,
    Asked,
    body_limit,
    read_answer,
    read_draft,
    slot_of,
)
from annotation.forms.rating import read_fields, require_no_fields
from annotation.models import Rater
from annotation.services import tasks_for_raters as tasks
from annotation.services.answers import (
    AnswerRefused,
    Late,
    Recorded,
    UndoRefused,
    record_and_go_on,
    record_answer,
    stop_session,
    undo_last,
)
from annotation.services.drafts import DraftRefused, draft_of, image_hw_of, save_draft
from annotation.services.endings import SessionEnd, reason_of, session_end
from annotation.services.entry import EntryRefusal, decline_consent, has_place
from annotation.services.seats import ConsentMissing, PracticePending
from annotation.services.tasks_for_raters import Task, next_task
from annotation.views.entry import NOT_TAKING, consent_page, entry_refusal, wording
from annotation.views.kinds import kind_of, picture_names
from annotation.views.last_page import end_page
from annotation.views.media import png
from annotation.views.pictures import PICTURE_ROUTES
from annotation.views.practice import practice_page
from annotation.views.rater_outcomes import (
    ANSWER_REFUSED,
    CONSENT_MISSING,
    LATE,
    MISPLACED,
    NO_PICTURE,
    NOTHING_TO_UNDO,
    Outcome,
)
from annotation.views.rater_pages import (
    message_of,
    page,
    rater_page,
    reply,
    see_other,
    session_url,
    show,
    url,
    wants_json,
    with_rater,
)
from annotation.views.rater_screens import TaskScreen, cut_prompt, time_left


@rater_page("GET")
@with_rater
def session(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """Where the rater stands: consent, the task in hand, or the end with its code."""
    if rater.outcome:
        return end_page(request, rater, session_end(rater, reason=reason_of(rater.outcome)))
    try:
        step = next_task(rater)
    except ConsentMissing:
        if reason := NOT_TAKING.get(rater.campaign.state):
            return entry_refusal(request, rater.campaign, reason)
        if not has_place(rater.campaign):
            return entry_refusal(request, rater.campaign, EntryRefusal.FULL)
        return consent_page(rater.campaign, consent_url=url(rater, "consent"))
    except PracticePending:
        return practice_page(request, rater)
    if isinstance(step, SessionEnd):
        return end_page(request, rater, step)
    return page(kind_of(rater.campaign).template, task_context(step, rater=rater))


@rater_page("POST")
@with_rater
def answer(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """Records one answer. Sent twice, it is stored once; too late, it is kept and the page says so (409)."""
    campaign = rater.campaign
    fields = read_fields(
        request, limit=body_limit(campaign.task_kind), most_fields=kind_of(campaign).most_fields
    )
    asked = _asked(rater, fields)
    if asked is None:
        return _refuse(request, MISPLACED, rater=rater)
    given = read_answer(fields, asked)
    try:
        recorded, step = _store(rater, given, as_json=wants_json(request))
    except AnswerRefused as refused:
        return _refuse(request, ANSWER_REFUSED[refused.reason], rater=rater)
    if isinstance(recorded, Late):
        return _refuse(request, LATE, rater=rater, name="late")
    if wants_json(request):
        return _next_as_json("already" if recorded.already else "saved", rater=rater, step=step)
    return see_other(session_url(rater))


@rater_page("POST")
@with_rater
def undo(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """Takes the very last answer back and shows its task again."""
    require_no_fields(read_fields(request))
    try:
        task = undo_last(rater)
    except ConsentMissing:
        return _refuse(request, CONSENT_MISSING, rater=rater)
    except UndoRefused:
        return _refuse(request, NOTHING_TO_UNDO, rater=rater)
    if wants_json(request):
        return reply("undone", message=_("Taken back."), task=task_screen(task, rater=rater).as_json())
    return see_other(session_url(rater))


@rater_page("GET", "POST")
@with_rater
def draft(request: HttpRequest, *, rater: Rater, slot: uuid.UUID | None = None) -> HttpResponse:
    """Keeps a drawing at a stroke's end, or sends the one that is kept."""
    if request.method == "GET":
        kept = None if slot is None else draft_of(rater, slot_id=tasks.slot_of(rater, public_id=slot))
        return show(request, NO_PICTURE) if kept is None else png(kept.png)
    fields = read_fields(request, limit=MASK_BODY_LIMIT)
    slot_id = tasks.slot_of(rater, public_id=slot_of(fields))
    image_hw = image_hw_of(rater, slot_id=slot_id)
    if image_hw is None:
        return _refuse(request, MISPLACED, rater=rater)
    given = read_draft(fields, image_hw=image_hw)
    try:
        number = save_draft(rater, slot_id=slot_id, number=given.number, png=given.png)
    except DraftRefused:
        return _refuse(request, MISPLACED, rater=rater)
    return JsonResponse({"outcome": "kept", "number": number})


@rater_page("GET", "POST")
@with_rater
def stop(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """Asks once, then ends the session with the code that applies."""
    if request.method == "POST":
        require_no_fields(read_fields(request))
        try:
            stop_session(rater)
        except ConsentMissing:
            decline_consent(rater)
        return see_other(session_url(rater))
    if rater.outcome:
        return see_other(session_url(rater))
    context = wording(rater.campaign) | {"stop_url": request.path, "session_url": session_url(rater)}
    return page("rate/stop.html", context)


def task_context(task: Task, *, rater: Rater) -> dict[str, Any]:
    """Everything the rating page's template needs."""
    campaign = rater.campaign
    kind = kind_of(campaign)
    return (
        wording(campaign)
        | kind.context(campaign, rater.pseudonym)
        | {
            "screen": task_screen(task, rater=rater),
            "script": kind.script,
            "answer_url": url(rater, "answer"),
            "undo_url": url(rater, "undo"),
            "instructions_url": url(rater, "instructions"),
            "stop_url": url(rater, "stop"),
            "draft_url": url(rater, "draft") if campaign.task_kind == TaskKind.MASK else "",
        }
    )


def task_screen(task: Task, *, rater: Rater) -> TaskScreen:
    """A task as the page shows it, with a fresh idempotency key for its answer."""
    prompt = task.prompt_text if kind_of(rater.campaign).shows_prompt else ""
    before, word, after = cut_prompt(prompt, word=task.word)
    is_mask = rater.campaign.task_kind == TaskKind.MASK
    kept = draft_of(rater, slot_id=task.slot_id) if is_mask else None
    return TaskScreen(
        slot=str(task.public_id),
        idempotency_key=str(uuid.uuid4()),
        question=task.instruction or rater.campaign.question,
        before=before,
        word=word,
        after=after,
        pictures=_pictures(rater, task.public_id),
        ahead=tuple(_pictures(rater, task.next_public_id).values()) if task.next_public_id else (),
        width=task.image_hw[1],
        height=task.image_hw[0],
        place=task.place,
        places_total=task.places_total,
        time_left=time_left(task.seconds_left_estimate),
        can_undo=task.can_undo,
        draft_url=url(rater, "kept_draft", task.public_id) if kept else "",
        draft_number=kept.number if kept else 0,
    )


def _pictures(rater: Rater, slot: uuid.UUID) -> dict[str, str]:
    """The addresses of a task's pictures by their names."""
    return {name: url(rater, PICTURE_ROUTES[name], slot) for name in picture_names(rater.campaign)}


def _store(
    rater: Rater, given: AnswerInput, *, as_json: bool
) -> tuple[Recorded | Late, Task | SessionEnd | None]:
    """What became of the answer; with what comes next where the same reply brings it."""
    how: dict[str, Any] = {
        "slot_id": tasks.slot_of(rater, public_id=given.slot),
        "content": given.content,
        "idempotency_key": given.idempotency_key,
        "client_milliseconds": given.client_milliseconds,
        "view": given.view,
    }
    return record_and_go_on(rater, **how) if as_json else (record_answer(rater, **how), None)


def _asked(rater: Rater, fields: Mapping[str, str]) -> Asked | None:
    """What the form is an answer to; None for a mask of an image that was not put to this rater."""
    campaign = rater.campaign
    image_hw = None
    if campaign.task_kind == TaskKind.MASK:
        image_hw = image_hw_of(rater, slot_id=tasks.slot_of(rater, public_id=slot_of(fields)))
        if image_hw is None:
            return None
    return Asked(
        task_kind=campaign.task_kind,
        vocabulary=tuple(campaign.vocabulary),
        score_of=campaign.score_of,
        image_hw=image_hw,
    )


def _next_as_json(
    name: str,
    *,
    rater: Rater,
    message: str = "",
    status: int = 200,
    step: Task | SessionEnd | None = None,
) -> HttpResponse:
    """What became of the request, and the next task; where there is none, the address that says why."""
    try:
        step = step or next_task(rater)
    except (ConsentMissing, PracticePending):
        return reply(name, message=message, location=session_url(rater), status=status)
    if isinstance(step, SessionEnd):
        return reply(name, message=message, location=session_url(rater), status=status)
    return reply(name, message=message, task=task_screen(step, rater=rater).as_json(), status=status)


def _refuse(request: HttpRequest, outcome: Outcome, *, rater: Rater, name: str = "refused") -> HttpResponse:
    """A refusal that leads on: the current task and the reason for the script, a button for a person."""
    if wants_json(request):
        return _next_as_json(name, rater=rater, message=message_of(outcome), status=outcome.status)
    return show(
        request, outcome, campaign=rater.campaign, action_url=session_url(rater), action_label=_("Go on")
    )
