"""How evenly the raters shared the work. Tang et al. 2023 report "none producing more than 18 %"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.metrics.intervals import NAN
from evaluation.metrics.tables import RatingTable


@dataclass(frozen=True, kw_only=True)
class RaterShares:
    """Concentration of the answers over raters; every number is NaN where there is no answer (see `reason`).

    max_share: largest share of one rater, and whose.  herfindahl: sum of squared shares, 1/raters .. 1.
    effective_raters: 1 / herfindahl, the number of equally busy raters with the same concentration.
    """

    n_raters: int
    n_answers: int
    max_share: float
    busiest_rater: str
    herfindahl: float
    effective_raters: float
    reason: str = ""


def rater_shares(table: RatingTable) -> RaterShares:
    """Shares over the raters with at least one answer. Ties for the busiest: the first in the table."""
    counts = np.bincount(table.rater_index, minlength=table.n_raters)
    total = int(counts.sum())
    n_raters = int(np.count_nonzero(counts))
    if total == 0:
        return RaterShares(
            n_raters=0,
            n_answers=0,
            max_share=NAN,
            busiest_rater="",
            herfindahl=NAN,
            effective_raters=NAN,
            reason="no answers",
        )
    shares = counts / total
    herfindahl = float(shares @ shares)
    return RaterShares(
        n_raters=n_raters,
        n_answers=total,
        max_share=float(shares.max()),
        busiest_rater=table.rater_ids[int(shares.argmax())],
        herfindahl=herfindahl,
        effective_raters=1.0 / herfindahl,
    )
