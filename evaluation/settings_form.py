"""The choices of a results page, read from its address: filters, drop rule, interval and the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from evaluation.adjudicated import WORDS as ANSWERS
from evaluation.adjudicated import AnswersOf
from evaluation.metrics.bounded import ZeroWidth
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.methods import method_card, methods_for_means
from evaluation.metrics.opinion import PRESETS, DropRule, Protocol
from evaluation.reports import default_settings
from evaluation.settings import Only, RaterModel, Settings
from evaluation.study import Grouping, Study

FILTER: Final = "only-"
PRESET: Final = "preset"
# The preset that a form was shown with, beside what was chosen in it.
SHOWN: Final = "shown"
HEADLINE: Final = "headline"
BESIDE_PRESETS: Final = ("answers", "items", "raters")
CONFIDENCES: Final = ("0.9", "0.95", "0.99")
MOST_OFFERED: Final = 300
# In an address: the items that have no group, for an empty text asks for all.
NO_GROUP: Final = "(none)"
RULES: Final = {
    DropRule.ANY_RATER: "any rater: word too abstract",
    DropRule.MAJORITY: "most raters: word too abstract",
    DropRule.NEVER: "never",
}
PRESET_WORDS: Final = {
    "headline": "Percept: medians, two-way interval",
    "bootstrap": "medians, two-way bootstrap",
    "item_means": "means, two-way interval",
    "items_only": "medians, t over items alone",
    "published_code": "published code: 1.96 σ/√N",
    "published_z": "published analyses: 1.96 S/√N",
    "p800": "P.800: mean of all ratings, t over them",
}
ZERO_WIDTHS: Final = {
    ZeroWidth.BOUNDED: "the widest spread the scale allows",
    ZeroWidth.POOLED: "the spread of the other groups",
    ZeroWidth.EMPTY: "no interval",
}
SHARE_INTERVALS: Final = {
    IntervalMethod.WILSON: "Wilson", IntervalMethod.CLOPPER_PEARSON: "Clopper-Pearson, exact",
}  # fmt: skip
ITEM_INTERVALS: Final = {
    IntervalMethod.SOS: "spread of such items in this study",
    IntervalMethod.BINOMIAL_BOUNDED: "widest spread the scale allows",
}
RATER_MODELS: Final = {
    RaterModel.DIFFERENCES: "differences from the items' means",
    RaterModel.P910: "P.910 maximum likelihood beside them",
}
LABELS: Final = {
    "answers": "Answers",
    "drop": "Drop an item when", "score": "An item's score is the",
    "interval": "Interval of the score", "confidence": "Confidence",
    "items": "Interval of a single item", "raters": "Bias of raters", "zero": "Where all scores are equal",
    "shares": "Interval of shares",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a whole number may be."""

    lowest: int
    highest: int


# Whole numbers by parameter: label, field of the protocol, and bounds that keep a page's answer in seconds.
NUMBERS: Final = {
    "min_items": ("Grey below so many items", "min_items", Bounds(lowest=0, highest=100_000)),
    "resamples": ("Resamples of a bootstrap", "n_resamples", Bounds(lowest=200, highest=20_000)),
    "seed": ("Seed of the bootstraps", "seed", Bounds(lowest=0, highest=2**32 - 1)),
}


@dataclass(frozen=True, kw_only=True)
class OfferedOption:
    """One entry of a list to choose from."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One list to choose from, or a whole number to enter."""

    name: str
    label: str
    options: tuple[OfferedOption, ...] = ()
    entered: int | None = None
    bounds: Bounds | None = None


@dataclass(frozen=True, kw_only=True)
class SettingsForm:
    """Settings as a page offers them. query: the choices that differ from the defaults, for links.

    carried: other parameters of the page, kept as they are.  preset: whose choices the lists start from.
    """

    settings: Settings
    choices: tuple[Choice, ...]
    problems: tuple[str, ...]
    query: str
    carried: tuple[tuple[str, str], ...]
    preset: str

    @property
    def changed(self) -> bool:
        """Whether anything differs from the defaults."""
        return bool(self.query) or bool(self.problems)

    @property
    def reset(self) -> str:
        """The page's address without any choice."""
        return f"?{urlencode(self.carried)}"


def read_settings(
    study: Study, parameters: Mapping[str, str], *, carried: Sequence[tuple[str, str]] = ()
) -> SettingsForm:
    """The settings that the parameters ask for; what can't be read is named, and the default stands."""
    problems: list[str] = []
    preset = _chosen(parameters, PRESET, values=list(PRESETS), usual=HEADLINE, problems=problems)
    # Who takes another preset wants its choices, not those of the preset that the form was shown with.
    taken = parameters if parameters.get(SHOWN, preset) == preset else _beside_preset(parameters)
    default = default_settings(study, preset=preset).protocol
    offered = _offered(study, default=default)
    chosen: dict[str, str] = {}
    choices = [_choice(PRESET, "Start from", values=PRESET_WORDS, chosen=preset)]
    for name, (values, usual) in offered.items():
        chosen[name] = _chosen(taken, name, values=list(values), usual=usual, problems=problems)
        choices.append(_choice(name, LABELS[name], values=values, chosen=chosen[name]))
    filters, filter_choices = _filters(study, parameters, problems=problems)
    numbers = {name: _number(taken, name, default=default, problems=problems) for name in NUMBERS}
    choices += [
        Choice(name=name, label=label, entered=numbers[name], bounds=bounds)
        for name, (label, _, bounds) in NUMBERS.items()
    ]
    return SettingsForm(
        settings=Settings(
            protocol=_protocol(default, chosen=chosen, numbers=numbers),
            only=filters,
            item_interval=IntervalMethod(chosen["items"]),
            rater_model=RaterModel(chosen.get("raters", RaterModel.DIFFERENCES)),
        ),
        choices=(*filter_choices, *choices),
        problems=tuple(problems),
        query=urlencode(
            ({PRESET: preset} if preset != HEADLINE else {})
            | {name: value for name, value in chosen.items() if value != offered[name][1]}
            | {n: str(value) for n, value in numbers.items() if value != getattr(default, NUMBERS[n][1])}
            | {
                FILTER + only.grouping: asked_by(only.value, among=study.grouping(only.grouping).values)
                for only in filters
            }
        ),
        carried=tuple(carried),
        preset=preset,
    )


def _protocol(default: Protocol, *, chosen: Mapping[str, str], numbers: Mapping[str, int]) -> Protocol:
    """The preset with what was chosen in its place."""
    return replace(
        default,
        drop_rule=DropRule(chosen.get("drop", default.drop_rule)),
        item_score=ItemScore(chosen["score"]),
        interval=IntervalMethod(chosen["interval"]),
        zero_width=ZeroWidth(chosen["zero"]),
        share_interval=IntervalMethod(chosen["shares"]),
        confidence=float(chosen["confidence"]),
        min_items=numbers["min_items"],
        n_resamples=numbers["resamples"],
        seed=numbers["seed"],
    )


def _beside_preset(parameters: Mapping[str, str]) -> dict[str, str]:
    """The choices that no preset makes."""
    return {
        name: value for name, value in parameters.items() if name.startswith(FILTER) or name in BESIDE_PRESETS
    }


def _number(parameters: Mapping[str, str], name: str, *, default: Protocol, problems: list[str]) -> int:
    _, field, bounds = NUMBERS[name]
    usual = int(getattr(default, field))
    text = parameters.get(name, str(usual)).strip()
    if text.isascii() and text.isdigit() and len(text) < 12 and bounds.lowest <= int(text) <= bounds.highest:
        return int(text)
    problems.append(
        f"{name} can't be {text!r}. It is a whole number from {bounds.lowest} to {bounds.highest}."
        " The default is used."
    )
    return usual


def _offered(study: Study, *, default: Protocol) -> dict[str, tuple[dict[str, str], str]]:
    """By the parameter's name, what may be chosen with its words, and the default."""
    interval = default.interval
    if not study.raters_known and method_card(interval).raters:
        interval = IntervalMethod.T_ITEMS
    offered: dict[str, tuple[Mapping[Any, str], str]] = {
        "answers": (ANSWERS, AnswersOf.RATERS),
        "drop": (RULES, default.drop_rule),
        "score": ({score: score.value for score in ItemScore}, default.item_score),
        "interval": (_intervals(study), interval),
        "zero": (ZERO_WIDTHS, default.zero_width),
        "shares": (SHARE_INTERVALS, default.share_interval),
        "confidence": ({c: f"{100 * float(c):g} %" for c in CONFIDENCES}, str(default.confidence)),
        "items": (ITEM_INTERVALS, IntervalMethod.SOS),
        "raters": (RATER_MODELS, RaterModel.DIFFERENCES),
    }
    left_out = set() if study.has_drop_rule else {"drop"}
    left_out |= set() if study.is_campaign else {"answers"}
    left_out |= set() if study.raters_known else {"raters"}
    return {
        name: ({str(value): words for value, words in values.items()}, str(usual))
        for name, (values, usual) in offered.items()
        if name not in left_out
    }


def _intervals(study: Study) -> dict[str, str]:
    """The methods for a mean, those that speak for raters only where raters are known."""
    return {card.name: card.title for card in methods_for_means() if study.raters_known or not card.raters}


def _chosen(
    parameters: Mapping[str, str], name: str, *, values: Sequence[str], usual: str, problems: list[str]
) -> str:
    value = parameters.get(name, usual)
    if value in values:
        return value
    problems.append(f"{name} can't be {value!r}. It is one of: {', '.join(values)}. The default is used.")
    return usual


def _filters(
    study: Study, parameters: Mapping[str, str], *, problems: list[str]
) -> tuple[tuple[Only, ...], list[Choice]]:
    filters, choices = [], []
    for grouping in study.groupings:
        if not 1 < len(grouping.values) <= MOST_OFFERED:
            continue
        asked = parameters.get(FILTER + grouping.name, "")
        by_asked = {asked_by(value, among=grouping.values): value for value in grouping.values}
        if asked and asked not in by_asked:
            problems.append(f"No item has {asked!r} as its {grouping.label}. All groups are shown.")
            asked = ""
        if asked:
            filters.append(Only(grouping=grouping.name, value=by_asked[asked]))
        choices.append(_filter_choice(grouping, chosen=asked))
    return tuple(filters), choices


def asked_by(value: str, *, among: Collection[str]) -> str:
    """What asks for this group in an address: its name, or where it has none, a name that no group has."""
    name = value or NO_GROUP
    while not value and name in among:
        name = f"({name})"
    return name


def _filter_choice(grouping: Grouping, *, chosen: str) -> Choice:
    values = {
        asked_by(value, among=grouping.values): label
        for value, label in zip(grouping.values, grouping.labels, strict=True)
    }
    return _choice(
        FILTER + grouping.name, f"Only {grouping.label}", values={"": "all"} | values, chosen=chosen
    )


def _choice(name: str, label: str, *, values: Mapping[str, str], chosen: str) -> Choice:
    return Choice(
        name=name,
        label=label,
        options=tuple(
            OfferedOption(value=value, label=words or "(no group)", chosen=value == chosen)
            for value, words in values.items()
        ),
    )
