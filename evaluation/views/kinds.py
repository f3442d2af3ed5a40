"""The results page of a campaign that asks for objects, pairs or masks."""

from functools import partial
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from annotation.exports import snapshot
from annotation.models import Campaign
from evaluation import campaign_files
from evaluation.kinds.files import CODEBOOK, WORD_MAPS
from evaluation.views.downloads import BUNDLE, WORDS, Link, figure_links

FILE_WORDS: Final = WORDS | {
    "presence.csv": "every checked word with who checked it when",
    "pairs.csv": "every comparison",
    "masks.jsonl": "every mask, in COCO's run-length encoding",
    WORD_MAPS: "the raw maps that were compared with the masks",
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


def _url(campaign: Campaign, name: str, *, query: str) -> str:
    path = reverse("evaluation:file", args=[campaign.public_id, name])
    return f"{path}?{query}" if query else path
