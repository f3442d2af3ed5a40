"""From the database to a study: with `answer_stream`, the only files of evaluation that ask the ORM.

Memory stays bounded: answers arrive as numpy columns, items and raters as columns of text that share equal
texts. No answer becomes a Python object that is kept.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from django.db.models import QuerySet

from annotation import standings
from annotation.choices import ANSWER_OPTIONS, CheckKind, ItemKind, TaskKind
from annotation.copied_columns import copied
from annotation.copied_items import copied_items
from annotation.models import Campaign, CampaignVersion, Item, Rater
from annotation.services.campaigns import comparison_notes
from annotation.standings import Standing
from annotation.systems import System, compares, systems_of
from common.collection import paused_collection
from common.csv_stream import cell_text, unguard
from evaluation import adjudicated, campaign_columns
from evaluation.answer_stream import Answers, read_answers
from evaluation.campaign_columns import Given
from evaluation.metrics.counting import numbered
from evaluation.metrics.tables import BoolArray, FlowStep, IndexArray, RatingTable
from evaluation.study import (
    NOT_RATED,
    GivenColumn,
    Grouping,
    Listing,
    Option,
    Origin,
    Study,
    first_appearance,
    places,
)
from evaluation.verdicts import by_verdict
from generation.choices import PartOfSpeech

SET_ASIDE: Final = "set attention checks aside"
PART_OF_SPEECH: Final = "part_of_speech"
SYSTEM: Final = "system"
# In the place of a rater's key, which are from 1 up.
REVIEWER: Final = 0
# What names a thing within one system; systems are compared, and intervals made, by the prompt.
WORD_OF_PROMPT: Final = ("prompt_row", "word_position")
FAIR: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class ComparedSystem:
    """One of the systems under comparison. method: of its maps; empty for the stored ones."""

    name: str
    method: str
    model_id: str
    model_revision: str
    scheduler: str
    steps: int
    guidance: float
    negative_prompt: str


@dataclass(frozen=True, kw_only=True)
class LoadedCampaign:
    """Which campaign, of which model: enough that nobody takes one model's scores for another's.

    judged: a value of ScoreOf.  systems: empty where a campaign compares none; else its run's model is the
    first one's.  comparison_notes: what was left out because not every system had it.
    """

    public_id: str
    name: str
    state: str
    versions: tuple[tuple[int, str], ...]
    raters_per_item: int
    checks_allowed_wrong: int
    run_name: str
    model_id: str
    model_revision: str
    scheduler: str
    steps: int
    guidance: float
    height: int
    width: int
    negative_prompt: str
    judged: str
    systems: tuple[ComparedSystem, ...]
    comparison_notes: tuple[str, ...]


def load(campaign: Campaign) -> Study:
    """The data of a campaign as they stand; of one moment inside `annotation.exports.snapshot`."""
    with paused_collection():
        raters, rater_keys = _raters(campaign)
        scored = _scored(campaign)
        facts, answers = campaign_facts(campaign), scored.rated
        return _study(scored, facts=facts, answers=answers, raters=raters, rater_keys=rater_keys)


def load_adjudicated(campaign: Campaign) -> Study:
    """The same with reviewers' answers in place of the raters', for the items that have one."""
    raters, rater_keys = _raters(campaign)
    decided = adjudicated.decisions_of(campaign)
    scored = _scored(campaign)
    answers = scored.rated
    if decided:
        answers = adjudicated.with_decisions(answers, decided=decided, rater=REVIEWER)
        raters, rater_keys = adjudicated.with_reviewer(raters), np.append(rater_keys, REVIEWER)
    facts = campaign_facts(campaign) | {adjudicated.FACT: len(decided)}
    return _study(scored, facts=facts, answers=answers, raters=raters, rater_keys=rater_keys)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scored:
    """A campaign's items and its standing answers.

    items: the given columns of items.csv.  keys: (items,), primary keys.  is_rated: (items,), neither check
    nor practice.  rated: answers to these.  checks: answers to attention checks.
    """

    items: tuple[GivenColumn, ...]
    keys: IndexArray
    is_rated: BoolArray
    rated: Answers
    checks: Answers


def _scored(campaign: Campaign) -> _Scored:
    items, keys = _items(campaign)
    kinds = np.array(items[1].cells, dtype=object)
    answers = read_answers(campaign)
    place = places(answers.item, among=keys)
    is_rated, is_check = kinds == ItemKind.RATING.value, kinds == ItemKind.ATTENTION.value
    return _Scored(
        items=items,
        keys=keys,
        is_rated=is_rated,
        rated=answers.only(is_rated[place]),
        checks=answers.only(is_check[place]),
    )


def _study(
    scored: _Scored,
    *,
    facts: dict[str, Any],
    answers: Answers,
    raters: tuple[GivenColumn, ...],
    rater_keys: IndexArray,
) -> Study:
    items, index = scored.items, np.full(scored.keys.size, NOT_RATED, dtype=np.int64)
    rated = np.flatnonzero(scored.is_rated)
    index[rated] = np.arange(rated.size)
    table = RatingTable(
        item_ids=tuple([items[0].cells[line] for line in rated.tolist()]),
        rater_ids=tuple(raters[0].cells),
        groups=("",),
        group_index=np.zeros(rated.size, dtype=np.int64),
        item_index=places(answers.item, among=scored.keys[rated]),
        rater_index=places(answers.rater, among=rater_keys),
        score=answers.score,
        opt_out=answers.opt_out,
        seconds=answers.seconds,
        flow=(),
    )
    return study_of_campaign(
        facts=facts,
        table=table,
        first_step=_first_step(table, checks=scored.checks, rater_keys=rater_keys),
        items=Listing(columns=items, index=index),
        raters=Listing(columns=raters, index=np.arange(len(raters[0].cells))),
    )


def study_of_campaign(
    *, facts: dict[str, Any], table: RatingTable, first_step: FlowStep, items: Listing, raters: Listing
) -> Study:
    """The study of a campaign, from the database or an export: all that follows from its columns."""
    rated = np.flatnonzero(items.index != NOT_RATED)
    groupings = _groupings(items, rated=rated, systems=[system["name"] for system in facts["systems"]])
    grouping = groupings[0]
    return Study(
        origin=Origin.CAMPAIGN,
        title=facts["name"],
        facts={"campaign": facts},
        table=replace(table, groups=grouping.values, group_index=grouping.index, flow=(first_step,)),
        items=items,
        raters=raters,
        groupings=groupings,
        exclusions=by_verdict(raters.column("verdict"), checks_allowed_wrong=facts["checks_allowed_wrong"]),
        options=tuple(Option(code=option.code, label=option.label) for option in ANSWER_OPTIONS),
        fair_from=FAIR,
        raters_known=True,
        same_thing=_things(items, rated=rated, named=("prompt_row",) if facts["systems"] else WORD_OF_PROMPT),
    )


def _groupings(items: Listing, *, rated: IndexArray, systems: list[str]) -> tuple[Grouping, ...]:
    """The systems first, where there are several; then the words, where words are judged."""
    tags = _cells(items, PART_OF_SPEECH, rated=rated)
    found = []
    if systems or not all(tags):
        names = [unguard(cell) for cell in _cells(items, SYSTEM, rated=rated)]
        found.append(_system_grouping(names, systems=systems or list(dict.fromkeys(names))))
    if all(tags):
        found.append(part_of_speech_grouping(tags))
    return tuple(found)


def _things(items: Listing, *, rated: IndexArray, named: tuple[str, ...]) -> IndexArray:
    """(items of the table,): one number for one thing, whatever the seed of its image or the system.

    named: the columns that together name a thing. Numbers in order of first appearance.
    """
    key = np.zeros(rated.size, dtype=np.int64)
    for name in named:
        cells = _cells(items, name, rated=rated)
        number = {cell: place for place, cell in enumerate(dict.fromkeys(cells))}
        key = key * max(len(number), 1) + np.array(list(map(number.__getitem__, cells)), dtype=np.int64)
    return first_appearance(key)[1]


def _cells(items: Listing, name: str, *, rated: IndexArray) -> list[str]:
    """A column's cells of the rated items."""
    cells = items.column(name)
    return [cells[line] for line in rated.tolist()]


def _system_grouping(names: list[str], *, systems: list[str]) -> Grouping:
    """Items by system, in the order of the campaign. names: one per item of the table."""
    place = {name: number for number, name in enumerate(systems)}
    return Grouping(
        name=SYSTEM,
        label="system",
        values=tuple(systems),
        labels=tuple(systems),
        index=np.array(list(map(place.__getitem__, names)), dtype=np.int64),
    )


def part_of_speech_grouping(tags: list[str]) -> Grouping:
    """Items by part of speech, groups in the order of the tag set. tags: one per item of the table."""
    present = set(tags)
    values = tuple(part.value for part in PartOfSpeech if part.value in present)
    place = {value: index for index, value in enumerate(values)}
    return Grouping(
        name=PART_OF_SPEECH,
        label="part of speech",
        values=values,
        labels=tuple(str(PartOfSpeech(value).label) for value in values),
        index=np.array(list(map(place.__getitem__, tags)), dtype=np.int64),
    )


def campaign_facts(campaign: Campaign) -> dict[str, Any]:
    """What every report says of its campaign, as JSON values; see LoadedCampaign."""
    return asdict(_campaign(campaign))


def _campaign(campaign: Campaign) -> LoadedCampaign:
    run = campaign.run
    versions = CampaignVersion.objects.filter(campaign=campaign).values_list("number", "wording_sha256")
    return LoadedCampaign(
        public_id=str(campaign.public_id),
        name=campaign.name,
        state=campaign.state,
        versions=tuple(versions),
        raters_per_item=campaign.raters_per_item,
        checks_allowed_wrong=campaign.checks_allowed_wrong,
        run_name=run.name,
        model_id=run.model_id,
        model_revision=run.model_revision,
        scheduler=run.scheduler,
        steps=run.steps,
        guidance=run.guidance,
        height=run.height,
        width=run.width,
        negative_prompt=run.negative_prompt,
        judged=campaign.score_of,
        systems=tuple(map(_system, systems_of(campaign))) if compares(campaign) else (),
        comparison_notes=tuple(comparison_notes(campaign)),
    )


def _system(system: System) -> ComparedSystem:
    run = system.run
    return ComparedSystem(
        name=system.name,
        method=system.method,
        model_id=run.model_id,
        model_revision=run.model_revision,
        scheduler=run.scheduler,
        steps=run.steps,
        guidance=run.guidance,
        negative_prompt=run.negative_prompt,
    )


def _items(campaign: Campaign) -> tuple[tuple[GivenColumn, ...], IndexArray]:
    """The given columns of items.csv in the campaign's order, and the items' primary keys (items,)."""
    # What other kinds of campaign ask is no row of this table.
    scored = Item.objects.filter(campaign=campaign, campaign__task_kind=TaskKind.OPINION_SCORE)
    paths = [column.path for column in campaign_columns.ITEMS]
    found = copied_items(scored, campaign=campaign, paths=paths)
    columns = _named(found, given=campaign_columns.ITEMS)
    position = next(column.cells for column in columns if column.name == "position")
    order = np.argsort(np.array(list(map(int, position)), dtype=np.int64), kind="stable").tolist()
    columns = tuple(replace(column, cells=tuple(map(column.cells.__getitem__, order))) for column in columns)
    return columns, np.array(list(map(int, columns[0].cells)), dtype=np.int64)


def _raters(campaign: Campaign) -> tuple[tuple[GivenColumn, ...], IndexArray]:
    """The given columns of raters.csv in order of arrival, and the raters' primary keys (raters,)."""
    of_rater = standings.standings(campaign)
    raters = Rater.objects.filter(campaign=campaign).order_by("pk")
    keys = list(raters.values_list("pk", flat=True))
    worked_out = {
        "verdict": [_verdict(of_rater[key]) for key in keys],
        "checks_answered": [cell_text(of_rater[key].checks.served) for key in keys],
        "checks_wrong": [cell_text(of_rater[key].checks.wrong) for key in keys],
    }
    for kind in CheckKind:
        outcomes = [of_rater[key].by_kind[kind] for key in keys]
        worked_out[f"{kind.value}_checks"] = [cell_text(outcome.served) for outcome in outcomes]
        worked_out[f"{kind.value}_wrong"] = [cell_text(outcome.wrong) for outcome in outcomes]
    stored = {
        column.name: column.cells
        for column in _columns(raters, given=[given for given in campaign_columns.RATERS if given.path])
    }
    columns = tuple(
        GivenColumn(name=given.name, meaning=given.meaning, cells=(stored | worked_out)[given.name])
        for given in campaign_columns.RATERS
    )
    return columns, np.array(keys, dtype=np.int64)


def _columns(rows: QuerySet[Any], *, given: Sequence[Given]) -> tuple[GivenColumn, ...]:
    """The rows, in their order, as columns of cells."""
    cells: list[list[str]] = [[] for _ in given]
    for block in copied(rows, paths=[column.path for column in given]):
        for column, found in zip(cells, block, strict=True):
            column.extend(found)
    return _named(cells, given=given)


def _named(cells: Sequence[Sequence[str]], *, given: Sequence[Given]) -> tuple[GivenColumn, ...]:
    """Columns of cells with their names and meanings."""
    return tuple(
        GivenColumn(name=column.name, meaning=column.meaning, cells=found)
        for column, found in zip(given, cells, strict=True)
    )


def _verdict(standing: Standing) -> str:
    if standing.excluded_by_hand:
        return campaign_columns.EXCLUDED
    return campaign_columns.FAILED if standing.failed_checks else campaign_columns.KEPT


def _first_step(table: RatingTable, *, checks: Answers, rater_keys: IndexArray) -> FlowStep:
    """The flow's first step, from all standing answers to those that judge maps."""
    raters = numbered(np.append(table.rater_index, places(checks.rater, among=rater_keys)))[0]
    return attention_step(
        table,
        n_answers=table.n_answers + checks.item.size,
        n_items=table.items_with_answers() + numbered(checks.item)[0].size,
        n_raters=raters.size,
    )


def attention_step(table: RatingTable, *, n_answers: int, n_items: int, n_raters: int) -> FlowStep:
    """From n answers to those of the table, which holds no attention check."""
    return FlowStep(
        name=SET_ASIDE,
        detail="they judge raters, not maps",
        items_before=n_items,
        items_after=table.items_with_answers(),
        raters_before=n_raters,
        raters_after=int(numbered(table.rater_index)[0].size),
        answers_before=n_answers,
        answers_after=table.n_answers,
    )
