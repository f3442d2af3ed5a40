"""The rows of `python -m benchmarks.statistics`: each task done by us and by the library of choice."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from benchmarks import statistics_peers as peers
from evaluation import figures
from evaluation.metrics import label_models, opinion, responses, screening, shares, worlds
from evaluation.metrics import subjective_model as subjective
from evaluation.metrics.alpha import Level, krippendorff_alpha
from evaluation.metrics.bootstrap import bootstrap_items
from evaluation.metrics.bootstrap_two_way import Grouping, resample_two_way
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.overlap import count_pairs
from evaluation.metrics.running import RunningOpinion
from evaluation.metrics.tables import RatingTable

NAN = float("nan")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. Times in milliseconds of CPU; ratio: theirs / ours; difference: between the
    results.

    megabytes: the peak of memory, where it was measured.
    target_ratio, target_ms, target_megabytes: what must be reached, NaN where there is no such target.
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
    megabytes: float = NAN
    target_megabytes: float = NAN
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every target of the row was measured and met."""
        return (
            (math.isnan(self.target_ratio) or self.ratio >= self.target_ratio)
            and (math.isnan(self.target_ms) or self.ours_ms <= self.target_ms)
            and (math.isnan(self.target_megabytes) or self.megabytes <= self.target_megabytes)
            and (math.isnan(self.allowed_difference) or self.difference <= self.allowed_difference)
        )


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


def two_way_bootstrap(rounds: int) -> Row:
    """Ten thousand draws of items and raters of the founding study, all 14 groups and the whole.

    No library does this; the plain way is a loop of numpy calls, 50 resamples of which are timed.
    """
    table = _table(n_items=2_800, n_raters=50, seed=4)
    everything = Grouping(index=np.zeros(table.n_items, dtype=np.int64), n=1)

    def run() -> np.ndarray:
        return resample_two_way(
            table.score,
            item_index=table.item_index,
            rater_index=table.rater_index,
            n_items=table.n_items,
            groupings=(Grouping(index=table.group_index, n=14), everything),
            rng=np.random.default_rng(5),
        )[1][:, 0]

    ours_ms, ours = _timed(run, rounds=max(1, rounds // 2))
    theirs_ms, theirs = peers.two_way_bootstrap(table, rounds=max(1, rounds // 2), timed=_timed)
    return _row(
        "two-way bootstrap, 10 000 resamples, 2 800 x 3",
        peer="a loop of numpy",
        ours_ms=ours_ms,
        theirs_ms=theirs_ms * 10_000 / theirs.size,
        difference=abs(float(ours.mean() - theirs.mean())),
        allowed=0.03,
        target_ratio=30,
        note="two random streams: the results differ by their noise",
    )


def subjective_model(rounds: int) -> Row:
    """The maximum-likelihood model of P.910, 8 400 ratings, run by both until it stands still."""
    table = _table(n_items=2_800, n_raters=50, seed=7)
    ours_ms, fit = _timed(
        lambda: subjective.subjective_model(table, floor=1e-6, least_ratings=1), rounds=rounds
    )
    theirs_ms, theirs = peers.subjective_model(table, timed=_timed)
    return _row(
        "P.910 maximum likelihood, 8 400 ratings",
        peer="sureal",
        ours_ms=ours_ms,
        theirs_ms=theirs_ms,
        difference=NAN if theirs is None else float(np.abs(fit.quality - theirs).max()),
        allowed=1e-6,
        target_ratio=25,
        note="its alternating projection; its older solver takes longer",
    )


def masks(rounds: int) -> Row:
    """IoU of 10 000 pairs of masks, 512 x 512, from booleans: 100 pairs timed, times 100."""
    rng = np.random.default_rng(6)
    first, second = _discs(rng), _discs(rng)
    ours_ms, iou = _timed(lambda: count_pairs(first, second).iou(), rounds=3 * rounds)
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
    """The core's numbers for the founding study: 2 800 items x 3, from the table to two figures, no files:
    the report with its files is timed by benchmarks.report."""
    ours_ms, _ = _timed(_report_of(opinion.HEADLINE), rounds=rounds)
    return _row("numbers and two figures, 2 800 items x 3", peer="", ours_ms=ours_ms, target_ms=2_000)


def full_report_with_bootstrap(rounds: int) -> Row:
    """The same with the BCa interval of 10 000 two-way resamples beside the headline."""
    protocol = opinion.Protocol(also=(IntervalMethod.BOOTSTRAP_TWO_WAY_BCA,))
    ours_ms, _ = _timed(_report_of(protocol), rounds=max(1, rounds // 2))
    return _row(
        "numbers and two figures with 10 000 two-way resamples", peer="", ours_ms=ours_ms, target_ms=5_000
    )


def million_report(rounds: int) -> Row:  # noqa: ARG001
    """The core's numbers and two figures of a million ratings, from columns, in a process of its own. Neither
    the database nor files: the whole report is timed by benchmarks.report."""
    command = [sys.executable, "-m", "benchmarks.statistics_million"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    return _row(
        "numbers and two figures of 1e6 ratings, from columns",
        peer="",
        ours_ms=1000 * measured["seconds"],
        target_ms=10_000,
        megabytes=measured["megabytes"],
        target_megabytes=1_024,
        note="memory: the peak of the whole process, the columns it was given included",
    )


def running_sums(rounds: int) -> Row:
    """A thousand answers added to the running sums of a campaign 100 times as long as the other's."""
    small, large = (_table(n_items=n, n_raters=200, seed=9) for n in (1_000, 100_000))
    milliseconds = []
    for table in (small, large):
        running = RunningOpinion.from_table(table)
        answers = [(f"new {i}", f"rater {r}", float(1 + (i + r) % 5)) for i in range(334) for r in range(3)]

        def add(running: RunningOpinion = running, answers: list[tuple[str, str, float]] = answers) -> None:
            for item, rater, score in answers:
                running.add(item=item, rater=rater, group="group 0", score=score)
            running.group()
            for item, rater, _ in answers:
                running.remove(item=item, rater=rater)

        milliseconds.append(_timed(add, rounds=rounds)[0])
    return _row(
        "1 000 answers added and undone after 300 000",
        peer="the same after 3 000",
        ours_ms=milliseconds[1],
        theirs_ms=milliseconds[0],
        target_ratio=0.5,
        note="a cost that grew with the campaign would be 100 times as high",
    )


TASKS: tuple[Callable[[int], Row], ...] = (
    krippendorff_ordinal,
    subjective_model,
    dawid_skene,
    opinion_table,
    bootstrap,
    two_way_bootstrap,
    masks,
    full_report,
    full_report_with_bootstrap,
    million_report,
    running_sums,
)


def _report_of(protocol: opinion.Protocol) -> Callable[[], str]:
    table = _table(n_items=2_800, n_raters=50, seed=7)

    def report() -> str:
        result = opinion.opinion_report(table, protocol=protocol)
        answers = responses.response_shares(table)
        screening.screen_raters(table)
        shares.rater_shares(table)
        krippendorff_alpha(table)
        bars = figures.response_bars(answers)
        return figures.opinion_figure(figures.opinion_bars(result.groups)) + figures.response_figure(
            bars, options=answers[0].options
        )

    return report


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
    megabytes: float = NAN,
    target_megabytes: float = NAN,
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
        megabytes=megabytes,
        target_megabytes=target_megabytes,
        note=missing or note,
    )
