"""From the database to a table of answers: the only file of evaluation that asks the ORM."""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from annotation import standings
from annotation.choices import ItemKind, RaterOutcome
from annotation.models import Answer, Campaign, CampaignVersion, Item, Rater
from annotation.standings import Standing
from evaluation.metrics.tables import FlowStep, RatingTable
from generation.choices import PartOfSpeech

SET_ASIDE = "set attention checks aside"


@dataclass(frozen=True, kw_only=True)
class LoadedItem:
    """What one item shows."""

    item: str
    kind: str
    position: int
    prompt_row: int
    prompt: str
    word: str
    word_position: int
    part_of_speech: str
    lemma: str
    seed: int
    image_sha256: str
    safety_verdict: str
    map_peak: float | None


@dataclass(frozen=True, kw_only=True)
class LoadedRater:
    """One rater by pseudonym, with what happened on the visit and whether the answers count."""

    rater: str
    platform: str
    simulated: bool
    outcome: str
    entered_at: datetime
    ended_at: datetime | None
    exclusion_reason: str
    standing: Standing


@dataclass(frozen=True, kw_only=True)
class LoadedCampaign:
    """Which campaign, of which model: enough that nobody takes one model's scores for another's."""

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


@dataclass(frozen=True, kw_only=True)
class CampaignData:
    """Everything a report is made of.

    table: the standing answers to rating items, of all raters, the excluded ones too; every rating item is
    known to it, also without an answer. Its flow begins with the attention checks that were set aside.
    """

    campaign: LoadedCampaign
    items: tuple[LoadedItem, ...]
    raters: tuple[LoadedRater, ...]
    table: RatingTable


def load(campaign: Campaign) -> CampaignData:
    """The data of a campaign as they stand; of one moment inside `annotation.exports.snapshot`."""
    items = _items(campaign)
    return CampaignData(
        campaign=_campaign(campaign),
        items=items,
        raters=_raters(campaign),
        table=_table(campaign, items=items),
    )


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
    )


def _items(campaign: Campaign) -> tuple[LoadedItem, ...]:
    items = (
        Item.objects.filter(campaign=campaign)
        .select_related("word_map__image__prompt", "word_map__word")
        .order_by("position")
    )
    return tuple(
        LoadedItem(
            item=str(item.pk),
            kind=item.kind,
            position=item.position,
            prompt_row=item.word_map.image.prompt.row_number,
            prompt=item.word_map.image.prompt.text,
            word=item.word_map.word.text,
            word_position=item.word_map.word.position,
            part_of_speech=item.word_map.word.part_of_speech,
            lemma=item.word_map.word.lemma,
            seed=item.word_map.image.seed,
            image_sha256=item.word_map.image.file_sha256,
            safety_verdict=item.word_map.image.safety_verdict,
            map_peak=item.word_map.peak,
        )
        for item in items
    )


def _raters(campaign: Campaign) -> tuple[LoadedRater, ...]:
    of_rater = standings.standings(campaign)
    return tuple(
        LoadedRater(
            rater=rater.pseudonym,
            platform=rater.platform,
            simulated=rater.simulated,
            outcome=rater.outcome,
            entered_at=rater.entered_at,
            ended_at=rater.ended_at,
            exclusion_reason=rater.exclusion_reason,
            standing=of_rater[rater.pk],
        )
        for rater in Rater.objects.filter(campaign=campaign).order_by("pk")
    )


def _table(campaign: Campaign, *, items: tuple[LoadedItem, ...]) -> RatingTable:
    """Answers in order of submission; then the items that nobody has answered; then the flow's first step."""
    standing_answers = Answer.objects.filter(slot__campaign=campaign, undone_at__isnull=True)
    rows = list(
        standing_answers.filter(slot__item__kind=ItemKind.RATING)
        .order_by("pk")
        .values_list("slot__item_id", "rater__pseudonym", "score", "opt_out", "shown_at", "answered_at")
    )
    part_of = {item.item: item.part_of_speech for item in items if item.kind == ItemKind.RATING}
    table = RatingTable.from_columns(
        items=[str(row[0]) for row in rows],
        raters=[row[1] for row in rows],
        scores=[float("nan") if row[2] is None else float(row[2]) for row in rows],
        opt_outs=[row[3] for row in rows],
        groups=[part_of[str(row[0])] for row in rows],
        seconds=[(row[5] - row[4]).total_seconds() for row in rows],
    )
    complete = _with_unanswered(table, part_of=part_of)
    n_answers = standing_answers.count()
    n_items = standing_answers.values("slot__item_id").distinct().count()
    n_raters = standing_answers.values("rater_id").distinct().count()
    step = FlowStep(
        name=SET_ASIDE,
        detail="they judge raters, not maps",
        items_before=n_items,
        items_after=complete.items_with_answers(),
        raters_before=n_raters,
        raters_after=complete.n_raters,
        answers_before=n_answers,
        answers_after=complete.n_answers,
    )
    return replace(complete, flow=(step,))


def _with_unanswered(table: RatingTable, *, part_of: dict[str, str]) -> RatingTable:
    """The table with every rating item in it, groups in the order of the tag set."""
    known = set(table.item_ids)
    item_ids = table.item_ids + tuple(item for item in part_of if item not in known)
    present = set(part_of.values())
    groups = tuple(part.value for part in PartOfSpeech if part.value in present)
    place = {group: index for index, group in enumerate(groups)}
    return replace(
        table,
        item_ids=item_ids,
        groups=groups,
        group_index=np.array([place[part_of[item]] for item in item_ids], dtype=np.int64),
    )


def ended(rater: LoadedRater) -> str:
    """How the visit ended, in words."""
    return str(RaterOutcome(rater.outcome).label) if rater.outcome else "Still here or gone"
