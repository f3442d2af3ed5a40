"""A campaign's results page and its files."""

from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.exports import RATINGS, ratings_csv, ratings_csv_in_snapshot, snapshot
from annotation.models import Campaign
from annotation.views.scope import campaign_of
from evaluation import bundles, pages
from evaluation.files import RATINGS as RATINGS_CSV
from evaluation.files import FileSet
from evaluation.loading import load
from evaluation.ratings_file import Ratings
from evaluation.reports import Report, build
from evaluation.settings_form import SettingsForm, read_settings
from evaluation.views.downloads import BUNDLE, download, figure_links, file_response, links, spooled


@login_required
@never_cache
@require_GET
def results(request: HttpRequest, public_id: str) -> HttpResponse:
    """The report of a campaign, or why there is none yet."""
    campaign = campaign_of(request, public_id)
    with snapshot():
        report, form = _report(request, campaign)
    files = FileSet(report, ratings=ratings_of(campaign))
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
def file(request: HttpRequest, public_id: str, name: str) -> StreamingHttpResponse:
    """One file of the report, or the bundle of all, from one snapshot."""
    campaign = campaign_of(request, public_id)
    if name == RATINGS_CSV:
        return download(ratings_csv(campaign), name=name)
    with snapshot():
        report, form = _report(request, campaign)
        if form.problems:
            raise Http404(" ".join(form.problems))
        files = FileSet(report, ratings=ratings_of(campaign))
        if name == BUNDLE:
            return download(spooled(bundles.pieces(files)), name=f"percept-{campaign.public_id}.zip")
        return file_response(files, name=name)


def ratings_of(campaign: Campaign) -> Ratings:
    """The campaign's ratings.csv, to be read inside a snapshot."""
    return Ratings(columns=RATINGS, pieces=partial(ratings_csv_in_snapshot, campaign))


def _report(request: HttpRequest, campaign: Campaign) -> tuple[Report, SettingsForm]:
    study = load(campaign)
    form = read_settings(study, request.GET.dict())
    return build(study, settings=form.settings), form


def _url(campaign: Campaign, name: str, *, query: str) -> str:
    path = reverse("evaluation:file", args=[campaign.public_id, name])
    return f"{path}?{query}" if query else path
