"""Questions about pictures: asked, waited for, answered with maps and numbers, taken away, deleted."""

import csv
import io
import math
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation import picture_storage, storage
from generation.choices import ImageState, MapRequestKind
from generation.fingerprints import FingerprintError
from generation.models import Image, MapRequest, Project
from generation.question_forms import FULL, CaptionForm, QuestionForm
from generation.services import map_requests as service
from generation.services.projects import personal_project
from generation.tasks import wake_worker
from generation.views import scope
from generation.views.answers import KINDS, UNITS, Answer, open_answer, unread_of
from generation.views.fragments import reload_page, wants_fragment

QUESTIONS_ON_A_PAGE: Final = 25


@login_required
@never_cache
@require_safe
def questions(request: HttpRequest) -> HttpResponse:
    """Every question that the user may see, the newest first."""
    rows = MapRequest.objects.visible_to(request.user).filter(kind=MapRequestKind.INFORM)
    context = {
        "section": "runs",
        "page": Paginator(rows.select_related("project"), QUESTIONS_ON_A_PAGE).get_page(
            request.GET.get("page")
        ),
    }
    return render(request, "generation/questions.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def question_new(request: HttpRequest) -> HttpResponse:
    """The form with a picture of one's own; POST asks."""
    user = scope.user_of(request)
    if request.method == "POST":
        form = QuestionForm(request.POST, request.FILES, user=user)
        if form.is_valid():
            project: Project = form.cleaned_data["project"]
            asked = _ask(request, form, project, png=form.cleaned_data["picture"])
            if asked:
                return redirect("generation:question", asked.pk)
    else:
        form = QuestionForm(user=user, initial={"project": personal_project(user)})
    context = {"section": "runs", "form": form}
    return render(request, "generation/question_new.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def image_question(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """The form for an image of a run, its prompt as the caption; POST asks."""
    rows = Image.objects.select_related("run__prompt_set__project", "prompt")
    image: Image = scope.to_edit(request, rows, pk=image_pk, run=pk, state=ImageState.DONE)
    if request.method == "POST":
        form = CaptionForm(request.POST)
        if form.is_valid():
            try:
                png = storage.read_png(image)
            except storage.MediaMissing as missing:
                raise Http404(str(missing)) from missing
            asked = _ask(request, form, image.run.prompt_set.project, png=png, image=image)
            if asked:
                return redirect("generation:question", asked.pk)
    else:
        form = CaptionForm(initial={"caption": image.prompt.text, "model": image.run.model_id})
    context = {"section": "runs", "form": form, "image": image, "run": image.run}
    return render(request, "generation/question_new.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_safe
def question(request: HttpRequest, pk: int) -> HttpResponse:
    """The answer: a word's maps and the numbers of all words and captions; before it, how far it is."""
    found = _question(request, pk)
    context = {
        "section": "runs",
        "question": found,
        "can_edit": scope.can_edit(request, found),
        "answer": None if found.answered_at is None else open_answer(found, request.GET),
        "kinds": KINDS,
        "units": UNITS,
    }
    template = "partials/answer.html" if wants_fragment(request) and found.answered_at else "question.html"
    return render(request, f"generation/{template}", context)


@login_required
@never_cache
@require_safe
def question_state(request: HttpRequest, pk: int) -> HttpResponse:
    """How far an open question is; tells the page to load again once it is answered or has failed."""
    found = _question(request, pk)
    response = render(request, "generation/partials/question_state.html", {"question": found})
    return response if found.is_open else reload_page(response)


@login_required
@require_POST
def question_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """The question, its picture and its maps are gone."""
    service.delete_request(_question(request, pk))
    messages.success(request, "The question, its picture and its maps are deleted.")
    return redirect("generation:questions")


@login_required
@require_POST
def question_again(request: HttpRequest, pk: int) -> HttpResponse:
    """A question that failed waits for a worker again."""
    found = _question(request, pk)
    if service.ask_again(found):
        wake_worker.delay_on_commit(found.pk)
    else:
        messages.warning(request, "Nothing changed: the question has not failed.")
    return redirect("generation:question", found.pk)


@login_required
@never_cache
@require_safe
def question_png(request: HttpRequest, pk: int) -> HttpResponse:
    """The picture as it was asked about."""
    found = _question(request, pk)
    try:
        content = picture_storage.read_picture(found.pk, digest=found.picture_sha256)
    except picture_storage.PictureMissing as missing:
        raise Http404(str(missing)) from missing
    return HttpResponse(content, content_type="image/png")


@login_required
@never_cache
@require_safe
def question_map(request: HttpRequest, pk: int, position: int, kind: str) -> HttpResponse:
    """A word's map over the picture; with ?alone=1 by itself, with ?whole=1 at the picture's size."""
    answer = _answer(request, pk)
    asked = request.GET
    content = answer.png(position, kind, is_alone="alone" in asked, is_whole="whole" in asked)
    return HttpResponse(content, content_type="image/png")


@login_required
@never_cache
@require_safe
def question_npy(request: HttpRequest, pk: int, position: int, kind: str) -> HttpResponse:
    """A word's map, raw: (height, width) float32; MI and CMI in ?unit=.

    At latent size, or with ?at=picture enlarged to the picture's.
    """
    answer = _answer(request, pk)
    at = "picture" if request.GET.get("at") == "picture" else "latent"
    return _download(answer.npy(position, kind, at=at), name=f"question-{pk}-word-{position}-{kind}.npy")


@login_required
@never_cache
@require_safe
def question_npz(request: HttpRequest, pk: int) -> HttpResponse:
    """All that was stored of the maps: see picture_storage. MI and CMI in nats. 409 before the answer."""
    found = _question(request, pk)
    if found.answered_at is None:
        return _early(request, pk)
    try:
        content = picture_storage.read_maps_file(found.pk, digest=found.maps_sha256)
    except picture_storage.PictureMissing as missing:
        raise Http404(str(missing)) from missing
    return _download(content, name=f"question-{pk}.npz")


@login_required
@never_cache
@require_safe
def question_csv(request: HttpRequest, pk: int, table: str) -> HttpResponse:
    """What the words add to the caption, or what each caption tells, in nats and bits. 409 before it."""
    found = _question(request, pk)
    if table not in ("words", "captions"):
        raise Http404(f"There is no table {table!r}.")
    if found.answered_at is None:
        return _early(request, pk)
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    measures = ["nats", "nats_standard_error", "bits", "bits_standard_error"]
    if table == "words":
        rows.writerow(["position", "word", "seen_by_model", *measures])
        rows.writerows(
            [word["position"], word["text"], "yes", *_measures(word)] for word in found.result["words"]
        )
        rows.writerows(
            [word["position"], word["text"], "no", "", "", "", ""] for word in found.result["unread"]
        )
    else:
        rows.writerow(["caption", *measures, "words_not_read", "same_to_the_model_as"])
        rows.writerows(
            [each["text"], *_measures(each), " ".join(unread_of(each)), each.get("same_as") or ""]
            for each in found.result["captions"]
        )
    return _download(buffer.getvalue().encode(), name=f"question-{pk}-{table}.csv", content_type="text/csv")


def _measures(row: dict[str, Any]) -> list[str]:
    values = [row["nats"], row["nats_error"]]
    bits = [None if value is None else value / math.log(2) for value in values]
    return ["" if value is None else f"{value:.6g}" for value in (*values, *bits)]


def _ask(
    request: HttpRequest, form: CaptionForm, project: Project, *, png: bytes, image: Image | None = None
) -> MapRequest | None:
    try:
        asked = service.ask_information(
            scope.user_of(request), project, form.question(png=png, image=image), model=form.model_spec
        )
    except (service.MapRequestRefused, FingerprintError) as refused:
        form.add_error(None, str(refused))
        return None
    except OSError:
        form.add_error(None, FULL)
        return None
    wake_worker.delay_on_commit(asked.pk)
    return asked


def _question(request: HttpRequest, pk: int) -> MapRequest:
    rows = MapRequest.objects.select_related("project", "asked_by", "image__run", "image__prompt")
    found: MapRequest = scope.one_of(request, rows, pk=pk, kind=MapRequestKind.INFORM)
    return found


def _answer(request: HttpRequest, pk: int) -> Answer:
    found = _question(request, pk)
    if found.answered_at is None:
        raise Http404("The question is not answered yet.")
    return open_answer(found, request.GET)


def _early(request: HttpRequest, pk: int) -> HttpResponse:
    """The question's page, which says how far it is, in place of what isn't there yet."""
    response = question(request, pk)
    response.status_code = 409
    return response


def _download(content: bytes, *, name: str, content_type: str = "application/octet-stream") -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
