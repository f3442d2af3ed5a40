"""Every file of a campaign by its name: what the pages and the API hand out."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from django.http import Http404, StreamingHttpResponse

from annotation import kind_exports, plain_exports
from annotation.choices import TaskKind
from annotation.exports import RATINGS, ratings_csv, ratings_csv_in_snapshot, snapshot
from annotation.models import Campaign
from evaluation import bundles
from evaluation.files import RATINGS as RATINGS_CSV
from evaluation.files import FileSet
from evaluation.loading import load
from evaluation.ratings_file import Ratings
from evaluation.reports import Report, build
from evaluation.settings_form import SettingsForm, read_settings
from evaluation.views.downloads import BUNDLE, WORDS, download, file_response, spooled

OF_KINDS: Final = {
    TaskKind.OBJECT_PRESENCE: {"presence.csv": kind_exports.presence_csv},
    TaskKind.PAIRWISE: {"pairs.csv": kind_exports.pairs_csv},
    TaskKind.MASK: {"masks.jsonl": kind_exports.masks_jsonl},
}
# Of every kind; in the order of the page.
PLAIN: Final = {
    "wide.csv": plain_exports.wide_csv,
    "answers.jsonl": plain_exports.answers_jsonl,
    "answers-codebook.csv": plain_exports.codebook_csv,
}


def names(campaign: Campaign) -> list[str]:
    """The files of this campaign, without the figures of its report."""
    return [*OF_KINDS.get(TaskKind(campaign.task_kind), {}), *PLAIN, *WORDS]


def file(campaign: Campaign, *, name: str, settings: Mapping[str, str]) -> StreamingHttpResponse | None:
    """One file, from one snapshot; None for a name there is none of. settings: of the report, as in its page.

    Raises Http404 where the settings don't fit the data.
    """
    answers = OF_KINDS.get(TaskKind(campaign.task_kind), {})
    if name in answers:
        return download(answers[name](campaign), name=name)
    if name in PLAIN:
        return download(PLAIN[name](campaign), name=name)
    if name == RATINGS_CSV:
        return download(ratings_csv(campaign), name=name)
    with snapshot():
        report, form = report_of(campaign, settings)
        if form.problems:
            raise Http404(" ".join(form.problems))
        files = FileSet(report, ratings=ratings_of(campaign))
        if name == BUNDLE:
            return download(spooled(bundles.pieces(files)), name=f"percept-{campaign.public_id}.zip")
        return file_response(files, name=name)


def ratings_of(campaign: Campaign) -> Ratings:
    """The campaign's ratings.csv, to be read inside a snapshot."""
    return Ratings(columns=RATINGS, pieces=partial(ratings_csv_in_snapshot, campaign))


def report_of(campaign: Campaign, settings: Mapping[str, str]) -> tuple[Report, SettingsForm]:
    """The report with the settings that were asked for, inside a snapshot."""
    study = load(campaign)
    form = read_settings(study, dict(settings))
    return build(study, settings=form.settings), form
