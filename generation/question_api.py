"""The API of questions about pictures: asked, waited for, read. The form of the page judges what is sent."""

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from ninja import File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile

from generation import picture_storage
from generation.api import Page, Refusal, key, only_fields
from generation.api_scopes import needs
from generation.choices import MapRequestKind, TokenScope
from generation.fingerprints import FingerprintError
from generation.models import MapRequest
from generation.problems import ApiRefused, of_form, refused
from generation.question_forms import FULL, USUAL_LEVELS, QuestionForm
from generation.registry import DEMO_ID
from generation.services import map_requests as service
from generation.services.projects import personal_project
from generation.tasks import wake_worker
from generation.views import scope
from generation.views.answers import open_answer

router = Router()


class QuestionIn(Schema):
    """What is asked about the picture. Left out, as on the page.

    others: further captions, one a line.  concepts: whose heads speak for a word, `word = concept`, likewise.
    """

    caption: str
    others: str = ""
    model: str = DEMO_ID
    levels: int = USUAL_LEVELS
    seed: int = 0
    concepts: str = ""
    project: int | None = None


class MapAsked(Schema):
    """at: "latent", as computed, or "picture", enlarged bicubically to the size of the picture given."""

    at: Literal["latent", "picture"] = "latent"
    unit: Literal["nats", "bits"] = "nats"


class QuestionOut(Schema):
    """A question. state: ready, leased, done or dead, then failure says why.

    words: position, text, nats and nats_error of each word (what it adds to the rest of the caption), and the
    concept whose heads speak for it, or a note of why none do.
    unread: words past the model's window.  captions: text, nats, nats_error, unread words of its own,
    and same_as: a caption before it that is the same to the model, or null. One bit is ln 2 nats.
    picture_hw, read_hw: height and width of the picture, and those at which the model read it; null before.
    """

    id: int
    project: int
    state: str
    percent: int
    failure: str
    caption: str
    others: list[str]
    model: str
    model_revision: str
    levels: int
    seed: int
    words: list[dict[str, Any]]
    unread: list[dict[str, Any]]
    captions: list[dict[str, Any]]
    picture_hw: list[int] | None
    read_hw: list[int] | None
    maps_sha256: str
    asked_at: datetime


class DeletedOut(Schema):
    """The number of what is gone."""

    deleted: int


@router.get("/questions", response=list[QuestionOut], tags=["questions"])
@needs(TokenScope.READ)
def list_questions(request: HttpRequest, page: Query[Page]) -> Any:
    """Questions about pictures in these projects, the newest first."""
    visible = MapRequest.objects.visible_to(request.user).filter(kind=MapRequestKind.INFORM)
    return [_question(row) for row in visible[page.offset : page.offset + page.limit]]


@router.post("/questions", response={201: QuestionOut, 400: Refusal}, tags=["questions"])
@needs(TokenScope.GENERATE)
def ask_question(request: HttpRequest, picture: File[UploadedFile], asked: Form[QuestionIn]) -> Any:
    """A picture of one's own with its caption; a worker answers."""
    only_fields(request, "picture", *QuestionIn.model_fields)
    user = scope.user_of(request)
    given = asked.model_dump()
    if asked.project is None:
        given["project"] = personal_project(user).pk
    sent = {name: str(value) for name, value in given.items()}
    form = QuestionForm(sent, {"picture": picture}, user=user)
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=given))
    question = form.question(png=form.cleaned_data["picture"])
    try:
        made = service.ask_information(user, form.cleaned_data["project"], question, model=form.model_spec)
    except (service.MapRequestRefused, FingerprintError) as problem:
        raise refused(400, str(problem)) from problem
    except OSError as problem:
        raise refused(507, FULL, field="picture") from problem
    wake_worker.delay_on_commit(made.pk)
    made.refresh_from_db()
    return Status(201, _question(made))


@router.get("/questions/{number}", response=QuestionOut, tags=["questions"])
@needs(TokenScope.READ)
def read_question(request: HttpRequest, number: int) -> Any:
    """One question, with its answer once there is one."""
    return _question(_one(request, number))


@router.get("/questions/{number}/maps.npz", tags=["questions"])
@needs(TokenScope.RESULTS)
def read_maps(request: HttpRequest, number: int) -> HttpResponse:
    """The maps of all words: picture, positions, attention, mi and cmi (nats), as a NumPy archive.

    At latent size. heads_most and heads_proportion, with heads_most_positions and heads_proportion_positions:
    of words with a concept.  409 before the answer.
    """
    found = _answered(request, number)
    try:
        content = picture_storage.read_maps_file(found.pk, digest=found.maps_sha256)
    except picture_storage.PictureMissing as missing:
        raise refused(404, str(missing)) from missing
    return HttpResponse(content, content_type="application/octet-stream")


@router.post("/questions/{number}/again", response={200: QuestionOut, 409: Refusal}, tags=["questions"])
@needs(TokenScope.GENERATE)
def ask_again(request: HttpRequest, number: int) -> Any:
    """A question that failed waits for a worker again. 409 for any other."""
    found = _one(request, number)
    if not service.ask_again(found):
        raise refused(409, f"Nothing changed: the question has not failed; its state is {found.state}.")
    wake_worker.delay_on_commit(found.pk)
    found.refresh_from_db()
    return _question(found)


@router.post("/questions/{number}/delete", response={200: DeletedOut}, tags=["questions"])
@needs(TokenScope.GENERATE)
def delete_question(request: HttpRequest, number: int) -> Any:
    """The question with its picture and its answer is gone, for good."""
    found = _one(request, number)
    gone = found.pk
    service.delete_request(found)
    return {"deleted": gone}


@router.get("/questions/{number}/words/{position}/{kind}.npy", tags=["questions"])
@needs(TokenScope.RESULTS)
def read_map(
    request: HttpRequest, number: int, position: int, kind: str, asked: Query[MapAsked]
) -> HttpResponse:
    """One word's map: (height, width), float32, as a NumPy file. 404 for a map that it doesn't have.

    kind: cmi, mi, attention, product, heads_most, heads_proportion.  409 before the answer.
    """
    found = _answered(request, number)
    sent = QueryDict(mutable=True)
    sent["unit"] = asked.unit
    try:
        content = open_answer(found, sent).npy(position, kind, at=asked.at)
    except Http404 as missing:
        raise refused(404, str(missing)) from missing
    return HttpResponse(content, content_type="application/octet-stream")


def _answered(request: HttpRequest, number: int) -> MapRequest:
    found = _one(request, number)
    if found.answered_at is None:
        remedy = f"The question is not answered yet; its state is {found.state}. "
        raise refused(409, remedy + (found.failure or "Ask for the question itself to see how far it is."))
    return found


def _one(request: HttpRequest, number: int) -> MapRequest:
    found: MapRequest = scope.one_of(request, MapRequest.objects, pk=key(number), kind=MapRequestKind.INFORM)
    return found


def _question(row: MapRequest) -> dict[str, Any]:
    same = (
        "state", "percent", "failure", "caption", "others", "model_revision", "levels", "seed",
        "maps_sha256", "asked_at",
    )  # fmt: skip
    return {name: getattr(row, name) for name in same} | {
        "id": row.pk,
        "project": row.project_id,
        "model": row.model_id,
        "words": row.result.get("words", []),
        "unread": row.result.get("unread", []),
        "captions": row.result.get("captions", []),
        "picture_hw": row.result.get("picture_hw"),
        "read_hw": row.result.get("read_hw"),
    }
