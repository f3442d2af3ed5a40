"""The form that makes personal links."""

from typing import Any

from django import forms

from annotation.services.campaigns import MOST_INVITATIONS


class InvitationsForm(forms.Form):
    """How many personal links there are to be in all."""

    invitations = forms.IntegerField(label="Personal links in all", max_value=MOST_INVITATIONS)

    def __init__(self, *args: Any, made: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made = made
        field = self.fields["invitations"]
        field.widget.attrs |= {"min": made + 1}
        field.help_text = (
            f"{made:,} were made so far. Each lets one person in, on any device."
            if made
            else ("Each lets one person in, on any device.")
        )

    def clean_invitations(self) -> int:
        """The number, never a smaller one: links that were sent out stay good. As many is a second click."""
        wanted: int = self.cleaned_data["invitations"]
        if not self.made <= wanted or wanted < 1:
            raise forms.ValidationError(
                f"Give at least {self.made + 1:,}: links that were sent out stay good."
            )
        return wanted
