"""The form that says which column of an uploaded file holds what; its entries are the report's address."""

from collections.abc import Sequence
from typing import Final

from django import forms

from evaluation.importing.mapping import Duplicates, Empty, ImportRefused, Mapping, values_of

MOST_BYTES: Final = 64 * 1024 * 1024
UNKNOWN: Final = "(nobody knows)"
FIELDS: Final = (
    "col_item", "col_rater", "col_score", "col_group", "col_seconds", "low", "high", "values", "empty",
    "duplicates",
)  # fmt: skip


class UploadForm(forms.Form):
    """A file of ratings."""

    file = forms.FileField(
        label="File of ratings",
        help_text="CSV with a header, or JSON lines (.jsonl), in UTF-8. One row per answer. At most 64 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.jsonl,.ndjson,.json"}),
    )

    def clean_file(self) -> object:
        """Refuses what is too large."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size / 2**20:.0f} MB, and the page takes {MOST_BYTES // 2**20}."
                " Use `python manage.py analyse` for larger files."
            )
        return file


class MappingForm(forms.Form):
    """Columns and values."""

    col_item = forms.ChoiceField(label="What was rated")
    col_rater = forms.ChoiceField(
        label="Who rated it", help_text="Without it, intervals speak for new items only."
    )
    col_score = forms.ChoiceField(label="Score")
    col_group = forms.MultipleChoiceField(
        label="Groups", required=False, widget=forms.CheckboxSelectMultiple, help_text="As many as you like."
    )
    col_seconds = forms.ChoiceField(label="Time in seconds", required=False)
    low = forms.FloatField(label="Lowest score", initial=1)
    high = forms.FloatField(label="Highest score", initial=5)
    values = forms.CharField(
        label="What texts mean",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One a line, such as yes=1, no=0 or skipped=image_too_poor. Numbers need no line.",
    )
    empty = forms.ChoiceField(
        label="An empty score",
        choices=[(Empty.FAULT.value, "is a fault"), (Empty.NOT_ASKED.value, "means: was not asked")],
    )
    duplicates = forms.ChoiceField(
        label="Of contradicting answers of one rater to one item",
        choices=[
            (Duplicates.LEAVE_OUT.value, "none counts"),
            (Duplicates.FIRST.value, "the first counts"),
            (Duplicates.LAST.value, "the last counts"),
        ],
    )
    field_order = FIELDS

    def __init__(self, data: object = None, *, columns: Sequence[str]) -> None:
        """columns: those of the file."""
        super().__init__(data)  # type: ignore[arg-type]
        named = [(name, name) for name in columns]
        choose = [("", "Choose a column"), *named]
        self.fields["col_item"].choices = choose  # type: ignore[attr-defined]
        self.fields["col_score"].choices = choose  # type: ignore[attr-defined]
        self.fields["col_rater"].choices = [*choose, (UNKNOWN, "The file doesn't say")]  # type: ignore[attr-defined]
        self.fields["col_group"].choices = named  # type: ignore[attr-defined]
        self.fields["col_seconds"].choices = [("", "None"), *named]  # type: ignore[attr-defined]

    def mapping(self) -> Mapping | None:
        """The entries as a mapping; None with errors on the form where they are none."""
        if not self.is_valid():
            return None
        entered = self.cleaned_data
        rater = entered["col_rater"]
        try:
            return Mapping(
                item=entered["col_item"],
                rater=None if rater == UNKNOWN else rater,
                score=entered["col_score"],
                groups=tuple(entered["col_group"]),
                seconds=entered["col_seconds"] or None,
                scale=(entered["low"], entered["high"]),
                values=values_of([line for line in entered["values"].splitlines() if line.strip()]),
                empty=Empty(entered["empty"]),
                duplicates=Duplicates(entered["duplicates"]),
            )
        except ImportRefused as error:
            self.add_error(None, str(error))
            return None
