"""Which prompts' items a campaign takes, and how evenly: the form's fields and what they accept."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

PART_OF_SPEECH: Final = "part_of_speech"
MOST_LINES: Final = 20
NAMES_SHOWN: Final = 10
PromptFilter = dict[str, list[str]]


class PromptFilterField(forms.CharField):
    """Lines such as `subject = dog | cat`: an item's prompt must have one of the values in each column."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Only prompts where",
            required=False,
            max_length=5_000,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text="A line a column of the prompt file: subject = dog | cat. Leave empty for all.",
            **kwargs,
        )

    def clean(self, value: Any) -> PromptFilter:
        """Accepted values by column. Raises ValidationError for a line of another form."""
        found: PromptFilter = {}
        lines = [line.strip() for line in str(super().clean(value) or "").splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            raise forms.ValidationError(f"Write at most {MOST_LINES} lines, one a column.")
        for line in lines:
            column, sign, values = (part.strip() for part in line.partition("="))
            if not sign or not column or column in found:
                raise forms.ValidationError(
                    f"“{line[:60]}” is not a column, an equals sign and its values, once a column. "
                    "Write for example: subject = dog | cat."
                )
            found[column] = [part.strip() for part in values.split("|")]
        return found


class StrataField(forms.ChoiceField):
    """The column over whose values a smaller number of items is drawn evenly."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Drawn evenly over",
            required=False,
            help_text="Where you ask for fewer items than there are: as many of each value as can be.",
            **kwargs,
        )

    def offer(self, columns: Mapping[str, frozenset[str]]) -> None:
        """Makes these columns the choices, besides the part of speech."""
        self.choices = [
            ("", "nothing: purely at random"),
            (PART_OF_SPEECH, "part of speech"),
            *((column, column) for column in columns if column != PART_OF_SPEECH),
        ]


def filter_fault(chosen: PromptFilter, *, columns: Mapping[str, frozenset[str]]) -> str:
    """What of a filter no prompt has, with what there is; empty where all is well."""
    for column, values in chosen.items():
        if column not in columns:
            there = ", ".join(list(columns)[:NAMES_SHOWN]) or "none besides the prompt"
            return f"The prompts have no column {column[:40]!r}. There are: {there}."
        if missing := [value for value in values if value not in columns[column]]:
            there = ", ".join(sorted(columns[column])[:NAMES_SHOWN])
            return f"No prompt has {missing[0][:40]!r} in the column {column!r}. There are: {there}."
    return ""


def as_lines(chosen: Mapping[str, list[str]]) -> str:
    """A filter as it is typed in."""
    return "\n".join(f"{column} = {' | '.join(values)}" for column, values in chosen.items())
