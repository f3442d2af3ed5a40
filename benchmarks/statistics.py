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
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np

from benchmarks import statistics_peers as peers
from evaluation import figures
from evaluation.metrics import intervals, label_models, opinion, responses, screening, shares, two_way, worlds
from evaluation.metrics.alpha import Level, krippendorff_alpha
from evaluation.metrics.bootstrap import bootstrap_items
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.overlap import count_pairs
from evaluation.metrics.tables import RatingTable

NAN = float("nan")
T = TypeVar("T")
LEAST_COVERAGE = 93.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. Times in milliseconds of CPU; ratio: theirs / ours; difference: between the
    results.

    target_ratio, target_ms: what must be reached, NaN where there is no such target.
    """

    task: str
    peer: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    difference: float
    allowed_difference: float
    target_ratio: float = NAN
    target_ms: float = NAN
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every target of the row was measured and met."""
        return (
            (math.isnan(self.target_ratio) or self.ratio >= self.target_ratio)
            and (math.isnan(self.target_ms) or self.ours_ms <= self.target_ms)
            and (math.isnan(self.allowed_difference) or self.difference <= self.allowed_difference)
        )


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often, in percent of the studies of a world, an interval of nominal 95 % contained the truth."""

    world: str
    item_score: str
    two_way: float
    satterthwaite: float
    items_only: float
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


def krippendorff_ordinal(rounds: int) -> Row:
    """Ordinal alpha of 1e5 sparse ratings: 33 334 items, three of 200 raters each."""
    table = _table(n_items=33_334, n_raters=200, seed=1)
    ours_ms, alpha = _timed(lambda: krippendorff_alpha(table, level=Level.ORDINAL).estimate, rounds=rounds)
    theirs_ms, their_alpha = peers.krippendorff_ordinal(table, rounds=rounds, timed=_timed)
    return _row(
        "Krippendorff ordinal, 1e5 sparse ratings",
        peer="krippendorff",
        ours_ms=ours_ms,
        theirs_ms=theirs_ms,
        difference=abs(alpha - their_alpha),
        allowed=1e-9,
        target_ratio=20,
    )


def dawid_skene(rounds: int) -> Row:
    """One iteration of EM over 1e5 votes for five labels, by the difference of long and short runs."""
    table = _table(n_items=33_334, n_raters=200, seed=2)
    label = table.score.astype(np.int64) - 1

    def run(iterations: int) -> label_models.DawidSkeneLabels:
        return label_models.dawid_skene(
            table.item_index,
            rater_index=table.rater_index,
            label=label,
            n_items=table.n_items,
            n_raters=table.n_raters,
            n_labels=5,
            tolerance=0.0,
            max_iterations=iterations,
        )

    long_ms, model = _timed(lambda: run(12), rounds=rounds)
    short_ms, _ = _timed(lambda: run(2), rounds=rounds)
    theirs_ms, theirs = peers.dawid_skene(table, label=label, rounds=rounds, timed=_timed)
    difference = NAN if theirs is None else float(np.abs(model.probability - theirs).max())
    return _row(
        "Dawid-Skene, one iteration, 1e5 votes",
        peer="crowd-kit",
        ours_ms=(long_ms - short_ms) / 10,
        theirs_ms=theirs_ms,
        difference=difference,
        allowed=1e-6,
        target_ratio=4,
    )


def opinion_table(rounds: int) -> Row:
    """MOS of 14 groups with the two-way and the t interval and the fair share, from a million ratings."""
    table = _table(n_items=333_334, n_raters=2_000, seed=3)
    ours_ms, report = _timed(lambda: opinion.opinion_report(table), rounds=rounds)
    theirs_ms, their_scores = peers.opinion_table(table, rounds=rounds, timed=_timed)
    ours = {g.group: g.mos.estimate for g in report.groups}
    difference = max(abs(ours[name] - value) for name, value in their_scores.items()) if their_scores else NAN
    return _row(
        "MOS table with both intervals, 1e6 ratings",
        peer="pandas",
        ours_ms=ours_ms,
        theirs_ms=theirs_ms,
        difference=difference,
        allowed=1e-9,
        target_ratio=2,
        target_ms=500,
        note="pandas: t interval of the medians; two-way interval of the plain mean only",
    )


def bootstrap(rounds: int) -> Row:
    """Ten thousand resamples of 2 800 item medians."""
    values = np.random.default_rng(4).integers(2, 11, 2_800) / 2
    ours_ms, ours = _timed(lambda: bootstrap_items(values, rng=np.random.default_rng(5)), rounds=rounds)
    theirs_ms, theirs = peers.bootstrap(values, rounds=rounds, timed=_timed)
    return _row(
        "bootstrap, 10 000 resamples of 2 800 medians",
        peer="scipy",
        ours_ms=ours_ms,
        theirs_ms=theirs_ms,
        difference=max(abs(ours.low - theirs[0]), abs(ours.high - theirs[1])),
        allowed=0.004,
        target_ratio=30,
        note="two random streams: the results differ by their noise",
    )


def masks(rounds: int) -> Row:
    """IoU of 10 000 pairs of masks, 512 x 512, from booleans: 100 pairs timed, times 100."""
    rng = np.random.default_rng(6)
    first, second = _discs(rng), _discs(rng)
    ours_ms, iou = _timed(lambda: count_pairs(first, second).iou(), rounds=rounds)
    theirs_ms, theirs = peers.mask_iou(first, second, rounds=rounds, timed=_timed)
    return _row(
        "IoU of 10 000 mask pairs, 512 x 512",
        peer="pycocotools",
        ours_ms=ours_ms * 100,
        theirs_ms=theirs_ms * 100,
        difference=NAN if theirs is None else float(np.abs(iou - theirs).max()),
        allowed=1e-12,
        target_ratio=10,
    )


def full_report(rounds: int) -> Row:
    """Everything the results page shows for the founding study: 2 800 items x 3, from the table to both
    figures."""
    table = _table(n_items=2_800, n_raters=50, seed=7)

    def report() -> str:
        result = opinion.opinion_report(table)
        answers = responses.response_shares(table)
        screening.screen_raters(table)
        shares.rater_shares(table)
        krippendorff_alpha(table)
        bars = figures.response_bars(answers)
        return figures.opinion_figure(figures.opinion_bars(result.groups)) + figures.response_figure(
            bars, options=answers[0].options
        )

    ours_ms, _ = _timed(report, rounds=rounds)
    return _row("full report, 2 800 items x 3", peer="", ours_ms=ours_ms, target_ms=2_000)


def million_report(rounds: int) -> Row:
    """The numbers of a campaign of a million ratings: scores, responses, screening, shares, alpha."""
    table = _table(n_items=333_334, n_raters=2_000, seed=8)

    def report() -> None:
        opinion.opinion_report(table)
        responses.response_shares(table)
        screening.screen_raters(table)
        shares.rater_shares(table)
        krippendorff_alpha(table)

    ours_ms, _ = _timed(report, rounds=rounds)
    return _row("all numbers of a campaign of 1e6 ratings", peer="", ours_ms=ours_ms, target_ms=10_000)


TASKS: tuple[Callable[[int], Row], ...] = (
    krippendorff_ordinal,
    dawid_skene,
    opinion_table,
    bootstrap,
    masks,
    full_report,
    million_report,
)


def _coverage(world: worlds.World, *, item_score: ItemScore, n_studies: int) -> Coverage:
    parts = worlds.studies(world, item_score=item_score, n_studies=n_studies, rng=np.random.default_rng(2023))
    truth = float(np.mean([p.estimate for p in parts]))
    headline = [two_way.two_way(p) for p in parts]
    satterthwaite = [two_way.two_way(p, method=intervals.IntervalMethod.TWO_WAY_SATTERTHWAITE) for p in parts]
    items_only = [
        intervals.interval_from_moments(
            p.estimate,
            standard_deviation=math.sqrt(p.item_variance * p.n_items),
            n=p.n_items,
            method=intervals.IntervalMethod.T_ITEMS,
        )
        for p in parts
    ]
    hits = [
        100 * float(np.mean([i.low <= truth <= i.high for i in chosen]))
        for chosen in (headline, satterthwaite, items_only)
    ]
    return Coverage(
        world=world.name,
        item_score=item_score,
        two_way=hits[0],
        satterthwaite=hits[1],
        items_only=hits[2],
        mean_width=float(np.mean([i.high - i.low for i in headline])),
        most_coverage=world.most_coverage,
        n_studies=n_studies,
    )


def _table(*, n_items: int, n_raters: int, seed: int) -> RatingTable:
    """A simulated campaign of three ratings per item in 14 groups, without opt-outs."""
    rng = np.random.default_rng(seed)
    world = worlds.World(name="benchmark", n_items=n_items, n_raters=n_raters)
    item_index = np.repeat(np.arange(n_items), 3)
    # Three different raters per item without drawing a matrix of items x raters.
    steps = rng.integers(1, n_raters // 3, size=(n_items, 3)).cumsum(axis=1)
    rater_index = ((rng.integers(0, n_raters, n_items)[:, None] + steps) % n_raters).ravel()
    latent = world.mean + world.item_sd * rng.standard_normal(n_items)[item_index]
    latent += 0.4 * rng.standard_normal(n_raters)[rater_index] + 0.8 * rng.standard_normal(item_index.size)
    return RatingTable(
        item_ids=tuple(f"item {i}" for i in range(n_items)),
        rater_ids=tuple(f"rater {r}" for r in range(n_raters)),
        groups=tuple(f"group {g}" for g in range(14)),
        group_index=np.arange(n_items) % 14,
        item_index=item_index,
        rater_index=rater_index,
        score=np.clip(np.rint(latent), 1.0, 5.0),
        opt_out=np.zeros(item_index.size, dtype=np.int8),
        seconds=rng.exponential(4.0, item_index.size),
    )


def _discs(rng: np.random.Generator) -> np.ndarray:
    """(100, 512, 512) masks of three discs each: connected shapes, as objects are; noise would flatter us."""
    rows, columns = np.mgrid[:512, :512]
    masks = np.zeros((100, 512, 512), dtype=bool)
    for mask in masks:
        for _ in range(3):
            y, x, radius = rng.integers(0, 512), rng.integers(0, 512), rng.integers(30, 150)
            mask |= (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    return masks


def _timed(run: Callable[[], T], *, rounds: int) -> tuple[float, T]:
    """(CPU milliseconds of the fastest round, the last result); one round more warms up."""
    result = run()
    best = math.inf
    for _ in range(rounds):
        start = time.process_time()
        result = run()
        best = min(best, time.process_time() - start)
    return 1000 * best, result


def _row(
    task: str,
    *,
    peer: str,
    ours_ms: float,
    theirs_ms: float = NAN,
    difference: float = NAN,
    allowed: float = NAN,
    target_ratio: float = NAN,
    target_ms: float = NAN,
    note: str = "",
) -> Row:
    missing = f"{peer} is not installed" if peer and math.isnan(theirs_ms) else ""
    return Row(
        task=task,
        peer=peer,
        ours_ms=ours_ms,
        theirs_ms=theirs_ms,
        ratio=theirs_ms / ours_ms,
        difference=difference,
        allowed_difference=allowed,
        target_ratio=target_ratio,
        target_ms=target_ms,
        note=missing or note,
    )


def _row_line(row: Row) -> str:
    goals = [f">= {row.target_ratio:g}x"] if not math.isnan(row.target_ratio) else []
    goals += [f"<= {row.target_ms:g} ms"] if not math.isnan(row.target_ms) else []
    ratio = "" if math.isnan(row.ratio) else f"{row.peer} {row.theirs_ms:.1f} ms, {row.ratio:.1f}x,"
    verdict = "ok  " if row.passed else "MISS"
    return f"{verdict} {row.task}: {row.ours_ms:.2f} ms; {ratio} target {', '.join(goals)}. {row.note}"


def _coverage_line(line: Coverage) -> str:
    verdict = "ok  " if line.passed else "MISS"
    return (
        f"{verdict} {line.world}, {line.item_score}: two-way {line.two_way:.1f} %,"
        f" Satterthwaite {line.satterthwaite:.1f} %, items only {line.items_only:.1f} %"
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
