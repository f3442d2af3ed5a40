"""A campaign's results page and its files."""

from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.choices import TaskKind
from annotation.exports import snapshot
from annotation.models import Campaign
from annotation.one_export import one_at_a_time
from annotation.views.scope import campaign_of
from evaluation import campaign_files, pages
from evaluation.files import FileSet
from evaluation.views import kinds
from evaluation.views.downloads import figure_links, links


@login_required
@never_cache
@require_GET
def results(request: HttpRequest, public_id: str) -> HttpResponse:
    """The report of a campaign, or why there is none yet."""
    campaign = campaign_of(request, public_id)
    if campaign.task_kind != TaskKind.OPINION_SCORE:
        return kinds.results(request, campaign)
    with snapshot():
        report, form = campaign_files.report_of(campaign, request.GET.dict())
    files = FileSet(report, ratings=campaign_files.ratings_of(campaign, request.GET.dict()))
    url_of = partial(_url, campaign, query=form.query)
    context = {
        "section": "campaigns",
        "campaign": campaign,
        "results": pages.results_page(report),
        "settings_form": form,
        "files": links(url_of) if report.n_answers else links(url_of, names=("codebook.csv",)),
        "figures": figure_links(files.figures, url_of=url_of),
    }
    return render(request, "evaluation/results.html", context)


@login_required
@never_cache
@require_GET
@one_at_a_time
def file(request: HttpRequest, public_id: str, name: str) -> StreamingHttpResponse:
    """One file of the report, or the bundle of all, from one snapshot."""
    response = campaign_files.file(campaign_of(request, public_id), name=name, settings=request.GET.dict())
    if response is None:
        raise Http404
    return response


def _url(campaign: Campaign, name: str, *, query: str) -> str:
    path = reverse("evaluation:file", args=[campaign.public_id, name])
    return f"{path}?{query}" if query else path
