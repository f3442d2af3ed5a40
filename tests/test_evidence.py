"""docs/attribution-evidence.md names tests and modules that are there."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "docs" / "attribution-evidence.md").read_text()
TESTS = REPOSITORY / "tests" / "generation"


def test_every_named_test_and_module_exists() -> None:
    """Control: rename a test, or drop a module, and leave the page."""
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", PAGE)
    named = [(file, test) for file, test in named if not file.startswith("tests/")]
    assert len(named) > 50
    missing = [
        (file, test)
        for file, test in named
        if not (TESTS / file).is_file() or (test and f"def {test}(" not in (TESTS / file).read_text())
    ]
    assert missing == []
    cells = [line.split("|")[2] for line in PAGE.splitlines() if line.startswith("| ") and "::" in line]
    modules = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    folder = REPOSITORY / "generation" / "attribution"
    assert [name for name in sorted(modules) if not (folder / f"{name}.py").is_file()] == []
