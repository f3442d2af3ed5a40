"""The same tasks done with the libraries that a researcher would pick, each as its documentation does it.

A library that is not installed gives NaN milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from evaluation.metrics.tables import RatingTable

NAN = float("nan")
Timed = Callable[..., tuple[float, Any]]


def krippendorff_ordinal(table: RatingTable, *, rounds: int, timed: Timed) -> tuple[float, float]:
    """(milliseconds, alpha); the matrix raters x items that the library wants is made outside the clock."""
    try:
        import krippendorff
    except ImportError:
        return NAN, NAN
    matrix = table.dense()[0].T
    milliseconds, alpha = timed(
        lambda: krippendorff.alpha(reliability_data=matrix, level_of_measurement="ordinal"), rounds=rounds
    )
    return milliseconds, float(alpha)


def dawid_skene(
    table: RatingTable, *, label: np.ndarray, rounds: int, timed: Timed
) -> tuple[float, np.ndarray | None]:
    """(milliseconds of one iteration, probabilities after 12 as (items, labels))."""
    try:
        import pandas as pd
        from crowdkit.aggregation import DawidSkene
    except ImportError:
        return NAN, None
    votes = pd.DataFrame({"task": table.item_index, "worker": table.rater_index, "label": label})

    def run(iterations: int) -> Any:
        # Without the tolerance it would stop at its first loss of likelihood, and time nothing.
        return DawidSkene(n_iter=iterations, tol=-np.inf).fit_predict_proba(votes)

    long_ms, probabilities = timed(lambda: run(12), rounds=max(1, rounds // 2))
    short_ms, _ = timed(lambda: run(2), rounds=max(1, rounds // 2))
    return (long_ms - short_ms) / 10, probabilities.sort_index()[sorted(probabilities.columns)].to_numpy()


def opinion_table(table: RatingTable, *, rounds: int, timed: Timed) -> tuple[float, dict[str, float]]:
    """(milliseconds, mean of item medians by group), with the t interval over items, the fair share, and the
    two-way error of the plain mean: a group-by can't do the one of the medians."""
    try:
        import pandas as pd
    except ImportError:
        return NAN, {}
    ratings = pd.DataFrame(
        {"item": table.item_index, "rater": table.rater_index, "score": table.score}
    ).assign(group=table.group_index[table.item_index])

    def run() -> Any:
        by_group = ratings.groupby("group")["score"].agg(["mean", "size"])
        fair = (ratings["score"] >= 3).groupby(ratings["group"]).mean()
        medians = ratings.groupby(["group", "item"])["score"].median()
        result = medians.groupby("group").agg(["mean", "sem", "count"])
        half = stats.t.ppf(0.975, result["count"] - 1) * result["sem"]
        residual = ratings["score"] - ratings["group"].map(by_group["mean"])
        two_way = -(residual**2).groupby(ratings["group"]).sum()
        for cluster in ("item", "rater"):
            sums = residual.groupby([ratings["group"], ratings[cluster]]).sum()
            n = sums.groupby("group").count()
            two_way = two_way + (sums**2).groupby("group").sum() * n / (n - 1)
        error = np.sqrt(two_way) / by_group["size"]
        return result.assign(low=result["mean"] - half, high=result["mean"] + half, two_way=error, fair=fair)

    milliseconds, result = timed(run, rounds=rounds)
    return milliseconds, {table.groups[g]: float(value) for g, value in result["mean"].items()}


def bootstrap(values: np.ndarray, *, rounds: int, timed: Timed) -> tuple[float, tuple[float, float]]:
    """(milliseconds, bounds) of scipy.stats.bootstrap, percentile, 10 000 resamples."""

    def run() -> Any:
        return stats.bootstrap(
            (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1)
        )

    milliseconds, result = timed(run, rounds=max(1, rounds // 2))
    interval = result.confidence_interval
    return milliseconds, (float(interval.low), float(interval.high))


def mask_iou(
    first: np.ndarray, second: np.ndarray, *, rounds: int, timed: Timed
) -> tuple[float, np.ndarray | None]:
    """(milliseconds, IoU per pair): booleans encoded to run lengths, then compared."""
    try:
        from pycocotools import mask
    except ImportError:
        return NAN, None

    def run() -> np.ndarray:
        ious = np.empty(len(first))
        for pair, (a, b) in enumerate(zip(first, second, strict=True)):
            encoded = [mask.encode(np.asfortranarray(m.view(np.uint8))) for m in (a, b)]
            ious[pair] = mask.iou([encoded[0]], [encoded[1]], [0])[0, 0]
        return ious

    return timed(run, rounds=max(1, rounds // 2))


def two_way_bootstrap(table: RatingTable, *, rounds: int, timed: Timed) -> tuple[float, np.ndarray]:
    """(milliseconds, means) of 50 resamples of items and raters: copies of ratings, one median per item."""
    order = np.argsort(table.item_index, kind="stable")
    scores, raters = table.score[order].reshape(-1, 3), table.rater_index[order].reshape(-1, 3)
    rng = np.random.default_rng(6)

    def run() -> np.ndarray:
        means = np.empty(50)
        for resample in range(50):
            copies = np.bincount(rng.integers(0, table.n_raters, table.n_raters), minlength=table.n_raters)[
                raters
            ]
            values = np.array(
                [
                    np.median(np.repeat(row, n)) if n.any() else np.nan
                    for row, n in zip(scores, copies, strict=True)
                ]
            )
            means[resample] = np.nanmean(values[rng.integers(0, values.size, values.size)])
        return means

    return timed(run, rounds=rounds)


def subjective_model(table: RatingTable, *, timed: Timed) -> tuple[float, np.ndarray | None]:
    """(milliseconds, qualities) of sureal's alternating projection, run once; its matrix is made before."""
    try:
        from benchmarks.statistics_sureal import run_sureal

        scores, _ = table.dense()
        run_sureal("SubjectMLEModelProjectionSolver", scores[:20, :])
    except ImportError:
        return NAN, None
    milliseconds, result = timed(lambda: run_sureal("SubjectMLEModelProjectionSolver", scores), rounds=1)
    return milliseconds, np.asarray(result["quality_scores"])
