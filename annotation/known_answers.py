"""Known answers: which things of a run, what is right for them, and what they are for. Pure.

A CSV file and a specification end in one judge, so that both are refused with the same words.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from annotation import segmentations
from annotation.checks import within
from annotation.choices import OPTION_BY_CODE, Choice, ItemKind, PairOf, ScoreOf, TaskKind, options_for
from annotation.segmentations import Segmentation, SegmentationRefused
from annotation.verdicts import FIRST, SECOND
from common import csv_stream
from generation import prompt_cells
from generation.prompt_bytes import decoded_lines
from generation.prompt_faults import BadLine, PromptFileRefused

MAP: Final = "word_map"
OTHER_MAP: Final = "other_word_map"
IMAGE: Final = "image"
OTHER_IMAGE: Final = "other_image"
WORD_POSITION: Final = "word_position"
METHOD: Final = "method"
OTHER_METHOD: Final = "other_method"
ACCEPTED: Final = "accepted"
MUST_HAVE: Final = "must_have"
MUST_NOT_HAVE: Final = "must_not_have"
SEGMENTATION: Final = "segmentation"
LEAST_IOU: Final = "least_iou"
USE: Final = "use"
EXPLANATION: Final = "explanation"
LONGEST_EXPLANATION: Final = 500
MOST: Final = 5_000
USUAL_LEAST_IOU: Final = 0.5
# All words of the checklist that the other column does not name.
ALL_OTHERS: Final = "*"
PAIR_CODES: Final = (FIRST, SECOND, Choice.TIE.value)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_TOLERANT: Final = re.compile(r"([1-5]) ?(?:±|\+-|\+/-) ?([0-4])")
RULES: Final[Mapping[TaskKind, str]] = {
    TaskKind.OPINION_SCORE: (
        "write scores or opt-outs with spaces between, such as “4 5” or “word_too_abstract”, or “4±1”"
    ),
    TaskKind.MASK: f"write {Choice.NOT_IN_IMAGE.value}, or leave it empty and give a segmentation",
    TaskKind.PAIRWISE: f"write {', '.join(PAIR_CODES)}, one or two of them with spaces between",
}


class Use(StrEnum):
    """What a known answer is for; the last two are kinds of items, too."""

    CHECK = "check"
    TRAINING = ItemKind.TRAINING.value
    QUALIFICATION = ItemKind.QUALIFICATION.value


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What a campaign's known answers are about, and what can be said about it."""

    task_kind: str
    pair_of: str = ""
    score_of: str = ScoreOf.WORD_MAPS.value
    vocabulary: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    @property
    def thing(self) -> tuple[str, ...]:
        """The columns that name a thing. Where methods are compared, a map alone is none."""
        if self.methods:
            return (MAP, METHOD, OTHER_METHOD) if self.pair_of else (MAP, METHOD)
        if self.task_kind == TaskKind.PAIRWISE:
            return (IMAGE, OTHER_IMAGE) if self.pair_of == PairOf.IMAGES else (MAP, OTHER_MAP)
        if self.score_of == ScoreOf.IMAGES:
            return (IMAGE,)
        return {
            TaskKind.OPINION_SCORE: (MAP,),
            TaskKind.OBJECT_PRESENCE: (IMAGE,),
            TaskKind.MASK: (IMAGE, WORD_POSITION),
        }[TaskKind(self.task_kind)]

    @property
    def right(self) -> tuple[str, ...]:
        """The columns that say what is right."""
        return {
            TaskKind.OBJECT_PRESENCE: (MUST_HAVE, MUST_NOT_HAVE),
            TaskKind.MASK: (ACCEPTED, SEGMENTATION, LEAST_IOU),
        }.get(TaskKind(self.task_kind), (ACCEPTED,))


@dataclass(frozen=True, kw_only=True)
class KnownAnswer:
    """A thing with what is right for it. explanation: shown in training, after an answer.

    Which of the first seven name the thing, and which of the next five say what is right, is for the kind of
    task to say (`Sought`). method, other_method: by which the map is, and the other of a pair; empty for the
    stored one.  must_not_have: may be ALL_OTHERS.  least_iou: None without a segmentation.
    """

    word_map: int | None = None
    other_word_map: int | None = None
    image: int | None = None
    other_image: int | None = None
    word_position: int | None = None
    method: str = ""
    other_method: str = ""
    accepted: tuple[str, ...] = ()
    must_have: tuple[str, ...] = ()
    must_not_have: tuple[str, ...] = ()
    segmentation: Segmentation | None = None
    least_iou: float | None = None
    use: str = Use.CHECK.value
    explanation: str = ""

    @property
    def thing(self) -> tuple[int | str | None, ...]:
        """What names the thing."""
        numbers = self.word_map, self.other_word_map, self.image, self.other_image, self.word_position
        return *numbers, self.method, self.other_method

    @property
    def same_thing(self) -> Hashable:
        """The same for a pair whichever of the two is first."""
        maps, images = (self.word_map, self.other_word_map), (self.image, self.other_image)
        both = (frozenset(pair) for pair in (maps, images, (self.method, self.other_method)))
        return *both, self.word_position

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of its maps; none for stored maps and images."""
        return tuple(method for method in (self.method, self.other_method) if method)

    @property
    def name(self) -> str:
        """The numbers and methods that name the thing, in words."""
        numbers = " and ".join(str(number) for number in self.thing if isinstance(number, int))
        return f"{numbers} by {' and '.join(self.methods)}" if self.methods else numbers


class _Wrong(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """One value is not right. rule: what it should be."""

    def __init__(self, column: str, rule: str, value: Any = "") -> None:
        super().__init__(rule)
        self.column, self.rule, self.value = column, rule, value


def read(content: bytes, *, sought: Sought) -> list[KnownAnswer]:
    """The known answers of a CSV file with the columns of `sought`, and perhaps use and explanation.

    Other columns are for people. A row that says nothing right marks nothing.
    Raises PromptFileRefused with every bad line.
    """
    lines = decoded_lines(content)
    header = prompt_cells.header(lines[0]) if lines else []
    needed = (*sought.thing, sought.right[0])
    if missing := [name for name in needed if header.count(name) != 1]:
        first = lines[0] if lines else ""
        raise PromptFileRefused(
            [_bad(1, name, f"the file needs the column {name}, once", first) for name in missing]
        )
    records, faults = prompt_cells.records(lines, first_line=1)
    found: dict[Hashable, KnownAnswer] = {}
    for record in records[1:]:
        if len(record.cells) != len(header):
            rule = f"the row has {len(record.cells)} cells, not {len(header)}"
            faults.append(_bad(record.line, "", rule, ""))
            continue
        cells = {name: _as_meant(cell) for name, cell in zip(header, record.cells, strict=True)}
        if not any(cells.get(name) for name in sought.right if name != LEAST_IOU):
            continue
        try:
            _take(_judged(cells, sought), found)
        except _Wrong as wrong:
            faults.append(_bad(record.line, wrong.column, wrong.rule, str(wrong.value)))
    if len(found) > MOST:
        faults.append(_bad(1, "", f"more than {MOST:,} items are marked", ""))
    if faults:
        raise PromptFileRefused(faults)
    return list(found.values())


def read_values(values: Any, *, sought: Sought) -> tuple[list[KnownAnswer], dict[str, str]]:
    """The known answers of a specification, a list of tables, and the faults by the name of their value."""
    if not isinstance(values, list) or len(values) > MOST:
        return [], {"": f"Give a list of at most {MOST:,} tables."}
    found: dict[Hashable, KnownAnswer] = {}
    faults: dict[str, str] = {}
    known = {*sought.thing, *sought.right, USE, EXPLANATION}
    for number, line in enumerate(values):
        try:
            if not isinstance(line, Mapping):
                raise _Wrong("", "give a table")
            if unknown := [name for name in line if name not in known]:
                raise _Wrong(str(unknown[0])[:40], f"not known here; there are {', '.join(sorted(known))}")
            _take(_judged(line, sought), found)
        except _Wrong as wrong:
            column = f".{wrong.column}" if wrong.column else ""
            faults[f"[{number}]{column}"] = f"{wrong.rule[:1].upper()}{wrong.rule[1:]}."
    return list(found.values()), faults


def as_line(answer: KnownAnswer) -> dict[str, Any]:
    """The known answer as JSON has it, without what says nothing; `read_values` gives the same one again."""
    line: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(answer).items()
        if value not in (None, (), "") and name != SEGMENTATION
    }
    if answer.segmentation is not None:
        line[SEGMENTATION] = segmentations.plain(answer.segmentation)
    return line


def of_line(line: Mapping[str, Any]) -> KnownAnswer:
    """The known answer of a line that `as_line` made. An older line has neither use nor explanation."""
    lists = {name: tuple(line[name]) for name in (ACCEPTED, MUST_HAVE, MUST_NOT_HAVE) if name in line}
    masks = {SEGMENTATION: segmentations.read(line[SEGMENTATION])} if SEGMENTATION in line else {}
    return KnownAnswer(**{**line, **lists, **masks})


def accepted_codes(text: str) -> tuple[str, ...]:
    """The codes that a cell accepts, in the order of the page; empty for a cell that can't be read."""
    text = text.strip()
    if match := _TOLERANT.fullmatch(text):
        return within(int(match[1]), tolerance=int(match[2]))
    return _codes(text, among=tuple(OPTION_BY_CODE))


def summary(faults: Sequence[BadLine]) -> list[str]:
    """The bad lines in words."""
    return [
        f"Line {fault.line}{f', {fault.column}' if fault.column else ''}: {fault.rule}"
        f"{f' (it says “{fault.shown_value}”)' if fault.value else ''}."
        for fault in faults
    ]


def _as_meant(cell: str) -> str:
    """The text of a cell, without the apostrophe that the file to fill in has before a formula."""
    text = cell.strip()
    meant = csv_stream.unguard(text)
    return meant.strip() if csv_stream.guard(meant) == text else text


def _take(answer: KnownAnswer, found: dict[Hashable, KnownAnswer]) -> None:
    if answer.same_thing in found:
        raise _Wrong("", "this thing is marked twice", answer.name)
    found[answer.same_thing] = answer


def _judged(values: Mapping[str, Any], sought: Sought) -> KnownAnswer:
    """The one judge. values: texts of a file, or numbers, texts and lists of a specification."""
    names: dict[str, Any] = {
        name: _method(values, name, sought) if name in (METHOD, OTHER_METHOD) else _number(values, name)
        for name in sought.thing
    }
    if len(set(names.values())) < len(names) and sought.task_kind == TaskKind.PAIRWISE:
        raise _Wrong(sought.thing[-1], "a pair needs two different ones", values[sought.thing[-1]])
    right = {
        TaskKind.OPINION_SCORE: _of_scores,
        TaskKind.OBJECT_PRESENCE: _of_words,
        TaskKind.MASK: _of_masks,
        TaskKind.PAIRWISE: _of_pairs,
    }[TaskKind(sought.task_kind)](values, sought)
    use = values.get(USE, "") or Use.CHECK.value
    if not isinstance(use, str) or use not in set(Use):
        raise _Wrong(USE, f"write {', '.join(Use)}, or leave it empty", use)
    explanation = values.get(EXPLANATION, "")
    if not isinstance(explanation, str) or len(explanation) > LONGEST_EXPLANATION or "\0" in explanation:
        raise _Wrong(EXPLANATION, f"at most {LONGEST_EXPLANATION} characters", explanation)
    return KnownAnswer(**names, **right, use=use, explanation=explanation)


def _number(values: Mapping[str, Any], column: str) -> int:
    value = values.get(column, "")
    least = 0 if column == WORD_POSITION else 1
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and _NUMBER.fullmatch(text) and int(text) >= least:
        return int(text)
    what = column.replace("_", " ")
    raise _Wrong(column, f"the number of the {what}, as the file to fill in has it", value)


def _method(values: Mapping[str, Any], column: str, sought: Sought) -> str:
    value = values.get(column, "")
    if value not in sought.methods:
        raise _Wrong(column, f"one of the methods compared, which are {', '.join(sought.methods)}", value)
    return str(value)


def _of_scores(values: Mapping[str, Any], sought: Sought) -> dict[str, Any]:
    codes = tuple(option.code for option in options_for(sought.score_of))
    accepted = tuple(code for code in accepted_codes(_text(values, ACCEPTED)) if code in codes)
    return {ACCEPTED: _checking(accepted, codes, values, TaskKind.OPINION_SCORE)}


def _of_pairs(values: Mapping[str, Any], _sought: Sought) -> dict[str, Any]:
    accepted = _codes(_text(values, ACCEPTED), among=PAIR_CODES)
    return {ACCEPTED: _checking(accepted, PAIR_CODES, values, TaskKind.PAIRWISE)}


def _of_words(values: Mapping[str, Any], sought: Sought) -> dict[str, Any]:
    must, must_not = (_words(values, name, sought) for name in (MUST_HAVE, MUST_NOT_HAVE))
    if ALL_OTHERS in must:
        raise _Wrong(MUST_HAVE, f"only {MUST_NOT_HAVE} can be {ALL_OTHERS}", ALL_OTHERS)
    if not must and not must_not:
        raise _Wrong(MUST_HAVE, f"name a word in {MUST_HAVE} or {MUST_NOT_HAVE}: nothing is checked so")
    if both := set(must) & set(must_not):
        raise _Wrong(MUST_NOT_HAVE, "a word can't be required and forbidden", min(both))
    return {MUST_HAVE: must, MUST_NOT_HAVE: must_not}


def _of_masks(values: Mapping[str, Any], _sought: Sought) -> dict[str, Any]:
    text = _text(values, ACCEPTED)
    accepted = _codes(text, among=(Choice.NOT_IN_IMAGE.value,))
    given = values.get(SEGMENTATION) or ""
    if (text and not accepted) or not (accepted or given):
        raise _Wrong(ACCEPTED, RULES[TaskKind.MASK], text)
    if not given:
        return {ACCEPTED: accepted}
    try:
        mask = segmentations.read(given)
    except SegmentationRefused as refused:
        raise _Wrong(SEGMENTATION, str(refused), given) from None
    return {ACCEPTED: accepted, SEGMENTATION: mask, LEAST_IOU: _share(values, LEAST_IOU)}


def _share(values: Mapping[str, Any], column: str) -> float:
    value = values.get(column, "")
    if value == "":
        return USUAL_LEAST_IOU
    try:
        share = float(value) if type(value) in (int, float, str) else 0.0
    except (ValueError, OverflowError):
        share = 0.0
    if not 0 < share <= 1:
        raise _Wrong(column, "a number above 0, at most 1", value)
    return share


def _checking(
    accepted: tuple[str, ...], all_codes: tuple[str, ...], values: Mapping[str, Any], kind: TaskKind
) -> tuple[str, ...]:
    if not accepted:
        raise _Wrong(ACCEPTED, RULES[kind], values.get(ACCEPTED, ""))
    if len(accepted) == len(all_codes):
        raise _Wrong(ACCEPTED, "every answer would pass, so nothing is checked", values[ACCEPTED])
    return accepted


def _codes(text: str, *, among: tuple[str, ...]) -> tuple[str, ...]:
    codes = set(text.split())
    return tuple(code for code in among if code in codes) if codes <= set(among) else ()


def _text(values: Mapping[str, Any], column: str) -> str:
    """A text, or a list of texts as one. Raises _Wrong for anything else."""
    value = values.get(column, "")
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    if isinstance(value, str):
        return value
    raise _Wrong(column, "give a text or a list of texts", value)


def _words(values: Mapping[str, Any], column: str, sought: Sought) -> tuple[str, ...]:
    """The words of a cell, with semicolons between, or of a list."""
    value = values.get(column, "")
    if isinstance(value, str):
        value = value.split(";")
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _Wrong(column, "write words with semicolons between, or a list of texts", value)
    words = tuple(dict.fromkeys(word.strip() for word in value if word.strip()))
    if words == (ALL_OTHERS,):
        return words
    if strange := [word for word in words if word not in sought.vocabulary]:
        raise _Wrong(column, "a word that the campaign's checklist does not have", strange[0])
    return words


def _bad(line: int, column: str, rule: str, shown: str) -> BadLine:
    return BadLine(line=line, column=column, rule=rule, value=shown)
