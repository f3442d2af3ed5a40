"""Filters by group of the report of the maps: by part of speech, and by every column of the prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluation.kinds.groups import PROMPT_COLUMN
from evaluation.kinds.map_report import MAP_FIELDS, PART_OF_SPEECH
from evaluation.kinds.report import Field
from evaluation.settings import Only
from generation.choices import PartOfSpeech
from generation.models import Prompt, PromptWord, Run

FIXED: Final = tuple(field.name for field in MAP_FIELDS)


def map_groups(run: Run) -> dict[str, list[str]]:
    """By column of maps.csv, the groups of the run's words and prompts, each list in order."""
    words = PromptWord.objects.filter(prompt__prompt_set=run.prompt_set_id)
    tags = words.exclude(part_of_speech=PartOfSpeech.PUNCT).order_by().values_list("part_of_speech")
    groups = {PART_OF_SPEECH: sorted(tag for (tag,) in tags.distinct())}
    prompts = Prompt.objects.filter(prompt_set=run.prompt_set_id).order_by("row_number")
    extras = list(prompts.values_list("extra", flat=True))
    columns = dict.fromkeys(PROMPT_COLUMN + name for extra in extras for name in extra)
    cells = [prompt_cells(extra, list(columns)) for extra in extras]
    return groups | {
        name: sorted(set(column)) for name, column in zip(columns, zip(*cells, strict=True), strict=False)
    }


def wanted_of_prompts(only: Sequence[Only]) -> dict[str, list[str]]:
    """By column of the prompts, the one value that the filters let through, for `sources.chosen_prompts`.

    Of two filters of one column that differ none is.
    """
    found: dict[str, list[str]] = {}
    for filter_ in only:
        if filter_.grouping.startswith(PROMPT_COLUMN):
            name = filter_.grouping.removeprefix(PROMPT_COLUMN)
            found[name] = [value for value in found.get(name, [filter_.value]) if value == filter_.value]
    return found


def prompt_cells(extra: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """A prompt's cells in these columns of maps.csv; empty where its row has none."""
    return [str(extra.get(name.removeprefix(PROMPT_COLUMN), "")) for name in columns]


def fields_of(header: Sequence[str]) -> tuple[Field, ...]:
    """What the columns of a maps.csv with this header hold."""
    of_prompts = (name for name in header if name not in FIXED)
    return (
        *MAP_FIELDS,
        *(Field(n, f"Column {n.removeprefix(PROMPT_COLUMN)} of the prompt's row.") for n in of_prompts),
    )
