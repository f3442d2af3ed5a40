"""Results pages of campaigns that ask for objects, pairs or masks, and of the word maps by themselves."""

from functools import partial
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.exports import snapshot
from annotation.models import Campaign
from annotation.one_export import one_at_a_time
from annotation.views.scope import campaign_of
from evaluation import bundles, campaign_files
from evaluation.kinds.files import CODEBOOK, WORD_MAPS, KindFiles, build
from evaluation.kinds.groups import offered
from evaluation.kinds.map_groups import map_groups
from evaluation.kinds.map_loading import map_inputs
from evaluation.kinds.map_report import KIND, MapSettings
from evaluation.kinds.settings import KindForm, read_form
from evaluation.views.downloads import BUNDLE, WORDS, Link, download, figure_links, file_response

MOST_IMAGES: Final = 500
FILE_WORDS: Final = WORDS | {
    "presence.csv": "every checked word with who checked it when",
    "pairs.csv": "every comparison",
    "agreement.csv": "how far raters agree, by every measure",
    "word_labels.csv": "every checked word with the probability that it is there",
    "average_precision.csv": "word maps judged as finds of objects",
    "masks.jsonl": "every mask, in COCO's run-length encoding",
    WORD_MAPS: "the raw maps that were compared with the masks",
    "maps.csv": "one line per word map, with its intensity",
    "overlaps.csv": "one line per pair of words, with the pixels of their maps",
    "images.csv": "one line per image, with its label",
    "items.csv": "one line per item, with its results",
}


def results(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The report, or why there is none yet."""
    with snapshot():
        files, form = campaign_files.kind_files_of(campaign, request.GET.dict())
    url_of = partial(_url, campaign, query=form.query)
    names = [name for name in files.names() if "/" not in name] + [BUNDLE]
    context = {
        "section": "campaigns",
        "campaign": campaign,
        "report": files.report,
        "flow": files.figures.get("flow"),
        "settings_form": form,
        "files": [
            Link(name=name, url=url_of(name), words=FILE_WORDS.get(name, "the numbers of a figure"))
            for name in (names if files.report.n_answers else [CODEBOOK])
        ],
        "figures": figure_links(files.figures, url_of=url_of),
    }
    return render(request, "evaluation/kind_results.html", context)


@login_required
@never_cache
@require_GET
def maps(request: HttpRequest, public_id: str) -> HttpResponse:
    """The report of the run's word maps, of its first images where there are many."""
    campaign = campaign_of(request, public_id)
    files, form = _map_files(request, campaign)

    def url_of(name: str) -> str:
        path = reverse("evaluation:maps_file", args=[campaign.public_id, name])
        return f"{path}?{form.query}" if form.query else path

    names = [name for name in files.names() if "/" not in name] + [BUNDLE]
    context = {
        "section": "campaigns",
        "campaign": campaign,
        "report": files.report,
        "settings_form": form,
        "files": [
            Link(name=n, url=url_of(n), words=FILE_WORDS.get(n, "the numbers of a figure")) for n in names
        ],
        "figures": figure_links(files.figures, url_of=url_of),
    }
    return render(request, "evaluation/maps.html", context)


@login_required
@never_cache
@require_GET
@one_at_a_time
def maps_file(request: HttpRequest, public_id: str, name: str) -> StreamingHttpResponse:
    """One file of the report of the maps, or the bundle of all."""
    campaign = campaign_of(request, public_id)
    files, form = _map_files(request, campaign)
    if form.problems:
        raise Http404(" ".join(form.problems))
    if name == BUNDLE:
        return download(bundles.pieces(files), name=f"percept-maps-{campaign.public_id}.zip")
    return file_response(files, name=name)


def _map_files(request: HttpRequest, campaign: Campaign) -> tuple[KindFiles, KindForm]:
    form = read_form(KIND, request.GET.dict(), groups=offered(map_groups(campaign.run)))
    settings = form.settings if isinstance(form.settings, MapSettings) else MapSettings()
    inputs = map_inputs(campaign, tau=settings.tau, only=settings.only, most_images=MOST_IMAGES)
    return KindFiles(build(inputs, settings=settings), inputs=inputs), form


def _url(campaign: Campaign, name: str, *, query: str) -> str:
    path = reverse("evaluation:file", args=[campaign.public_id, name])
    return f"{path}?{query}" if query else path
