"""JSON Lines to prompts: an object a line with a `prompt` or `caption`; other values are kept as texts."""

import json
from collections.abc import Sequence
from typing import Any, Final

from generation.prompt_faults import BadLine

ENDINGS: Final = (".jsonl", ".ndjson")
# What a prompt is called, in the order of preference; captions of COCO say `caption`.
NAMES: Final = ("prompt", "caption", "text")


def is_json_lines(first_line: str, *, name: str) -> bool:
    """Whether the file says it is JSON Lines, by its name or by beginning with an object."""
    return name.lower().endswith(ENDINGS) or first_line.lstrip().startswith('{"')


def records(lines: Sequence[str]) -> tuple[list[tuple[int, str, dict[str, str]]], list[BadLine]]:
    """(line, prompt, other values by name) of each object, and every line that is none.

    A value that is no text is kept as its JSON: numbers, lists, true, null.
    """
    found: list[tuple[int, str, dict[str, str]]] = []
    faults: list[BadLine] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        values, rule = _object(line)
        name = next((name for name in NAMES if isinstance(values.get(name), str)), "")
        if rule or not name:
            rule = rule or "The object has no text named prompt. Add one, or name it caption or text."
            faults.append(BadLine(line=number, column="", rule=rule, value=line))
            continue
        others = {key: _as_text(value) for key, value in values.items() if key != name}
        found.append((number, values[name], others))
    if not found and not faults:
        faults.append(BadLine(line=1, column="", rule="The file has no prompts.", value=lines[0]))
    return found, faults


def _object(line: str) -> tuple[dict[str, Any], str]:
    """The object of a line, or the rule that it breaks."""
    try:
        values = json.loads(line, object_pairs_hook=_once_each, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError):
        return {}, 'Not JSON. Every line is one object, such as {"prompt": "a red ball"}.'
    except _Refused as refused:
        return {}, str(refused)
    if not isinstance(values, dict):
        return {}, 'Not an object. Every line is one object, such as {"prompt": "a red ball"}.'
    return values, ""


class _Refused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Valid to the parser, and not taken here."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Refused(f"The name {name[:40]!a} comes twice. Keep one.")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is not a number that JSON knows. Put it in quotation marks.")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
