"""Training and qualification as a rater meets them: the question's page, then what the answer was worth."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from annotation.choices import ItemKind, TaskKind
from annotation.forms.answers import Asked, body_limit, read_answer, slot_of
from annotation.forms.rating import read_fields
from annotation.models import Campaign, Item, PracticeAnswer, Rater
from annotation.practice import Round, Standing
from annotation.services import practice as service
from annotation.services.endings import SessionEnd
from annotation.services.practice import PracticeRefused
from annotation.views import pictures
from annotation.views.entry import wording
from annotation.views.feedback import feedback_context, feedback_pictures
from annotation.views.kinds import kind_of, picture_names
from annotation.views.last_page import end_page
from annotation.views.media import png
from annotation.views.pictures import shown_by
from annotation.views.rater_outcomes import NO_PICTURE, PICTURE_GONE, STALE
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


@rater_page("GET", "POST")
@with_rater
def practice(request: HttpRequest, *, rater: Rater) -> HttpResponse:
    """What the last answer was worth (GET); takes the next one (POST)."""
    if request.method == "GET":
        return _told(rater) or see_other(session_url(rater))
    campaign = rater.campaign
    fields = read_fields(
        request, limit=body_limit(campaign.task_kind), most_fields=kind_of(campaign).most_fields
    )
    given = read_answer(fields, _asked(rater, fields))
    try:
        now = service.record_practice(
            rater, name=given.slot, content=given.content, idempotency_key=given.idempotency_key
        )
    except PracticeRefused:
        return _refused(request, rater)
    # Between two items of a qualification there is nothing to tell.
    goes_on = now.item is not None and now.item.kind == ItemKind.QUALIFICATION and now.place > 1
    address = session_url(rater) if goes_on or now.passed is False else url(rater, "practice")
    if not wants_json(request):
        return see_other(address)
    if goes_on:
        screen = practice_screen(rater, _item(rater, now), now=now)
        return reply("practised", task=screen.as_json())
    return reply("practised", location=address)


@rater_page("GET")
@with_rater
def picture(request: HttpRequest, *, rater: Rater, slot: uuid.UUID, name: str) -> HttpResponse:
    """One picture of a practice item: of a rater who practises, or has answered it."""
    item = service.item_named(rater.campaign, slot)
    if item is None or not _may_see(rater, item):
        return show(request, NO_PICTURE)
    try:
        content = _picture(rater, item, name=name)
    except pictures.UNREADABLE:
        return show(request, PICTURE_GONE)
    if content is None:
        return show(request, NO_PICTURE)
    response = png(content)
    response["Cache-Control"] = "private, max-age=600"
    return response


def practice_page(request: HttpRequest, rater: Rater) -> HttpResponse:
    """The page of the practice item that is asked now; the last page where the campaign takes no answers."""
    end = service.pause_reason(rater)
    if isinstance(end, SessionEnd):
        return end_page(request, rater, end)
    now = service.standing_of(rater)
    kind = kind_of(rater.campaign)
    context = wording(rater.campaign) | kind.context(rater.campaign, rater.pseudonym)
    context |= {
        "screen": practice_screen(rater, _item(rater, now), now=now),
        "script": kind.script,
        "answer_url": url(rater, "practice"),
        "undo_url": url(rater, "undo"),
        "instructions_url": url(rater, "instructions"),
        "stop_url": url(rater, "stop"),
        "draft_url": "",
    }
    return page(kind.template, context)


def practice_screen(rater: Rater, item: Item, *, now: Standing) -> TaskScreen:
    """A practice item as its page shows it, with a fresh idempotency key."""
    campaign = rater.campaign
    shown = shown_by(item)
    prompt = shown.prompt if kind_of(campaign).shows_prompt else ""
    before, word, after = cut_prompt(prompt, word=shown.word)
    name = service.name_of(item)
    return TaskScreen(
        slot=str(name),
        idempotency_key=str(uuid.uuid4()),
        question=campaign.question,
        before=before,
        word=word,
        after=after,
        pictures={each: url(rater, "practice_picture", name, each) for each in picture_names(campaign)},
        width=shown.image_hw[1],
        height=shown.image_hw[0],
        place=now.place,
        places_total=now.total,
        time_left=time_left((now.total - now.place + 1) * campaign.seconds_per_item),
        can_undo=False,
        round_name=round_name(item),
    )


def round_name(item: Item) -> str:
    """What the rater reads above a practice item."""
    return _("Practice") if item.kind == ItemKind.TRAINING else _("Entry test")


def _told(rater: Rater) -> HttpResponse | None:
    """The page about the last answer; None where there is nothing to tell."""
    told = service.last_feedback(rater)
    if told is None or rater.outcome:
        return None
    now = service.standing_of(rater)
    more = {"continue_url": session_url(rater), "passed": now.passed}
    if told.item.kind == ItemKind.TRAINING:
        name = service.name_of(told.item)
        names = (*picture_names(rater.campaign), *feedback_pictures(told))
        addresses = {each: url(rater, "practice_picture", name, each) for each in names}
        again = now.item is not None and now.item.item_id == told.item.pk
        context = feedback_context(rater.campaign, told, addresses=addresses)
        return page("rate/feedback.html", context | more | {"again": again})
    if now.rounds and (now.passed or now.place == 1):
        return page("rate/entry_test.html", round_context(rater.campaign, now.rounds[-1]) | more)
    return None


def round_context(campaign: Campaign, one: Round) -> dict[str, Any]:
    """What the page after an attempt at the qualification shows."""
    return wording(campaign) | {"round": one}


def _item(rater: Rater, now: Standing) -> Item:
    if now.item is None:
        raise ValueError("who practises has an item before her (practising is set with the last answer)")
    return service.shown_item(rater.campaign, now.item.item_id)


def _may_see(rater: Rater, item: Item) -> bool:
    if rater.outcome:
        return False
    return rater.practising or PracticeAnswer.objects.filter(rater=rater, item=item).exists()


def _asked(rater: Rater, fields: Mapping[str, str]) -> Asked:
    """What the form is an answer to. Without its item a mask has no size, and is refused."""
    campaign = rater.campaign
    item = service.item_named(campaign, slot_of(fields)) if campaign.task_kind == TaskKind.MASK else None
    return Asked(
        task_kind=campaign.task_kind,
        vocabulary=tuple(campaign.vocabulary),
        score_of=campaign.score_of,
        image_hw=shown_by(item).image_hw if item else None,
    )


def _picture(rater: Rater, item: Item, *, name: str) -> bytes | None:
    """The picture of that name; None where the item has none, or the rater may not see it yet."""
    if name in (pictures.DRAWN, pictures.EXPECTED):
        told = service.last_feedback(rater)
        # What is expected is told after an answer, and never of the qualification.
        if told is None or told.item != item or item.kind != ItemKind.TRAINING or item.image is None:
            return None
        rle = told.given.rle if name == pictures.DRAWN else item.reference_rle
        return pictures.masked_png(item.image, rle) if rle else None
    if name not in picture_names(rater.campaign):
        return None
    return pictures.picture(item, name=name, swapped=service.swapped_for(rater, item))


def _refused(request: HttpRequest, rater: Rater) -> HttpResponse:
    if wants_json(request):
        return reply("refused", message=message_of(STALE), location=session_url(rater), status=STALE.status)
    return show(
        request, STALE, campaign=rater.campaign, action_url=session_url(rater), action_label=_("Go on")
    )
