"""The core's numbers of a million ratings, alone in their process, so that its memory can be read.

    python -m benchmarks.statistics_million      prints {"seconds": CPU, "megabytes": peak}

From columns of text, as a file or the database gives them, to the numbers of the core and two figures; no
bootstrap, no database, no comparisons, no file. What a whole report costs says `python -m benchmarks.report`.
"""

from __future__ import annotations

import json
import resource
import time

import numpy as np

from evaluation import figures
from evaluation.metrics import opinion, responses, screening, shares
from evaluation.metrics.alpha import krippendorff_alpha
from evaluation.metrics.bounded import item_intervals
from evaluation.metrics.planning import variance_components
from evaluation.metrics.rater_bias import rater_biases
from evaluation.metrics.tables import RatingTable

N_ITEMS, N_RATERS = 333_334, 2_000


def columns() -> dict[str, list[str] | list[str | None] | np.ndarray]:
    """Three ratings of each item in the order of a campaign, one in fifty an opt-out."""
    rng = np.random.default_rng(8)
    item = rng.permutation(np.repeat(np.arange(N_ITEMS), 3))
    # Raters in turn: no rater meets an item twice.
    place = np.empty(item.size, dtype=np.int64)
    place[np.argsort(item, kind="stable")] = np.arange(item.size)
    rater = (rng.integers(0, N_RATERS // 3, item.size) * 3 + place) % N_RATERS
    poor = rng.random(item.size) < 0.02
    return {
        "items": [f"item {i}" for i in item],
        "raters": [f"rater {r}" for r in rater],
        "scores": np.where(poor, np.nan, rng.integers(1, 6, item.size).astype(np.float64)),
        "opt_outs": ["image_too_poor" if p else None for p in poor],
        "groups": [f"group {i % 14}" for i in item],
        "seconds": rng.exponential(4.0, item.size),
    }


def report(given: dict[str, list[str] | list[str | None] | np.ndarray]) -> str:
    """Every number of the results page and of the exports, and both figures."""
    table = RatingTable.from_columns(**given)  # type: ignore[arg-type]
    result = opinion.opinion_report(table)
    n_rows = sum(1 for _ in result.items.rows())
    answers = responses.response_shares(table)
    screening.screen_raters(table)
    shares.rater_shares(table)
    rater_biases(table)
    item_intervals(table)
    variance_components(table)
    krippendorff_alpha(table)
    bars = figures.opinion_figure(figures.opinion_bars(result.groups))
    stacked = figures.response_figure(figures.response_bars(answers), options=answers[0].options)
    return f"{n_rows}{bars}{stacked}"


def main() -> None:
    """Prints what one report took."""
    given = columns()
    start = time.process_time()
    report(given)
    seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))


if __name__ == "__main__":
    main()
