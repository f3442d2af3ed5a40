"""The results page and its downloads."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.exports import ratings_csv as ratings_pieces
from annotation.exports import ratings_sha256, snapshot
from annotation.models import Campaign
from common.csv_stream import in_chunks
from evaluation import exports, pages
from evaluation.loading import load
from evaluation.reports import Report, build

CSV = "text/csv; charset=utf-8"
Response = TypeVar("Response", HttpResponse, StreamingHttpResponse)


@login_required
@never_cache
@require_GET
def results(request: HttpRequest, public_id: str) -> HttpResponse:
    """The report of a campaign, or why there is none yet."""
    campaign = _campaign(request, public_id)
    with snapshot():
        report = build(load(campaign))
    context = {"section": "campaigns", "campaign": campaign, "results": pages.results_page(report)}
    return render(request, "evaluation/results.html", context)


@login_required
@never_cache
@require_GET
def ratings_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """Every standing answer, streamed from one snapshot."""
    campaign = _campaign(request, public_id)
    return _download(ratings_pieces(campaign), name="ratings.csv", content_type=CSV)


@login_required
@never_cache
@require_GET
def items_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """One line per item."""
    return _report_csv(request, public_id, name="items.csv", write=exports.items_csv)


@login_required
@never_cache
@require_GET
def raters_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """One line per rater."""
    return _report_csv(request, public_id, name="raters.csv", write=exports.raters_csv)


@login_required
@never_cache
@require_GET
def groups_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """One line per part of speech: the numbers of the figures."""
    return _report_csv(request, public_id, name="groups.csv", write=exports.groups_csv)


@login_required
@never_cache
@require_GET
def codebook_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """What every column means."""
    _campaign(request, public_id)
    return _download(in_chunks(exports.codebook_csv()), name="codebook.csv", content_type=CSV)


@login_required
@never_cache
@require_GET
def provenance_json(request: HttpRequest, public_id: str) -> HttpResponse:
    """How the numbers came about, with the hash of the ratings.csv of the same moment."""
    campaign = _campaign(request, public_id)
    with snapshot():
        digest = ratings_sha256(campaign)
        text = exports.provenance_json(build(load(campaign)), ratings_sha256=digest)
    response = HttpResponse(text, content_type="application/json")
    return _named(response, name="provenance.json")


@login_required
@never_cache
@require_GET
def mos_svg(request: HttpRequest, public_id: str) -> HttpResponse:
    """The figure of mean opinion scores as a file."""
    return _figure(request, public_id, name="mos.svg", draw=pages.opinion_svg)


@login_required
@never_cache
@require_GET
def responses_svg(request: HttpRequest, public_id: str) -> HttpResponse:
    """The figure of response shares as a file."""
    return _figure(request, public_id, name="responses.svg", draw=pages.response_svg)


def _campaign(request: HttpRequest, public_id: str) -> Campaign:
    visible = Campaign.objects.visible_to(request.user).select_related("run")
    found: Campaign = get_object_or_404(visible, public_id=public_id)
    return found


def _report(request: HttpRequest, public_id: str) -> Report:
    campaign = _campaign(request, public_id)
    with snapshot():
        data = load(campaign)
    return build(data)


def _report_csv(
    request: HttpRequest, public_id: str, *, name: str, write: Callable[[Report], Iterator[str]]
) -> StreamingHttpResponse:
    return _download(in_chunks(write(_report(request, public_id))), name=name, content_type=CSV)


def _figure(
    request: HttpRequest, public_id: str, *, name: str, draw: Callable[[Report], str]
) -> HttpResponse:
    response = HttpResponse(draw(_report(request, public_id)), content_type="image/svg+xml")
    return _named(response, name=name)


def _download(pieces: Iterator[bytes], *, name: str, content_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=content_type)
    return _named(response, name=name)


def _named(response: Response, *, name: str) -> Response:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
