"""Numbers in words: how many decimals a score is printed with, by the width of its scale and its interval.

A score on 1 to 5 has two decimals, one on 0 to 1 three, one on 0 to 100 one. Where an interval is so narrow
that both bounds would come out as the same text, it has as many as it takes to tell them apart. Numbers that
would be mostly zeros are printed as 4.73 × 10⁻¹⁰. Files keep all digits; only pages and figures round.
"""

from __future__ import annotations

import math
from typing import Final

from common.signs import true_minus
from evaluation.metrics.intervals import Interval

# log10 of scale widths: two decimals from 1.6 to 16 wide.
PRECISION: Final = 2.2
MOST_DIGITS: Final = 330
# Beyond these a plain number is mostly zeros.
MOST_PLAIN_DIGITS, MOST_ZEROS = 6, 4
_SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def digits_of(scale: tuple[float, float], *intervals: Interval) -> int:
    """Decimals for scores of this scale with these intervals; below 0 where digits before the point go."""
    digits = math.ceil(PRECISION - math.log10(scale[1] - scale[0]))
    for interval in intervals:
        width = interval.high - interval.low if interval.is_defined else math.inf
        if 0 < width < math.inf:
            digits = max(digits, math.ceil(-math.log10(width)))
    return min(digits, MOST_DIGITS)


def shown(value: float, *, digits: int, signed: bool = False) -> str:
    """A number with so many decimals; empty where there is none. signed: with a plus above 0."""
    if math.isnan(value):
        return ""
    largest = math.floor(math.log10(abs(value))) if value else 0
    if value and (digits <= -MOST_ZEROS or (digits > MOST_PLAIN_DIGITS and largest < -MOST_ZEROS)):
        text = _in_powers(value, decimals=max(0, digits + largest), signed=signed)
    else:
        # Thousands by a comma, as `intcomma` writes them on every page.
        text = f"{value:{'+' if signed else ''},.{max(0, digits)}f}" if math.isfinite(value) else str(value)
    is_nothing = not any(digit in text for digit in "123456789")
    return true_minus(text.lstrip("+-") if is_nothing else text)


def grouped(n: int) -> str:
    """A count with its thousands apart: 12,000."""
    return f"{n:,}"


def counted(n: int, noun: str) -> str:
    """1 item, 2 items, 12,000 items."""
    return f"{grouped(n)} {noun}{'' if n == 1 else 's'}"


def end_of_scale(value: float) -> str:
    """An end of a scale, or a score to choose, with all the digits that it was given, up to fifteen."""
    if value == int(value) and abs(value) < 1e16:
        return shown(value, digits=0)
    # Fifteen digits are as many as every number keeps; a sixteenth can be rounding.
    text = f"{value:,.15g}"
    mantissa, e, exponent = text.partition("e")
    return true_minus(f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}" if e else text)


def _in_powers(value: float, *, decimals: int, signed: bool) -> str:
    mantissa, _, exponent = f"{value:{'+' if signed else ''}.{min(decimals, 16)}e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
