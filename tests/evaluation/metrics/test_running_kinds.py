"""The book-keeping of running numbers, apart from the database."""

import pytest

from evaluation.metrics.running_kinds import Checked, RunningChecklists, RunningNominal


def test_a_tie_goes_to_the_word_submitted_first_whatever_the_order_of_counting() -> None:
    """Controls: `-checked.order` in `RunningChecklists.count`; no `_share(item, sign=-1)` in `remove`."""
    running = RunningChecklists(n_words=4)
    running.ask("image", relation="other", words=("ball", "box"))
    # Submitted second, counted first: alone it would make cone and cube the labels.
    running.add(item="image", rater="later", given=Checked(2, ("cone", "cube")))
    running.add(item="image", rater="first", given=Checked(1, ("ball", "box")))
    assert running.accuracy()[0].estimate == 1.0
    running.exclude("first")
    assert running.accuracy()[0].estimate == 0.0
    running.include("first")
    running.include("first")
    assert running.accuracy()[1] == 1
    running.remove(item="image", rater="later")
    assert (running.accuracy()[1], running.accuracy()[0].estimate) == (1, 1.0)


def test_what_was_not_answered_can_not_be_taken_back_nor_answered_twice() -> None:
    """Control: leave one of the two looks out of RunningItems."""
    running = RunningNominal()
    running.add(item="a", rater="r", given="left")
    with pytest.raises(ValueError, match="answered item 'a' already"):
        running.add(item="a", rater="r", given="right")
    with pytest.raises(KeyError, match="no answer"):
        running.remove(item="a", rater="s")
