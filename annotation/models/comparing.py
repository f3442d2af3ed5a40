"""What a campaign compares: several runs of the same prompts, or several map methods of one run."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.choices import Pairing, PairOf, ScoreOf, TaskKind
from generation.models import Run

LONGEST_METHOD: Final = 40
FEWEST_METHODS: Final = 2


class Comparing(models.Model):
    """The fields of a campaign that say what is judged, and of which systems."""

    score_of = models.CharField(
        max_length=9,
        choices=ScoreOf,
        default=ScoreOf.WORD_MAPS,
        db_default=ScoreOf.WORD_MAPS,
        help_text="Opinion score: what is scored.",
    )
    pair_of = models.CharField(max_length=9, choices=PairOf, blank=True, help_text="Pairwise: what is shown.")
    methods = ArrayField(
        models.CharField(max_length=LONGEST_METHOD),
        default=list,
        db_default=[],
        blank=True,
        help_text="The map methods that are compared, each a system of its own.",
    )
    pairing = models.CharField(
        max_length=5,
        choices=Pairing,
        default=Pairing.ALL,
        db_default=Pairing.ALL,
        help_text="Pairwise: which systems meet.",
    )
    pairs_per_prompt = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Pairwise: most pairs of systems for one prompt, taken in turn; empty for all of them.",
    )

    class Meta:
        abstract = True

    @property
    def compared_run_ids(self) -> tuple[int, ...]:
        """The runs that `run` is compared with, in the order in which they were chosen."""
        return tuple(self.compared.order_by("place").values_list("run_id", flat=True))  # type: ignore[attr-defined]


class ComparedRun(models.Model):
    """A further system under comparison: another run of the same prompts. The first one is the campaign's."""

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="compared")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="compared_by")
    place = models.PositiveSmallIntegerField(help_text="From 1; the campaign's own run has place 0.")

    class Meta:
        ordering = ["campaign", "place"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "run"], name="compared_run_once_per_campaign"),
            models.UniqueConstraint(fields=["campaign", "place"], name="compared_place_once_per_campaign"),
            models.CheckConstraint(condition=Q(place__gte=1), name="compared_place_after_the_first"),
        ]

    def __str__(self) -> str:
        return f"{self.run} in {self.campaign}"


_BY_METHOD: Final = Q(pair_of=PairOf.METHODS) | Q(score_of=ScoreOf.METHODS)
COMPARING_CONSTRAINTS: Final = [
    models.CheckConstraint(
        name="campaign_pairs_iff_pairwise",
        condition=Q(task_kind=TaskKind.PAIRWISE) & ~Q(pair_of="")
        | ~Q(task_kind=TaskKind.PAIRWISE) & Q(pair_of="", pairs_per_prompt__isnull=True),
    ),
    models.CheckConstraint(
        name="campaign_scores_word_maps_unless_asked",
        condition=Q(task_kind=TaskKind.OPINION_SCORE) | Q(score_of=ScoreOf.WORD_MAPS),
    ),
    models.CheckConstraint(
        name="campaign_has_methods_iff_they_are_compared",
        condition=_BY_METHOD & Q(methods__len__gte=FEWEST_METHODS) | ~_BY_METHOD & Q(methods=[]),
    ),
]
