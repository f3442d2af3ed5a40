"""Checks of what callers hand in: each error names the field, the value and what it may be."""

from __future__ import annotations

import operator
from typing import Any, get_args


def check_option(field: str, value: object, choices: Any) -> None:
    """Raises ValueError unless the value is one of a Literal's. A misspelt one must not mean the default."""
    allowed = get_args(choices)
    if value not in allowed:
        raise ValueError(f"{field} is one of {', '.join(map(repr, allowed))}, not {value!r}")


def check_count(field: str, value: object) -> None:
    """Raises ValueError unless the value is a whole number of 1 or more."""
    if not _is_whole(value) or value < 1:  # type: ignore[operator]
        raise ValueError(f"{field} is a whole number of 1 or more, not {value!r}")


def check_size(field: str, value: object) -> None:
    """Raises ValueError unless the value is (height, width), whole numbers of 1 or more."""
    sides = value if isinstance(value, tuple | list) else ()
    if len(sides) != 2 or not all(_is_whole(side) and side >= 1 for side in sides):
        raise ValueError(f"{field} is (height, width) in whole numbers of 1 or more, not {value!r}")


def _is_whole(value: object) -> bool:
    try:
        operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return not isinstance(value, bool)
