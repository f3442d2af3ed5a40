"""What is wrong with a request to the API, in one form for all of it. Pages have forms of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django import forms

VALUE_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fault. field: empty for the request as a whole.  value: as it came.  remedy: what to do."""

    field: str
    value: Any
    remedy: str


class ApiRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The request was not done. status: 400 to 429 or 507 (no room).  problems: every one found."""

    def __init__(self, status: int, *problems: Problem, retry_after: int | None = None) -> None:
        super().__init__("; ".join(problem.remedy for problem in problems))
        self.status = status
        self.problems = problems
        self.retry_after = retry_after


def refused(status: int, remedy: str, *, field: str = "", value: Any = None) -> ApiRefused:
    """A refusal with one problem."""
    return ApiRefused(status, Problem(field=field, value=value, remedy=remedy))


def of_form(form: forms.Form, *, given: dict[str, Any]) -> list[Problem]:
    """The faults of a form, with the values that were sent."""
    return [
        Problem(field="" if name == "__all__" else name, value=given.get(name), remedy=str(message))
        for name, messages in form.errors.items()
        for message in messages
    ]


def as_json(problems: Iterable[Problem]) -> dict[str, Any]:
    """The body of a refusal: {"errors": [{"field", "value", "remedy"}]}."""
    return {
        "errors": [
            {"field": problem.field, "value": _shown(problem.value), "remedy": problem.remedy}
            for problem in problems
        ]
    }


def _shown(value: Any) -> Any:
    """A value short enough to send back."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    clean = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:VALUE_SHOWN])
    return clean + ("…" if len(text) > VALUE_SHOWN else "")
