"""The rating page and everything done on it: answer, undo, stop. One answer is one round trip.

The page's script asks for JSON and gets the next task with what became of its answer; a plain form gets a
redirect to the rater's own address, which always shows where she stands.
"""

import uuid
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from annotation.forms.rating import read_answer, read_fields, require_no_fields
from annotation.models import Rater
from annotation.services.answers import (
    AnswerRefused,
    Late,
    UndoRefused,
    record_answer,
    stop_session,
    undo_last,
)
from annotation.services.endings import EndReason, SessionEnd, reason_of, session_end
from annotation.services.entry import decline_consent
from annotation.services.seats import ConsentMissing
from annotation.services.tasks_for_raters import Task, next_task
from annotation.views.entry import NOT_TAKING, consent_page, declined_page, entry_refusal, wording
from annotation.views.rater_outcomes import (
    ANSWER_REFUSED,
    CONSENT_MISSING,
    LATE,
    NOTHING_TO_UNDO,
    SESSION_ENDED,
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
from annotation.views.rater_screens import TaskScreen, cut_prompt, option_context, time_left
from generation.models import WordMap

CODELESS: Final = "You have not answered any question, so there is no code."


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
        return consent_page(rater.campaign, consent_url=url(rater, "consent"))
    if isinstance(step, SessionEnd):
        return end_page(request, rater, step)
    return page("rate/task.html", task_context(step, rater=rater))


@rater_page("POST")
@with_rater
def answer(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """Records one answer. Sent twice, it is stored once; too late, it is kept and the page says so (409)."""
    given = read_answer(read_fields(request))
    try:
        recorded = record_answer(
            rater,
            slot_id=given.slot_id,
            option_code=given.option_code,
            idempotency_key=given.idempotency_key,
            client_milliseconds=given.client_milliseconds,
            view=given.view,
        )
    except AnswerRefused as refused:
        return _refuse(request, ANSWER_REFUSED[refused.reason], rater=rater)
    if isinstance(recorded, Late):
        return _refuse(request, LATE, rater=rater, name="late")
    if wants_json(request):
        return _next_as_json("already" if recorded.already else "saved", rater=rater)
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
        return reply("undone", message="Taken back.", task=task_screen(task, rater=rater).as_json())
    return see_other(session_url(rater))


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


def end_page(request: HttpRequest, rater: Rater, end: SessionEnd) -> HttpResponse:
    """The last page of a session: thanks, the code, the way back to the platform."""
    campaign = rater.campaign
    if end.reason == EndReason.DECLINED:
        return declined_page(request, campaign)
    has_code = bool(end.completion_code)
    ended = end.reason != EndReason.PAUSED
    return show(
        request,
        SESSION_ENDED[end.reason],
        campaign=campaign,
        code=end.completion_code,
        back_url=campaign.completion_url if has_code else "",
        details=[CODELESS] if ended and not has_code else [],
    )


def task_context(task: Task, *, rater: Rater) -> dict[str, Any]:
    """Everything the rating page's template needs."""
    return (
        wording(rater.campaign)
        | option_context()
        | {
            "screen": task_screen(task, rater=rater),
            "answer_url": url(rater, "answer"),
            "undo_url": url(rater, "undo"),
            "instructions_url": url(rater, "instructions"),
            "stop_url": url(rater, "stop"),
        }
    )


def task_screen(task: Task, *, rater: Rater) -> TaskScreen:
    """A task as the page shows it, with a fresh idempotency key for its answer."""
    before, word, after = cut_prompt(task.prompt_text, start=task.word_start, end=task.word_end)
    sizes = WordMap.objects.values_list("image__run__height", "image__run__width")
    height, width = sizes.get(pk=task.word_map_id)
    return TaskScreen(
        slot_id=task.slot_id,
        idempotency_key=str(uuid.uuid4()),
        before=before,
        word=word,
        after=after,
        image_url=url(rater, "image", task.slot_id),
        map_url=url(rater, "word_map", task.slot_id),
        width=width,
        height=height,
        place=task.place,
        places_total=task.places_total,
        time_left=time_left(task.seconds_left_estimate),
        can_undo=task.can_undo,
    )


def _next_as_json(name: str, *, rater: Rater, message: str = "", status: int = 200) -> HttpResponse:
    """What became of the request, and the next task; where there is none, the address that says why."""
    try:
        step = next_task(rater)
    except ConsentMissing:
        return reply(name, message=message, location=session_url(rater), status=status)
    if isinstance(step, SessionEnd):
        return reply(name, message=message, location=session_url(rater), status=status)
    return reply(name, message=message, task=task_screen(step, rater=rater).as_json(), status=status)


def _refuse(request: HttpRequest, outcome: Outcome, *, rater: Rater, name: str = "refused") -> HttpResponse:
    """A refusal that leads on: the current task and the reason for the script, a button for a person."""
    if wants_json(request):
        return _next_as_json(name, rater=rater, message=message_of(outcome), status=outcome.status)
    return show(
        request, outcome, campaign=rater.campaign, action_url=session_url(rater), action_label="Go on"
    )
