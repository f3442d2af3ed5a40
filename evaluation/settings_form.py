"""The choices of a results page, read from its address: filters, drop rule, interval and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.methods import methods_for_means
from evaluation.metrics.opinion import DropRule, Protocol
from evaluation.reports import default_settings
from evaluation.settings import Only, RaterModel, Settings
from evaluation.study import Grouping, Study

FILTER: Final = "only-"
CONFIDENCES: Final = ("0.9", "0.95", "0.99")
MOST_OFFERED: Final = 300
RULES: Final = {
    DropRule.ANY_RATER: "any rater: word too abstract",
    DropRule.MAJORITY: "most raters: word too abstract",
    DropRule.NEVER: "never",
}
ITEM_INTERVALS: Final = {
    IntervalMethod.SOS: "spread of such items in this study",
    IntervalMethod.BINOMIAL_BOUNDED: "widest spread the scale allows",
}
RATER_MODELS: Final = {
    RaterModel.DIFFERENCES: "differences from the items' means",
    RaterModel.P910: "P.910 maximum likelihood beside them",
}
LABELS: Final = {
    "drop": "Drop an item when", "score": "An item's score is the",
    "interval": "Interval of the score", "confidence": "Confidence",
    "items": "Interval of a single item", "raters": "Bias of raters",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OfferedOption:
    """One entry of a list to choose from."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One list to choose from."""

    name: str
    label: str
    options: tuple[OfferedOption, ...]


@dataclass(frozen=True, kw_only=True)
class SettingsForm:
    """Settings as a page offers them. query: the choices that differ from the defaults, for links.

    carried: other parameters of the page, kept as they are.
    """

    settings: Settings
    choices: tuple[Choice, ...]
    problems: tuple[str, ...]
    query: str
    carried: tuple[tuple[str, str], ...]

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
    default = default_settings(study).protocol
    offered = _offered(study, default=default)
    problems: list[str] = []
    chosen: dict[str, str] = {}
    choices: list[Choice] = []
    for name, (values, usual) in offered.items():
        chosen[name] = _chosen(parameters, name, values=list(values), usual=usual, problems=problems)
        choices.append(_choice(name, LABELS[name], values=values, chosen=chosen[name]))
    filters, filter_choices = _filters(study, parameters, problems=problems)
    query = {name: value for name, value in chosen.items() if value != offered[name][1]}
    query |= {FILTER + only.grouping: only.value for only in filters}
    protocol = replace(
        default,
        drop_rule=DropRule(chosen.get("drop", default.drop_rule)),
        item_score=ItemScore(chosen["score"]),
        interval=IntervalMethod(chosen["interval"]),
        confidence=float(chosen["confidence"]),
    )
    return SettingsForm(
        settings=Settings(
            protocol=protocol,
            only=filters,
            item_interval=IntervalMethod(chosen["items"]),
            rater_model=RaterModel(chosen.get("raters", RaterModel.DIFFERENCES)),
        ),
        choices=(*filter_choices, *choices),
        problems=tuple(problems),
        query=urlencode(query),
        carried=tuple(carried),
    )


def _offered(study: Study, *, default: Protocol) -> dict[str, tuple[dict[str, str], str]]:
    """By the parameter's name, what may be chosen with its words, and the default."""
    interval = default.interval if study.raters_known else IntervalMethod.T_ITEMS
    offered: dict[str, tuple[Mapping[Any, str], str]] = {
        "drop": (RULES, default.drop_rule),
        "score": ({score: score.value for score in ItemScore}, default.item_score),
        "interval": (_intervals(study), interval),
        "confidence": ({c: f"{100 * float(c):g} %" for c in CONFIDENCES}, str(default.confidence)),
        "items": (ITEM_INTERVALS, IntervalMethod.SOS),
        "raters": (RATER_MODELS, RaterModel.DIFFERENCES),
    }
    left_out = set() if study.is_campaign else {"drop"}
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
        value = parameters.get(FILTER + grouping.name, "")
        if value and value not in grouping.values:
            problems.append(f"No item has {value!r} as its {grouping.label}. All groups are shown.")
            value = ""
        if value:
            filters.append(Only(grouping=grouping.name, value=value))
        choices.append(_filter_choice(grouping, chosen=value))
    return tuple(filters), choices


def _filter_choice(grouping: Grouping, *, chosen: str) -> Choice:
    values = dict(zip(grouping.values, grouping.labels, strict=True))
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
