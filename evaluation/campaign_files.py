"""Every file of a campaign by its name: what the pages and the API hand out."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from django.http import Http404, StreamingHttpResponse

from annotation import adjudication_exports, evidence_exports, plain_exports, practice_exports
from annotation.choices import TaskKind
from annotation.exports import RATINGS, ratings_csv, ratings_csv_in_snapshot, snapshot
from annotation.models import Campaign
from evaluation import adjudicated, bundles
from evaluation.bundles import Files
from evaluation.files import RATINGS as RATINGS_CSV
from evaluation.files import FileSet
from evaluation.kinds.files import KindFiles
from evaluation.kinds.files import build as build_kind
from evaluation.kinds.groups import groups_of
from evaluation.kinds.loading import inputs_of
from evaluation.kinds.settings import KindForm, read_form
from evaluation.loading import load, load_adjudicated
from evaluation.ratings_file import Ratings
from evaluation.recent import Recent, moment
from evaluation.reports import Report, build
from evaluation.settings_form import SettingsForm, read_settings
from evaluation.views.downloads import BUNDLE, WORDS, download, file_response, spooled

# Of every kind; in the order of the page.
PLAIN: Final = {
    "wide.csv": plain_exports.wide_csv,
    "answers.jsonl": plain_exports.answers_jsonl,
    "answers-codebook.csv": plain_exports.codebook_csv,
    "practice.csv": practice_exports.practice_csv,
    "adjudications.csv": adjudication_exports.adjudications_csv,
    "evidence.csv": evidence_exports.evidence_csv,
}


_kinds: Final = Recent[tuple[KindFiles, KindForm]](lambda made: made[0].report.n_answers)
_reports: Final = Recent[tuple[Report, SettingsForm]](lambda made: made[0].n_answers)


def _key(campaign: Campaign, settings: Mapping[str, str]) -> Hashable:
    """Everything that a report is made of."""
    return moment(), campaign.pk, campaign.task_kind, tuple(sorted(settings.items()))


def names(campaign: Campaign) -> list[str]:
    """The files of this campaign, without the figures of its report."""
    if campaign.task_kind == TaskKind.OPINION_SCORE:
        return [*PLAIN, *WORDS]
    with snapshot():
        files, _ = kind_files_of(campaign, {})
    return [*PLAIN, *(name for name in files.names() if "/" not in name), BUNDLE]


def file(campaign: Campaign, *, name: str, settings: Mapping[str, str]) -> StreamingHttpResponse | None:
    """One file, from one snapshot; None for a name there is none of. settings: of the report, as in its page.

    Raises Http404 where the settings don't fit the data.
    """
    if name in PLAIN:
        return download(PLAIN[name](campaign), name=name)
    as_given = not adjudicated.is_asked(settings)
    if name == RATINGS_CSV and campaign.task_kind == TaskKind.OPINION_SCORE and as_given:
        return download(ratings_csv(campaign), name=name)
    with snapshot():
        files, problems = _files_of(campaign, settings)
        if problems:
            raise Http404(" ".join(problems))
        if name == BUNDLE:
            return download(spooled(bundles.pieces(files)), name=f"percept-{campaign.public_id}.zip")
        return file_response(files, name=name)


def kind_files_of(campaign: Campaign, settings: Mapping[str, str]) -> tuple[KindFiles, KindForm]:
    """The files of a campaign that asks for no opinion score, inside a snapshot."""
    return _kinds.get(_key(campaign, settings), lambda: _kind_files(campaign, settings))


def _kind_files(campaign: Campaign, settings: Mapping[str, str]) -> tuple[KindFiles, KindForm]:
    inputs = inputs_of(campaign)
    if adjudicated.is_asked(settings):
        facts = {**inputs.facts, adjudicated.FACT: len(adjudicated.decisions_of(campaign))}
        answers = adjudicated.rewritten(campaign, inputs.answers)
        inputs = replace(inputs, facts=facts, answers=answers, read=None)
    form = read_form(campaign.task_kind, settings, groups=groups_of(campaign.task_kind, inputs.given))
    return KindFiles(build_kind(inputs, settings=form.settings), inputs=inputs), form


def _files_of(campaign: Campaign, settings: Mapping[str, str]) -> tuple[Files, tuple[str, ...]]:
    """The files, and what is wrong with the settings."""
    if campaign.task_kind != TaskKind.OPINION_SCORE:
        files, kind_form = kind_files_of(campaign, settings)
        return files, kind_form.problems
    report, form = report_of(campaign, settings)
    return FileSet(report, ratings=ratings_of(campaign, settings)), form.problems


def ratings_of(campaign: Campaign, settings: Mapping[str, str]) -> Ratings:
    """The campaign's ratings.csv, adjudicated if the settings ask for it; to be read inside a snapshot."""
    ratings = Ratings(columns=RATINGS, pieces=partial(ratings_csv_in_snapshot, campaign))
    return adjudicated.rewritten(campaign, ratings) if adjudicated.is_asked(settings) else ratings


def report_of(campaign: Campaign, settings: Mapping[str, str]) -> tuple[Report, SettingsForm]:
    """The report with the settings that were asked for, inside a snapshot."""
    return _reports.get(_key(campaign, settings), lambda: _report(campaign, settings))


def _report(campaign: Campaign, settings: Mapping[str, str]) -> tuple[Report, SettingsForm]:
    study = load_adjudicated(campaign) if adjudicated.is_asked(settings) else load(campaign)
    form = read_settings(study, dict(settings))
    return build(study, settings=form.settings), form
