"""The dry run's verdict turns red for each broken promise; every test here is a control of `demo --check`."""

from studies.crowd import Acknowledged, Visit
from studies.demo_check import broken_promises
from studies.simulated_raters import SimulatedRater


def visit(name: str, *, careless: bool, answers: dict[str, str]) -> Visit:
    return Visit(
        rater=SimulatedRater(name=name, careless=careless, bias=0.0),
        acknowledged=[Acknowledged(key=key, option=option) for key, option in answers.items()],
        last_page="",
    )


def row(
    key: str, rater: str, item: str, answer: str, *, kind: str = "rating", failed: str = "0"
) -> dict[str, str]:
    opt_out = "" if answer.isdigit() else answer
    return {
        "answer_key": key,
        "rater": rater,
        "item": item,
        "item_kind": kind,
        "score": "" if opt_out else answer,
        "opt_out": opt_out,
        "rater_failed_checks": failed,
    }


VISITS = [
    visit("ann", careless=False, answers={"a1": "4", "a2": "word_too_abstract"}),
    visit("bob", careless=True, answers={"b1": "2", "b2": "5"}),
]
ROWS = [
    row("a1", "A", "1", "4"),
    row("a2", "A", "9", "word_too_abstract", kind="attention"),
    row("b1", "B", "1", "2", failed="1"),
    row("b2", "B", "9", "5", kind="attention", failed="1"),
]


def faults(rows: list[dict[str, str]], *, raters_per_item: int = 2) -> str:
    return " ".join(broken_promises(VISITS, ratings=rows, raters_per_item=raters_per_item))


def test_a_faithful_export_breaks_no_promise() -> None:
    assert faults(ROWS) == ""


def test_a_lost_answer_is_noticed() -> None:
    assert "1 of 4 acknowledged answers are missing" in faults(ROWS[1:])


def test_a_doubled_answer_is_noticed() -> None:
    assert "more than once" in faults([*ROWS, ROWS[0]])


def test_a_changed_answer_is_noticed() -> None:
    assert "differ from what the rater pressed" in faults([row("a1", "A", "1", "5"), *ROWS[1:]])


def test_an_answer_nobody_gave_is_noticed() -> None:
    assert "belong to no acknowledged answer" in faults([*ROWS, row("x", "C", "2", "3")])


def test_an_item_over_k_is_noticed() -> None:
    assert "1 items have more than 1 ratings" in faults(ROWS, raters_per_item=1)


def test_an_uncaught_careless_rater_is_noticed() -> None:
    assert "bob was not caught" in faults([dict(one, rater_failed_checks="0") for one in ROWS])


def test_a_wronged_careful_rater_is_noticed() -> None:
    assert "ann was taken for a careless one" in faults([dict(one, rater_failed_checks="1") for one in ROWS])


def test_a_study_whose_checks_never_came_up_is_noticed() -> None:
    assert "No careless rater met an attention check" in faults(
        [dict(one, item_kind="rating") for one in ROWS]
    )


def test_a_study_without_any_answer_is_noticed() -> None:
    assert "No answer was acknowledged" in " ".join(broken_promises([], ratings=[], raters_per_item=3))


def test_answers_of_an_interrupted_start_are_no_strangers_and_must_stay_as_they_were() -> None:
    earlier = [row("e1", "E", "2", "3")]
    kept = broken_promises(VISITS, ratings=[*ROWS, *earlier], raters_per_item=2, earlier=earlier)
    lost = broken_promises(VISITS, ratings=ROWS, raters_per_item=2, earlier=earlier)
    changed = broken_promises(
        VISITS, ratings=[*ROWS, row("e1", "E", "2", "4")], raters_per_item=2, earlier=earlier
    )
    assert kept == []
    assert "missing" in " ".join(lost)
    assert "differ" in " ".join(changed)
