"""No crash and no silent number, whatever goes into any public function of the core."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evaluation.metrics
from evaluation.metrics import tables
from evaluation.metrics.alpha import krippendorff_alpha
from evaluation.metrics.bounded import item_intervals
from evaluation.metrics.intervals import Interval, z196
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.kappas import gwet_ac
from evaluation.metrics.methods import methods_for_means
from evaluation.metrics.opinion import Protocol, opinion_report
from evaluation.metrics.outlier_rules import bt500_screen
from evaluation.metrics.tests import TestResult
from tests.evaluation.metrics import arbitrary, arbitrary_agreement, arbitrary_maps, arbitrary_ratings

# The modules register their cases when they are loaded.
EXAMPLES = 25
LEAST_ACCEPTED = 0.4
REGISTERING = (arbitrary_agreement, arbitrary_maps, arbitrary_ratings)
CASES = arbitrary.CASES
NOT_DRAWN = {
    "alpha.cells_of": "drawn through krippendorff_alpha",
    "alpha.alpha_of": "drawn through krippendorff_alpha",
    "counting.sums_at": "numpy's bincount with a type",
    "counting.distinct": "drawn through counted_scores",
    "counting.numbered": "drawn in test_item_scores, of numbers it is made for",
    "intervals.undefined": "makes the very interval that the others are judged by",
    "intervals.wilson_bounds": "drawn through wilson",
    "intervals.t_interval": "drawn through every t interval",
    "mean_intervals.with_width": "drawn through mean_intervals",
    "bootstrap.bca_bounds": "drawn through both bootstraps",
}


def public_functions() -> list[str]:
    found = []
    for module in pkgutil.iter_modules(evaluation.metrics.__path__):
        held = importlib.import_module(f"evaluation.metrics.{module.name}")
        found += [
            f"{module.name}.{name}"
            for name, function in inspect.getmembers(held, inspect.isfunction)
            if not name.startswith("_") and function.__module__ == held.__name__
        ]
    return found


def test_every_public_function_has_a_case() -> None:
    """Control: a new public function without a case turns this red."""
    assert set(public_functions()) - set(NOT_DRAWN) - set(CASES) == set()


@pytest.mark.parametrize("name", [name for name in public_functions() if name not in NOT_DRAWN])
def test_arbitrary_input_gives_numbers_with_reasons_or_an_error_that_says_so(name: str) -> None:
    """Control: take a check out of any function: numpy's own error, or one of a name, is no refusal."""
    drawn = accepted = 0

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        nonlocal drawn, accepted
        drawn += 1
        with np.errstate(all="ignore"):
            try:
                result = CASES[name](data.draw)
            except ValueError as error:
                if arbitrary.is_a_refusal(error):
                    return
                raise
        accepted += 1
        assert list(arbitrary.silent_numbers(result)) == []

    draw()
    assert accepted >= LEAST_ACCEPTED * drawn, f"{accepted} of {drawn} draws got as far as a result"


@pytest.mark.parametrize(
    ("culprit", "refused"),
    [
        (lambda: z196([1e300]), True),
        (lambda: ItemScore("none"), False),
        (lambda: np.zeros(3).reshape(2, 2), False),
    ],
)
def test_a_refusal_is_raised_by_a_line_of_the_core(culprit: Callable[[], object], refused: bool) -> None:
    with pytest.raises(ValueError) as caught:
        culprit()
    assert arbitrary.is_a_refusal(caught.value) is refused


def test_what_results_must_not_hold_is_found() -> None:
    """The check that the cases above rest on, against planted breakages."""
    fine = Interval(estimate=1.0, low=0.0, high=2.0, method="m", confidence=0.95)
    planted = [
        replace(fine, low=2.0),
        replace(fine, reason="no item"),
        replace(fine, low=math.nan, high=math.nan),
        replace(fine, standard_error=math.inf),
        np.array([1.0, math.inf]),
        {"cell": "nan"},
        [TestResult(method="t", p_value=1.5, statistic=0.0, degrees=1.0, effect=fine, n=2)],
        (TestResult(method="t", p_value=math.nan, statistic=0.0, degrees=1.0, effect=fine, n=2),),
    ]
    assert list(arbitrary.silent_numbers(fine)) == []
    for broken in planted:
        assert list(arbitrary.silent_numbers(broken)) != []


def test_an_item_with_very_many_ratings_is_one_item_among_others() -> None:
    """20 000 ratings on one item, three on the others: no count overflows, no path takes minutes."""
    rng = np.random.default_rng(0)
    n = 20_000
    table = tables.RatingTable.from_columns(
        items=["busy"] * n + [f"i{i // 3}" for i in range(30)],
        raters=[f"r{r}" for r in range(n)] + [f"r{r % 7}" for r in range(30)],
        scores=rng.integers(1, 6, n + 30).astype(float),
    )
    methods = tuple(card.name for card in methods_for_means())
    report = opinion_report(table, protocol=Protocol(also=methods, n_resamples=40))
    assert report.overall.n_items == 11
    for interval in (report.overall.mos, *report.overall.also):
        assert interval.low < interval.estimate < interval.high
    for result in (item_intervals(table), krippendorff_alpha(table), gwet_ac(table), bt500_screen(table)):
        assert list(arbitrary.silent_numbers(result)) == []


def test_a_table_refuses_what_it_can_not_hold() -> None:
    """Infinities never enter a table: the scale stops them."""
    with pytest.raises(tables.TableError, match="not on the scale"):
        tables.RatingTable.from_columns(items=["a"], raters=["r"], scores=[float("inf")])
