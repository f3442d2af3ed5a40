"""Importing prompts: upload, preview with all bad lines or all words, commit."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation import drafts, examples
from generation.choices import PartOfSpeech
from generation.forms import PromptFileForm, PromptSetForm
from generation.parsing import Parse, ParserUnavailable
from generation.prompts import PromptFileRefused, PromptRow
from generation.registry import available
from generation.services.projects import personal_project
from generation.services.prompt_sets import SourceFile, import_prompts
from generation.views.fragments import reload_page
from generation.views.scope import user_of
from generation.windows import room, unread_end

FIRST_PROMPTS: Final = 10
SHOWN_BAD_LINES: Final = 500


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def prompt_import(request: HttpRequest) -> HttpResponse:
    """The upload form; a file with faults comes back with all of them, a good one goes on to its preview."""
    if request.method != "POST":
        return _upload_page(request, PromptFileForm())
    form = PromptFileForm(request.POST, request.FILES)
    if form.is_valid():
        return _keep(
            request, form, name=form.cleaned_data["source_name"], content=form.cleaned_data["content"]
        )
    return _upload_page(request, form, status=400)


@login_required
@require_POST
def use_example(request: HttpRequest) -> HttpResponse:
    """The example file, as if it had been uploaded."""
    return _keep(request, PromptFileForm(), name=examples.FILE_NAME, content=examples.content())


@login_required
@require_safe
def example_file(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (every view takes it)
    """The example file for download."""
    return HttpResponse(
        examples.content(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{examples.FILE_NAME}"'},
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def prompt_preview(request: HttpRequest, digest: str) -> HttpResponse:
    """What would be imported; POST imports it."""
    draft = _draft(request, digest)
    parse, problem = _parse(draft)
    rows = draft.rows()
    form = PromptSetForm(
        request.POST if request.method == "POST" else None,
        initial={
            "name": draft.name.rsplit(".", 1)[0][:120],
            "project": personal_project(user_of(request)).pk,
        },
        user=request.user,
    )
    if request.method == "POST" and parse is not None and form.is_valid():
        prompt_set = import_prompts(
            user_of(request),
            name=form.cleaned_data["name"],
            source=SourceFile(name=draft.name, sha256=draft.digest),
            rows=rows,
            parse=parse,
            project=form.cleaned_data["project"],
        )
        drafts.drop(draft)
        return redirect("generation:prompt_set", prompt_set.pk)
    context: dict[str, Any] = {
        "section": "prompts",
        "draft": draft,
        "form": form,
        "problem": problem,
        "parse": parse,
        "row_count": len(rows),
        "columns": list(rows[0].extra),
        "first_rows": rows[:FIRST_PROMPTS],
        "cutting_models": _cutting_models(rows),
    }
    if parse is not None:
        context |= _word_counts(parse)
    return render(request, "generation/prompt_preview.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_safe
def preview_state(request: HttpRequest, digest: str) -> HttpResponse:
    """For the waiting preview: nothing yet, or the order to load the page again."""
    parse, problem = _parse(_draft(request, digest))
    response = render(request, "generation/partials/parsing.html")
    return reload_page(response) if parse is not None or problem else response


def _keep(request: HttpRequest, form: PromptFileForm, *, name: str, content: bytes) -> HttpResponse:
    try:
        draft = drafts.keep(_owner_id(request), name=name[:200], content=content)
    except PromptFileRefused as refused:
        return _upload_page(request, form, refused=refused, name=name, status=400)
    return redirect("generation:prompt_preview", draft.digest)


def _upload_page(
    request: HttpRequest,
    form: PromptFileForm,
    *,
    refused: PromptFileRefused | None = None,
    name: str = "",
    status: int = 200,
) -> HttpResponse:
    bad_lines = refused.bad_lines if refused else ()
    context = {
        "section": "prompts",
        "form": form,
        "file_name": name,
        "bad_lines": bad_lines[:SHOWN_BAD_LINES],
        "bad_count": len(bad_lines),
        "bad_line_count": len({bad.line for bad in bad_lines}),
    }
    return render(request, "generation/prompt_import.html", context, status=status)


def _draft(request: HttpRequest, digest: str) -> drafts.Draft:
    draft = drafts.find(_owner_id(request), digest)
    if draft is None:
        raise Http404("No such draft: it was imported, or lay here for a day.")
    return draft


def _owner_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)


def _parse(draft: drafts.Draft) -> tuple[Parse | None, str]:
    """The words, or why there will be none; neither while the parser works."""
    try:
        return draft.parse(), ""
    except ParserUnavailable as problem:
        return None, str(problem)


def _cutting_models(rows: Sequence[PromptRow]) -> list[tuple[str, int, int]]:
    """Each allowed model that certainly cuts prompts: its id, the tokens it reads, how many it cuts."""
    counted = [
        (spec.id, room(spec.tokens), sum(bool(unread_end(row.text, tokens=spec.tokens)) for row in rows))
        for spec in available()
    ]
    return [found for found in counted if found[2]]


def _word_counts(parse: Parse) -> dict[str, Any]:
    tags = Counter(word.part_of_speech for words in parse.prompts for word in words)
    return {
        "word_count": tags.total(),
        "parts_of_speech": [
            (PartOfSpeech(tag if tag in PartOfSpeech.values else "X"), count)
            for tag, count in tags.most_common()
        ],
    }
