"""Known answers as a CSV file: which word maps, and which answers pass. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from annotation.checks import within
from annotation.choices import OPTION_BY_CODE, ItemKind
from generation import prompt_cells
from generation.prompt_bytes import decoded_lines
from generation.prompt_faults import BadLine, PromptFileRefused

MAP: Final = "word_map"
ACCEPTED: Final = "accepted"
USE: Final = "use"
EXPLANATION: Final = "explanation"
LONGEST_EXPLANATION: Final = 500
MOST: Final = 5_000
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_TOLERANT: Final = re.compile(r"([1-5]) ?(?:±|\+-|\+/-) ?([0-4])")
RULE: Final = "write scores or opt-outs with spaces between, such as “4 5” or “word_too_abstract”, or “4±1”"


class Use(StrEnum):
    """What a known answer is for; the last two are kinds of items, too."""

    CHECK = "check"
    TRAINING = ItemKind.TRAINING.value
    QUALIFICATION = ItemKind.QUALIFICATION.value


@dataclass(frozen=True, kw_only=True)
class KnownAnswer:
    """A word map with the codes of the answers that pass. explanation: shown in training, after an answer."""

    word_map: int
    accepted: tuple[str, ...]
    use: str = Use.CHECK.value
    explanation: str = ""


def read(content: bytes) -> list[KnownAnswer]:
    """The known answers of a file with the columns word_map and accepted, and perhaps use and explanation.

    Other columns are for people. A row without an accepted answer marks nothing.
    Raises PromptFileRefused with every bad line.
    """
    lines = decoded_lines(content)
    header = prompt_cells.header(lines[0]) if lines else []
    if missing := [name for name in (MAP, ACCEPTED) if header.count(name) != 1]:
        first = lines[0] if lines else ""
        raise PromptFileRefused(
            [_bad(1, name, f"the file needs the column {name}, once", first) for name in missing]
        )
    records, faults = prompt_cells.records(lines, first_line=1)
    found: dict[int, KnownAnswer] = {}
    for record in records[1:]:
        if len(record.cells) != len(header):
            rule = f"the row has {len(record.cells)} cells, not {len(header)}"
            faults.append(_bad(record.line, "", rule, ""))
            continue
        cells = dict(zip(header, record.cells, strict=True))
        if not cells[ACCEPTED].strip():
            continue
        answer, fault = _answer(record.line, cells)
        if answer is not None and answer.word_map in found:
            fault = _bad(record.line, MAP, "this map is marked twice", cells[MAP])
        if fault is not None:
            faults.append(fault)
        elif answer is not None:
            found[answer.word_map] = answer
    if len(found) > MOST:
        faults.append(_bad(1, "", f"more than {MOST:,} items are marked", ""))
    if faults:
        raise PromptFileRefused(faults)
    return list(found.values())


def accepted_codes(text: str) -> tuple[str, ...]:
    """The codes that a cell accepts, in the order of the page; empty for a cell that can't be read."""
    text = text.strip()
    if match := _TOLERANT.fullmatch(text):
        return within(int(match[1]), tolerance=int(match[2]))
    codes = set(text.split())
    return tuple(code for code in OPTION_BY_CODE if code in codes) if codes <= set(OPTION_BY_CODE) else ()


def _answer(line: int, cells: dict[str, str]) -> tuple[KnownAnswer | None, BadLine | None]:
    if not _NUMBER.fullmatch(cells[MAP].strip()):
        return None, _bad(line, MAP, "the number of a word map, as the file to fill in has it", cells[MAP])
    accepted = accepted_codes(cells[ACCEPTED])
    if not accepted:
        return None, _bad(line, ACCEPTED, RULE, cells[ACCEPTED])
    if len(accepted) == len(OPTION_BY_CODE):
        return None, _bad(line, ACCEPTED, "every answer would pass, so nothing is checked", cells[ACCEPTED])
    use = cells.get(USE, "").strip() or Use.CHECK.value
    if use not in set(Use):
        return None, _bad(line, USE, f"write {', '.join(Use)}, or leave it empty", use)
    explanation = cells.get(EXPLANATION, "").strip()
    if len(explanation) > LONGEST_EXPLANATION or "\0" in explanation:
        rule = f"at most {LONGEST_EXPLANATION} characters"
        return None, _bad(line, EXPLANATION, rule, explanation)
    number = int(cells[MAP])
    return KnownAnswer(word_map=number, accepted=accepted, use=use, explanation=explanation), None


def _bad(line: int, column: str, rule: str, shown: str) -> BadLine:
    return BadLine(line=line, column=column, rule=rule, value=shown)


def summary(faults: Sequence[BadLine]) -> list[str]:
    """The bad lines in words."""
    return [
        f"Line {fault.line}{f', {fault.column}' if fault.column else ''}: {fault.rule}"
        f"{f' (it says “{fault.shown_value}”)' if fault.value else ''}."
        for fault in faults
    ]
