"""Where practice answers leave a rater, whatever they are."""

from hypothesis import given
from hypothesis import strategies as st

from annotation.choices import ItemKind
from annotation.practice import PracticeItem, Practised, Round, Standing, needed_of, standing


def items(*, training: int, qualification: int) -> list[PracticeItem]:
    """So many items of each kind, numbered from 1."""
    kinds = [ItemKind.TRAINING] * training + [ItemKind.QUALIFICATION] * qualification
    return [PracticeItem(item_id=number, kind=kind) for number, kind in enumerate(kinds, start=1)]


def play(asked: list[PracticeItem], options: str, *, mark: int = 80, attempts: int = 2) -> list[Standing]:
    """Where she stands before each answer and at last: r for a right answer, w for a wrong one."""
    given_so_far: list[Practised] = []
    found = [standing(asked, given_so_far, pass_mark_percent=mark, attempts=attempts)]
    for letter in options:
        now = found[-1]
        assert now.item is not None, "answered more than is asked"
        right = letter == "r"
        given_so_far.append(Practised(item_id=now.item.item_id, attempt=now.attempt, right=right))
        found.append(standing(asked, given_so_far, pass_mark_percent=mark, attempts=attempts))
    return found


def test_a_training_item_is_asked_again_until_it_is_right_or_was_asked_often_enough() -> None:
    """Control: move on after every answer."""
    asked = [
        now.item and (now.item.item_id, now.attempt)
        for now in play(items(training=3, qualification=0), "rwrww")
    ]
    assert asked == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), None]


def test_training_alone_is_always_passed() -> None:
    assert play(items(training=1, qualification=0), "ww")[-1].passed is True


def test_the_qualification_is_passed_at_the_mark_and_failed_below_it() -> None:
    """Control: > for >= in `Round.passed`."""
    five = items(training=0, qualification=5)
    assert play(five, "rrrrw")[-1].passed is True
    assert play(five, "rrrww")[-1].passed is None
    assert play(five, "rrrwwrwrww")[-1].passed is False
    assert play(five, "wwwwwrrrrw")[-1].rounds == (
        Round(right=0, total=5, needed=4, left=1),
        Round(right=4, total=5, needed=4, left=0),
    )


def test_the_pass_mark_is_rounded_up() -> None:
    assert [needed_of(n, pass_mark_percent=80) for n in (1, 2, 3, 4, 5, 10)] == [1, 2, 3, 4, 4, 8]


@given(
    training=st.integers(0, 4),
    qualification=st.integers(0, 4),
    mark=st.integers(1, 100),
    attempts=st.integers(2, 5),
    luck=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_everybody_comes_to_an_end_within_her_attempts(
    training: int, qualification: int, mark: int, attempts: int, luck: list[bool]
) -> None:
    """Control: no end to the rounds of the qualification."""
    asked = items(training=training, qualification=qualification)
    answers: list[Practised] = []
    while (now := standing(asked, answers, pass_mark_percent=mark, attempts=attempts)).item is not None:
        assert 1 <= now.attempt <= attempts
        assert 1 <= now.place <= now.total
        right = luck[len(answers)]
        answers.append(Practised(item_id=now.item.item_id, attempt=now.attempt, right=right))
    assert len(answers) <= attempts * (training + qualification)
    assert len({(one.item_id, one.attempt) for one in answers}) == len(answers)
    assert now.passed is (not now.rounds or now.rounds[-1].passed)
