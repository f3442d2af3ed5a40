"""Object presence: which of the asked words were seen, by relation and by the overlap of their maps.

Source: Tang et al. 2023, sec. 5.1 and fig. 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np

from evaluation.agreement import Agreement, checklist_agreement
from evaluation.dot_figure import DotRow, dot_figure, percent_axis
from evaluation.forest_figure import ForestRow, forest_figure
from evaluation.kinds import presence_labels, presence_overlap_blocks
from evaluation.kinds.agreement_block import agreement_block, agreement_tile
from evaluation.kinds.columns import flow, place_of, raters_table
from evaluation.kinds.groups import filters_of, only_facts, passing
from evaluation.kinds.presence_answers import Labels, PresenceAnswers, label
from evaluation.kinds.presence_judging import GIVEN, NO_RELATION, RESULTS, Status, decided, judged
from evaluation.kinds.report import (
    Block,
    Columns,
    Field,
    KindReport,
    Line,
    Shown,
    Table,
    interval_cells,
    interval_fields,
    interval_tile,
    percent,
    shown_count,
    shown_p,
    shown_share,
    shown_text,
    table_figure,
)
from evaluation.metrics.checklist import checklist_alpha
from evaluation.metrics.intervals import Interval, wilson
from evaluation.metrics.presence import (
    PresenceOutcome,
    RelationAccuracy,
    accuracy_by_relation,
    compare_relations,
)
from evaluation.metrics.tables import BoolArray
from evaluation.metrics.tests import ExactTest, TestResult, holm
from evaluation.settings import Only

AGREED: Final = "each word of the checklist, checked or not"


@dataclass(frozen=True, kw_only=True)
class PresenceSettings:
    """test: of two relations' accuracies and of low against high overlap.  only: filters by group.

    seed: of the bootstrap of agreement.
    """

    confidence: float = 0.95
    test: ExactTest = ExactTest.FISHER
    only: tuple[Only, ...] = ()
    seed: int = 2023


def presence_report(
    answers: PresenceAnswers, *, images: Sequence[Line], facts: Mapping[str, Any], settings: PresenceSettings
) -> KindReport:
    """The report. images: the given columns of images.csv, as texts."""
    given = Columns.of(images, names=[field.name for field in GIVEN])
    wanted = passing(given, settings.only)
    labels = label(answers, items=given.column("item"))
    lines = judged(given, labels=labels, vocabulary=answers.vocabulary, wanted=wanted)
    image = place_of(answers.answers, items=given.column("item"))
    rows = answers.answers.counts & wanted[image]
    votes = presence_labels.votes_of(answers, image=image, rows=rows, n_images=len(given))
    n_raters, n_votes = len(answers.answers.rater_ids), presence_labels.n_votes(answers, rows=rows)
    model = presence_labels.fitted(votes, n_raters=n_raters, n=n_votes)
    lines = presence_labels.with_models(lines, labels=labels, model=model, vocabulary=answers.vocabulary)
    relations = _by_relation(lines, confidence=settings.confidence)
    tests = _tests(relations, settings=settings)
    agreement = _agreement(
        answers, labels=labels, wanted=wanted, votes=votes, n_votes=n_votes, settings=settings
    )  # fmt: skip
    more, shown = presence_labels.rater_columns(model, n_raters=n_raters)
    has_outcome = np.array([status == Status.OK for status in lines.column("status")], dtype=bool)
    return KindReport(
        kind=facts["task_kind"],
        facts=facts,
        settings={
            "confidence": settings.confidence, "test": settings.test.value, "seed": settings.seed,
            "only": only_facts(settings.only),
        },
        tiles=(
            interval_tile(
                "Images with both objects", _overall(lines, confidence=settings.confidence), show=percent
            ),
            agreement_tile(agreement, of="nominal"),
        ),
        blocks=(
            _relations_block(relations, confidence=settings.confidence),
            *([_tests_block(tests, settings=settings)] if tests else []),
            presence_labels.block(lines, model=model, confidence=settings.confidence),
            *presence_overlap_blocks.blocks(lines, confidence=settings.confidence, test=settings.test),
            agreement_block(agreement, of=AGREED),
            _images_block(lines, left_out=facts.get("overlaps_not_measured", 0)),
            Block(title="Raters", tables=(raters_table(answers.answers, more=more, shown=shown),)),
        ),
        files=(
            presence_labels.words_table(lines, labels=labels, model=model, vocabulary=answers.vocabulary),
        ) if votes is not None else (),
        flow=flow(
            answers.answers,
            filters=filters_of(given, settings.only, place=image),
            outcome=has_outcome[image],
            words="images whose prompt names two words of the checklist",
        ),
        n_answers=answers.answers.n,
        n_simulated=int(answers.answers.simulated.sum()),
        methods=_methods(settings),
    )  # fmt: skip


def _agreement(
    answers: PresenceAnswers, *, labels: Labels, wanted: BoolArray, votes: presence_labels.Votes | None,
    n_votes: int, settings: PresenceSettings,
) -> tuple[Agreement, ...]:  # fmt: skip
    """On every word of the checklist, checked or not, over the images that the filters leave."""
    n_words = len(answers.vocabulary)
    n_raters = np.where(wanted, labels.n_raters, 0)
    kept = wanted[labels.item] if labels.item.size else np.zeros(0, dtype=bool)
    alpha = checklist_alpha(
        n_raters, item=labels.item[kept], votes=labels.n_votes[kept], n_words=n_words,
        rng=np.random.default_rng(settings.seed), confidence=settings.confidence,
    )  # fmt: skip
    paired = n_raters > 1
    return checklist_agreement(
        alpha,
        n_items=int(paired.sum()) * n_words,
        n_votes=int(n_raters[paired].sum()) * n_words,
        votes=votes.table(answers.answers.rater_ids) if votes is not None else None,
        too_many=n_votes,
    )


def _by_relation(lines: Columns, *, confidence: float) -> tuple[RelationAccuracy, ...]:
    known, hits = decided(lines, "correct")
    relation = lines.column("relation")
    return accuracy_by_relation(
        (
            PresenceOutcome(image="", relation=relation[place] or NO_RELATION, correct=bool(hits[place]))
            for place in np.flatnonzero(known).tolist()
        ),
        confidence=confidence,
    )


def _methods(settings: PresenceSettings) -> tuple[str, ...]:
    return (
        "An image's label is the two words with most votes, one vote per rater and word; ties go to the"
        " word submitted first.",
        "Beside it stand the words that most raters checked, and the labels of Dawid and Skene (1979), which"
        " weigh raters by how reliable they are.",
        "An image is correct when both words that its prompt names are the label.",
        f"Accuracies have {100 * settings.confidence:g} % Wilson intervals; relations are compared by"
        f" {settings.test.value.capitalize()}'s exact test, two-sided, with Holm's correction.",
    )


def _overall(lines: Columns, *, confidence: float) -> Interval:
    """The accuracy of all relations together."""
    known, hits = decided(lines, "correct")
    found = wilson(int(hits.sum()), total=int(known.sum()), confidence=confidence)
    return found if known.any() else replace(found, reason="no image with an outcome")


def _images_block(lines: Columns, *, left_out: int) -> Block:
    n = Counter(lines.column("status"))
    measured = f" The overlap of {left_out} images is not measured: they are too many." if left_out else ""
    filtered = f" {n[Status.FILTERED]} are filtered out." if n[Status.FILTERED] else ""
    return Block(
        title="Images",
        tables=(_images_table(lines),),
        note=f"{n[Status.OK]} images have an outcome, {n[Status.NO_ANSWER]} no answer;"
        f" {n[Status.NOT_TWO]} are left out because their prompt doesn't name two words of the checklist."
        f"{filtered}{measured}",
    )


def _images_table(lines: Columns) -> Table:
    def answer(line: Line) -> str:
        return {None: "–", True: "yes", False: "no"}[line["correct"]]

    return Table(
        file="images.csv",
        caption="Labels of the images",
        fields=(*GIVEN, *RESULTS),
        lines=lines,
        shown=(
            shown_text("Prompt", "prompt"),
            shown_text("Relation", "relation"),
            Shown("Seen", lambda line: ", ".join(_seen(line)) or "–", number=False),
            Shown("Both asked words", answer, number=False),
            shown_count("Answers", "n_answers"),
        ),
    )


def _seen(line: Line) -> list[str]:
    pairs = (("first_label", "first_votes"), ("second_label", "second_votes"))
    return [f"{line[word]} ({line[votes]})" for word, votes in pairs if line[word]]


def _relations_block(relations: Sequence[RelationAccuracy], *, confidence: float) -> Block:
    lines = tuple(
        {"relation": row.relation, "n_images": row.n_images, "n_correct": row.n_correct}
        | interval_cells("accuracy", row.accuracy)
        for row in relations
    )
    title = "Images with both objects, by relation"
    drawing = dot_figure(
        [
            DotRow(label=row.relation, value=row.accuracy, detail=f"{row.n_correct} of {row.n_images}")
            for row in relations
        ],
        axis=percent_axis("images with both objects"),
        figure_id="accuracy-by-relation",
        title=title,
        confidence=confidence,
    )
    table = Table(
        file="relations.csv",
        caption="The figure in numbers",
        fields=(
            Field("relation", "Relation of the two words, from the prompt's row."),
            Field("n_images", "Images with an outcome."),
            Field("n_correct", "Of them with both objects."),
            *interval_fields("accuracy", "Share with both objects"),
        ),
        lines=lines,
        shown=(
            shown_text("Relation", "relation"),
            *shown_share("Both objects", "accuracy"),
            shown_count("Images", "n_images"),
        ),
    )
    figure = table_figure(
        "accuracy_by_relation", title, drawing,
        header=("relation", "accuracy", "low", "high", "n_correct", "n_images"),
        rows=[(r.relation, r.accuracy.estimate, r.accuracy.low, r.accuracy.high, r.n_correct, r.n_images)
              for r in relations],
    )  # fmt: skip
    return Block(title="Both objects, by relation", figure=figure if relations else None, tables=(table,))


def _tests(
    relations: Sequence[RelationAccuracy], *, settings: PresenceSettings
) -> list[tuple[str, str, TestResult, float]]:
    """(first relation, second, test, Holm's p) of every pair."""
    pairs = list(combinations(relations, 2))
    results = [
        compare_relations(first, second, test=settings.test, confidence=settings.confidence)
        for first, second in pairs
    ]
    corrected = holm([result.p_value for result in results])
    return [
        (first.relation, second.relation, result, float(p))
        for (first, second), result, p in zip(pairs, results, corrected, strict=True)
    ]


def _tests_block(tests: Sequence[tuple[str, str, TestResult, float]], *, settings: PresenceSettings) -> Block:
    title = "Differences between relations"
    rows = [
        ForestRow(first=first, second=second, difference=test.effect, p_holm=p, paired=False)
        for first, second, test, p in tests
    ]
    drawing = forest_figure(rows, figure_id="relation-differences", title=title, axis="difference of shares")
    lines = tuple(
        {"first": first, "second": second, "p_value": test.p_value, "p_holm": p, "test": test.method,
         "undefined_because": test.reason} | interval_cells("difference", test.effect)
        for first, second, test, p in tests
    )  # fmt: skip
    table = Table(
        file="relation_tests.csv",
        caption="The figure in numbers",
        fields=(
            Field("first", "One relation."),
            Field("second", "The other."),
            *interval_fields("difference", "Share of the first less that of the second (Newcombe)"),
            Field("test", "Exact test, two-sided: fisher, barnard or boschloo."),
            Field("p_value", "Its p-value."),
            Field("p_holm", "The same by Holm's correction over all pairs of relations."),
            Field("undefined_because", "Why there is no p-value; else empty."),
        ),
        lines=lines,
        shown=(
            Shown("Relations", lambda line: f"{line['first']} − {line['second']}", number=False),
            *shown_share("Difference", "difference"),
            shown_p("p", "p_value"),
            shown_p("Holm's p", "p_holm"),
        ),
    )
    header = ("first", "second", "difference", "low", "high", "p_value", "p_holm")
    figure = table_figure(
        "relation_differences", title, drawing, header=header,
        rows=[(a, b, t.effect.estimate, t.effect.low, t.effect.high, t.p_value, p) for a, b, t, p in tests],
    )  # fmt: skip
    return Block(title=title, figure=figure, tables=(table,), note=f"Test: {settings.test.value}.")
