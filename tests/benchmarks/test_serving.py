"""What the serving benchmark makes of its measurements."""

from typing import Any

import pytest

from benchmarks.serving import judge
from benchmarks.serving_load import Measured, measure


def row(tool: str, *, slots: int, raters: int, per_second: float, p95_ms: float) -> dict[str, Any]:
    """One line of the table."""
    return {
        "tool": tool,
        "slots": slots,
        "raters": raters,
        "per_second": per_second,
        "p95_ms": p95_ms,
        "server_cpu_ms": 1.0,
    }


def test_each_goal_that_is_missed_is_named() -> None:
    """Control: a comparison the wrong way round."""
    good = [
        row("percept", slots=1_000, raters=50, per_second=100, p95_ms=20),
        row("percept", slots=100_000, raters=10, per_second=90, p95_ms=10),
        row("percept", slots=100_000, raters=50, per_second=90, p95_ms=20),
    ]
    peer = [row("potato", slots=15_000, raters=raters, per_second=15, p95_ms=100) for raters in (10, 50)]
    assert judge(good + peer) == []
    slow = [row("potato", slots=15_000, raters=10, per_second=30, p95_ms=30)]
    assert len(judge(good + slow)) == 2
    falling = [*good, row("percept", slots=1_000_000, raters=50, per_second=50, p95_ms=20)]
    assert len(judge(falling)) == 1
    assert judge([good[1] | {"over_k": 3}]) == ["3 items have more than k ratings"]


def test_every_rating_is_counted_once_and_no_rater_goes_on_without_a_task() -> None:
    class Three:
        left = 3

        def start(self) -> None:
            pass

        def rate(self) -> bool:
            self.left -= 1
            return self.left > 0

    measured = measure(lambda _: Three(), raters=4, seconds=60)
    assert len(measured.milliseconds) == 12


def test_an_error_of_a_rater_is_an_error_of_the_measurement() -> None:
    """Control: swallow it: the others' ratings would pass for those of all."""

    class Broken:
        def start(self) -> None:
            raise ValueError("no task")

        def rate(self) -> bool:
            return True

    with pytest.raises(ValueError, match="no task"):
        measure(lambda _: Broken(), raters=2, seconds=1)


def test_percentiles_are_of_all_ratings() -> None:
    measured = Measured(raters=1, seconds=2, milliseconds=tuple(float(n) for n in range(1, 102)))
    assert (measured.percentile(50), measured.percentile(95), measured.per_second) == (51, 96, 50.5)
