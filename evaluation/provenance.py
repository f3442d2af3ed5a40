"""provenance.json: how the numbers came about, enough to make them again."""

from __future__ import annotations

import json
import platform
import tomllib
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from evaluation.agreement import UNKNOWN_RATERS
from evaluation.metrics.bounded import ZeroWidth
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import DropRule, Protocol
from evaluation.metrics.tables import FlowStep
from evaluation.reports import Report
from evaluation.settings import Only, RaterModel, Settings, preset_of

LIBRARIES: Final = ("django", "numpy", "scipy")


def provenance_json(report: Report, *, ratings_sha256: str, software: dict[str, str] | None = None) -> str:
    """How the numbers came about, as JSON text; the same data give the same bytes.

    software: versions to write; those of this process where none are given.
    """
    known = report.study.raters_known
    facts = {
        **report.study.facts,
        "origin": report.study.origin.value,
        "filters_in_order": [_step_facts(step, raters_known=known) for step in report.flow],
        "items": asdict(report.item_counts),
        "items_kept_by_drop_rule": {rule.value: n for rule, n in report.opinion.kept_by_rule.items()},
        "raters": {
            "all": len(report.study.raters) if known else None,
            "known": known,
            "undefined_because": "" if known else UNKNOWN_RATERS,
            "left_out": [
                {"because": exclusion.detail, "raters": int(exclusion.raters.sum())}
                for exclusion in report.study.exclusions
            ],
        },
        "settings": settings_facts(report.settings)
        | {"interval_used": report.headline_interval, "scale": list(report.study.table.scale)},
        "groupings": [section.grouping.name for section in report.sections],
        "outlier_rules": {
            "bt500": {
                "raters_rejected": len(report.bt500.rejected) if known else None,
                "note": report.bt500.note if known else UNKNOWN_RATERS,
            },
            "p808_z_filter": {"answers_rejected": report.z_filter.n_outliers, "note": report.z_filter.note},
        },
        "rater_model_problem": report.rater_fit.reason if report.rater_fit else "",
        "tests": {
            "groups": "welch_t; paired_t or welch_t_clustered where things are shared",
            "correction": "holm",
        },
        "seeds": {"bootstrap": report.settings.protocol.seed},
        "files": {"ratings.csv": {"sha256": ratings_sha256}},
        "software": software or current_software(),
    }
    return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _step_facts(step: FlowStep, *, raters_known: bool) -> dict[str, Any]:
    """A filter with its counts; of raters only where they are known."""
    facts = asdict(step)
    return facts if raters_known else {name: facts[name] for name in facts if not name.startswith("raters")}


def settings_facts(settings: Settings) -> dict[str, Any]:
    """The settings as JSON values; `settings_of` reads them back. preset: empty for choices of one's own."""
    return asdict(settings.protocol) | {
        "preset": preset_of(settings.protocol),
        "only": [asdict(only) for only in settings.only],
        "item_interval": settings.item_interval,
        "rater_model": settings.rater_model,
    }


def settings_of(facts: dict[str, Any]) -> Settings:
    """The settings that `settings_facts` wrote. Raises KeyError or ValueError for others."""
    protocol = {name: facts[name] for name in Protocol.__dataclass_fields__}
    protocol |= {
        "drop_rule": DropRule(facts["drop_rule"]),
        "item_score": ItemScore(facts["item_score"]),
        "interval": IntervalMethod(facts["interval"]),
        "also": tuple(IntervalMethod(method) for method in facts["also"]),
        "share_interval": IntervalMethod(facts["share_interval"]),
        "zero_width": ZeroWidth(facts["zero_width"]),
    }
    return Settings(
        protocol=Protocol(**protocol),
        only=tuple(Only(**only) for only in facts["only"]),
        item_interval=IntervalMethod(facts["item_interval"]),
        rater_model=RaterModel(facts["rater_model"]),
    )


def current_software() -> dict[str, str]:
    """Versions of what computes here."""
    return {"percept": _percept_version(), "python": platform.python_version()} | {
        name: version(name) for name in LIBRARIES
    }


def _percept_version() -> str:
    """The version in pyproject.toml: Percept runs from its checkout, so no package manager knows it."""
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    return str(tomllib.loads(project.read_text())["project"]["version"])
