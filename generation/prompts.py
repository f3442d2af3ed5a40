"""A file of prompts becomes rows, or a report of all its bad lines. Pure: bytes in, values out.

Three formats: CSV with a header that names a `prompt` column (further columns are kept), JSON Lines with
objects that have a `prompt` (further values are kept), or plain text with one prompt a line. A file is taken
whole or not at all, so that no study runs on the half that happened to be readable.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from generation import prompt_bytes, prompt_cells, prompt_json
from generation.prompt_faults import BadLine, PromptFileRefused

__all__ = ["MAX_PROMPTS", "BadLine", "PromptFileRefused", "PromptRow", "read_prompts"]

PROMPT: Final = "prompt"
MAX_PROMPTS: Final = 20_000
MAX_COLUMNS: Final = 50
MAX_CHARACTERS: Final = 1000
MAX_WORD_CHARACTERS: Final = 200
# CLIP's own marks: inside a prompt they would end it for the model while the page still shows all of it.
MODEL_MARKS: Final = ("<|endoftext|>", "<|startoftext|>")
INVISIBLE: Final = ("C", "Z")


@dataclass(frozen=True, kw_only=True)
class PromptRow:
    """One prompt: line as an editor counts (from 1), text without outer blanks, the row's other columns."""

    line: int
    text: str
    extra: dict[str, str] = field(default_factory=dict)


def read_prompts(content: bytes, *, name: str) -> tuple[PromptRow, ...]:
    """The file's prompts in order. Raises PromptFileRefused with every bad line.

    name: the file's name; ".csv" makes a missing `prompt` column a fault instead of a first prompt.
    """
    lines = prompt_bytes.decoded_lines(content)
    if prompt_json.is_json_lines(lines[0], name=name):
        objects, faults = prompt_json.records(lines)
        rows = [PromptRow(line=line, text=_trimmed(text), extra=others) for line, text, others in objects]
        faults += _name_faults(rows)
    elif prompt_cells.is_csv(lines[0], column=PROMPT):
        rows, faults = _from_csv(lines)
    elif name.lower().endswith(".csv"):
        raise PromptFileRefused([_missing_column(lines[0])])
    else:
        rows = [PromptRow(line=number, text=_trimmed(line)) for number, line in enumerate(lines, start=1)]
        faults = []
    faults += _row_faults(rows)
    if faults:
        raise PromptFileRefused(sorted(faults, key=lambda fault: fault.line))
    return tuple(rows)


def _from_csv(lines: Sequence[str]) -> tuple[list[PromptRow], list[BadLine]]:
    header = [_trimmed(cell) for cell in prompt_cells.header(lines[0])]
    if header_faults := list(_header_faults(header)):
        raise PromptFileRefused(header_faults)
    place = [cell.lower() for cell in header].index(PROMPT)
    rows: list[PromptRow] = []
    records, faults = prompt_cells.records(lines[1:], first_line=2)
    for record in records:
        if len(record.cells) != len(header):
            faults.append(_ragged(record, wanted=len(header)))
            continue
        extra = {
            column: cell
            for index, (column, cell) in enumerate(zip(header, record.cells, strict=True))
            if index != place
        }
        rows.append(PromptRow(line=record.line, text=_trimmed(record.cells[place]), extra=extra))
    if not rows and not faults:
        faults.append(
            BadLine(
                line=1, column=PROMPT, rule="The file has a header and no prompts under it.", value=lines[0]
            )
        )
    return rows, faults


def _header_faults(header: Sequence[str]) -> Iterator[BadLine]:
    if len(header) > MAX_COLUMNS:
        rule = f"{len(header)} columns; at most {MAX_COLUMNS} can be kept. Delete those not needed."
        yield BadLine(line=1, column="", rule=rule, value=",".join(header[:5]))
        return
    seen: set[str] = set()
    for number, column in enumerate(header, start=1):
        if not _is_visible(column):
            yield BadLine(
                line=1,
                column=f"column {number}",
                rule="A column without a name. Name or delete it.",
                value="",
            )
        elif column.lower() in seen:
            yield BadLine(
                line=1, column=column, rule="Two columns have this name. Rename or delete one.", value=column
            )
        elif len(column) > MAX_WORD_CHARACTERS or _control(column):
            rule = f"A column's name is one line of at most {MAX_WORD_CHARACTERS} characters."
            yield BadLine(line=1, column=f"column {number}", rule=rule, value=column)
        seen.add(column.lower())


def _name_faults(rows: Sequence[PromptRow]) -> list[BadLine]:
    """Names of an object's values that no column could have."""
    return [
        BadLine(line=row.line, column="", rule=fault.rule, value=fault.value)
        for row in rows
        if row.extra
        for fault in _header_faults(list(row.extra))
    ]


def text_faults(text: str) -> list[str]:
    """Every reason not to give a model this text, in words; none for a good one."""
    return list(_prompt_rules(text))


def _row_faults(rows: Sequence[PromptRow]) -> list[BadLine]:
    faults: list[BadLine] = []
    first_lines: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if number == MAX_PROMPTS + 1:
            rule = f"More than {MAX_PROMPTS:,} prompts. Split the file here."
            faults.append(BadLine(line=row.line, column=PROMPT, rule=rule, value=row.text))
        faults += [
            BadLine(line=row.line, column=PROMPT, rule=rule, value=row.text)
            for rule in _prompt_rules(row.text)
        ]
        faults += [
            BadLine(line=row.line, column=column, rule=rule, value=cell)
            for column, cell in row.extra.items()
            for rule in _cell_rules(cell)
        ]
        first = first_lines.setdefault(row.text, row.line)
        if first != row.line and _is_visible(row.text):
            rule = (
                f"The same prompt as in line {first}. Keep one of them; a run can make several images of it."
            )
            faults.append(BadLine(line=row.line, column=PROMPT, rule=rule, value=row.text))
    return faults


def _prompt_rules(text: str) -> Iterator[str]:
    """The rules that a prompt breaks, in words."""
    if not _is_visible(text):
        yield "There is no prompt here (blank or invisible characters only). Write one or delete the row."
        return
    yield from _cell_rules(text)
    if "\n" in text:
        yield "A prompt is one line; this one has a line break."
    if any(mark in text for mark in MODEL_MARKS):
        yield "Holds a mark with which the model ends a prompt (such as <|endoftext|>). Take it out."
    if any(len(word) > MAX_WORD_CHARACTERS for word in text.split()):
        yield f"Holds a word of more than {MAX_WORD_CHARACTERS} characters."


def _cell_rules(text: str) -> Iterator[str]:
    if len(text) > MAX_CHARACTERS:
        yield f"{len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed."
    if control := _control(text):
        yield f"Holds a control character (U+{ord(control):04X}). Replace it with a space."


def _control(text: str) -> str:
    """The first character that no line of text holds, or "". A line break inside a quoted cell is none."""
    return next((c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Zl", "Zp")), "")


def _is_visible(text: str) -> bool:
    return any(unicodedata.category(character)[0] not in INVISIBLE for character in text)


def _trimmed(text: str) -> str:
    return text.strip()


def _ragged(record: prompt_cells.Record, *, wanted: int) -> BadLine:
    if not any(_is_visible(cell) for cell in record.cells):
        rule = "There is no prompt here (blank row). Write one or delete the row."
    else:
        remedy = "Put quotation marks around a cell with commas."
        rule = f"{_cells(len(record.cells))} where the header has {wanted}. {remedy}"
    return BadLine(line=record.line, column="", rule=rule, value=",".join(record.cells))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _missing_column(first_line: str) -> BadLine:
    for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if PROMPT in [cell.strip(' "').lower() for cell in first_line.split(separator)]:
            rule = f"Columns are separated by {word}. Save the file with commas between columns."
            return BadLine(line=1, column="", rule=rule, value=first_line)
    rule = 'No column is called "prompt". Name the column that holds the prompts so in the first line.'
    return BadLine(line=1, column=PROMPT, rule=rule, value=first_line)
