"""The pages that make a campaign: the list, the choice of a run, the draft."""

from hashlib import sha256
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation import queries, sources, specification
from annotation.choices import CampaignState, TaskKind
from annotation.forms.campaign_starts import initial_for_new, initial_from
from annotation.forms.campaigns import CampaignForm, EffortForm
from annotation.models import Campaign
from annotation.services import campaigns as service
from annotation.specification import Fault, SpecificationRefused, spec_of
from annotation.views.scope import (
    campaign_asked_for,
    campaign_of,
    campaign_to_edit,
    user_of,
)
from generation.models import Run
from generation.views import scope

ON_A_PAGE = 24
LONGEST_NUMBER = 18
LONGEST_NAME = 120
FINGERPRINT = 32
FROZEN = (
    "It has been opened: raters have agreed to its consent text and answered its question. What raters saw "
    "is what the export says, so wording, items, checks and rules stay as they are."
)


@login_required
@never_cache
@require_GET
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign that the user may see, the newest first; ?archived=1: those out of the lists."""
    archived = request.GET.get("archived") == "1"
    real = Campaign.objects.visible_to(request.user).real()
    chosen = real.filter(archived_at__isnull=not archived)
    visible = queries.with_counts(chosen.select_related("run", "owner"))
    context = {
        "section": "campaigns",
        "page": Paginator(visible, ON_A_PAGE).get_page(request.GET.get("page")),
        "has_runs": _runs(request).exists(),
        "archived": archived,
        "page_query": "archived=1&" if archived else "",
        "archived_count": real.filter(archived_at__isnull=False).count(),
    }
    return render(request, "annotation/campaigns.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_new(request: HttpRequest) -> HttpResponse:
    """The choice of a finished run, then the form of a new campaign from it."""
    chosen = request.GET.get("run", "")
    if not chosen:
        page = Paginator(_runs(request), ON_A_PAGE).get_page(request.GET.get("page"))
        return render(request, "annotation/campaign_run.html", {"section": "campaigns", "page": page})
    run = _run(request)
    material = _material(request, run)
    counts = material.word_counts
    pattern = campaign_asked_for(request, by="like")
    kind = _kind(request) if pattern is None else TaskKind(pattern.task_kind)
    if pattern is None:
        judged = request.GET.get("of", "")
        initial = initial_for_new(run_name=run.name, word_counts=counts, task_kind=kind, judged=judged)
    else:
        initial = initial_from(pattern, word_counts=counts) | {
            "name": f"{pattern.name}, again"[:LONGEST_NAME]
        }
    form = CampaignForm(request.POST or None, initial=initial, material=material, task_kind=kind)
    if request.method == "POST" and form.is_valid():
        campaign = service.create_campaign(user_of(request), spec_of(form, run=run))
        messages.success(request, "The campaign is a draft. Preview it as a rater, then open it.")
        return redirect("annotation:campaign", campaign.public_id)
    return _form_page(request, form=form, run=run, campaign=None)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_upload(request: HttpRequest) -> HttpResponse:
    """A draft from a specification file; 400 with every fault where it can't be made."""
    faults: tuple[Fault, ...] = ()
    if request.method == "POST":
        try:
            campaign = specification.create(user_of(request), _uploaded(request))
        except SpecificationRefused as refused:
            faults = refused.faults
        else:
            messages.success(request, "The campaign is a draft. Preview it as a rater, then open it.")
            return redirect("annotation:campaign", campaign.public_id)
    context = {"section": "campaigns", "faults": faults}
    return render(request, "annotation/campaign_upload.html", context, status=400 if faults else 200)


@login_required
@never_cache
@require_GET
def campaign_specification(request: HttpRequest, public_id: str) -> HttpResponse:
    """The file from which the same campaign can be made again."""
    campaign = campaign_of(request, public_id)
    text = specification.as_toml(specification.of_campaign(campaign))
    response = HttpResponse(text, content_type="application/toml; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="campaign.toml"'
    return response


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """The form of a draft; 409 once the campaign has been opened."""
    campaign = campaign_to_edit(request, public_id)
    if campaign.state != CampaignState.DRAFT:
        return _frozen_page(request, campaign=campaign)
    run = campaign.run
    material = _material(request, run)
    form = CampaignForm(
        request.POST or None,
        initial=initial_from(campaign, word_counts=material.word_counts),
        material=material,
        task_kind=campaign.task_kind,
    )
    if request.method == "POST" and form.is_valid():
        _refuse_unseen_changes(request, campaign, form=form)
    if request.method == "POST" and form.is_valid():
        try:
            service.update_draft(campaign, spec_of(form, run=run), actor=user_of(request))
        except service.CampaignMoved:
            # Opened in another tab between the page and the button.
            return _frozen_page(request, campaign=campaign)
        messages.success(request, "Saved.")
        return redirect("annotation:campaign", campaign.public_id)
    return _form_page(request, form=form, run=run, campaign=campaign)


@login_required
@never_cache
@require_GET
def campaign_effort(request: HttpRequest) -> HttpResponse:
    """A fragment: what the entries of the form add up to."""
    material = _material(request, _run(request))
    form = EffortForm(request.GET, material=material, task_kind=_kind(request))
    return render(request, "annotation/partials/effort.html", {"effort": form.effort()})


def _runs(request: HttpRequest) -> Any:
    return sources.finished_runs(Run.objects.editable_by(request.user))


def _run(request: HttpRequest) -> Run:
    chosen = request.GET.get("run", "")
    is_number = chosen.isascii() and chosen.isdecimal() and len(chosen) <= LONGEST_NUMBER
    finished = sources.finished_runs(Run.objects.all())
    run: Run = scope.to_edit(request, finished, pk=int(chosen) if is_number else 0)
    return run


def _kind(request: HttpRequest) -> TaskKind:
    """The kind of task that the address names; the opinion score without one. Raises Http404."""
    chosen = request.GET.get("kind", TaskKind.OPINION_SCORE.value)
    if chosen not in TaskKind.values:
        raise Http404
    return TaskKind(chosen)


def _material(request: HttpRequest, run: Run) -> sources.Material:
    return sources.material_of(run, among=Run.objects.editable_by(request.user))


def _uploaded(request: HttpRequest) -> dict[str, Any]:
    file = request.FILES.get("file")
    if file is None:
        raise SpecificationRefused(Fault(field="", message="Choose a file first."))
    return specification.read(file.read(specification.LONGEST + 1), name=file.name or "")


def _form_page(
    request: HttpRequest, *, form: CampaignForm, run: Run, campaign: Campaign | None
) -> HttpResponse:
    """The form beside its summary; 400 when it comes back with errors."""
    entries = request.POST if form.is_bound else form.initial
    context = {
        "section": "campaigns",
        "form": form,
        "run": run,
        "campaign": campaign,
        "seen": _fingerprint(campaign) if campaign else "",
        "effort": EffortForm(entries, material=form.material, task_kind=form.task_kind).effort(),
        "task_kind": form.task_kind,
        "kinds": [] if campaign else list(TaskKind),
    }
    return render(request, "annotation/campaign_form.html", context, status=400 if form.errors else 200)


def _refuse_unseen_changes(request: HttpRequest, campaign: Campaign, *, form: CampaignForm) -> None:
    """An error on the form that would save over changes which it has not shown; sent again, it is saved."""
    if request.POST.get("seen", "") in ("", _fingerprint(campaign)):
        return
    fields = form.in_page_order()
    if differing := [str(field.label) for field in fields if field.name in form.changed_data]:
        form.add_error(
            None,
            "The draft was changed by somebody, or in another window, after you had opened this page. Your "
            f"entries differ from it in: {', '.join(differing)}. Save again to keep yours, or cancel.",
        )


def _fingerprint(campaign: Campaign) -> str:
    """Another one whenever a field of the draft says something else; marks of known answers aside."""
    values = specification.of_campaign(campaign)
    values.pop(specification.KNOWN, None)
    text = specification.as_toml(values)
    return sha256(text.encode()).hexdigest()[:FINGERPRINT]


def _frozen_page(request: HttpRequest, *, campaign: Campaign) -> HttpResponse:
    context = {"section": "campaigns", "campaign": campaign, "reason": FROZEN}
    return render(request, "annotation/campaign_frozen.html", context, status=409)
