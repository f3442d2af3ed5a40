"""What a running campaign's answers add up to, kind by kind: fed with rows of `live`, read at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.db.models import F, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from annotation import coco_rle
from annotation.choices import Choice, TaskKind
from annotation.models import Campaign, Item
from annotation.shown import system_case
from annotation.systems import compares, judges_images, systems_of
from evaluation.kinds.presence_judging import NO_RELATION
from evaluation.kinds.presence_loading import RELATION, asked_of
from evaluation.metrics import protocol
from evaluation.metrics.intervals import Interval
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.running import RunningGroup, RunningOpinion
from evaluation.metrics.running_kinds import (
    Checked,
    Region,
    RunningChecklists,
    RunningNominal,
    RunningRegions,
)

Row = dict[str, Any]
# Added to the answers: the group and what the item shows; see each tally.
GROUP: Final = "live_group"
THING: Final = "live_thing"
OTHER: Final = "live_other"
ITEM: Final = "slot__item_id"
SHARES: Final = (0.0, 1.0)
ITEMS_AT_ONCE: Final = 5_000


@dataclass(frozen=True, kw_only=True)
class Live:
    """Opinion scores as they stand. groups: by system where several are compared, else by part of speech.

    alpha: interval level, NaN where undefined.  n_answers: standing answers to rated items, of all raters.
    """

    overall: RunningGroup
    groups: tuple[RunningGroup, ...]
    alpha: float
    n_answers: int


@dataclass(frozen=True, kw_only=True)
class LiveNumber:
    """One number with its interval. n_items: what it rests on; n_answers: 0 where that is not counted."""

    label: str
    value: Interval
    n_items: int
    n_answers: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveKind:
    """Another kind's numbers as they stand. headline: None of more than two systems, which `rows` tell.

    rows: by relation, or of each pair of systems.  alpha: Krippendorff's, nominal, on `agreed`; NaN where it
    is undefined.  in_percent: how the numbers are shown.
    """

    headline: LiveNumber | None
    rows: tuple[LiveNumber, ...]
    alpha: float
    agreed: str
    in_percent: bool
    n_answers: int


class Tally(Protocol):
    """One kind's sums. Items and raters are texts."""

    columns: tuple[str, ...]

    def annotations(self) -> dict[str, Any]:
        """What a row needs besides its columns."""

    def prepare(self, items: Sequence[int]) -> None:
        """Reads what is to be known of items, before their first answers are taken."""

    def take(self, row: Row) -> None:
        """Counts the answer of a row."""

    def remove(self, *, item: str, rater: str) -> None:
        """Takes an answer back."""

    def exclude(self, rater: str) -> None:
        """Leaves a rater out."""

    def include(self, rater: str) -> None:
        """Counts her again."""

    def stand(self, *, n_answers: int) -> Any:
        """The numbers now."""


def tally_of(campaign: Campaign) -> Tally:
    """Empty sums for the campaign's kind."""
    made: Mapping[str, Any] = {
        TaskKind.OPINION_SCORE: OpinionTally,
        TaskKind.OBJECT_PRESENCE: PresenceTally,
        TaskKind.PAIRWISE: PairTally,
        TaskKind.MASK: MaskTally,
    }
    found: Tally = made[campaign.task_kind](campaign)
    return found


class OpinionTally:
    """Scores, as the report's headline counts them."""

    columns = (GROUP, THING)

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._running = RunningOpinion()

    def annotations(self) -> dict[str, Any]:
        """The system or part of speech; empty for pictures. And the thing that is scored."""
        group: Any = Coalesce(F("slot__item__word_map__word__part_of_speech"), Value(""))
        thing: Any = F("slot__item__word_map__word_id")
        if compares(self._campaign):
            group = system_case(self._campaign, item="slot__item__")
        if compares(self._campaign) or judges_images(self._campaign):
            thing = Coalesce("slot__item__word_map__image__prompt_id", "slot__item__image__prompt_id")
        return {GROUP: group, THING: thing}

    def prepare(self, items: Sequence[int]) -> None:
        """Rows say all."""

    def take(self, row: Row) -> None:
        """See Tally."""
        self._running.add(
            item=str(row[ITEM]),
            rater=str(row["rater_id"]),
            group=row[GROUP],
            score=row["score"],
            opt_out=row["opt_out"] or None,
            # One word of one prompt whatever the seed, or of several systems the prompt: see `loading`.
            thing=str(row[THING]),
        )

    def remove(self, *, item: str, rater: str) -> None:
        """See Tally."""
        self._running.remove(item=item, rater=rater)

    def exclude(self, rater: str) -> None:
        """See Tally."""
        self._running.exclude(rater)

    def include(self, rater: str) -> None:
        """See Tally."""
        self._running.include(rater)

    def stand(self, *, n_answers: int) -> Live:
        """See Tally."""
        return Live(
            overall=self._running.group(),
            groups=tuple(self._running.groups()),
            alpha=self._running.agreement(),
            n_answers=n_answers,
        )


class PairTally:
    """Preferences, a tie as half, with the two-way interval; of each pair of systems by itself."""

    columns = (GROUP, OTHER, THING, "slot__item__word_map__word__text")
    _VALUES: Final = {Choice.LEFT: (1.0, 0.0), Choice.TIE: (0.5, 0.5), Choice.RIGHT: (0.0, 1.0)}

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._systems = [system.name for system in systems_of(campaign)]
        rules = protocol.Protocol(item_score=ItemScore.MEAN, fair_from=0.5)
        self._shares = RunningOpinion(protocol=rules, scale=SHARES)
        self._choices = RunningNominal()

    def annotations(self) -> dict[str, Any]:
        """Both systems, and the prompt whose pictures or maps lie side by side."""
        prompt = "image__prompt__text"
        return {
            GROUP: system_case(self._campaign, item="slot__item__"),
            OTHER: system_case(self._campaign, item="slot__item__", other="other_"),
            THING: Coalesce(f"slot__item__{prompt}", f"slot__item__word_map__{prompt}"),
        }

    def prepare(self, items: Sequence[int]) -> None:
        """Rows say all."""

    def take(self, row: Row) -> None:
        """See Tally."""
        item, rater = str(row[ITEM]), str(row["rater_id"])
        value = self._VALUES[row["choice"]][bool(row["slot__swapped"])]
        word = row["slot__item__word_map__word__text"] or ""
        self._shares.add(
            item=item, rater=rater, score=value, thing=f"{word}\0{row[THING]}",
            group=f"{row[GROUP]}\0{row[OTHER]}",
        )  # fmt: skip
        self._choices.add(item=item, rater=rater, given=value)

    def remove(self, *, item: str, rater: str) -> None:
        """See Tally."""
        self._shares.remove(item=item, rater=rater)
        self._choices.remove(item=item, rater=rater)

    def exclude(self, rater: str) -> None:
        """See Tally."""
        self._shares.exclude(rater)
        self._choices.exclude(rater)

    def include(self, rater: str) -> None:
        """See Tally."""
        self._shares.include(rater)
        self._choices.include(rater)

    def stand(self, *, n_answers: int) -> LiveKind:
        """See Tally."""
        order = {name: place for place, name in enumerate(self._systems)}
        met = [(group.group.split("\0"), group) for group in self._shares.groups() if group.n_ratings]
        met.sort(key=lambda one: [order[system] for system in one[0]])
        rows = [_preference(group, " to ".join(systems)) for systems, group in met]
        two = len(self._systems) == 2
        headline = f"Prefer {self._systems[0]} to {self._systems[1]}"
        return LiveKind(
            headline=_preference(self._shares.group(), headline) if two else None,
            rows=() if two else tuple(rows),
            alpha=self._choices.alpha(),
            agreed="who is preferred",
            in_percent=True,
            n_answers=n_answers,
        )


class PresenceTally:
    """Images with both asked words among the two with most votes, by relation."""

    columns = ()

    def __init__(self, campaign: Campaign) -> None:
        self._vocabulary = tuple(campaign.vocabulary)
        self._running = RunningChecklists(n_words=len(self._vocabulary))

    def annotations(self) -> dict[str, Any]:
        """Rows say all of the answer; `prepare` reads what is asked."""
        return {}

    def prepare(self, items: Sequence[int]) -> None:
        """See Tally."""
        new = [item for item in items if not self._running.knows(str(item))]
        for start in range(0, len(new), ITEMS_AT_ONCE):
            shown = Item.objects.filter(pk__in=new[start : start + ITEMS_AT_ONCE], image__isnull=False)
            with_relation = shown.annotate(relation=KeyTextTransform(RELATION, "image__prompt__extra"))
            asked = asked_of(shown, vocabulary=self._vocabulary)
            for item, prompt, relation in with_relation.values_list("pk", "image__prompt_id", "relation"):
                self._running.ask(str(item), relation=relation or NO_RELATION, words=asked[prompt])

    def take(self, row: Row) -> None:
        """See Tally."""
        given = Checked(order=row["pk"], words=tuple(row["words"]))
        self._running.add(item=str(row[ITEM]), rater=str(row["rater_id"]), given=given)

    def remove(self, *, item: str, rater: str) -> None:
        """See Tally."""
        self._running.remove(item=item, rater=rater)

    def exclude(self, rater: str) -> None:
        """See Tally."""
        self._running.exclude(rater)

    def include(self, rater: str) -> None:
        """See Tally."""
        self._running.include(rater)

    def stand(self, *, n_answers: int) -> LiveKind:
        """See Tally."""

        def line(label: str, relation: str | None) -> LiveNumber:
            value, n_items = self._running.accuracy(relation)
            return LiveNumber(label=label, value=value, n_items=n_items)

        return LiveKind(
            headline=line("Images with both objects", None),
            rows=tuple(line(relation, relation) for relation in self._running.relations()),
            alpha=self._running.alpha(),
            agreed="each word of the checklist, checked or not",
            in_percent=True,
            n_answers=n_answers,
        )


class MaskTally:
    """How far the raters' masks of a word agree. The word maps are measured on the results page alone."""

    columns = ("mask__rle", "slot__item__image__file_sha256")

    def __init__(self, campaign: Campaign) -> None:
        del campaign
        self._running = RunningRegions(iou=coco_rle.iou)

    def annotations(self) -> dict[str, Any]:
        """Rows say all."""
        return {}

    def prepare(self, items: Sequence[int]) -> None:
        """Rows say all."""

    def take(self, row: Row) -> None:
        """See Tally."""
        item = str(row[ITEM])
        self._running.show(item, image=row["slot__item__image__file_sha256"])
        self._running.add(item=item, rater=str(row["rater_id"]), given=Region(row["mask__rle"] or ""))

    def remove(self, *, item: str, rater: str) -> None:
        """See Tally."""
        self._running.remove(item=item, rater=rater)

    def exclude(self, rater: str) -> None:
        """See Tally."""
        self._running.exclude(rater)

    def include(self, rater: str) -> None:
        """See Tally."""
        self._running.include(rater)

    def stand(self, *, n_answers: int) -> LiveKind:
        """See Tally."""
        value, n_items = self._running.agreement()
        return LiveKind(
            headline=LiveNumber(label="Raters' masks, mean IoU", value=value, n_items=n_items),
            rows=(),
            alpha=self._running.alpha(),
            agreed="whether the word is in the image",
            in_percent=False,
            n_answers=n_answers,
        )


def _preference(group: RunningGroup, label: str) -> LiveNumber:
    return LiveNumber(
        label=label, value=group.mos.within(SHARES), n_items=group.n_items, n_answers=group.n_ratings
    )
