"""kill -9 of web workers while raters submit: what raters were told is saved is saved once, and k is kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.annotation.kill.stage import Stage, Told, stage, storm

REAL = "tests.annotation.kill.eager:application"
CARELESS = "tests.annotation.kill.careless:application"
KEYS = "SELECT idempotency_key::text FROM annotation_answer WHERE undone_at IS NULL"
BY_ITEM = (
    "SELECT count(*) FROM annotation_slot WHERE state = 'answered' AND number IS NOT NULL GROUP BY item_id"
)


def lost(on: Stage, told: Told) -> set[str]:
    """Keys of answers that a rater was told were saved and that are not in the database."""
    return set(told.keys) - {key for (key,) in on.rows(KEYS)}


def ratings_by_item(on: Stage) -> list[int]:
    """Ratings on each item, in no order."""
    return [count for (count,) in on.rows(BY_ITEM)]


@pytest.mark.slow
def test_no_acknowledged_rating_is_lost_when_web_workers_are_killed(tmp_path: Path) -> None:
    """10 raters, 30 items, k=3, a worker killed after every 6 answers.  Control: the next test."""
    with stage(tmp_path, raters=10, items=30, k=3, application=REAL, workers=2) as on:
        told = storm(on, kill_each=6)
        assert told.kills >= 10
        assert told.retries > 0
        assert lost(on, told) == set()
        assert ratings_by_item(on) == [3] * 30
        assert len(on.rows(KEYS)) == 90


@pytest.mark.slow
def test_an_answer_acknowledged_before_its_commit_is_lost_under_the_same_kills(tmp_path: Path) -> None:
    """The control, itself controlled: it loses answers when workers are killed, and none otherwise."""
    with stage(tmp_path, raters=4, items=6, k=3, application=CARELESS, workers=1) as on:
        calm = storm(replace(on, tokens=on.tokens[:1]), kill_each=0)
        assert len(calm.keys) == 6
        assert lost(on, calm) == set()
        # With kills without end its writes would never catch up.
        assert lost(on, storm(on, kill_each=3, most_kills=3))


@pytest.mark.soak
@pytest.mark.parametrize("repeat", range(5))
def test_nothing_is_lost_in_a_thousand_ratings_with_web_and_database_killed(
    tmp_path: Path, repeat: int
) -> None:
    """50 raters, 334 items, k=3: 1002 ratings; a worker killed after every 10, the database once; 5 times."""
    with stage(tmp_path, raters=50, items=334, k=3, application=REAL, workers=2) as on:
        told = storm(on, kill_each=10, kill_database_at=300 + 50 * repeat)
        assert told.kills >= 50
        assert told.database_kills == 1
        assert lost(on, told) == set()
        assert ratings_by_item(on) == [3] * 334
