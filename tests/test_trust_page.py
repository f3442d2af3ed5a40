"""docs/trust.md names its tests; a test that was renamed or dropped must not be promised any more."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "trust.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_trust_page_names_exists() -> None:
    """Control: rename a test that it names."""
    named = NAMED.findall(PAGE.read_text())
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (TESTS / file).exists() or f"def {test}(" not in (TESTS / file).read_text()
    ]
    assert len(named) > 20
    assert missing == []


def test_every_promise_has_its_row_its_number_once_and_a_test() -> None:
    """The first 22 are those that Percept set out with. Control: leave one of them out; a number twice."""
    rows = re.findall(r"^\| \*\*P(\d+)\*\* .*$", PAGE.read_text(), re.MULTILINE)
    numbers = [int(number) for number in rows]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 22
    promises = [line for line in PAGE.read_text().splitlines() if line.startswith("| **P")]
    untested = [line[:40] for line in promises if not NAMED.search(line)]
    assert untested == []
