"""What a report says of its numbers: an interval's own level and method, nothing of raters nobody knows."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command

from evaluation.files import FileSet
from evaluation.importing.assembling import Imported
from evaluation.kinds.pair_answers import pairs_from_lines
from evaluation.kinds.pairs import PairSettings, pairs_report
from evaluation.kinds.report import KindReport
from evaluation.metrics.intervals import IntervalMethod, wilson
from evaluation.rebuilding import rebuild
from evaluation.reports import build, default_settings
from tests.evaluation.test_analyse import PAIRED
from tests.evaluation.test_importing import read
from tests.evaluation.test_results_page import words


def files_of(imported: Imported, **choices: object) -> FileSet:
    usual = default_settings(imported.study)
    settings = replace(usual, protocol=replace(usual.protocol, **choices))  # type: ignore[arg-type]
    return FileSet(build(imported.study, settings=settings), ratings=imported.ratings)


def text(files: FileSet, name: str) -> str:
    return b"".join(files.pieces(name)).decode()


def table(files: FileSet, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(files, name), newline="")))


def test_an_interval_of_95_percent_is_not_called_one_of_99() -> None:
    """Control: take the words from the protocol's confidence, as z1.96 can't."""
    imported = read(PAIRED, item="prompt", rater="who", groups=("method",))
    files = files_of(imported, interval=IntervalMethod.Z_196, confidence=0.99)
    for row in table(files, "groups.csv"):
        assert (row["mos_confidence"], row["mos_t_items_confidence"]) == ("0.95", "0.99")
        assert (row["mos_z196_confidence"], row["fair_share_confidence"]) == ("0.95", "0.99")
    page = words(text(files, "report.html"))
    assert "Ranges are 99 % confidence intervals, those of scores 95 % ones" in page
    assert "above 95 % (z1.96), below 99 % (Wilson)" in page


def test_raters_that_do_not_exist_are_not_reported_on(tmp_path: Path) -> None:
    """Control: write a line of raters.csv for every row, or BT.500's "0 rejected"."""
    path = tmp_path / "ratings.csv"
    path.write_text(PAIRED)
    folder = tmp_path / "report"
    call_command(
        "analyse", str(path), "--item", "prompt", "--no-rater-ids", "--score", "score", "--group", "method",
        "--out", str(folder), stdout=io.StringIO(), stderr=io.StringIO(),
    )  # fmt: skip
    assert len((folder / "raters.csv").read_text().splitlines()) == 1
    facts = json.loads((folder / "provenance.json").read_text())
    unknown = "the answers don't say who gave them"
    assert facts["raters"] == {"all": None, "known": False, "left_out": [], "undefined_because": unknown}
    assert facts["outlier_rules"]["bt500"] == {"raters_rejected": None, "note": unknown}
    for name, column in (("groups", "n_raters"), ("rater_rules", "raters_rejected"), ("ratings", "rater")):
        rows = list(csv.DictReader((folder / f"{name}.csv").open(newline="")))
        assert {row[column] for row in rows} == {""}, name
    assert "12 raters" not in (folder / "report.html").read_text()
    assert rebuild(folder / "bundle.zip").is_whole


def pair_lines(winners: list[list[str]]) -> list[dict[str, str]]:
    """Lines of pairs.csv: a list per rater, an answer per pair."""
    return [
        {
            "answer_id": f"{rater}-{item}", "item": str(item), "rater": f"r{rater}", "in_analysis": "1",
            "simulated": "0", "rater_failed_checks": "0", "rater_excluded": "0", "seconds_shown": "1",
            "winner": winner, "choice": "left" if (rater + item) % 2 else "right", "prompt": f"p{item}",
            "word": "", "first_system": "A", "second_system": "B",
        }
        for rater, answers in enumerate(winners)
        for item, winner in enumerate(answers)
    ]  # fmt: skip


def pair_results(winners: list[list[str]]) -> KindReport:
    facts = {"task_kind": "pairwise", "systems": [{"name": "A"}, {"name": "B"}]}
    return pairs_report(pairs_from_lines(pair_lines(winners)), facts=facts, settings=PairSettings())


def test_a_stand_in_is_named_where_everybody_prefers_one_system() -> None:
    """Control: write "two-way" into the methods whatever made it, or drop the flag from the tile."""
    report = pair_results([["first"] * 6] * 4)
    assert "bounded by the scale; all 6 item scores are equal" in report.tiles[0].detail
    assert "is bounded by the scale (all 6 item scores are equal" in report.methods[0]
    (outcomes,) = (held for held in report.tables if held.file == "outcomes.csv")
    (first, *_) = csv.DictReader(io.StringIO("".join(outcomes.csv()), newline=""))
    assert first["share_method"] == "binomial_bounded"
    assert first["share_flag"].startswith("all 6 item scores are equal")
    assert first["share_confidence"] == "0.95"


def test_shares_of_answers_are_wider_where_raters_repeat_themselves() -> None:
    """Four raters of one opinion each tell no more in 40 answers than in few. Control: Wilson of all 160."""
    report = pair_results(
        [["first"] * 40, ["first"] * 39 + [""], ["second"] * 40, ["first"] * 20 + [""] * 20]
    )
    (outcomes,) = (held for held in report.tables if held.file == "outcomes.csv")
    row = outcomes.lines[0]
    independent = wilson(99, total=160)
    assert row["share"] == pytest.approx(99 / 160)
    assert row["share_high"] - row["share_low"] > 3 * (independent.high - independent.low)
    assert "two-way" in report.tiles[0].detail


def test_items_have_their_mean_without_the_raters_biases() -> None:
    """Ann lies one above the means; an item that she alone rated comes down by it. Control: its mean."""
    imported = read("item,rater,score\na,ann,5\na,bob,3\nb,ann,4\nb,bob,2\nc,ann,5\n")
    found = {row["item"]: row["mean_without_bias"] for row in table(files_of(imported), "items.csv")}
    assert found == {"a": "4.0", "b": "3.0", "c": "4.0"}
    nobody = read("item,score\na,5\na,3\n", rater=None)
    assert {row["mean_without_bias"] for row in table(files_of(nobody), "items.csv")} == {""}
