"""Pictures of another system, uploaded for prompts that are here: a run like any other."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from generation import uploaded_pictures
from generation.forms import SystemForm
from generation.models import PromptSet
from generation.problems import Problem
from generation.services.uploaded_runs import upload_run
from generation.uploaded_pictures import PicturesRefused, UploadedFile
from generation.views import scope

FAULTS_SHOWN = 100


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def pictures_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """The form; POST makes the run, or says what is wrong with every file."""
    found: PromptSet = scope.to_edit(request, PromptSet.objects.select_related("project"), pk=pk)
    form = SystemForm(request.POST or None)
    faults: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        limit = uploaded_pictures.LONGEST_FILE + 1
        files = [
            UploadedFile(name=file.name or "", content=file.read(limit))
            for file in request.FILES.getlist("pictures")
        ]
        rows = set(found.prompts.values_list("row_number", flat=True))
        try:
            pictures = uploaded_pictures.read(files, rows=rows)
        except PicturesRefused as refused:
            faults = refused.problems
        else:
            run = upload_run(scope.user_of(request), found, name=form.cleaned_data["name"], pictures=pictures)
            messages.success(request, f"{len(pictures):,} pictures are here. Campaigns can show them now.")
            return redirect("generation:run", run.pk)
    context = {
        "section": "prompts",
        "prompt_set": found,
        "form": form,
        "faults": faults[:FAULTS_SHOWN],
        "faults_more": max(0, len(faults) - FAULTS_SHOWN),
        "limits": uploaded_pictures,
        "first": found.prompts.first(),
    }
    status = 400 if form.errors or faults else 200
    return render(request, "generation/pictures_upload.html", context, status=status)
