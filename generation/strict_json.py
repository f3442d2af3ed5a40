"""JSON as the standard writes it: no NaN, no infinities, no key twice, no half of a surrogate pair."""

import json
import math
from typing import Any, Final

MOST_LEVELS: Final = 20
LARGEST_INTEGER: Final = 2**63


class NotJson(ValueError):  # noqa: N818 (what was sent, not a malfunction)
    """The message says what is wrong and how to mend it."""


def read(content: bytes) -> Any:
    """The value of a document in UTF-8. Raises NotJson."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8. Send JSON in UTF-8.") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_once_each, parse_constant=_no_constant, parse_int=_integer
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise NotJson(f"The body is not JSON: {str(error)[:120]}.") from None
    _check(value, levels=MOST_LEVELS)
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotJson(f"The name {name[:40]!a} comes twice. Send it once.")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise NotJson(f"{name} is not a number that JSON knows. Send a finite number.")


def _integer(text: str) -> int:
    # Python refuses to read thousands of digits; nothing here needs more than 19.
    if len(text) > 20 or abs(int(text)) >= LARGEST_INTEGER:
        raise NotJson(f"{text[:20]}… is too large a number. Send one of at most 18 digits.")
    return int(text)


def _check(value: Any, *, levels: int) -> None:
    if levels < 0:
        raise NotJson(f"The body is nested deeper than {MOST_LEVELS} levels. Send it flat.")
    if isinstance(value, str):
        if "\x00" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise NotJson("A text holds a null character or half of a surrogate pair. Leave it out.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise NotJson("A number is too large. Send a finite number.")
    elif isinstance(value, dict):
        for name, part in value.items():
            _check(name, levels=levels - 1)
            _check(part, levels=levels - 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, levels=levels - 1)
