"""Joins for pages: how far a campaign is, and what each rater did."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from statistics import median
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from annotation import check_rows, checks, evidence, sequences
from annotation.choices import CheckKind, ItemKind, RaterOutcome, SlotState
from annotation.evidence import Agreement, Pattern
from annotation.models import Answer, Campaign, CampaignVersion, Item, LateAnswer, Rater, Slot
from annotation.practice_records import PracticeRecord, practice_records
from annotation.standings import standings
from annotation.verdicts import Given

UNDER_WAY: Final = "Under way or gone"
# Answers by item and rater.
Met = dict[int, dict[int, Given]]


@dataclass(frozen=True, kw_only=True)
class OutcomeCount:
    """Raters by how their visit ended; outcome is empty for those whose visit goes on."""

    outcome: str
    label: str
    raters: int


@dataclass(frozen=True, kw_only=True)
class CampaignProgress:
    """Where the places of a campaign stand, counted now: places = answered + live + expired + kept
    + free.

    kept: for a rater who is at work, as her next ones.  live: with a rater whose lease runs.  expired: with
    a rater whose lease has run out; the next one who needs it takes it over.  late: answers that came after
    that.  checks_*: attention checks of all raters.  uncounted: of the answered places those whose answers
    don't count, since their raters failed or are excluded.  at_work: raters with a task or places kept.
    """

    places: int
    answered: int
    uncounted: int
    live: int
    expired: int
    kept: int
    free: int
    late: int
    checks_answered: int
    checks_wrong: int
    raters: int
    at_work: int
    raters_excluded: int
    outcomes: tuple[OutcomeCount, ...]

    @property
    def share_answered(self) -> float:
        """Answered places as a share of all, in [0, 1]; 0 for a campaign without places."""
        return self.answered / self.places if self.places else 0.0

    @property
    def waiting_for_newcomers(self) -> int:
        """Places that only new raters can take: those that are open while nobody is at work; else 0."""
        return 0 if self.at_work else self.free + self.expired

    def as_json(self) -> dict[str, Any]:
        """The numbers by name, as the API and the command line give them; outcomes: raters by code."""
        outcomes = {outcome.outcome or "under_way": outcome.raters for outcome in self.outcomes}
        return asdict(self) | {"outcomes": outcomes}

    @property
    def missing(self) -> int:
        """Places without an answer."""
        return self.places - self.answered


@dataclass(frozen=True, kw_only=True)
class KindOutcome:
    """One rater's attention checks of one kind. kind: a value of CheckKind; label: in words."""

    kind: str
    label: str
    served: int
    wrong: int


@dataclass(frozen=True, kw_only=True)
class RaterRow:
    """One rater with the evidence of her care. Times are server intervals, from handing out to answer.

    answers: her ratings that stand, checks not counted.  share: of all places, in [0, 1].
    median_seconds: None before the first answer.  too_fast: answers that no hand can give by the page.
    practice: None where the campaign has none.  agreement: with the others, her own answers not among theirs.
    """

    pseudonym: str
    platform: str
    simulated: bool
    outcome: str
    entered_at: datetime
    ended_at: datetime | None
    excluded: bool
    exclusion_reason: str
    answers: int
    share: float
    checks_served: int
    checks_wrong: int
    by_kind: tuple[KindOutcome, ...]
    failed_checks: bool
    median_seconds: float | None
    too_fast: int
    pattern: Pattern
    agreement: Agreement
    practice: PracticeRecord | None
    undone: int
    late: int
    trap_filled: bool = False
    same_device: int = 0
    same_answers: int = 0
    cycle: int = 0

    @property
    def flags(self) -> tuple[str, ...]:
        """What programs, several accounts of one person or no reading leave behind; it decides nothing."""
        found = []
        if self.trap_filled:
            found.append("filled in a field that nobody sees")
        if self.same_device:
            others = "1 other rater" if self.same_device == 1 else f"{self.same_device} other raters"
            found.append(f"same browser as {others}")
        if self.same_answers:
            others = "1 other rater" if self.same_answers == 1 else f"{self.same_answers} other raters"
            found.append(f"same answers as {others} wherever both were asked")
        if self.cycle:
            found.append(f"answers repeat in a cycle of {self.cycle}")
        return tuple(found)

    @property
    def counts(self) -> bool:
        """Whether her answers enter the analysis."""
        return not (self.failed_checks or self.excluded)

    @property
    def outcome_label(self) -> str:
        """How her visit ended, in words."""
        return str(RaterOutcome(self.outcome).label) if self.outcome else UNDER_WAY

    @property
    def share_percent(self) -> float:
        """Her share of all places, in percent."""
        return 100 * self.share


def with_counts(campaigns: QuerySet[Campaign]) -> QuerySet[Any]:
    """The campaigns with `items_count` (rating items), `places`, `answered` and `raters_count`."""
    slots = Slot.objects.filter(campaign=OuterRef("pk"), number__isnull=False)
    return campaigns.annotate(
        items_count=_count(Item.objects.filter(campaign=OuterRef("pk"), kind=ItemKind.RATING)),
        places=_count(slots.exclude(state=SlotState.VOID)),
        answered=_count(slots.filter(state=SlotState.ANSWERED)),
        raters_count=_count(Rater.objects.filter(campaign=OuterRef("pk"))),
    )


def progress(campaign: Campaign) -> CampaignProgress:
    """The campaign's progress, in seven queries however large it is."""
    numbered = Slot.objects.filter(campaign=campaign, number__isnull=False)
    slots = numbered.aggregate(
        places=Count("pk", filter=~Q(state=SlotState.VOID)),
        answered=Count("pk", filter=Q(state=SlotState.ANSWERED)),
        live=Count("pk", filter=Q(state=SlotState.LEASED, lease_until__gt=Now())),
        expired=Count("pk", filter=Q(state=SlotState.LEASED, lease_until__lte=Now())),
        kept=Count("pk", filter=Q(state=SlotState.KEPT)),
        free=Count("pk", filter=Q(state=SlotState.FREE)),
    )
    raters = Rater.objects.filter(campaign=campaign)
    counts = {row["outcome"]: row["n"] for row in raters.order_by().values("outcome").annotate(n=Count("pk"))}
    found = standings(campaign)
    out = [pk for pk, standing in found.items() if not standing.counts]
    return CampaignProgress(
        **slots,
        late=LateAnswer.objects.filter(slot__campaign=campaign).count(),
        uncounted=numbered.filter(state=SlotState.ANSWERED, rater__in=out).count(),
        checks_answered=sum(standing.checks.served for standing in found.values()),
        checks_wrong=sum(standing.checks.wrong for standing in found.values()),
        raters=sum(counts.values()),
        at_work=_at_work(raters),
        raters_excluded=sum(standing.excluded_by_hand for standing in found.values()),
        outcomes=tuple(
            OutcomeCount(outcome=code, label=label, raters=counts.get(code, 0))
            for code, label in [("", UNDER_WAY), *RaterOutcome.choices]
        ),
    )


def rater_rows(campaign: Campaign, *, raters: Sequence[Rater]) -> list[RaterRow]:
    """The rows of these raters of the campaign, in their order: for one page of a list."""
    pks = [rater.pk for rater in raters]
    wanted = ratings_wanted(campaign)
    answers = (
        check_rows.with_first_answers(Answer.objects.filter(rater__in=pks))
        .order_by("rater_id", "pk")
        .values(
            "rater_id", "mask_id", "mask__area", "mask__height", "mask__width", "shown_at", "answered_at",
            "undone_at", "slot__item__kind", *check_rows.COLUMNS,
        )
    )  # fmt: skip
    by_rater: dict[int, list[Any]] = {
        pk: list(rows) for pk, rows in groupby(answers, key=lambda row: row["rater_id"])
    }
    late_answers = LateAnswer.objects.filter(rater__in=pks).order_by().values_list("rater_id")
    late = dict(late_answers.annotate(n=Count("pk")))
    records = practice_records(campaign, raters=raters)
    shared = _by_device(campaign, raters=raters)
    met = _answers_met(campaign, raters=pks)
    agreed = _agreements(campaign, raters=pks, met=met)
    twins = sequences.alike(met, raters=pks, all_raters=Rater.objects.filter(campaign=campaign).count())
    return [
        _rater_row(
            rater,
            by_rater.get(rater.pk, []),
            allowed_wrong=campaign.checks_allowed_wrong,
            wanted=wanted,
            late=late.get(rater.pk, 0),
            agreement=agreed[rater.pk],
            practice=records.get(rater.pk),
            same_device=shared.get(rater.device, 1) - 1,
            same_answers=len(twins[rater.pk]),
        )
        for rater in raters
    ]


def rater_row(rater: Rater) -> RaterRow:
    """One rater's row."""
    return rater_rows(rater.campaign, raters=[rater])[0]


def _answers_met(campaign: Campaign, *, raters: Sequence[int]) -> Met:
    """Everybody's answers to the items that these raters have rated, by item and rater, in one query."""
    standing = Answer.objects.filter(
        slot__campaign=campaign, slot__item__kind=ItemKind.RATING, undone_at__isnull=True
    )
    items = standing.filter(rater__in=raters).values("slot__item_id")
    names = ("score", "opt_out", "words", "choice", "mask__rle", "slot__swapped", "slot__item_id", "rater_id")
    met: Met = {}
    for row in standing.filter(slot__item__in=items).values(*names):
        given = check_rows.given_by(row | {"rle": row["mask__rle"], "swapped": row["slot__swapped"]})
        met.setdefault(row["slot__item_id"], {})[row["rater_id"]] = given
    return met


def _agreements(campaign: Campaign, *, raters: Sequence[int], met: Met) -> dict[int, Agreement]:
    """How far each of these raters agrees with the others on the items that she has rated, by primary key.

    The others' answers are everybody's, also of who is on no list.
    """
    found = {}
    for rater in raters:
        hers = [item for item, given in met.items() if rater in given]
        found[rater] = evidence.agreement(
            {item: met[item][rater] for item in hers},
            {item: [given for pk, given in met[item].items() if pk != rater] for item in hers},
            task_kind=campaign.task_kind,
        )
    return found


def ratings_wanted(campaign: Campaign) -> int:
    """Places made at the opening: items times raters per item; 0 for a draft."""
    version = (
        CampaignVersion.objects.filter(campaign=campaign).order_by("-number").only("ratings_wanted").first()
    )
    return version.ratings_wanted if version else 0


def _at_work(raters: QuerySet[Rater]) -> int:
    in_hand = Slot.objects.filter(rater=OuterRef("pk"), state=SlotState.LEASED, lease_until__gt=Now())
    here = raters.filter(Q(places_kept_until__gt=Now()) | Exists(in_hand), outcome="", excluded_at=None)
    return here.count()


def _count(rows: QuerySet[Any]) -> Coalesce:
    # A subquery each: joins would multiply the rows of one count by those of the next.
    counted = rows.order_by().values("campaign").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _rater_row(
    rater: Rater,
    answers: list[dict[str, Any]],
    *,
    allowed_wrong: int,
    wanted: int,
    late: int,
    agreement: Agreement,
    practice: PracticeRecord | None,
    same_device: int,
    same_answers: int,
) -> RaterRow:
    standing = [answer for answer in answers if answer["undone_at"] is None]
    ratings = [answer for answer in standing if answer["slot__item__kind"] == ItemKind.RATING]
    served = [answer for answer in standing if answer["slot__item__kind"] == ItemKind.ATTENTION]
    wrong = sum(not check_rows.passed(answer, campaign=rater.campaign) for answer in served)
    outcome = checks.AttentionOutcome(served=len(served), wrong=wrong)
    labels = [_label(answer) for answer in standing]
    return RaterRow(
        pseudonym=rater.pseudonym,
        platform=rater.platform,
        simulated=rater.simulated,
        outcome=rater.outcome,
        entered_at=rater.entered_at,
        ended_at=rater.ended_at,
        excluded=rater.excluded_at is not None,
        exclusion_reason=rater.exclusion_reason,
        answers=len(ratings),
        share=len(ratings) / wanted if wanted else 0.0,
        checks_served=outcome.served,
        checks_wrong=outcome.wrong,
        by_kind=_by_kind(served, campaign=rater.campaign),
        failed_checks=checks.fails_campaign(outcome, allowed_wrong=allowed_wrong),
        median_seconds=median(_seconds(standing)) if standing else None,
        too_fast=sum(seconds < evidence.FASTEST_SECONDS for seconds in _seconds(standing)),
        pattern=evidence.pattern(labels),
        agreement=agreement,
        practice=practice,
        undone=len(answers) - len(standing),
        late=late,
        trap_filled=rater.trap_filled,
        same_device=same_device,
        same_answers=same_answers,
        cycle=sequences.cycle(labels),
    )


def _by_device(campaign: Campaign, *, raters: Sequence[Rater]) -> dict[str, int]:
    """How many of the campaign's raters have each of these raters' browsers; those without one left out."""
    known = {rater.device for rater in raters} - {""}
    if not known:
        return {}
    of_device = Rater.objects.filter(campaign=campaign, device__in=known).order_by().values_list("device")
    return dict(of_device.annotate(n=Count("pk")))


def _by_kind(served: list[dict[str, Any]], *, campaign: Campaign) -> tuple[KindOutcome, ...]:
    found = []
    for kind in CheckKind:
        of_kind = [answer for answer in served if answer["slot__item__check_kind"] == kind]
        if of_kind:
            wrong = sum(not check_rows.passed(answer, campaign=campaign) for answer in of_kind)
            found.append(
                KindOutcome(kind=kind.value, label=str(kind.label), served=len(of_kind), wrong=wrong)
            )
    return tuple(found)


def _label(answer: dict[str, Any]) -> str:
    given = check_rows.given_by(answer | {"rle": "", "swapped": answer["slot__swapped"]})
    share = None
    if answer["mask_id"]:
        share = answer["mask__area"] / (answer["mask__height"] * answer["mask__width"])
    return evidence.label(given, mask_share=share, mask_id=answer["mask_id"])


def _seconds(answers: Iterable[dict[str, Any]]) -> list[float]:
    return [(answer["answered_at"] - answer["shown_at"]).total_seconds() for answer in answers]
