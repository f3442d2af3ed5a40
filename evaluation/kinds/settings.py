"""The choices behind the report of a kind, from a page's address or a bundle, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from annotation.choices import TaskKind
from evaluation.kinds.map_report import KIND as MAPS
from evaluation.kinds.map_report import MapSettings
from evaluation.kinds.mask_items import MaskSettings, Truth
from evaluation.kinds.pairs import PairSettings
from evaluation.kinds.presence import PresenceSettings
from evaluation.metrics.tests import ExactTest
from evaluation.settings_form import CONFIDENCES, Choice, OfferedOption

KindSettings = PresenceSettings | PairSettings | MaskSettings | MapSettings
_CONFIDENCE: Final = {level: f"{100 * float(level):g} %" for level in CONFIDENCES}
_OFFERED: Final[Mapping[str, Mapping[str, tuple[str, Mapping[str, str]]]]] = {
    TaskKind.OBJECT_PRESENCE: {
        "test": (
            "Exact test",
            {ExactTest.FISHER: "Fisher", ExactTest.BARNARD: "Barnard", ExactTest.BOSCHLOO: "Boschloo"},
        ),
        "confidence": ("Confidence", _CONFIDENCE),
    },
    TaskKind.PAIRWISE: {"confidence": ("Confidence", _CONFIDENCE)},
    TaskKind.MASK: {
        "truth": (
            "The object is where",
            {
                Truth.MAJORITY: "most raters drew",
                Truth.UNION: "any rater drew",
                Truth.INTERSECTION: "all raters drew",
            },
        ),
        "tau": (
            "Maps are cut at",
            {"0.3": "0.3 of the peak", "0.4": "0.4 of the peak", "0.5": "0.5 of the peak"},
        ),
        "confidence": ("Confidence", _CONFIDENCE),
    },
    MAPS: {
        "tau": ("Maps are cut at", {tau: f"{tau} of the peak" for tau in ("0.3", "0.4", "0.5")}),
        "confidence": ("Confidence", _CONFIDENCE),
    },
}
_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    TaskKind.OBJECT_PRESENCE: {"test": ExactTest.FISHER, "confidence": "0.95"},
    TaskKind.PAIRWISE: {"confidence": "0.95"},
    TaskKind.MASK: {"truth": Truth.MAJORITY, "tau": "0.4", "confidence": "0.95"},
    MAPS: {"tau": "0.4", "confidence": "0.95"},
}


@dataclass(frozen=True, kw_only=True)
class KindForm:
    """The settings as a page offers them; as `evaluation.settings_form.SettingsForm`."""

    settings: KindSettings
    choices: tuple[Choice, ...]
    problems: tuple[str, ...]
    query: str

    @property
    def changed(self) -> bool:
        """Whether anything differs from the defaults."""
        return bool(self.query)

    @property
    def carried(self) -> tuple[tuple[str, str], ...]:
        """Nothing is carried along."""
        return ()

    @property
    def reset(self) -> str:
        """The page's address without any choice."""
        return "?"


def read_form(kind: str, parameters: Mapping[str, str]) -> KindForm:
    """What the parameters ask for; what can't be read is named, and the default stands."""
    offered, usual = _OFFERED[kind], _DEFAULTS[kind]
    chosen, problems, choices = {}, [], []
    for name, (label, values) in offered.items():
        value = parameters.get(name, str(usual[name]))
        if value not in values:
            problems.append(
                f"{name} can't be {value!r}. It is one of: {', '.join(values)}. The default is used."
            )
            value = str(usual[name])
        chosen[name] = value
        options = tuple(
            OfferedOption(value=str(known), label=words, chosen=str(known) == value)
            for known, words in values.items()
        )
        choices.append(Choice(name=name, label=label, options=options))
    return KindForm(
        settings=settings_of(kind, chosen),
        choices=tuple(choices),
        problems=tuple(problems),
        query=urlencode({name: value for name, value in chosen.items() if value != str(usual[name])}),
    )


def settings_of(kind: str, facts: Mapping[str, Any]) -> KindSettings:
    """The settings that a report wrote. Raises KeyError or ValueError for others."""
    confidence = float(facts["confidence"])
    if kind == TaskKind.OBJECT_PRESENCE:
        return PresenceSettings(confidence=confidence, test=ExactTest(facts["test"]))
    if kind == TaskKind.PAIRWISE:
        return PairSettings(confidence=confidence)
    if kind == MAPS:
        return MapSettings(confidence=confidence, tau=float(facts["tau"]))
    seed = int(facts.get("seed", MaskSettings.seed))
    return MaskSettings(
        confidence=confidence, truth=Truth(facts["truth"]), tau=float(facts["tau"]), seed=seed
    )
