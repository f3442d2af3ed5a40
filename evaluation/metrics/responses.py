"""Response statistics: what share of the answers took each option, per group, before any filter of items.

Source: Tang et al. 2023, fig. 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics.intervals import NAN
from evaluation.metrics.tables import OPT_OUT_BY_NAME, OptOut, RatingTable

MOST_SCORE_OPTIONS = 101


@dataclass(frozen=True, kw_only=True)
class ResponseShares:
    """Answers of one group by option. shares sum to 1, or are all NaN where the group has no answer."""

    group: str
    options: tuple[str, ...]
    counts: tuple[int, ...]
    shares: tuple[float, ...]
    n_answers: int

    def only(self, options: Sequence[str]) -> ResponseShares:
        """The same for some of the options, in their order; the others must be such as nobody could choose.

        Raises KeyError for an unknown option.
        """
        by_option = dict(zip(self.options, zip(self.counts, self.shares, strict=True), strict=True))
        counts, shares = zip(*(by_option[option] for option in options), strict=True)
        return replace(self, options=tuple(options), counts=counts, shares=shares)


def response_shares(table: RatingTable) -> tuple[ResponseShares, ...]:
    """One row per group: each whole score of the scale ("1".."5"), then the opt-outs by name.

    The table holds approved answers only, without attention checks. Raises ValueError on a scale or on scores
    that are not whole numbers: shares of a continuous scale need bins that nobody has chosen.
    """
    low, high = table.scale
    is_score = table.opt_out == OptOut.NONE
    scores = table.score[is_score]
    if low != int(low) or high != int(high) or not np.array_equal(scores, np.floor(scores)):
        raise ValueError("response shares need a scale of whole numbers")
    n_scores = int(high - low) + 1
    if n_scores > MOST_SCORE_OPTIONS:
        raise ValueError(f"a scale of {n_scores} options is too fine for response shares")
    options = tuple(str(int(low) + step) for step in range(n_scores)) + tuple(OPT_OUT_BY_NAME)
    option = np.empty(table.n_answers, dtype=np.int64)
    option[is_score] = (scores - low).astype(np.int64)
    option[~is_score] = n_scores + table.opt_out[~is_score] - 1
    cell = table.group_index[table.item_index] * len(options) + option
    counts = np.bincount(cell, minlength=len(table.groups) * len(options)).reshape(-1, len(options))
    return tuple(
        ResponseShares(
            group=group,
            options=options,
            counts=tuple(int(c) for c in row),
            shares=tuple(float(c / row.sum()) if row.sum() else NAN for c in row),
            n_answers=int(row.sum()),
        )
        for group, row in zip(table.groups, counts, strict=True)
    )
