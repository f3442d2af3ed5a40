"""Runs in turns, and what is read off them: on made-up times, never on measured ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.attribution_runs import AGAIN, PLAIN, contenders
from benchmarks.lockstep import Pause, in_turns, paired_ratio
from benchmarks.models import tiny_pipeline, twin


def test_a_piece_of_each_is_done_before_the_next_of_any() -> None:
    """Control: whole runs one after the other."""
    seen: list[tuple[int, str]] = []

    def of(name: str, pieces: int) -> Callable[[Pause], str]:
        def work(pause: Pause) -> str:
            for piece in range(pieces):
                if piece:
                    pause()
                seen.append((piece, name))
            return name

        return work

    runs = in_turns({"a": of("a", 3), "b": of("b", 3), "short": of("short", 1)}, seed=0)
    assert [piece for piece, _ in seen] == [0, 0, 0, 1, 1, 2, 2]
    assert {name: (run.found, len(run.pieces)) for name, run in runs.items()} == {
        "a": ("a", 3),
        "b": ("b", 3),
        "short": ("short", 1),
    }


def test_who_comes_first_changes() -> None:
    """The first of a turn may find other caches than the second. Control: always the same order."""
    order: list[str] = []

    def of(name: str) -> Callable[[Pause], None]:
        return lambda _: order.append(name)

    for seed in range(8):
        in_turns({"a": of("a"), "b": of("b")}, seed=seed)
    assert set(order[::2]) == {"a", "b"}


def test_what_a_run_raises_reaches_the_caller() -> None:
    """Control: it ends in its thread, and the caller waits for ever."""

    def fail(pause: Pause) -> None:
        pause()
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        in_turns({"fail": fail}, seed=0)


def test_the_ratio_is_found_through_disturbances_of_both() -> None:
    """Seconds on end at half the speed, and single pieces hit. Control: the ratio of the sums."""
    draw = np.random.default_rng(1)
    plain = np.tile(draw.uniform(0.01, 0.05, 40), (12, 1))
    found = plain * 1.02
    slow = np.repeat(draw.uniform(1.0, 2.0, (12, 4)), 10, axis=1)
    plain, found = plain * slow, found * slow
    hit = draw.random((2, 12, 40)) < 0.1
    plain, found = plain * (1 + hit[0]), found * (1 + 3 * hit[1])
    ratio, error = paired_ratio(found, plain)
    assert ratio == pytest.approx(1.02, abs=0.002)
    assert error < 0.05
    assert abs(found.sum() / plain.sum() - 1.02) > 0.05


def test_a_piece_counts_by_its_share_of_the_run() -> None:
    """Control: the mean over the pieces as they are."""
    ratio, _ = paired_ratio(np.array([[2.0, 9.0]] * 4), np.array([[1.0, 9.0]] * 4))
    assert ratio == pytest.approx(1.1)


def test_a_twin_shares_the_weights_and_no_module() -> None:
    """Or tracing one would be tracing all. Control: the same UNet."""
    pipeline = tiny_pipeline()
    other = twin(pipeline)
    pairs = zip(pipeline.unet.named_parameters(), other.unet.named_parameters(), strict=True)
    assert all(ours is theirs for (_, ours), (_, theirs) in pairs)
    assert not set(map(id, pipeline.unet.modules())) & set(map(id, other.unet.modules()))
    assert other.scheduler is not pipeline.scheduler


def test_our_contenders_draw_one_picture_in_as_many_pieces() -> None:
    """Control: a contender that pauses elsewhere would be divided by other pieces of the plain run."""
    works = contenders(tiny_pipeline())
    del works["castorini"]  # finds no maps on grids as small as these
    runs = in_turns(works, seed=0)
    assert len({len(run.pieces) for run in runs.values()}) == 1
    assert len(runs[PLAIN].pieces) > 10
    for name in (AGAIN, "ours, grids", "ours, heads", "second QK^T"):
        assert torch.equal(runs[name].found.latents, runs[PLAIN].found.latents)
    assert runs[PLAIN].found.maps is None
    assert all(runs[name].found.maps is not None for name in runs if name not in (PLAIN, AGAIN))


def test_what_is_put_aside_while_a_run_rests_is_there_for_it_alone() -> None:
    """Control: it is never entered, or not left before the next piece."""
    held: list[str] = []
    seen: list[tuple[str, tuple[str, ...]]] = []

    @contextmanager
    def aside() -> Iterator[None]:
        held.append("aside")
        yield
        held.pop()

    def of(name: str, *contexts: Callable[[], Any]) -> Callable[[Pause], None]:
        def work(pause: Pause) -> None:
            for _ in range(2):
                seen.append((name, tuple(held)))
                pause(*(context() for context in contexts))
            seen.append((name, tuple(held)))

        return work

    in_turns({"one": of("one", aside), "other": of("other")}, seed=0)
    assert {found for name, found in seen if name == "one"} == {()}
    assert ("other", ("aside",)) in seen
