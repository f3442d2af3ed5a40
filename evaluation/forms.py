"""The planner's form: what a study is to be, with defaults to start from."""

import math
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from annotation.choices import TaskKind
from evaluation.metrics.planning import VarianceComponents
from evaluation.plans import MOST_ITEMS, Study

# Points of the five-point scale. Nobody's estimate: a place to start from until there is a pilot.
USUAL_SPREAD: Final = {"spread_items": 0.8, "spread_raters": 0.4, "spread_rest": 0.8}
STARTING_VALUES: Final = USUAL_SPREAD | {
    "items": 300, "raters_per_item": 3, "items_per_rater": 40, "share_cap_percent": 18,
    "checks_per_rater": 3, "seconds_per_item": 8, "pay_per_hour": 12, "fee_percent": 33,
    "target": 0.2, "difference": 0.3, "first_share": 61, "second_share": 52,
    "kind": TaskKind.OPINION_SCORE.value,
}  # fmt: skip
_OF_SCORES: Final = ("target", "difference", *USUAL_SPREAD)
_OF_SHARES: Final = ("first_share", "second_share")
# What the form of a kind doesn't ask, since no formula here plans it.
_NOT_ASKED: Final = {
    TaskKind.OPINION_SCORE.value: (),
    TaskKind.OBJECT_PRESENCE.value: _OF_SCORES,
    TaskKind.PAIRWISE.value: (*_OF_SCORES, *_OF_SHARES),
    TaskKind.MASK.value: (*_OF_SCORES, *_OF_SHARES),
}
_NO_SPREAD: Final = VarianceComponents(
    item=math.nan, rater=math.nan, rest=math.nan, reason="there are no scores that could spread"
)


class PlannerForm(forms.Form):
    """Everything that decides what a study costs and how sure its result is; of a kind, what it can plan."""

    kind = forms.ChoiceField(choices=TaskKind, widget=forms.HiddenInput)
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
    first_share = forms.FloatField(
        label="One share, in percent",
        min_value=0,
        max_value=100,
        help_text="Such as of images with both objects; the founding study's 61 and 52 to start from.",
    )
    second_share = forms.FloatField(label="Another to tell from it", min_value=0, max_value=100)
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
        ("What you want to know", ("target", "difference", "first_share", "second_share")),
        ("How much scores spread", ("spread_items", "spread_raters", "spread_rest")),
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        for name in _NOT_ASKED.get(str(data.get("kind", "")), ()):
            del self.fields[name]

    def sections(self) -> list[tuple[str, list[Any]]]:
        """The fields in the order of the page."""
        asked = [
            (title, [self[name] for name in names if name in self.fields]) for title, names in self.SECTIONS
        ]
        return [(title, fields) for title, fields in asked if fields]

    def study(self) -> Study | None:
        """The entries as a study; None while one of them is missing or out of bounds."""
        if not self.is_valid():
            return None
        entered = self.cleaned_data
        same = ("items", "raters_per_item", "items_per_rater", "checks_per_rater", "seconds_per_item",
                "pay_per_hour")  # fmt: skip
        asked: dict[str, Any] = {**STARTING_VALUES, **entered}
        return Study(
            **{name: entered[name] for name in same},
            kind=TaskKind(entered["kind"]),
            target=asked["target"],
            difference=asked["difference"],
            share_cap=entered["share_cap_percent"] / 100,
            fee=entered["fee_percent"] / 100,
            shares=(asked["first_share"] / 100, asked["second_share"] / 100),
            spread=self._spread(),
        )

    def _spread(self) -> VarianceComponents:
        entered = self.cleaned_data
        if entered["kind"] != TaskKind.OPINION_SCORE:
            return _NO_SPREAD
        return VarianceComponents(
            item=entered["spread_items"] ** 2,
            rater=entered["spread_raters"] ** 2,
            rest=entered["spread_rest"] ** 2,
        )
