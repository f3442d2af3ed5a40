"""The choices behind the report of a kind, from a page's address or a bundle, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from annotation.choices import TaskKind
from evaluation.adjudicated import WORDS, AnswersOf
from evaluation.kinds.groups import only_facts, only_of, words_of
from evaluation.kinds.map_report import KIND as MAPS
from evaluation.kinds.map_report import MapSettings
from evaluation.kinds.mask_items import Absent, Counting, MaskSettings, Truth
from evaluation.kinds.pairs import PairSettings
from evaluation.kinds.presence import PresenceSettings
from evaluation.metrics.tests import ExactTest
from evaluation.settings import Only
from evaluation.settings_form import CONFIDENCES, FILTER, Choice, OfferedOption, asked_by

KindSettings = PresenceSettings | PairSettings | MaskSettings | MapSettings
_ANSWERS: Final = ("Answers", {str(whose): words for whose, words in WORDS.items()})
_CONFIDENCE: Final = {level: f"{100 * float(level):g} %" for level in CONFIDENCES}
_OFFERED: Final[Mapping[str, Mapping[str, tuple[str, Mapping[str, str]]]]] = {
    TaskKind.OBJECT_PRESENCE: {
        "answers": _ANSWERS,
        "test": (
            "Exact test",
            {ExactTest.FISHER: "Fisher", ExactTest.BARNARD: "Barnard", ExactTest.BOSCHLOO: "Boschloo"},
        ),
        "confidence": ("Confidence", _CONFIDENCE),
    },
    TaskKind.PAIRWISE: {"answers": _ANSWERS, "confidence": ("Confidence", _CONFIDENCE)},
    TaskKind.MASK: {
        "answers": _ANSWERS,
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
        "absent": (
            "Between raters, a mask and nothing drawn",
            {Absent.COUNT: "are an IoU of 0", Absent.SKIP: "don't count"},
        ),
        "counting": (
            "Words become an mIoU",
            {
                Counting.OURS: "by images, without a map as 0",
                Counting.PUBLISHED: "as the published code counts",
            },
        ),
        "confidence": ("Confidence", _CONFIDENCE),
    },
    MAPS: {
        "tau": ("Maps are cut at", {tau: f"{tau} of the peak" for tau in ("0.3", "0.4", "0.5")}),
        "confidence": ("Confidence", _CONFIDENCE),
    },
}
_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    TaskKind.OBJECT_PRESENCE: {"answers": AnswersOf.RATERS, "test": ExactTest.FISHER, "confidence": "0.95"},
    TaskKind.PAIRWISE: {"answers": AnswersOf.RATERS, "confidence": "0.95"},
    TaskKind.MASK: {
        "answers": AnswersOf.RATERS, "truth": Truth.MAJORITY, "tau": "0.4", "absent": Absent.COUNT,
        "counting": Counting.OURS, "confidence": "0.95",
    },
    MAPS: {"tau": "0.4", "confidence": "0.95"},
}  # fmt: skip


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
        return bool(self.query) or bool(self.problems)

    @property
    def carried(self) -> tuple[tuple[str, str], ...]:
        """Nothing is carried along."""
        return ()

    @property
    def reset(self) -> str:
        """The page's address without any choice."""
        return "?"


def read_form(
    kind: str, parameters: Mapping[str, str], *, groups: Mapping[str, Sequence[str]] | None = None
) -> KindForm:
    """What the parameters ask for; what can't be read is named, and the default stands.

    groups: by column of the items, the groups that can be filtered by.
    """
    offered, usual = _OFFERED[kind], _DEFAULTS[kind]
    only, problems, choices = _filters(parameters, groups=groups or {})
    chosen = {}
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
        settings=settings_of(kind, chosen | {"only": only_facts(only)}),
        choices=tuple(choices),
        problems=tuple(problems),
        query=urlencode(
            {FILTER + o.grouping: asked_by(o.value, among=(groups or {})[o.grouping]) for o in only}
            | {name: value for name, value in chosen.items() if value != str(usual[name])}
        ),
    )


def _filters(
    parameters: Mapping[str, str], *, groups: Mapping[str, Sequence[str]]
) -> tuple[tuple[Only, ...], list[str], list[Choice]]:
    """(filters, what can't be read, the choices)."""
    only, problems, choices = [], [], []
    for name, values in groups.items():
        by_asked = {asked_by(value, among=values): value for value in values}
        offered = {"": "all"} | {asked: value or "(none)" for asked, value in by_asked.items()}
        chosen = parameters.get(FILTER + name, "")
        if chosen not in offered:
            problems.append(f"No item has {chosen!r} as its {words_of(name)}. All groups are shown.")
            chosen = ""
        if chosen:
            only.append(Only(grouping=name, value=by_asked[chosen]))
        options = tuple(
            OfferedOption(value=value, label=label, chosen=value == chosen)
            for value, label in offered.items()
        )
        choices.append(Choice(name=FILTER + name, label=f"Only {words_of(name)}", options=options))
    return tuple(only), problems, choices


def settings_of(kind: str, facts: Mapping[str, Any]) -> KindSettings:
    """The settings that a report wrote. Raises KeyError or ValueError for others."""
    confidence, only = float(facts["confidence"]), only_of(facts)
    if kind == TaskKind.OBJECT_PRESENCE:
        return PresenceSettings(
            confidence=confidence, test=ExactTest(facts["test"]), only=only,
            seed=int(facts.get("seed", PresenceSettings.seed)),
        )  # fmt: skip
    if kind == TaskKind.PAIRWISE:
        return PairSettings(confidence=confidence, only=only, seed=int(facts.get("seed", PairSettings.seed)))
    if kind == MAPS:
        return MapSettings(confidence=confidence, tau=float(facts["tau"]), only=only)
    seed = int(facts.get("seed", MaskSettings.seed))
    return MaskSettings(
        confidence=confidence,
        truth=Truth(facts["truth"]),
        tau=float(facts["tau"]),
        seed=seed,
        # A bundle from before these choices counted neither.
        absent=Absent(facts.get("absent", Absent.SKIP)),
        counting=Counting(facts.get("counting", Counting.OURS)),
        only=only,
    )
