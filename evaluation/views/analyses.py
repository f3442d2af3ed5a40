"""Ratings collected elsewhere, on pages: upload, choose columns with a preview, read the report, download."""

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotation.one_export import one_at_a_time
from common.kept_files import KeptFile
from evaluation import bundles, pages, uploads
from evaluation.files import FileSet
from evaluation.importing.assembling import Imported, faults_csv, import_file
from evaluation.importing.mapping import ImportRefused, Mapping
from evaluation.importing.reading import columns_of, read_rows
from evaluation.mapping_form import FIELDS, MappingForm, UploadForm
from evaluation.recent import Recent
from evaluation.reports import build
from evaluation.settings_form import SettingsForm, read_settings
from evaluation.views.downloads import BUNDLE, WORDS, download, figure_links, file_response, links, spooled

PREVIEW_ROWS: Final = 5
MOST_FAULTS_SHOWN: Final = 50


@dataclass(frozen=True, kw_only=True)
class Made:
    """What an address of an uploaded file comes to."""

    imported: Imported
    form: SettingsForm
    files: FileSet


_recent: Final = Recent[Made](lambda made: made.files.report.n_answers)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def analyses(request: HttpRequest) -> HttpResponse:
    """The upload form and the files that are here already."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        upload = uploads.keep(_owner(request), name=file.name, content=file.read())
        return redirect("analyses:columns", upload.digest)
    context = {"section": "analyses", "form": form, "uploads": list(uploads.of_owner(_owner(request)))}
    return render(request, "evaluation/analyses.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_GET
def columns(request: HttpRequest, digest: str) -> HttpResponse:
    """Which column holds what, beside the file's first rows; sends on to the report once all is said."""
    upload = _upload(request, digest)
    try:
        names = _columns(upload)
    except ImportRefused as error:
        context = {"section": "analyses", "upload": upload, "refused": str(error)}
        return render(request, "evaluation/analysis_columns.html", context, status=400)
    form = MappingForm(request.GET if "col_item" in request.GET else None, columns=names)
    refused = ""
    mapping = form.mapping() if form.is_bound else None
    if mapping is not None:
        try:
            _import(upload, mapping)
        except ImportRefused as error:
            refused = str(error)
        else:
            return redirect(f"{reverse('analyses:report', args=[digest])}?{request.GET.urlencode()}")
    context = {
        "section": "analyses",
        "upload": upload,
        "form": form,
        "refused": refused,
        "names": names,
        "rows": [row.cells for row in islice(_rows(upload, names), PREVIEW_ROWS) if row.cells],
    }
    return render(
        request, "evaluation/analysis_columns.html", context, status=400 if form.errors or refused else 200
    )


@login_required
@never_cache
@require_GET
def report(request: HttpRequest, digest: str) -> HttpResponse:
    """The report, with what could not be used at its head."""
    upload = _upload(request, digest)
    made = _made(request, upload)
    imported, form, files = made.imported, made.form, made.files
    url_of = partial(
        _url, digest, query=urlencode(_carried(request)) + (f"&{form.query}" if form.query else "")
    )
    context = {
        "section": "analyses",
        "upload": upload,
        "results": pages.results_page(files.report),
        "settings_form": form,
        "faults": imported.faults.summary(),
        "fault_rows": imported.faults.in_order()[:MOST_FAULTS_SHOWN],
        "n_faults": sum(imported.faults.counts.values()),
        "columns_query": urlencode(_carried(request)),
        "files": links(url_of, names=tuple(WORDS)),
        "faults_url": url_of("faults.csv"),
        "figures": figure_links(files.figures, url_of=url_of),
    }
    return render(request, "evaluation/analysis.html", context)


@login_required
@never_cache
@require_GET
@one_at_a_time
def file(request: HttpRequest, digest: str, name: str) -> StreamingHttpResponse:
    """One file of the report, or the bundle of all."""
    upload = _upload(request, digest)
    made = _made(request, upload)
    if made.form.problems:
        raise Http404(" ".join(made.form.problems))
    files = made.files
    if name == BUNDLE:
        return download(spooled(bundles.pieces(files)), name=BUNDLE)
    return file_response(files, name=name)


@login_required
@require_POST
def delete(request: HttpRequest, digest: str) -> HttpResponse:
    """Deletes the uploaded file."""
    uploads.drop(_upload(request, digest))
    _recent.forget(lambda key: isinstance(key, tuple) and key[:2] == (_owner(request), digest))
    return redirect("analyses:analyses")


def _owner(request: HttpRequest) -> int:
    return int(request.user.pk or 0)


def _upload(request: HttpRequest, digest: str) -> KeptFile:
    found = uploads.find(_owner(request), digest)
    if found is None:
        raise Http404("This file is not here any more, or it is somebody else's.")
    return found


def _columns(upload: KeptFile) -> list[str]:
    with upload.open() as stream:
        return columns_of(stream, name=upload.name)


def _rows(upload: KeptFile, names: list[str]) -> Any:
    return read_rows(upload.open(), name=upload.name, columns=names)


def _import(upload: KeptFile, mapping: Mapping) -> Imported:
    return import_file(upload.open, name=upload.name, mapping=mapping)


def _made(request: HttpRequest, upload: KeptFile) -> Made:
    """The report of the address. Http404 for one without a usable mapping: the page of columns makes it."""
    said = tuple((name, tuple(values)) for name, values in sorted(request.GET.lists()))
    key = (_owner(request), upload.digest, upload.name, said)
    return _recent.get(key, lambda: _make(request, upload))


def _make(request: HttpRequest, upload: KeptFile) -> Made:
    try:
        mapping = MappingForm(request.GET, columns=_columns(upload)).mapping()
        if mapping is None:
            raise Http404("The address doesn't say which column holds what.")
        imported = _import(upload, mapping)
    except ImportRefused as error:
        raise Http404(str(error)) from error
    form = read_settings(imported.study, request.GET.dict(), carried=_carried(request))
    files = FileSet(
        build(imported.study, settings=form.settings),
        ratings=imported.ratings,
        faults=partial(faults_csv, imported.faults),
    )
    return Made(imported=imported, form=form, files=files)


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """The mapping's own parameters."""
    return [(name, value) for name in FIELDS for value in request.GET.getlist(name)]


def _url(digest: str, name: str, *, query: str) -> str:
    return f"{reverse('analyses:file', args=[digest, name])}?{query}"
