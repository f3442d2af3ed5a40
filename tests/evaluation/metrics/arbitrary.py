"""Arbitrary input for every public function of the core, and what its results must never hold.

One case per function: it draws its input, mostly good, and calls the function. Bad input may be refused, by
a ValueError that the core itself raises; anything else is a crash.
"""

from __future__ import annotations

import dataclasses
import math
import traceback
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

import evaluation.metrics
from evaluation.metrics.bootstrap_two_way import Grouping, grouping_of
from evaluation.metrics.intervals import Interval
from evaluation.metrics.mean_intervals import ScoredRatings
from evaluation.metrics.overlap import PairCounts, count_pairs
from evaluation.metrics.pairwise import Comparison
from evaluation.metrics.presence import PresenceOutcome, RelationAccuracy, Submission
from evaluation.metrics.presence_overlap import JoinedOutcome
from evaluation.metrics.segmentation import SegmentationPair, compare
from evaluation.metrics.system_comparison import ScoredItem
from evaluation.metrics.tables import AnswerRow, RatingTable
from evaluation.metrics.tests import TestResult

CORE = Path(evaluation.metrics.__file__).parent
Draw = Callable[[st.SearchStrategy[Any]], Any]
CASES: dict[str, Callable[[Draw], Any]] = {}

names = st.sampled_from(["a", "b", "c", "d"])
numbers = st.one_of(
    st.integers(-3, 6).map(float),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1.0, 0.4, math.nan, math.inf, -math.inf, 1e308, 5e-324]),
)
tame = st.one_of(
    st.integers(-3, 6).map(float), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 0.4, math.nan])
)
counts = st.integers(-1, 12)


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Good input, and bad input once in a while: what is refused at the door tests nothing behind it."""
    return st.integers(0, 9).flatmap(lambda die: bad if die == 9 else good)


def given_names(*, least: int, most: int) -> st.SearchStrategy[list[Any]]:
    """Lists of names as a table gives them; once in a while some are missing or of another kind."""
    good, bad = (
        st.lists(which, min_size=least, max_size=most)
        for which in (names, st.one_of(names, st.sampled_from([None, math.nan, 7])))
    )
    return mostly(good, bad)


shares = mostly(
    st.one_of(st.floats(0.01, 0.99), st.sampled_from([0.5, 1.0])),
    st.one_of(st.floats(-0.5, 1.5), st.sampled_from([0.0, math.nan])),
)
confidences = mostly(st.sampled_from([0.95, 0.5, 0.999]), st.sampled_from([0.0, 1.0, 2.0, math.nan]))
# Counts of hits, and of all; huge ones too, of which some are refused.
totals = mostly(st.integers(0, 12), st.sampled_from([400, 5 * 10**6, 4 * 10**9, 2 * 10**12, 2**53, 10**20]))
hits = mostly(
    totals.flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))),
    st.tuples(counts, counts),
)


def is_a_refusal(error: ValueError) -> bool:
    """Whether a `raise` of the core itself ended the call, and not what some line of it ran into."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Path(last.filename).parent == CORE and (last.line or "").startswith("raise ")


def case(function: Callable[..., Any]) -> Callable[[Callable[[Draw], Any]], Callable[[Draw], Any]]:
    """Registers a case under the name of the function that it draws input for."""

    def register(drawn: Callable[[Draw], Any]) -> Callable[[Draw], Any]:
        CASES[f"{function.__module__.removeprefix('evaluation.metrics.')}.{function.__name__}"] = drawn
        return drawn

    return register


def rng() -> np.random.Generator:
    """A generator that starts the same in every case."""
    return np.random.default_rng(7)


@st.composite
def arrays(
    draw: Draw, *, size: int | None = None, values: st.SearchStrategy[float] | None = None, least: int = 0
) -> Any:
    """A flat array of numbers, often with a NaN, sometimes all equal or with any number at all."""
    values = draw(mostly(st.just(tame), st.just(numbers))) if values is None else values
    n = draw(st.integers(least, 9)) if size is None else size
    if draw(st.booleans()):
        return np.full(n, draw(values))
    return np.array(draw(st.lists(values, min_size=n, max_size=n)), dtype=np.float64)


@st.composite
def matrices(
    draw: Draw, *, values: st.SearchStrategy[float] | None = None, shape: tuple[int, int] | None = None
) -> Any:
    """A small array (height, width), sides from 0 up."""
    height, width = shape or (draw(st.integers(0, 4)), draw(st.integers(0, 4)))
    return draw(arrays(size=height * width, values=values)).reshape(height, width)


@st.composite
def word_maps(draw: Draw, *, shape: tuple[int, int] | None = None) -> Any:
    """A raw map, mostly of numbers from 0 up."""
    values = draw(mostly(st.just(st.floats(0, 9)), st.just(numbers)))
    return draw(matrices(values=values, shape=shape))


@st.composite
def shapes(draw: Draw, *, n: int = 2) -> list[tuple[int, int]]:
    """Small shapes that are mostly one and the same."""
    side = st.integers(1, 3)
    first = draw(st.tuples(side, side))
    return [draw(mostly(st.just(first), st.tuples(side, side))) for _ in range(n)]


@st.composite
def masks(draw: Draw, *, pairs: int | None = None, shape: tuple[int, int] | None = None) -> Any:
    """Booleans of a small shape, sometimes empty, sometimes full."""
    shape = shape or (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    whole = shape if pairs is None else (pairs, *shape)
    kind = draw(st.sampled_from(["empty", "full", "any"]))
    if kind != "any":
        return np.full(whole, kind == "full")
    return np.array(
        draw(st.lists(st.booleans(), min_size=math.prod(whole), max_size=math.prod(whole)))
    ).reshape(whole)


@st.composite
def tables(draw: Draw, *, few_steps: bool = False) -> RatingTable:
    """Any table that can be made: empty, one rater, all equal, opt-outs only, long or odd scales, many
    raters. few_steps: mostly of a scale of whole numbers.
    """
    of_five = [((1.0, 5.0), st.integers(1, 5).map(float)), ((1.0, 5.0), st.just(4.0))]
    scale, scores = draw(
        st.sampled_from(
            [
                *of_five * (6 if few_steps else 1),
                ((0.0, 100.0), st.floats(0, 100)),
                ((-1e9, 1e9), st.floats(-1e9, 1e9)),
                ((0.0, 1e-9), st.floats(0, 1e-9)),
                ((1e13, 1e13 + 9), st.integers(0, 9).map(lambda step: 1e13 + step)),
                ((0.0, 1e-170), st.floats(0, 1e-170)),
                ((-1e59, 1e59), st.floats(-1e59, 1e59)),
            ]
        )
    )
    answer = st.one_of(scores, scores, scores, st.sampled_from(["word_too_abstract", "image_too_poor"]))
    n_raters = draw(st.sampled_from([1, 2, 3, 5, 30]))
    pair = st.tuples(st.integers(0, 6), st.integers(0, n_raters - 1))
    given_answers = draw(st.dictionaries(pair, answer, max_size=draw(st.sampled_from([0, 1, 3, 25, 60]))))
    return RatingTable.from_rows(
        (
            AnswerRow(
                item=f"i{item}",
                rater=f"r{rater}",
                group=f"g{item % 3}",
                score=None if isinstance(value, str) else value,
                opt_out=value if isinstance(value, str) else None,
                seconds=draw(st.sampled_from([1.0, 2.5, math.nan])),
            )
            for (item, rater), value in given_answers.items()
        ),
        scale=scale,
    )


@st.composite
def studies(draw: Draw) -> tuple[ScoredRatings, Grouping]:
    """Scored ratings of a table, and its groups."""
    from evaluation.metrics import item_scores

    table = draw(tables()).only_scores()
    score = draw(st.sampled_from(item_scores.ItemScore))
    scorer = item_scores.medians if score == "median" else item_scores.means
    scored = scorer(table.score, item_index=table.item_index, n_items=table.n_items)
    return (
        ScoredRatings(
            scores=table.score,
            item_index=table.item_index,
            rater_index=table.rater_index,
            left_out=scored.left_out,
            item_scores=scored.value,
            scale=table.scale,
            item_score=score,
        ),
        grouping_of(
            table.group_index,
            n=len(table.groups),
            same_thing=draw(st.sampled_from([None, np.arange(table.n_items) // 2, table.group_index])),
        ),
    )


_judged = st.permutations("abcd").flatmap(
    lambda order: st.builds(
        Comparison,
        first=st.just(order[0]),
        second=st.just(order[1]),
        winner=st.sampled_from([None, order[0], order[1]]),
    )
)
_misjudged = st.builds(Comparison, first=names, second=names, winner=st.one_of(st.none(), names))
comparisons = mostly(st.lists(_judged, max_size=12), st.lists(_misjudged, max_size=12))
submissions = st.lists(
    st.builds(Submission, rater=names, words=st.lists(names, max_size=4).map(tuple)), max_size=5
)
presence_outcomes = st.lists(
    st.builds(PresenceOutcome, image=names, relation=names, correct=st.booleans()), max_size=8
)
joined_outcomes = st.lists(
    st.builds(JoinedOutcome, image=names, relation=names, correct=st.booleans(), iou=shares), max_size=8
)
scored_items = mostly(
    st.lists(
        st.builds(ScoredItem, item=st.text("abcdef", max_size=2), score=tame, group=names),
        max_size=8, unique_by=lambda scored: scored.item,
    ),
    st.lists(st.builds(ScoredItem, item=names, score=numbers, group=names), max_size=8),
)  # fmt: skip


@st.composite
def segmentation_pairs(draw: Draw) -> list[SegmentationPair]:
    """Judged pairs, some without a prediction."""
    pairs = []
    for number in range(draw(st.integers(0, 5))):
        truth = draw(masks())
        prediction = draw(st.sampled_from([truth, ~truth, np.zeros_like(truth), None]))
        pairs.append(
            compare(
                str(number), truth=truth, prediction=prediction, image=draw(st.sampled_from(["", "a", "b"]))
            )
        )
    return pairs


@st.composite
def pair_counts(draw: Draw) -> PairCounts:
    """Counts of a few pairs of masks."""
    n = draw(st.integers(0, 6))
    first = draw(masks(pairs=n))
    flat = draw(st.lists(st.booleans(), min_size=first.size, max_size=first.size))
    return count_pairs(first, np.array(flat, dtype=np.bool_).reshape(first.shape))


@st.composite
def relation_accuracies(draw: Draw) -> RelationAccuracy:
    """An accuracy of any size."""
    from evaluation.metrics.intervals import wilson

    total = draw(st.integers(0, 6))
    correct = draw(st.integers(0, total))
    return RelationAccuracy(
        relation="r", n_images=total, n_correct=correct, accuracy=wilson(correct, total=total)
    )


def silent_numbers(value: Any, *, path: str = "") -> Iterator[str]:
    """What a result holds and must not: infinities, bounds without a width or beside a reason, a p-value
    without a reason for its absence."""
    if isinstance(value, Interval):
        yield from _of_interval(value, path=path)
    elif isinstance(value, TestResult):
        yield from _of_test(value, path=path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            # Infinite degrees are those of the normal distribution; settings are the caller's.
            if item.name not in ("degrees", "confidence", "scale", "protocol"):
                yield from silent_numbers(getattr(value, item.name), path=f"{path}.{item.name}")
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if np.isinf(value).any():
            yield f"{path}: infinite"
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield from silent_numbers(held, path=f"{path}[{key}]")
    elif isinstance(value, list | tuple):
        for i, held in enumerate(value):
            yield from silent_numbers(held, path=f"{path}[{i}]")
    elif isinstance(value, str) and not isinstance(value, Enum):
        if value.lower() in ("nan", "inf", "none"):
            yield f"{path}: {value!r} as text"
    elif isinstance(value, float) and math.isinf(value):
        yield f"{path}: infinite"


def _of_interval(interval: Interval, *, path: str) -> Iterator[str]:
    without = math.isnan(interval.low) and math.isnan(interval.high)
    if bool(interval.reason) != without:
        yield f"{path}: bounds and reason disagree: {interval}"
    if not without and not interval.low < interval.high:
        yield f"{path}: no width: {interval}"


def _of_test(result: TestResult, *, path: str) -> Iterator[str]:
    if bool(result.reason) != math.isnan(result.p_value):
        yield f"{path}: p-value and reason disagree: {result}"
    if not math.isnan(result.p_value) and not 0 <= result.p_value <= 1:
        yield f"{path}: p = {result.p_value}"
