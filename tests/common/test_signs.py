"""One rule for numbers below 0, on pages, in figures and in commands."""

from pathlib import Path

import pytest

from common.signs import true_minus

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("number", "text"), [("-0.50", "−0.50"), ("0.5", "0.5"), ("[-1, -2]", "[−1, −2]")])
def test_hyphens_of_numbers_are_minus_signs(number: str, text: str) -> None:
    assert true_minus(number) == text


def test_the_rule_is_written_once() -> None:
    """Control: a replace() of one's own."""
    apps = ("common", "generation", "annotation", "evaluation", "studies")
    having = [
        path.relative_to(REPOSITORY).as_posix()
        for app in apps
        for path in (REPOSITORY / app).rglob("*.py")
        if '"-", "−"' in path.read_text(encoding="utf-8")
    ]
    assert having == ["common/signs.py"]
