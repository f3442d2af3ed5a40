"""The forms about one rater or more of them: what a rejection and an exclusion must say."""

from collections.abc import Sequence
from typing import Any

from django import forms

from annotation.choices import RejectionGround


class RejectionForm(forms.Form):
    """The ground, of those that the evidence supports, and the researcher's own words."""

    ground = forms.ChoiceField(label="Ground", help_text="Only what the stored evidence supports is offered.")
    reason = forms.CharField(
        max_length=300,
        label="Reason for not paying",
        help_text="As you would say it to the rater. Kept in the history.",
    )

    def __init__(self, *args: Any, grounds: Sequence[RejectionGround], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ground"].choices = [(ground.value, ground.label) for ground in grounds]  # type: ignore[attr-defined]


class TakeBackForm(forms.Form):
    """Which decision is taken back: the one that the page showed, no later one."""

    decision = forms.IntegerField(widget=forms.HiddenInput)


class ExtensionForm(forms.Form):
    """How many raters each item is to get."""

    raters_per_item = forms.IntegerField(label="Raters per item", max_value=100)

    def __init__(self, *args: Any, now: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["raters_per_item"]
        field.min_value = now + 1  # type: ignore[attr-defined]
        field.widget.attrs |= {"min": now + 1}
        field.help_text = f"So far each item gets {now}. Places that raters have filled can't be taken away."
        field.initial = now + 1

    def clean_raters_per_item(self) -> int:
        """The number, larger than before."""
        wanted: int = self.cleaned_data["raters_per_item"]
        least = self.fields["raters_per_item"].min_value  # type: ignore[attr-defined]
        if wanted < least:
            raise forms.ValidationError(f"Give at least {least}: the campaign asks {least - 1} already.")
        return wanted


class ExclusionForm(forms.Form):
    """Why a rater is left out: the reason is kept and exported."""

    reason = forms.CharField(
        max_length=300,
        label="Reason",
        help_text="For example: answered every item within a second. Kept in the history and in raters.csv.",
    )
