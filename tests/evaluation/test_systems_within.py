"""Two models by kind of prompt, from a file of ratings: against scipy, with Holm over the kinds."""

import csv
import io

import numpy as np
import pytest
from scipy import stats

from evaluation.files import report_html
from evaluation.metrics.tests import holm
from evaluation.page_words import words_of_test
from evaluation.quality_exports import system_comparisons_csv
from evaluation.quality_pages import systems_rows
from evaluation.reports import build
from tests.evaluation.test_importing import read

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
    lines = ["prompt,kind,half,who,score"]
    lines += [f"{kind}{n},{kind},{n % 2},ann,{1 + n}" for kind in KINDS for n in range(4)]
    report = build(read("\n".join(lines) + "\n", item="prompt", rater="who", groups=("kind", "half")).study)
    assert {grouping.name: len(grouping.values) for grouping in report.study.groupings} == {
        "kind": 3,
        "half": 2,
    }
    assert report.systems == ()
    assert "Systems inside each group" not in report_html(report)


@pytest.mark.parametrize(
    ("method", "n_shared", "words"),
    [
        ("paired_t", 1200, "paired t, 1,200 shared, 3 left out"),
        ("welch_t_clustered", 2, "Welch's t, 2 shared as clusters"),
        ("welch_t", 0, "Welch's t"),
    ],
)
def test_a_test_is_named_with_what_is_shared(method: str, n_shared: int, words: str) -> None:
    """Control: "Welch's t" for every unpaired test."""
    assert words_of_test(method, n_shared=n_shared, n_left_out=3) == words


def test_systems_that_share_few_things_are_named_so() -> None:
    """Control: other words for systems than for groups in `quality_pages.systems_rows`."""
    lines = ["prompt,model,kind,who,score"]
    for kind in ("colour", "place"):
        prompts = {"a": range(6), "b": range(6) if kind == "colour" else (0, 1, 2, 10, 11, 12)}
        lines += [
            f"{kind}{n},{model},{kind},{who},{1 + (n + place) % 5}"
            for model, numbers in prompts.items()
            for n in numbers
            for place, who in enumerate(("ann", "bob"))
        ]
    text = "\n".join(lines) + "\n"
    report = build(read(text, item="prompt", rater="who", groups=("model", "kind")).study)
    assert [row.test for row in systems_rows(report)] == [
        "paired t, 6 shared", "Welch's t, 3 shared as clusters",
    ]  # fmt: skip
