"""Intervals for means and shares, and the one shape that every interval has.

Where an interval is undefined (one item, all values equal, nothing counted) its bounds are NaN and `reason`
says why:
an interval of width zero is never returned. The headline interval is in `two_way`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evaluation.metrics.tables import FloatArray

NAN = float("nan")
# Means of equal numbers can differ by rounding; a spread below this share of the numbers may be that.
NO_SPREAD = 1e-12
TOO_SMALL = "the {n} {what} differ by less than can be calculated with"
MOST_VALUE = 1e60
# Beyond it not every whole number is one that can be calculated with.
MOST_COUNTED = 2**53


class IntervalMethod(StrEnum):
    """The name of a method, as written in every exported row."""

    TWO_WAY = "two_way"
    TWO_WAY_SATTERTHWAITE = "two_way_satterthwaite"
    T_ITEMS = "t_items"
    Z_196 = "z1.96"
    Z_196_POPULATION = "z1.96_population"
    T_RATINGS = "t_ratings"
    T_RATINGS_TWO_WAY = "ratings_two_way"
    BOOTSTRAP_ITEMS = "bootstrap_items"
    BOOTSTRAP_ITEMS_BCA = "bootstrap_items_bca"
    BOOTSTRAP_TWO_WAY = "bootstrap_two_way"
    BOOTSTRAP_TWO_WAY_BCA = "bootstrap_two_way_bca"
    POOLED = "pooled"
    SOS = "sos"
    BINOMIAL_BOUNDED = "binomial_bounded"
    WILSON = "wilson"
    CLOPPER_PEARSON = "clopper_pearson"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its bounds; low and high are NaN exactly where `reason` is not empty.

    standard_error: NaN where the method has none.  degrees: degrees of freedom, NaN where there are none.
    flag: what a reader of the bounds must know, e.g. that another method stood in because the scores are all
    equal; to be shown with the bounds.
    """

    estimate: float
    low: float
    high: float
    method: str
    confidence: float
    standard_error: float = NAN
    degrees: float = NAN
    reason: str = ""
    flag: str = ""

    @property
    def is_defined(self) -> bool:
        """Whether the bounds are numbers."""
        return not self.reason

    def within(self, scale: tuple[float, float]) -> Interval:
        """The part of the interval that lies on the scale: what is shown; files keep the computed bounds.

        A mean of scores can't lie off their scale, so this part covers it exactly as often as the whole.
        """
        if not self.is_defined:
            return self
        lowest, highest = scale
        return replace(
            self, low=min(max(self.low, lowest), highest), high=min(max(self.high, lowest), highest)
        )

    def passes(self, scale: tuple[float, float]) -> bool:
        """Whether a bound lies off the scale, so that showing the interval cuts it."""
        return self.is_defined and (self.low < scale[0] or self.high > scale[1])


def undefined(reason: str, *, method: str, confidence: float, estimate: float = NAN) -> Interval:
    """An interval without bounds, and why."""
    return Interval(
        estimate=estimate, low=NAN, high=NAN, method=method, confidence=confidence, reason=reason
    )  # fmt: skip


def t_items(values: FloatArray | Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Student t interval over item scores: generalises to new items, not to new raters.

    mean +- t(n-1) s / sqrt(n).  Simulated coverage of a nominal 95 %: 74-89 % once raters have a bias.
    """
    return _over_values(
        real_numbers(values, what="item scores"), method=IntervalMethod.T_ITEMS, confidence=confidence
    )


def z196(values: FloatArray | Sequence[float]) -> Interval:
    """mean +- 1.96 s / sqrt(n) over item scores (s with n-1): the preset of published analyses."""
    return _over_values(
        real_numbers(values, what="item scores"), method=IntervalMethod.Z_196, confidence=0.95
    )


def interval_from_moments(
    estimate: float, *, standard_deviation: float, n: float, method: str, confidence: float = 0.95
) -> Interval:
    """t_items, z1.96 or z1.96_population from the mean, the standard deviation (n-1) and the number of item
    scores, or what weighs as much as that many.

    The z presets are what published analyses print, always at 95 %; the population form divides by n, as
    numpy's default does.
    """
    check_confidence(confidence)
    if n < 2:
        reason = "no item" if n == 0 else "one item: no spread to estimate"
        return undefined(reason, method=method, confidence=confidence, estimate=estimate if n else NAN)
    if not standard_deviation > NO_SPREAD * abs(estimate):
        equal = f"all {n:g} item scores are equal"
        reason = TOO_SMALL.format(n=f"{n:g}", what="item scores") if standard_deviation else equal
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    return _from_deviation(
        estimate, standard_deviation=standard_deviation, n=n, method=method, confidence=confidence
    )


def deviation(values: FloatArray) -> float:
    """Standard deviation (n-1) of two values or more, 0 exactly where all are equal.

    Counted from the first value in shares of the largest step, so that neither large means nor tiny steps
    lose digits.
    """
    steps = values - values[0]
    largest = float(np.abs(steps).max())
    return float((steps / largest).std(ddof=1)) * largest if largest else 0.0


def _from_deviation(
    estimate: float, *, standard_deviation: float, n: float, method: str, confidence: float
) -> Interval:
    error = standard_deviation / math.sqrt(n)
    if method == IntervalMethod.Z_196_POPULATION:
        error *= math.sqrt((n - 1) / n)
    if method in (IntervalMethod.Z_196, IntervalMethod.Z_196_POPULATION):
        found = Interval(
            estimate=estimate, low=estimate - 1.96 * error, high=estimate + 1.96 * error, method=method,
            confidence=0.95, standard_error=error,
        )  # fmt: skip
    else:
        found = t_interval(estimate, error=error, degrees=n - 1.0, method=method, confidence=confidence)
    if found.low < found.high:
        return found
    reason = TOO_SMALL.format(n=f"{n:g}", what="item scores")
    return undefined(reason, method=method, confidence=confidence, estimate=estimate)


def wilson(successes: int, *, total: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a share. Never of width zero, also at 0 or `total` successes.

    Source: Wilson 1927; the form of Brown, Cai and DasGupta 2001, eq. 4.
    """
    method = IntervalMethod.WILSON
    if problem := _share_problem(successes, total=total, confidence=confidence):
        return undefined(problem, method=method, confidence=confidence)
    share = successes / total
    low, high = wilson_bounds(share, total=total, confidence=confidence)
    return Interval(estimate=share, low=low, high=high, method=method, confidence=confidence)


def wilson_bounds(share: float, *, total: float, confidence: float) -> tuple[float, float]:
    """Wilson's bounds of a share that need not be a whole number of successes; total from 1 up."""
    z2 = float(special.ndtri(0.5 + confidence / 2)) ** 2
    # Squares of large whole numbers overflow.
    total = float(total)
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = math.sqrt(z2 * (share * (1 - share) / total + z2 / (4 * total**2))) / (1 + z2 / total)
    # At the ends the exact bound is 0 or 1; the subtraction would leave rounding dust.
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)


def share_interval(
    successes: int, *, total: int, method: str = IntervalMethod.WILSON, confidence: float = 0.95
) -> Interval:
    """Interval of a share by the name of its method: wilson or clopper_pearson."""
    if method == IntervalMethod.WILSON:
        return wilson(successes, total=total, confidence=confidence)
    if method == IntervalMethod.CLOPPER_PEARSON:
        return clopper_pearson(successes, total=total, confidence=confidence)
    raise ValueError(f"{method!r} is not an interval of a share; choose wilson or clopper_pearson")


def clopper_pearson(successes: int, *, total: int, confidence: float = 0.95) -> Interval:
    """Exact binomial interval from beta quantiles: never covers less than `confidence`.

    Source: Clopper and Pearson 1934.
    """
    method = IntervalMethod.CLOPPER_PEARSON
    if problem := _share_problem(successes, total=total, confidence=confidence):
        return undefined(problem, method=method, confidence=confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, total - successes + 1, tail))
    high = (
        1.0 if successes == total else float(special.betaincinv(successes + 1, total - successes, 1 - tail))
    )
    return Interval(estimate=successes / total, low=low, high=high, method=method, confidence=confidence)


def t_interval(estimate: float, *, error: float, degrees: float, method: str, confidence: float) -> Interval:
    """estimate +- t(degrees) error."""
    half = float(special.stdtrit(degrees, 0.5 + confidence / 2)) * error
    return Interval(
        estimate=estimate, low=estimate - half, high=estimate + half, method=method, confidence=confidence,
        standard_error=error, degrees=degrees,
    )  # fmt: skip


def _over_values(values: FloatArray, *, method: str, confidence: float) -> Interval:
    check_size(values)
    numbers = values[~np.isnan(values)]
    n = int(numbers.size)
    estimate, spread = float(numbers.mean()) if n else NAN, deviation(numbers) if n > 1 else NAN
    if not spread:
        estimate = float(numbers[0])
    # Given numbers hold no rounding of ours: any difference between them is one.
    if spread > 0:
        return _from_deviation(estimate, standard_deviation=spread, n=n, method=method, confidence=confidence)
    return interval_from_moments(
        estimate, standard_deviation=spread, n=n, method=method, confidence=confidence
    )


def check_share(successes: int, *, total: int) -> None:
    """ValueError unless both are whole numbers and 0 <= successes <= total."""
    for name, count in (("successes", successes), ("total", total)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
            raise ValueError(f"{name} must be a whole number, got {count!r}: give how many, not their share")
    if total > MOST_COUNTED:
        raise ValueError(
            f"{total} outcomes are more than can be counted exactly: give at most {MOST_COUNTED}"
        )
    if total < 0 or not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is not a share: give 0 to total successes")


def _share_problem(successes: int, *, total: int, confidence: float) -> str:
    check_confidence(confidence)
    check_share(successes, total=total)
    return "" if total else "nothing counted"


def real_numbers(values: ArrayLike, *, what: str = "values") -> FloatArray:
    """The values as an array of real numbers. ValueError for texts, complex numbers and what is no number."""
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            return np.asarray([math.nan if v is None else float(v) for v in array.ravel()]).reshape(
                array.shape
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{what} must be real numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be real numbers, got {array.dtype}: convert them first")
    return array.astype(np.float64, copy=False)


def check_size(values: FloatArray) -> None:
    """ValueError for infinities and for values whose powers no number can hold; NaN passes."""
    if (np.abs(values) > MOST_VALUE).any():
        raise ValueError(f"values must be finite or NaN, and at most {MOST_VALUE:g} in size")


def check_confidence(confidence: float) -> None:
    """ValueError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
