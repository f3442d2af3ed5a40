"""The campaign form's fields about running it: pay, budget, back-fill, devices. And what changes later on."""

from decimal import Decimal
from typing import Any

from django import forms

LARGEST_PAY = Decimal(10_000)
LARGEST_BUDGET = Decimal(10_000_000)
NO_CURRENCY = "Name the currency of the pay by its three letters, such as EUR, GBP or USD."
NO_PAY = "A budget needs the pay per rater: places times pay is what it is compared with."


class CurrencyField(forms.RegexField):
    """Three letters, written large."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^[A-Za-z]{3}$", error_messages={"invalid": NO_CURRENCY}, **options)

    def clean(self, value: Any) -> str:
        """The letters as capitals; empty without any."""
        return str(super().clean(value)).upper()


class ManagingForm(forms.Form):
    """See the module."""

    pay_per_rater = forms.DecimalField(
        label="Pay per rater",
        required=False,
        min_value=Decimal("0.01"),
        max_value=LARGEST_PAY,
        decimal_places=2,
        help_text="For one session, without the platform's fee. Leave empty to keep it elsewhere.",
    )
    currency = CurrencyField(label="Currency", required=False, help_text="Three letters, such as EUR.")
    budget = forms.DecimalField(
        label="Budget",
        required=False,
        min_value=Decimal("0.01"),
        max_value=LARGEST_BUDGET,
        decimal_places=2,
        help_text="Nobody new is let in whose pay it would not cover. Leave empty for no limit.",
    )
    automatic_back_fill = forms.BooleanField(
        required=False,
        label="Give the places of who fails to others by itself",
        help_text=(
            "Within minutes after a rater has failed the checks and ended, her places are free for others, "
            "for good. Who was excluded by a person is left for you. It can be changed while the campaign "
            "runs."
        ),
    )
    count_devices = forms.BooleanField(
        required=False,
        label="Notice when one browser brings several raters",
        help_text=(
            "Keeps a random number in the browser of who agrees, and says so on the page of consent. Several "
            "raters with one number are flagged for you to look at; nobody is excluded by it."
        ),
    )

    def clean(self) -> dict[str, Any]:
        """A pay has a currency, a budget has a pay that it covers at least once."""
        entered: dict[str, Any] = super().clean() or {}
        pay, budget = entered.get("pay_per_rater"), entered.get("budget")
        if pay is not None and "currency" not in self.errors and not entered.get("currency"):
            self.add_error("currency", NO_CURRENCY)
        if pay is None and "pay_per_rater" not in self.errors:
            entered["currency"] = ""
            if budget is not None:
                self.add_error("pay_per_rater", NO_PAY)
        if pay is not None and budget is not None and budget < pay:
            self.add_error("budget", f"It pays nobody: give at least {pay}, or nothing for no limit.")
        return entered


class BudgetForm(forms.Form):
    """Another budget for a campaign that runs."""

    budget = forms.DecimalField(
        label="Budget",
        required=False,
        min_value=Decimal("0.01"),
        max_value=LARGEST_BUDGET,
        decimal_places=2,
        help_text="Leave empty for no limit.",
    )


class BackFillForm(forms.Form):
    """Whether a campaign that runs is back-filled by itself."""

    automatic = forms.BooleanField(required=False)
