"""Known answers of a draft: a file to fill in, a file to bring back."""

from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation import known_answers as known_file
from annotation import sources
from annotation.choices import CampaignState, TaskKind
from annotation.models import Campaign
from annotation.services import campaigns as service
from annotation.views.scope import campaign_to_edit, user_of
from common.csv_stream import Column, in_chunks, lines
from generation.prompt_bytes import MAX_BYTES
from generation.prompt_faults import PromptFileRefused

FAULTS_SHOWN: Final = 100
PATHS: Final = ("pk", "image__prompt__row_number", "word__prompt__text", "word__text", "word__part_of_speech",
                "image__seed")  # fmt: skip
COLUMNS: Final = tuple(
    Column[dict[str, Any]](name, meaning, itemgetter(key))
    for name, meaning, key in (
        (known_file.MAP, "Number of the word map.", "pk"),
        ("prompt_row", "Line of the prompt in the imported file.", "image__prompt__row_number"),
        ("prompt", "The prompt.", "word__prompt__text"),
        ("word", "The word.", "word__text"),
        ("part_of_speech", "Its part of speech.", "word__part_of_speech"),
        ("seed", "Seed of the image.", "image__seed"),
        (known_file.ACCEPTED, "Answers that pass; empty for a map that is not known.", "accepted"),
        (known_file.USE, "check, training or qualification; empty is a check.", "use"),
        (known_file.EXPLANATION, "Of a training item: shown with the right answer.", "explanation"),
    )
)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def known_answers(request: HttpRequest, public_id: str) -> HttpResponse:
    """How many are marked, the file to fill in, and the way to bring it back."""
    found = _campaign(request, public_id)
    faults: list[str] = []
    if request.method == "POST":
        faults = _take(request, found)
        if not faults:
            return redirect("annotation:known_answers", found.public_id)
    context = {
        "section": "campaigns",
        "campaign": found,
        "marked": len(found.known_answers),
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
    """Every word map of the run, with what is accepted for it so far."""
    found = _campaign(request, public_id)
    response = StreamingHttpResponse(
        in_chunks(lines(_rows(found), columns=COLUMNS)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="known-answers.csv"'
    return response


def _rows(found: Campaign) -> Iterator[dict[str, Any]]:
    nothing = {"accepted": "", "use": "", "explanation": ""}
    marked = {
        line["word_map"]: nothing | line | {"accepted": " ".join(line["accepted"])}
        for line in found.known_answers
    }
    maps = (
        sources.ratable_maps(found.run)
        .filter(word__part_of_speech__in=found.parts_of_speech)
        .order_by("image__prompt__row_number", "image__seed", "word__position")
    )
    for row in maps.values(*PATHS).iterator(chunk_size=2_000):
        yield row | marked.get(row["pk"], nothing)


def _take(request: HttpRequest, found: Campaign) -> list[str]:
    """Marks what the file marks; returns what is wrong with it, nothing being changed then."""
    file = request.FILES.get("file")
    if file is None:
        return ["Choose a file first."]
    try:
        answers = known_file.read(file.read(MAX_BYTES + 1))
        service.mark_known(found, answers, actor=user_of(request))
    except PromptFileRefused as refused:
        return known_file.summary(refused.bad_lines)
    except service.UnknownMaps as unknown:
        return [f"These word maps are not of the campaign's run: {unknown}. Fill in the file from here."]
    except service.CampaignMoved as moved:
        return [str(moved)]
    messages.success(request, f"{len(answers):,} items are marked; they are no longer rated.")
    return []


def _campaign(request: HttpRequest, public_id: str) -> Campaign:
    """The campaign; other kinds of task have no known answers. Raises Http404."""
    found = campaign_to_edit(request, public_id)
    if found.task_kind != TaskKind.OPINION_SCORE:
        raise Http404
    return found
