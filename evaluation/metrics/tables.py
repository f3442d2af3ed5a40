"""RatingTable: the answers of a study, one row per answer, and what each filter kept.

The long form is the primary one because a study is sparse: 2 800 items x 50 raters hold 8 400 answers, and a
dense array of a million ratings by ten thousand raters would not fit. `dense()` gives items x raters on
request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MOST_DENSE_CELLS = 50_000_000
MOST_ERRORS_SHOWN = 20


class OptOut(IntEnum):
    """Why an answer carries no score. The names in lower case are the values of the answer form."""

    NONE = 0
    WORD_TOO_ABSTRACT = 1
    IMAGE_TOO_POOR = 2


OPT_OUT_BY_NAME = {option.name.lower(): option for option in OptOut if option is not OptOut.NONE}


class TableError(ValueError):
    """Rows that can't become a table. `problems` lists every one of them, in row order."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:MOST_ERRORS_SHOWN])
        more = len(self.problems) - MOST_ERRORS_SHOWN
        super().__init__(shown + (f"; and {more} more" if more > 0 else ""))


@dataclass(frozen=True, kw_only=True)
class AnswerRow:
    """One answer of one rater to one item: a score or an opt-out, never both, never neither.

    opt_out: None, "word_too_abstract" or "image_too_poor".  seconds: response time, NaN where unknown.
    """

    item: str
    rater: str
    score: float | None = None
    opt_out: str | None = None
    group: str = ""
    seconds: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class FlowStep:
    """What one filter kept, in counts. Items count while at least one answer is left to them."""

    name: str
    detail: str
    items_before: int
    items_after: int
    raters_before: int
    raters_after: int
    answers_before: int
    answers_after: int


@dataclass(frozen=True, kw_only=True, eq=False)
class RatingTable:
    """Answers in long form: row a is the answer of rater `rater_index[a]` to item `item_index[a]`.

    item_index, rater_index: int64 (answers,), into item_ids and rater_ids.
    score: float64 (answers,), NaN exactly where opt_out is not 0.   opt_out: int8 (answers,), values of
    OptOut.
    seconds: float64 (answers,), NaN where unknown.   Rows keep the order they came in (order of submission).
    group_index: int64 (items,), into groups; an item without a group has the group "".
    scale: lowest and highest score that an answer can carry.
    """

    item_ids: tuple[str, ...]
    rater_ids: tuple[str, ...]
    groups: tuple[str, ...]
    group_index: IndexArray
    item_index: IndexArray
    rater_index: IndexArray
    score: FloatArray
    opt_out: NDArray[np.int8]
    seconds: FloatArray
    scale: tuple[float, float] = (1.0, 5.0)
    flow: tuple[FlowStep, ...] = field(default=())

    @classmethod
    def from_rows(cls, rows: Iterable[AnswerRow], *, scale: tuple[float, float] = (1.0, 5.0)) -> RatingTable:
        """Table from answers; groups, items and raters keep the order of their first appearance.

        Raises TableError with every bad row: duplicates of (item, rater), a score with an opt-out, neither,
        an unknown opt-out, a score off the scale, an item in two groups.
        """
        rows = list(rows)
        opt_outs = [row.opt_out for row in rows]
        return cls.from_columns(
            items=[row.item for row in rows],
            raters=[row.rater for row in rows],
            scores=[float("nan") if row.score is None else row.score for row in rows],
            opt_outs=opt_outs,
            groups=[row.group for row in rows],
            seconds=[row.seconds for row in rows],
            scale=scale,
        )

    @classmethod
    def from_columns(
        cls,
        *,
        items: Sequence[str],
        raters: Sequence[str],
        scores: Sequence[float] | FloatArray,
        opt_outs: Sequence[str | None] | None = None,
        groups: Sequence[str] | None = None,
        seconds: Sequence[float] | FloatArray | None = None,
        scale: tuple[float, float] = (1.0, 5.0),
    ) -> RatingTable:
        """As from_rows, from equally long columns; a NaN score means that the answer is an opt-out."""
        n = len(items)
        columns = {
            "raters": raters,
            "scores": scores,
            "opt_outs": opt_outs,
            "groups": groups,
            "seconds": seconds,
        }
        uneven = [
            f"{name} has {len(c)} rows, items has {n}"
            for name, c in columns.items()
            if c is not None and len(c) != n
        ]
        if uneven:
            raise TableError(uneven)
        item_ids, item_index = _codes(items)
        rater_ids, rater_index = _codes(raters)
        score = np.asarray(scores, dtype=np.float64).reshape(n)
        opt_out, unknown = _opt_out_codes(opt_outs, n=n)
        group_names, row_groups = _codes([""] * n if groups is None else groups)
        group_index, split = _groups_of_items(item_index, row_groups, n_items=len(item_ids))
        problems = unknown
        problems += _bad_answers(score, opt_out, scale=scale, skip=bool(unknown))
        problems += _duplicates(item_index, rater_index, item_ids=item_ids, rater_ids=rater_ids)
        problems += [f"item {item_ids[i]!r} is in more than one group" for i in split]
        if problems:
            raise TableError(problems)
        times = np.full(n, np.nan) if seconds is None else np.asarray(seconds, dtype=np.float64).reshape(n)
        return cls(
            item_ids=item_ids, rater_ids=rater_ids, groups=group_names, group_index=group_index,
            item_index=item_index, rater_index=rater_index, score=score, opt_out=opt_out, seconds=times,
            scale=scale,
        )  # fmt: skip

    @property
    def n_answers(self) -> int:
        """Answers in the table, opt-outs included."""
        return int(self.score.size)

    @property
    def n_items(self) -> int:
        """Items known to the table, also those that lost all their answers to a filter."""
        return len(self.item_ids)

    @property
    def n_raters(self) -> int:
        """Raters in the table."""
        return len(self.rater_ids)

    def items_with_answers(self) -> int:
        """Items that still have at least one answer."""
        return int(np.count_nonzero(np.bincount(self.item_index, minlength=self.n_items)))

    def without_raters(self, rater_ids: Collection[str], *, reason: str) -> RatingTable:
        """The same study without the answers of some raters; the flow gains a step named by `reason`.

        Ids that the table doesn't know are an error: a misspelt id must not leave a rater in silently.
        Items stay in item_ids, so that an item left without answers is reported instead of vanishing.
        """
        unwanted = set(rater_ids)
        unknown = sorted(unwanted - set(self.rater_ids))
        if unknown:
            raise TableError([f"no rater {rater!r} in the table" for rater in unknown])
        if not unwanted:
            return self._with_step(self, name="exclude raters", detail=reason)
        keep_rater = np.array([rater not in unwanted for rater in self.rater_ids], dtype=bool)
        new_index = np.cumsum(keep_rater) - 1
        keep = keep_rater[self.rater_index]
        kept = self._rows(keep)
        result = replace(
            kept,
            rater_ids=tuple(r for r, wanted in zip(self.rater_ids, keep_rater, strict=True) if wanted),
            rater_index=new_index[kept.rater_index].astype(np.int64),
        )
        return self._with_step(result, name="exclude raters", detail=reason)

    def only_items(self, keep_item: BoolArray, *, name: str, detail: str) -> RatingTable:
        """The answers of the items marked in keep_item (items,); the flow gains a step."""
        return self._with_step(self._rows(keep_item[self.item_index]), name=name, detail=detail)

    def only_scores(self) -> RatingTable:
        """The answers that carry a score; the flow gains a step."""
        keep = self.opt_out == OptOut.NONE
        return self._with_step(self._rows(keep), name="keep scores", detail="opt-outs are missing numbers")

    def dense(self) -> tuple[FloatArray, NDArray[np.int8]]:
        """(scores, opt_outs), both (items, raters); score NaN = not asked or no number, opt_out 0 = none.

        Raises MemoryError above 50 million cells: use the long form there.
        """
        shape = (self.n_items, self.n_raters)
        if shape[0] * shape[1] > MOST_DENSE_CELLS:
            raise MemoryError(
                f"{shape[0]} items x {shape[1]} raters is too large to be dense; use the long form"
            )
        scores = np.full(shape, np.nan)
        opt_outs = np.zeros(shape, dtype=np.int8)
        scores[self.item_index, self.rater_index] = self.score
        opt_outs[self.item_index, self.rater_index] = self.opt_out
        return scores, opt_outs

    def _rows(self, keep: BoolArray) -> RatingTable:
        if keep.all():
            return self
        return replace(
            self, item_index=self.item_index[keep], rater_index=self.rater_index[keep],
            score=self.score[keep], opt_out=self.opt_out[keep], seconds=self.seconds[keep],
        )  # fmt: skip

    def _with_step(self, after: RatingTable, *, name: str, detail: str) -> RatingTable:
        step = FlowStep(
            name=name,
            detail=detail,
            items_before=self.items_with_answers(),
            items_after=after.items_with_answers(),
            raters_before=_distinct(self.rater_index, of=self.n_raters),
            raters_after=_distinct(after.rater_index, of=after.n_raters),
            answers_before=self.n_answers,
            answers_after=after.n_answers,
        )
        return replace(after, flow=(*self.flow, step))


def _distinct(index: IndexArray, *, of: int) -> int:
    return int(np.count_nonzero(np.bincount(index, minlength=of)))


def _codes(values: Sequence[str]) -> tuple[tuple[str, ...], IndexArray]:
    known: dict[str, int] = {}
    index = np.fromiter((known.setdefault(v, len(known)) for v in values), dtype=np.int64, count=len(values))
    return tuple(known), index


def _opt_out_codes(opt_outs: Sequence[str | None] | None, *, n: int) -> tuple[NDArray[np.int8], list[str]]:
    if opt_outs is None:
        return np.zeros(n, dtype=np.int8), []
    codes = {None: 0, "": 0} | {name: int(option) for name, option in OPT_OUT_BY_NAME.items()}
    problems = [f"row {i}: unknown opt-out {name!r}" for i, name in enumerate(opt_outs) if name not in codes]
    return np.fromiter((codes.get(name, 0) for name in opt_outs), dtype=np.int8, count=n), problems


def _bad_answers(
    score: FloatArray, opt_out: NDArray[np.int8], *, scale: tuple[float, float], skip: bool
) -> list[str]:
    """Rows that are not a score on the scale XOR an opt-out. skip: opt-outs unreadable, judge scores only."""
    low, high = scale
    has_score = ~np.isnan(score)
    opted_out = opt_out != OptOut.NONE
    both = np.flatnonzero(has_score & opted_out)
    neither = np.flatnonzero(~has_score & ~opted_out) if not skip else np.array([], dtype=np.int64)
    with np.errstate(invalid="ignore"):
        off = np.flatnonzero(has_score & ((score < low) | (score > high)))
    return (
        [f"row {i}: a score and an opt-out in one answer" for i in both]
        + [f"row {i}: neither a score nor an opt-out" for i in neither]
        + [f"row {i}: score {score[i]:g} is not on the scale {low:g} to {high:g}" for i in off]
    )


def _duplicates(
    item_index: IndexArray, rater_index: IndexArray, *, item_ids: Sequence[str], rater_ids: Sequence[str]
) -> list[str]:
    key = item_index * max(len(rater_ids), 1) + rater_index
    ordered = np.sort(key)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    pairs = [divmod(int(k), max(len(rater_ids), 1)) for k in repeated]
    return [f"rater {rater_ids[r]!r} answered item {item_ids[i]!r} more than once" for i, r in pairs]


def _groups_of_items(
    item_index: IndexArray, row_groups: IndexArray, *, n_items: int
) -> tuple[IndexArray, IndexArray]:
    """Group code of each item, and the items whose rows disagree about it."""
    group_index = np.zeros(n_items, dtype=np.int64)
    group_index[item_index] = row_groups
    split = np.unique(item_index[group_index[item_index] != row_groups])
    return group_index, split
