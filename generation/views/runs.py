"""The list of runs, the form of a new one, and one run with its progress and its images."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation import queries
from generation.choices import RunState
from generation.fingerprints import FingerprintError
from generation.forms import RunForm, defaults_of
from generation.models import PromptSet, Run
from generation.queue_state import queue_state
from generation.registry import available
from generation.services import runs as service
from generation.tasks import wake_worker
from generation.views import scope
from generation.views.fragments import stop_polling
from generation.windows import cut_prompts, room

RUNS_ON_A_PAGE: Final = 25
IMAGES_ON_A_PAGE: Final = 24
ACTS_SHOWN: Final = 50
CUT_PROMPTS_SHOWN: Final = 5
ACTS: Final[dict[str, Callable[..., object]]] = {
    "pause": service.pause_run,
    "resume": service.resume_run,
    "cancel": service.cancel_run,
    "retry": service.retry_failed,
}
TOO_LATE: Final = "Nothing changed: the run is {state} already."
NONE_FAILED: Final = "Nothing changed: no image of this run waits to be tried again."


@login_required
@never_cache
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """Every run that the user may see, the newest first."""
    visible = queries.runs_with_counts(Run.objects.visible_to(request.user))
    context = {
        "section": "runs",
        "page": Paginator(visible, RUNS_ON_A_PAGE).get_page(request.GET.get("page")),
        "has_prompts": PromptSet.objects.editable_by(request.user).exists(),
    }
    return render(request, "generation/runs.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def run_new(request: HttpRequest) -> HttpResponse:
    """The form of a new run, filled with the chosen model's own settings; POST starts the run."""
    if request.method == "POST":
        form = RunForm(request.POST, user=request.user)
        if form.is_valid() and (run := _create(request, form)):
            return redirect("generation:run", run.pk)
        price = _price(RunForm(request.POST, user=request.user))
    else:
        initial = _initial(request)
        form = RunForm(initial=initial, user=request.user)
        price = _price(RunForm(initial, user=request.user))
    context = {
        "section": "runs",
        "form": form,
        "has_prompts": PromptSet.objects.editable_by(request.user).exists(),
        **price,
    }
    return render(request, "generation/run_new.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_safe
def run_price(request: HttpRequest) -> HttpResponse:
    """What a run with these settings would cost in images and time: a fragment of the form."""
    return render(request, "generation/partials/price.html", _price(RunForm(request.GET, user=request.user)))


@login_required
@never_cache
@require_safe
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: settings, progress, failures, finished images."""
    context = _run_context(request, pk)
    if context["is_live"]:
        context["queue"] = queue_state(scope.user_of(request))
    return render(request, "generation/run.html", context)


@login_required
@never_cache
@require_safe
def run_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes while it is generated."""
    context = _run_context(request, pk)
    response = render(request, "generation/partials/run_progress.html", context)
    return response if context["is_live"] else stop_polling(response)


@login_required
@require_POST
def run_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Pause, resume, cancel, or retry what failed."""
    if act not in ACTS:
        raise Http404
    found = scope.one_of(request, Run.objects, pk=pk)
    if ACTS[act](found, actor=request.user):
        wake_worker.delay_on_commit(found.pk)
    else:
        found.refresh_from_db()
        messages.warning(request, NONE_FAILED if act == "retry" else TOO_LATE.format(state=_state(found)))
    return redirect("generation:run", found.pk)


def _state(found: Run) -> str:
    """The state in a word; a run whose images are all done or failed generates nothing any more."""
    finished = found.state == RunState.QUEUED and queries.run_progress(found).is_finished
    return "finished" if finished else found.get_state_display().lower()


def _create(request: HttpRequest, form: RunForm) -> Run | None:
    try:
        run = service.create_run(scope.user_of(request), form.run_spec)
    except (service.RunRefused, FingerprintError) as refused:
        form.add_error(None, str(refused))
        return None
    wake_worker.delay_on_commit(run.pk)
    return run


def _initial(request: HttpRequest) -> dict[str, Any]:
    """The model's own settings, under what was typed in already."""
    specs = {spec.id: spec for spec in available()}
    spec = specs.get(request.GET.get("model", ""), next(iter(specs.values())))
    prompt_sets = PromptSet.objects.editable_by(request.user)
    asked = request.GET.get("prompt_set", "")
    chosen = (
        prompt_sets.filter(pk=int(asked)).first()
        if asked.isascii() and asked.isdigit()
        else prompt_sets.first()
    )
    kept = {
        key: request.GET[key] for key in ("name", "images_per_prompt", "first_seed") if request.GET.get(key)
    }
    name = f"{chosen.name}, {spec.id}"[:120] if chosen else ""
    start = {"name": name, "prompt_set": chosen.pk if chosen else "", "images_per_prompt": 1, "first_seed": 0}
    return defaults_of(spec) | start | kept


def _price(form: RunForm) -> dict[str, Any]:
    """Images and, where the model's pace is known, seconds; or why the run can't be made."""
    if not form.is_valid():
        return {"price_problem": next(iter(form.non_field_errors()), "")}
    settings = form.generation_settings
    pace = queries.seconds_per_image(
        model_id=form.model_spec.id, work=settings.height * settings.width * settings.steps
    )
    model = form.model_spec
    texts = form.cleaned_data["prompt_set"].prompts.order_by("row_number").values_list("row_number", "text")
    cut = cut_prompts(texts.iterator(), tokens=model.tokens)
    return {
        "window_model": model.id,
        "window_tokens": room(model.tokens),
        "cut_count": len(cut),
        "cut_prompts": cut[:CUT_PROMPTS_SHOWN],
        "price_images": form.images,
        "price_pace": pace,
        "price_seconds": None if pace is None else pace * form.images,
    }


def _run_context(request: HttpRequest, pk: int) -> dict[str, Any]:
    found: Run = scope.one_of(request, queries.runs_with_counts(Run.objects.all()), pk=pk)
    progress = queries.run_progress(found)
    page = Paginator(queries.finished_images(found), IMAGES_ON_A_PAGE).get_page(request.GET.get("page"))
    return {
        "section": "runs",
        "run": found,
        "progress": progress,
        "failures": queries.failures(found),
        "page": page,
        "apart": queries.explorations(found) if found.explored else None,
        "acts": found.acts.select_related("actor")[:ACTS_SHOWN],
        "can_edit": scope.can_edit(request, found),
        "is_live": progress.leased > 0
        or (found.state == RunState.QUEUED and not progress.is_finished)
        or (found.explored and queries.explorations(found)["open"] > 0),
    }
