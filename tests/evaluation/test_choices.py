"""The choices behind a report, on the page and the command line, and that the report names them."""

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from evaluation.metrics.bounded import ZeroWidth
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import PRESETS, DropRule
from evaluation.provenance import settings_facts, settings_of
from evaluation.settings_form import SettingsForm, read_settings
from tests.evaluation.test_analyse import PAIRED, analyse
from tests.evaluation.test_importing import read
from tests.evaluation.test_results_page import words

ABSTRACT = PAIRED + "p4,ours,ann,skip\np4,ours,bob,4\n"


def form(text: str = PAIRED, **parameters: str) -> SettingsForm:
    values = {"skip": "word_too_abstract"}
    imported = read(text, item="prompt", rater="who", groups=("method",), values=values)
    return read_settings(imported.study, parameters)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_page_starts_from_every_preset(preset: str) -> None:
    """Control: leave a field of `Protocol` out of `settings_form._protocol`."""
    found = form(preset=preset)
    assert found.problems == ()
    facts = settings_facts(found.settings)
    assert facts["preset"] == preset
    assert settings_of(facts) == found.settings
    assert found.query == ("" if preset == "headline" else f"preset={preset}")


def test_another_preset_brings_its_own_choices_and_not_those_shown_before() -> None:
    """Control: ignore `shown`: the form's old lists would undo the preset."""
    shown = {"shown": "headline", "score": "median", "interval": "two_way", "only-method": "ours"}
    found = form(preset="p800", **shown)
    assert found.settings.protocol.item_score == ItemScore.MEAN
    assert found.settings.protocol.interval == IntervalMethod.T_RATINGS
    assert [only.value for only in found.settings.only] == ["ours"]
    kept = form(preset="p800", shown="p800", score="median")
    assert kept.settings.protocol.item_score == ItemScore.MEDIAN


def test_numbers_and_stand_ins_are_read_and_nonsense_is_named() -> None:
    found = form(zero="pooled", shares="clopper_pearson", min_items="5", resamples="500", seed="7")
    protocol = found.settings.protocol
    assert (protocol.zero_width, protocol.share_interval) == (
        ZeroWidth.POOLED,
        IntervalMethod.CLOPPER_PEARSON,
    )
    assert (protocol.min_items, protocol.n_resamples, protocol.seed) == (5, 500, 7)
    assert settings_facts(found.settings)["preset"] == ""
    (problem,) = form(resamples="1e9").problems
    assert problem.startswith("resamples can't be '1e9'. It is a whole number from 200 to 20000.")


def test_a_drop_rule_is_offered_wherever_it_acts() -> None:
    """Control: offer it to campaigns alone, though imported words can be too abstract."""
    assert "drop" not in [choice.name for choice in form().choices]
    found = form(ABSTRACT, drop="never")
    assert found.settings.protocol.drop_rule == DropRule.NEVER


def test_the_command_takes_what_the_page_takes_and_the_report_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(ABSTRACT)
    folder = analyse(
        path, tmp_path / "report", "--values", "skip=word_too_abstract", "--preset", "item_means",
        "--drop", "never", "--confidence", "0.9", "--zero-width", "empty", "--share-interval",
        "clopper_pearson", "--min-items", "2", "--resamples", "300", "--seed", "5", "--only", "method=ours",
    ).parent  # fmt: skip
    facts = json.loads((folder / "provenance.json").read_text())["settings"]
    assert facts | {
        "preset": "", "drop_rule": "never", "item_score": "mean", "confidence": 0.9, "zero_width": "empty",
        "share_interval": "clopper_pearson", "min_items": 2, "n_resamples": 300, "seed": 5,
        "only": [{"grouping": "method", "value": "ours"}],
    } == facts  # fmt: skip
    (row,) = list(csv.DictReader(io.StringIO((folder / "groups.csv").read_text(), newline="")))[:1]
    assert (row["group"], row["n_items"], row["fair_share_method"]) == ("ours", "4", "clopper_pearson")
    page = words((folder / "report.html").read_text())
    assert "Drop rule: an item is dropped when never" not in page
    assert "Drop rule: no item is dropped" in page
    assert "the interval Clopper-Pearson" in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--confidence", "95"), "--confidence is a share such as 0.95, not 95"),
        (("--resamples", "0"), "--resamples is a whole number from 1 to 100,000, not 0"),
        (("--only", "metod=ours"), "'metod=ours' names none of the --group columns. There are: 'method'."),
        (("--only", "method=mine"), "no group 'mine'. There are: 'ours', 'theirs'"),
    ],
)
def test_a_choice_that_can_not_be_is_refused_with_a_remedy(
    more: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(PAIRED)
    with pytest.raises(CommandError, match=said):
        analyse(path, tmp_path / "report", *more)
