"""What is said about a prompt file that can't be taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """One fault: line as an editor counts (from 1), column or "", broken rule, value as it came."""

    line: int
    column: str
    rule: str
    value: str

    @property
    def shown_value(self) -> str:
        """The value's first 40 characters, invisible ones written out to show what is there."""
        shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in self.value[:SHOWN_CHARACTERS])
        return shown + ("…" if len(self.value) > SHOWN_CHARACTERS else "")


class PromptFileRefused(ValueError):  # noqa: N818 (an outcome that the page shows, not a malfunction)
    """Nothing was taken from the file. bad_lines: every fault, in the file's order."""

    def __init__(self, bad_lines: Sequence[BadLine]) -> None:
        self.bad_lines = tuple(bad_lines)
        super().__init__(
            "\n".join(f"line {bad.line}: {bad.rule} ({bad.shown_value})" for bad in self.bad_lines)
        )
