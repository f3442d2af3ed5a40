"""Forms of the Prolific page."""

from decimal import Decimal, InvalidOperation

from django import forms

from annotation.services.prolific import MOST_BONUS

MOST_LINES = 500


class PlacesForm(forms.Form):
    """How many places a study is to have in all."""

    study = forms.CharField(max_length=200, widget=forms.HiddenInput)
    places = forms.IntegerField(min_value=1, max_value=100_000, label="Places in all")


class BonusForm(forms.Form):
    """Bonuses, one rater a line, and the sum once more: a slip of a digit is money."""

    bonuses = forms.CharField(
        max_length=60_000,
        label="Bonuses",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=f"A line a rater: pseudonym, amount; such as 4f0c…, 1.50. At most {MOST_BONUS} each, in "
        "your account's currency.",
    )
    total = forms.DecimalField(
        max_digits=9, decimal_places=2, label="Sum", help_text="Of all amounts, so that no digit slips."
    )

    def clean_bonuses(self) -> dict[str, Decimal]:
        """Amounts by pseudonym."""
        found: dict[str, Decimal] = {}
        lines = [line.strip() for line in self.cleaned_data["bonuses"].splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            raise forms.ValidationError(f"Write at most {MOST_LINES} lines at a time.")
        for line in lines:
            pseudonym, _, text = (part.strip() for part in line.partition(","))
            amount = _amount(text)
            if not pseudonym or amount is None or pseudonym in found:
                raise forms.ValidationError(
                    f"“{line[:60]}” is not a pseudonym, a comma and an amount such as 1.50, once a rater."
                )
            found[pseudonym] = amount
        return found

    def clean(self) -> dict[str, object]:
        """The sum is that of the amounts."""
        cleaned: dict[str, object] = super().clean() or self.cleaned_data
        bonuses, total = cleaned.get("bonuses"), cleaned.get("total")
        if isinstance(bonuses, dict) and total is not None and sum(bonuses.values(), Decimal(0)) != total:
            self.add_error("total", f"The amounts add up to {sum(bonuses.values(), Decimal(0)):.2f}.")
        return cleaned


def _amount(text: str) -> Decimal | None:
    if not text.isascii() or len(text) > 9:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    whole_cents = amount.is_finite() and amount == amount.quantize(Decimal("0.01"))
    return amount if whole_cents and 0 < amount <= MOST_BONUS else None
