"""The planner's form: what a study is to be, with defaults to start from."""

from typing import Any, Final

from django import forms

from evaluation.metrics.planning import VarianceComponents
from evaluation.plans import MOST_ITEMS, Study

# Points of the five-point scale. Nobody's estimate: a place to start from until there is a pilot.
USUAL_SPREAD: Final = {"spread_items": 0.8, "spread_raters": 0.4, "spread_rest": 0.8}
STARTING_VALUES: Final = USUAL_SPREAD | {
    "items": 300, "raters_per_item": 3, "items_per_rater": 40, "share_cap_percent": 18,
    "checks_per_rater": 3, "seconds_per_item": 8, "pay_per_hour": 12, "fee_percent": 33,
    "target": 0.2, "difference": 0.3,
}  # fmt: skip


class PlannerForm(forms.Form):
    """Everything that decides what a study costs and how sure its result is."""

    items = forms.IntegerField(label="Items", min_value=2, max_value=MOST_ITEMS)
    raters_per_item = forms.IntegerField(label="Raters per item", min_value=1, max_value=100)
    items_per_rater = forms.IntegerField(label="Most ratings in one session", min_value=1, max_value=10_000)
    share_cap_percent = forms.FloatField(
        label="Largest share of one rater, in percent", min_value=0.1, max_value=100
    )
    checks_per_rater = forms.IntegerField(label="Attention checks per session", min_value=0, max_value=50)
    seconds_per_item = forms.FloatField(label="Seconds per answer", min_value=1, max_value=600)
    pay_per_hour = forms.FloatField(
        label="Pay per hour", min_value=0, max_value=10_000, help_text="In your currency."
    )
    fee_percent = forms.FloatField(label="Platform's fee, in percent of the pay", min_value=0, max_value=500)
    target = forms.FloatField(
        label="Half-width to reach",
        min_value=0.01,
        max_value=4,
        help_text="Points to either side.",
    )
    difference = forms.FloatField(
        label="Difference to find",
        min_value=0,
        max_value=4,
        help_text="Points between two halves of the items, such as nouns and verbs.",
    )
    spread_items = forms.FloatField(
        label="Between items", min_value=0, max_value=4, help_text="Standard deviation, in points."
    )
    spread_raters = forms.FloatField(
        label="Between raters", min_value=0, max_value=4, help_text="How much some lean high or low."
    )
    spread_rest = forms.FloatField(
        label="Rest", min_value=0, max_value=4, help_text="One rater's answer to one item around both."
    )

    SECTIONS: Final = (
        ("Size", ("items", "raters_per_item", "items_per_rater", "share_cap_percent", "checks_per_rater")),
        ("Time and money", ("seconds_per_item", "pay_per_hour", "fee_percent")),
        ("What you want to know", ("target", "difference")),
        ("How much scores spread", ("spread_items", "spread_raters", "spread_rest")),
    )

    def sections(self) -> list[tuple[str, list[Any]]]:
        """The fields in the order of the page."""
        return [(title, [self[name] for name in names]) for title, names in self.SECTIONS]

    def study(self) -> Study | None:
        """The entries as a study; None while one of them is missing or out of bounds."""
        if not self.is_valid():
            return None
        entered = self.cleaned_data
        same = ("items", "raters_per_item", "items_per_rater", "checks_per_rater", "seconds_per_item",
                "pay_per_hour", "target", "difference")  # fmt: skip
        return Study(
            **{name: entered[name] for name in same},
            share_cap=entered["share_cap_percent"] / 100,
            fee=entered["fee_percent"] / 100,
            spread=VarianceComponents(
                item=entered["spread_items"] ** 2,
                rater=entered["spread_raters"] ** 2,
                rest=entered["spread_rest"] ** 2,
            ),
        )
