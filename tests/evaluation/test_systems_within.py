"""Two models by kind of prompt, from a file of ratings: against scipy, with Holm over the kinds."""

import csv
import io

import numpy as np
import pytest
from scipy import stats

from evaluation.files import report_html
from evaluation.metrics.tests import holm
from evaluation.quality_exports import system_comparisons_csv
from evaluation.reports import build
from tests.evaluation.test_analyse import read

KINDS = ("colour", "count", "place")


def study_file() -> tuple[str, dict[tuple[str, str], np.ndarray]]:
    """Twelve prompts of three kinds under two models, one rater each; of "place" the second lacks one."""
    rng = np.random.default_rng(11)
    lines, scores = ["prompt,model,kind,who,score"], {}
    for kind in KINDS:
        for model, better in (("a", 0.8), ("b", 0.0)):
            drawn = np.clip(np.rint(3 + better + rng.normal(size=4)), 1, 5)
            if (kind, model) == ("place", "b"):
                drawn = drawn[:3]
            scores[kind, model] = drawn
            lines += [f"{kind}{n},{model},{kind},ann,{score:g}" for n, score in enumerate(drawn)]
    return "\n".join(lines) + "\n", scores


def test_models_are_compared_inside_each_kind_of_prompt() -> None:
    """Paired by the prompts that both models have, also where one lacks a prompt of the kind.

    Control: pair only where all are shared: "place" falls back to Welch's test. Or
    correct over all rows of the file, or take the kinds for systems.
    """
    text, scores = study_file()
    report = build(read(text, item="prompt", rater="who", groups=("model", "kind")).study)
    found = list(csv.DictReader(io.StringIO("".join(system_comparisons_csv(report)), newline="")))
    assert [(row["systems"], row["first"], row["second"], row["group"]) for row in found] == [
        ("model", "a", "b", kind) for kind in KINDS
    ]
    n_shared = [4, 4, 3]
    by_hand = [
        stats.ttest_rel(scores[kind, "a"][:n], scores[kind, "b"][:n]).pvalue
        for kind, n in zip(KINDS, n_shared, strict=True)
    ]
    assert [(row["method"], row["n_shared"], row["n_left_out"]) for row in found] == [
        ("paired_t", "4", "0"), ("paired_t", "4", "0"), ("paired_t", "3", "1"),
    ]  # fmt: skip
    assert [float(row["p_value"]) for row in found] == pytest.approx(by_hand)
    assert [float(row["p_holm"]) for row in found] == pytest.approx(holm(by_hand).tolist())
    assert "Systems inside each group" in report_html(report)


def test_groups_that_share_nothing_are_no_systems() -> None:
    """Control: leave `_shares` out: parts of speech would be compared as if they were models."""
    text, _ = study_file()
    only_a = "\n".join(line for line in text.splitlines() if ",b," not in line) + "\n"
    report = build(read(only_a, item="prompt", rater="who", groups=("model", "kind")).study)
    assert report.systems == ()
    assert "Systems inside each group" not in report_html(report)
