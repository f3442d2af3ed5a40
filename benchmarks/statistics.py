"""What the evaluation costs beside the library that a researcher would pick, and whether its interval holds.

    python -m benchmarks.statistics [--json] [--check] [--rounds N]
    python -m benchmarks.statistics --coverage [--studies N] [--json] [--check]

Times are CPU seconds of this process, the minimum of N rounds; in each round ours and theirs run one after
the other, so that a slow minute of the machine hits both. A row also compares the two results. Libraries
that are not installed are named, and their rows have no ratio (pip install -r
benchmarks/requirements-statistics.txt). --check ends with exit code 1 where a target is missed, where
results differ, or where a library is missing.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.statistics_rows import TASKS, Row
from evaluation.metrics import intervals, item_scores, two_way, worlds
from evaluation.metrics.bootstrap_two_way import grouping_of
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.mean_intervals import (
    BY_TWO_WAY_RESAMPLES,
    Resampling,
    ScoredRatings,
    mean_intervals,
    over_items,
)

LEAST_COVERAGE = 93.0


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often, in percent of the studies of a world, an interval of nominal 95 % contained the truth.

    bootstrap, bootstrap_bca: of the two-way bootstraps, over a twentieth of the studies.
    """

    world: str
    item_score: str
    two_way: float
    satterthwaite: float
    items_only: float
    bootstrap: float
    bootstrap_bca: float
    mean_width: float
    most_coverage: float
    n_studies: int

    @property
    def passed(self) -> bool:
        """Whether the headline interval covers 93 to 97 % (or what the world allows)."""
        return LEAST_COVERAGE <= self.two_way <= self.most_coverage


def main() -> int:
    """Prints the table, or JSON; the exit code says whether every target was met (with --check)."""
    arguments = _arguments()
    lines: list[Row] | list[Coverage]
    if arguments.coverage:
        lines = [
            _coverage(world, item_score=score, n_studies=arguments.studies)
            for world in worlds.WORLDS
            for score in ItemScore
        ]
    else:
        lines = [task(arguments.rounds) for task in TASKS]
    if arguments.json:
        print(json.dumps([asdict(line) | {"passed": line.passed} for line in lines], indent=1))
    else:
        for line in lines:
            print(_coverage_line(line) if isinstance(line, Coverage) else _row_line(line))
    return int(arguments.check and not all(line.passed for line in lines))


def _coverage(world: worlds.World, *, item_score: ItemScore, n_studies: int) -> Coverage:
    parts = worlds.studies(world, item_score=item_score, n_studies=n_studies, rng=np.random.default_rng(2023))
    truth = float(np.mean([p.estimate for p in parts]))
    headline = [two_way.two_way(p) for p in parts]
    satterthwaite = [two_way.two_way(p, method=intervals.IntervalMethod.TWO_WAY_SATTERTHWAITE) for p in parts]
    items_only = [over_items(p, method=intervals.IntervalMethod.T_ITEMS, confidence=0.95) for p in parts]
    hits = [
        100 * float(np.mean([i.low <= truth <= i.high for i in chosen]))
        for chosen in (headline, satterthwaite, items_only)
    ]
    resampled = _bootstrap_coverage(
        world, item_score=item_score, n_studies=max(1, n_studies // 20), truth=truth
    )
    return Coverage(
        world=world.name,
        item_score=item_score,
        two_way=hits[0],
        satterthwaite=hits[1],
        items_only=hits[2],
        bootstrap=resampled[0],
        bootstrap_bca=resampled[1],
        mean_width=float(np.mean([i.high - i.low for i in headline])),
        most_coverage=world.most_coverage,
        n_studies=n_studies,
    )


def _bootstrap_coverage(
    world: worlds.World, *, item_score: ItemScore, n_studies: int, truth: float
) -> tuple[float, float]:
    """(percentile, BCa) coverage of the two-way bootstrap, 400 resamples a study."""
    rng = np.random.default_rng(2024)
    score = item_scores.medians if item_score == ItemScore.MEDIAN else item_scores.means
    hits = np.zeros((n_studies, 2))
    for study in range(n_studies):
        drawn = worlds.simulate(world, rng=rng)
        n_items = drawn.things.size
        scored = score(drawn.scores, item_index=drawn.item_index, n_items=n_items)
        ratings = ScoredRatings(
            scores=drawn.scores,
            item_index=drawn.item_index,
            rater_index=drawn.rater_index,
            left_out=scored.left_out,
            item_scores=scored.value,
            scale=(1.0, 5.0),
            item_score=item_score,
        )
        everything = grouping_of(np.zeros(n_items, dtype=np.int64), n=1, same_thing=drawn.things)
        for column, method in enumerate(BY_TWO_WAY_RESAMPLES):
            interval = mean_intervals(
                ratings,
                groupings=(everything,),
                method=method,
                resampling=Resampling(n_resamples=400, seed=study),
            )[0][0]
            hits[study, column] = interval.low <= truth <= interval.high
    percentile, bca = 100 * hits.mean(axis=0)
    return float(percentile), float(bca)


def _row_line(row: Row) -> str:
    goals = [f">= {row.target_ratio:g}x"] if not math.isnan(row.target_ratio) else []
    goals += [f"<= {row.target_ms:g} ms"] if not math.isnan(row.target_ms) else []
    goals += [f"<= {row.target_megabytes:g} MB"] if not math.isnan(row.target_megabytes) else []
    memory = "" if math.isnan(row.megabytes) else f" {row.megabytes:.0f} MB;"
    ratio = "" if math.isnan(row.ratio) else f"{row.peer} {row.theirs_ms:.1f} ms, {row.ratio:.1f}x,"
    verdict = "ok  " if row.passed else "MISS"
    return (
        f"{verdict} {row.task}: {row.ours_ms:.2f} ms;{memory} {ratio} target {', '.join(goals)}. {row.note}"
    )


def _coverage_line(line: Coverage) -> str:
    verdict = "ok  " if line.passed else "MISS"
    return (
        f"{verdict} {line.world}, {line.item_score}: two-way {line.two_way:.1f} %,"
        f" Satterthwaite {line.satterthwaite:.1f} %, items only {line.items_only:.1f} %,"
        f" bootstrap {line.bootstrap:.1f} %, BCa {line.bootstrap_bca:.1f} %"
        f" (width {line.mean_width:.2f}, {line.n_studies} studies)"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--studies", type=int, default=4_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
