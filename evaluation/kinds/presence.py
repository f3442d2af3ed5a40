"""Object presence: which of the asked words were seen, by relation and by the overlap of their maps.

Source: Tang et al. 2023, sec. 5.1 and fig. 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

from evaluation.dot_figure import DotRow, dot_figure, percent_axis
from evaluation.forest_figure import ForestRow, forest_figure
from evaluation.kinds import presence_overlap_blocks
from evaluation.kinds.answers import Answers, alpha_tile, read_answers
from evaluation.kinds.report import (
    Block,
    Field,
    KindReport,
    Line,
    Shown,
    Table,
    Tile,
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
from evaluation.metrics.intervals import NAN, Interval, wilson
from evaluation.metrics.presence import (
    PresenceOutcome,
    RelationAccuracy,
    Submission,
    accuracy_by_relation,
    compare_relations,
    is_correct,
    top_two_labels,
)
from evaluation.metrics.tests import ExactTest, TestResult, holm

NO_RELATION: Final = "(no relation)"
GIVEN: Final = (
    Field("item", "Number of the item; joins presence.csv."),
    Field("prompt", "The prompt."),
    Field("seed", "Seed of the image's noise."),
    Field("image_sha256", "SHA-256 of the image file."),
    Field("relation", "Column 'relation' of the prompt's row; may be empty."),
    Field("first_asked", "The word of the checklist that the prompt names first; may be empty."),
    Field("second_asked", "The one that it names second; may be empty."),
    Field("n_asked", "Words of the checklist in the prompt; accuracy needs two."),
    Field("map_iou", "IoU of the two words' maps at tau 0.4; empty where there is none."),
)
RESULTS: Final = (
    Field("status", "ok, no answer, or not two words."),
    Field("n_answers", "Answers of the raters who count."),
    Field("n_none", "Of them 'none of these'."),
    Field("first_label", "Word with most votes."),
    Field("second_label", "The next."),
    Field("first_votes", "Votes of the first label."),
    Field("second_votes", "Votes of the second."),
    Field("tied", "1 where the order of submission broke a tie for the second place."),
    Field("correct", "1 where both asked words are the labels; empty unless the status is ok."),
)


class Status(StrEnum):
    """Whether an image has an outcome."""

    OK = "ok"
    NO_ANSWER = "no answer"
    NOT_TWO = "not two words"


@dataclass(frozen=True, kw_only=True)
class PresenceSettings:
    """test: of two relations' accuracies and of low against high overlap."""

    confidence: float = 0.95
    test: ExactTest = ExactTest.FISHER


def presence_report(
    lines: Iterable[Line], *, images: Sequence[Line], facts: Mapping[str, Any], settings: PresenceSettings
) -> KindReport:
    """The report. lines: of presence.csv.  images: the given columns of images.csv, as texts."""
    answers = read_answers(lines)
    judged = _judge(answers, images)
    outcomes = [
        PresenceOutcome(
            image=line["item"], relation=line["relation"] or NO_RELATION, correct=bool(line["correct"])
        )
        for line in judged
        if line["status"] == Status.OK
    ]
    relations = accuracy_by_relation(outcomes, confidence=settings.confidence)
    tests = _tests(relations, settings=settings)
    return KindReport(
        kind=facts["task_kind"],
        facts=facts,
        settings={"confidence": settings.confidence, "test": settings.test.value},
        tiles=(
            interval_tile(
                "Images with both objects", _overall(outcomes, confidence=settings.confidence), show=percent
            ),
            _alpha_tile(answers, vocabulary=facts["vocabulary"]),
        ),
        blocks=(
            _relations_block(relations, confidence=settings.confidence),
            *([_tests_block(tests, settings=settings)] if tests else []),
            *presence_overlap_blocks.blocks(judged, confidence=settings.confidence, test=settings.test),
            _images_block(judged),
            Block(title="Raters", tables=(answers.raters,)),
        ),
        files=(),
        flow=answers.flow,
        n_answers=len(answers.every),
        n_simulated=answers.n_simulated,
        methods=_methods(settings),
    )


def _methods(settings: PresenceSettings) -> tuple[str, ...]:
    return (
        "An image's label is the two words with most votes, one vote per rater and word; ties go to the"
        " word submitted first.",
        "An image is correct when both words that its prompt names are the label.",
        f"Accuracies have {100 * settings.confidence:g} % Wilson intervals; relations are compared by"
        f" {settings.test.value.capitalize()}'s exact test, two-sided, with Holm's correction.",
    )


def _overall(outcomes: Sequence[PresenceOutcome], *, confidence: float) -> Interval:
    """The accuracy of all relations together."""
    hits = sum(outcome.correct for outcome in outcomes)
    found = wilson(hits, total=len(outcomes), confidence=confidence)
    return found if outcomes else replace(found, reason="no image with an outcome")


def _judge(answers: Answers, images: Sequence[Line]) -> list[dict[str, Any]]:
    by_item = answers.by_item()
    return [_judged(line, by_item.get(line["item"], [])) for line in images]


def _judged(given: Line, answers: Sequence[Any]) -> dict[str, Any]:
    """A line of images.csv."""
    submissions = [
        Submission(
            rater=answer.rater,
            words=tuple(line["checked_word"] for line in answer.lines if line["checked_word"]),
        )
        for answer in answers
    ]
    label = top_two_labels(submissions)
    words, votes = (*label.words, "", ""), (*label.votes, None, None)
    asked = (given["first_asked"], given["second_asked"])
    status = Status.NO_ANSWER if not answers else Status.OK if given["n_asked"] == "2" else Status.NOT_TWO
    return {
        **given,
        "seed": int(given["seed"]),
        "n_asked": int(given["n_asked"]),
        "map_iou": float(given["map_iou"]) if given["map_iou"] else NAN,
        "status": status,
        "n_answers": len(answers),
        "n_none": sum(not submission.words for submission in submissions),
        "first_label": words[0],
        "second_label": words[1],
        "first_votes": votes[0],
        "second_votes": votes[1],
        "tied": label.tied,
        "correct": is_correct(label, prompt_words=asked) if status == Status.OK else None,
    }


def _images_block(judged: Sequence[Line]) -> Block:
    n = {status: sum(line["status"] == status for line in judged) for status in Status}
    return Block(
        title="Images",
        tables=(_images_table(judged),),
        note=f"{n[Status.OK]} images have an outcome, {n[Status.NO_ANSWER]} no answer;"
        f" {n[Status.NOT_TWO]} are left out because their prompt doesn't name two words of the checklist.",
    )


def _images_table(judged: Sequence[Line]) -> Table:
    def answer(line: Line) -> str:
        return {None: "–", True: "yes", False: "no"}[line["correct"]]

    return Table(
        file="images.csv",
        caption="Labels of the images",
        fields=(*GIVEN, *RESULTS),
        lines=tuple(judged),
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
    results = [compare_relations(first, second, test=settings.test) for first, second in pairs]
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


def _alpha_tile(answers: Answers, *, vocabulary: Sequence[str]) -> Tile:
    """Agreement on every word of the checklist, checked or not."""
    found = [
        (
            f"{answer.item} {place}",
            answer.rater,
            float(word in {line["checked_word"] for line in answer.lines}),
        )
        for answer in answers.counted
        for place, word in enumerate(vocabulary)
    ]
    return alpha_tile(found, of="each word of the checklist, nominal", scale=(0.0, 1.0))
