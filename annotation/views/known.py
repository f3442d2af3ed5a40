"""Known answers of a draft: a file to fill in, a file to bring back."""

from collections import Counter
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation import known_answers as known_file
from annotation import known_rows
from annotation.choices import CampaignState
from annotation.models import Campaign
from annotation.services import campaigns as service
from annotation.services.known_things import sought_of
from annotation.views.scope import campaign_to_edit, user_of
from common.csv_stream import in_chunks, lines
from generation.prompt_bytes import MAX_BYTES
from generation.prompt_faults import PromptFileRefused

FAULTS_SHOWN: Final = 100


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def known_answers(request: HttpRequest, public_id: str) -> HttpResponse:
    """How many are marked, the file to fill in, and the way to bring it back."""
    found = campaign_to_edit(request, public_id)
    faults: list[str] = []
    if request.method == "POST":
        faults = _take(request, found)
        if not faults:
            return redirect("annotation:known_answers", found.public_id)
    context = {
        "section": "campaigns",
        "campaign": found,
        "marked": len(found.known_answers),
        "kind": found.task_kind,
        "by_use": Counter(line.get("use", known_file.Use.CHECK.value) for line in found.known_answers),
        "is_draft": found.state == CampaignState.DRAFT,
        "faults": faults[:FAULTS_SHOWN],
        "faults_more": max(0, len(faults) - FAULTS_SHOWN),
    }
    return render(request, "annotation/known_answers.html", context, status=400 if faults else 200)


@login_required
@never_cache
@require_GET
def known_answers_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """Every thing that could be marked, with what is marked so far."""
    found = campaign_to_edit(request, public_id)
    response = StreamingHttpResponse(
        in_chunks(lines(known_rows.rows(found), columns=known_rows.columns(found))),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = 'attachment; filename="known-answers.csv"'
    return response


def _take(request: HttpRequest, found: Campaign) -> list[str]:
    """Marks what the file marks; returns what is wrong with it, nothing being changed then."""
    file = request.FILES.get("file")
    if file is None:
        return ["Choose a file first."]
    try:
        answers = known_file.read(file.read(MAX_BYTES + 1), sought=sought_of(found))
        service.mark_known(found, answers, actor=user_of(request))
    except PromptFileRefused as refused:
        return known_file.summary(refused.bad_lines)
    except service.KnownAnswersRefused as refused_answers:
        return [f"{fault}. Fill in the file from here." for fault in refused_answers.faults]
    except service.CampaignMoved as moved:
        return [str(moved)]
    messages.success(request, f"{len(answers):,} items are marked; they are no longer rated.")
    return []
