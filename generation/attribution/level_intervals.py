"""Intervals of information totals over the drawing of noise levels. Standard library only."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

# With fewer, the error itself is too uncertain: intervals of 10 levels cover 75 % in place of 95 %.
FEWEST_LEVELS: Final = 20


def half_width(standard_error: float | None, *, levels: int) -> float | None:
    """Half the 95 % interval of a total; None below FEWEST_LEVELS, or where no error is known.

    It covers the drawing of noise for one picture, and nothing else.
    standard_error: from successive differences, which know less of the error than its plain spread does: as
    much as 2 (n - 1)^2 / (3 n - 4) degrees of freedom.
    Source: von Neumann et al. 1941, "The mean square successive difference" (its variance).
    """
    if standard_error is None or math.isnan(standard_error) or levels < FEWEST_LEVELS:
        return None
    return t_quantile(0.975, freedom=2 * (levels - 1) ** 2 / (3 * levels - 4)) * standard_error


def t_quantile(probability: float, *, freedom: float) -> float:
    """Of Student's t, to three decimals between 2.5 and 97.5 % from 8 degrees of freedom on.

    Source: Abramowitz and Stegun 1964, 26.7.5.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))
