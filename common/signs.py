"""How a number below 0 is shown: with the minus sign of print, as wide as a plus; not with a hyphen."""

from __future__ import annotations


def true_minus(number: str) -> str:
    """A formatted number with its hyphens as minus signs. Files keep hyphens: programs read them."""
    return number.replace("-", "−")
