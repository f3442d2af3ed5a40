"""The API of adjudication: what waits, answers side by side, a reviewer's answer, taking it back."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from ninja import Query, Router, Schema, Status
from pydantic import Field

from annotation import adjudication_queue as queue
from annotation.adjudication_queue import SideBySide
from annotation.api import found_campaign
from annotation.choices import TaskKind
from annotation.disagreement import disagreement
from annotation.forms import adjudicating
from annotation.models import Adjudication, Campaign, Item
from annotation.services import adjudications as service
from annotation.services.adjudications import LONGEST_NOTE
from annotation.verdicts import Given
from annotation.views.adjudication import given_in, in_words, item_of
from annotation.views.pictures import shown_by
from annotation.views.scope import user_of
from generation.api import Page, Refusal, StrictSchema, key
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import refused

router = Router()


class WaitingOut(Schema):
    """One item of the queue. disagreement: from 0 to 1.  answers: of the raters who count."""

    item: int
    disagreement: float
    answers: int


class SaidOut(Schema):
    """One answer. said: as a page has it.  rle: of a mask, COCO run lengths; the first of a pair is left."""

    said: str
    score: int | None
    opt_out: str
    words: list[str] | None
    winner: str
    choice: str
    rle: str


class AnswerOut(SaidOut):
    """One rater's answer. letter: in an order of the item's own.  answer: its number, to choose a mask by."""

    letter: str
    answer: int
    view: str
    seconds: float


class AdjudicationOut(SaidOut):
    """What a reviewer said. undone_at: null while it stands."""

    item: int
    actor: str
    note: str
    made_at: datetime
    undone_at: datetime | None


class ItemOut(Schema):
    """An item with its answers. options: what `option` may say; of a checklist none, it takes words.

    standing: the adjudication that holds, or null.
    """

    item: int
    prompt: str
    word: str
    disagreement: float
    answers: list[AnswerOut]
    options: dict[str, str]
    words: list[str]
    standing: AdjudicationOut | None


class AdjudicationIn(StrictSchema):
    """The reviewer's answer: one of the item's options, or of a checklist the words, [] for none of these."""

    option: str = ""
    words: list[str] | None = Field(None, max_length=1_000)
    note: str = Field("", max_length=LONGEST_NOTE)


class IdentityOut(Schema):
    """Whose answer a letter is."""

    letter: str
    rater: str


@router.get("/campaigns/{public_id}/adjudication", response=list[WaitingOut], tags=["adjudication"])
@needs(TokenScope.RESULTS)
def list_waiting(
    request: HttpRequest, public_id: UUID, page: Query[Page], from_percent: int | None = None
) -> Any:
    """Items that wait, the furthest apart first. from_percent: 1 to 100; without it the campaign's own."""
    found = found_campaign(request, public_id)
    least = queue.threshold_percent(found) if from_percent is None else from_percent
    if not 1 <= least <= 100:
        raise refused(400, "Give a number from 1 to 100.", field="from_percent", value=least)
    rows = queue.waiting(found, from_percent=least)[page.offset : page.offset + page.limit]
    return [{"item": row.item_id, "disagreement": row.disagreement, "answers": row.n_answers} for row in rows]


@router.get("/campaigns/{public_id}/adjudication/done", response=list[AdjudicationOut], tags=["adjudication"])
@needs(TokenScope.RESULTS)
def list_adjudications(request: HttpRequest, public_id: UUID, page: Query[Page]) -> Any:
    """Adjudications that stand, the newest first; adjudications.csv has those taken back as well."""
    made = queue.standing_adjudications(found_campaign(request, public_id))
    return [_adjudication(row) for row in made[page.offset : page.offset + page.limit]]


@router.get("/campaigns/{public_id}/adjudication/{item}", response=ItemOut, tags=["adjudication"])
@needs(TokenScope.RESULTS)
def read_item(request: HttpRequest, public_id: UUID, item: int) -> Any:
    """One item with its answers side by side, without saying whose they are."""
    found = found_campaign(request, public_id)
    return _item(found, item_of(found, key(item)))


@router.post(
    "/campaigns/{public_id}/adjudication/{item}",
    response={201: AdjudicationOut, 400: Refusal, 409: Refusal},
    tags=["adjudication"],
)
@needs(TokenScope.REVIEW)
def adjudicate(request: HttpRequest, public_id: UUID, item: int, given: AdjudicationIn) -> Any:
    """Records a reviewer's answer beside the raters', which stay as they are. 409 where one stands."""
    found = found_campaign(request, public_id)
    chosen = item_of(found, key(item))
    answers = queue.side_by_side(chosen)
    try:
        content = adjudicating.read_adjudication(
            _posted(found, given), campaign=found, answers=answers, image_hw=shown_by(chosen).image_hw
        )
    except ValueError as fault:
        field = "words" if found.task_kind == TaskKind.OBJECT_PRESENCE else "option"
        value = given.words if field == "words" else given.option
        codes = ", ".join(one.code for one in adjudicating.offered(found, answers))
        remedy = f"{fault} Options: {codes}." if codes else str(fault)
        raise refused(400, remedy, field=field, value=value) from fault
    try:
        made = service.adjudicate(chosen, content, actor=user_of(request), note=given.note)
    except service.AdjudicationRefused as refusal:
        raise refused(409, str(refusal)) from refusal
    return Status(201, _adjudication(Adjudication.objects.select_related("actor", "mask").get(pk=made.pk)))


@router.post(
    "/campaigns/{public_id}/adjudication/{item}/undo",
    response={200: AdjudicationOut, 409: Refusal},
    tags=["adjudication"],
)
@needs(TokenScope.REVIEW)
def undo_adjudication(request: HttpRequest, public_id: UUID, item: int) -> Any:
    """Takes the adjudication back; it stays in the file, marked. 409 where there is none."""
    chosen = item_of(found_campaign(request, public_id), key(item))
    try:
        undone = service.undo(chosen, actor=user_of(request))
    except service.AdjudicationRefused as refusal:
        raise refused(409, str(refusal)) from refusal
    return _adjudication(Adjudication.objects.select_related("actor", "mask").get(pk=undone.pk))


@router.post(
    "/campaigns/{public_id}/adjudication/{item}/raters",
    response={200: list[IdentityOut]},
    tags=["adjudication"],
)
@needs(TokenScope.REVIEW)
def open_identities(request: HttpRequest, public_id: UUID, item: int) -> Any:
    """Whose answers the item's are. The history says that you looked."""
    chosen = item_of(found_campaign(request, public_id), key(item))
    service.open_identities(chosen, actor=user_of(request))
    return [{"letter": row.letter, "rater": row.pseudonym} for row in queue.side_by_side(chosen)]


def _posted(found: Campaign, given: AdjudicationIn) -> QueryDict:
    """The body as the page's form sends it."""
    posted = QueryDict(mutable=True)
    posted[adjudicating.OPTION] = given.option
    if found.task_kind == TaskKind.OBJECT_PRESENCE:
        posted[adjudicating.OPTION] = adjudicating.NONE_OF_THESE if given.words == [] else ""
        posted.setlist(adjudicating.WORD, given.words or [])
    return posted


def _item(found: Campaign, item: Item) -> dict[str, Any]:
    answers = queue.side_by_side(item)
    shown = shown_by(item)
    standing = queue.standing_adjudications(found).filter(item=item).first()
    return {
        "item": item.pk,
        "prompt": shown.prompt,
        "word": shown.prompt[slice(*shown.word)] if shown.word else "",
        "disagreement": disagreement([one.given for one in answers], task_kind=found.task_kind),
        "answers": [_answer(one) for one in answers],
        "options": _options(found, answers),
        "words": found.vocabulary,
        "standing": _adjudication(standing) if standing else None,
    }


def _options(found: Campaign, answers: Sequence[SideBySide]) -> dict[str, str]:
    return {one.code: one.label for one in adjudicating.offered(found, answers)}


def _answer(one: SideBySide) -> dict[str, Any]:
    return _said(one.given) | {
        "letter": one.letter, "answer": one.answer_id, "view": one.view, "seconds": one.seconds
    }  # fmt: skip


def _adjudication(row: Adjudication) -> dict[str, Any]:
    return _said(given_in(row)) | {
        "item": row.item_id,
        "actor": row.actor.get_username() if row.actor else "",
        "note": row.note,
        "made_at": row.at,
        "undone_at": row.undone_at,
    }


def _said(given: Given) -> dict[str, Any]:
    values = asdict(given)
    same = {name: values[name] for name in ("score", "opt_out", "words", "choice", "rle")}
    return same | {"said": in_words(given), "winner": given.winner}
