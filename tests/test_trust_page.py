"""docs/trust.md names its tests; a test that was renamed or dropped must not be promised any more."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_trust_page_names_exists() -> None:
    """Control: rename a test that it names."""
    named = NAMED.findall((TESTS.parent / "docs" / "trust.md").read_text())
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (TESTS / file).exists() or f"def {test}(" not in (TESTS / file).read_text()
    ]
    assert len(named) > 20
    assert missing == []
