"""Prolific's API, the five calls of it that a campaign needs (docs.prolific.com/api-reference, version 1).

Amounts are in the currency of the account, as decimal texts. The token comes from the environment, goes into
one header, and is never logged.
"""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings

SECONDS: Final = 15.0
MOST_READ: Final = 8 * 1024 * 1024
AWAITING: Final = "AWAITING REVIEW"
# Who gave it back, and who let its time run out: neither will send it any more.
GONE: Final = frozenset(("RETURNED", "TIMED-OUT"))
ON_A_PAGE: Final = 200
MOST_PAGES: Final = 100


class ProlificRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Prolific did not do it, or could not be asked. The message says what it answered and what to do."""

    def __init__(self, message: str, *, nothing_was_done: bool = False) -> None:
        """nothing_was_done: Prolific said so itself; without an answer nobody knows."""
        super().__init__(message)
        self.nothing_was_done = nothing_was_done


@dataclass(frozen=True, kw_only=True)
class ProlificStudy:
    """A study as Prolific has it."""

    id: str
    name: str
    status: str
    places: int
    places_taken: int


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One participant's submission. status: as Prolific writes it, in capitals."""

    participant: str
    status: str


def is_set_up() -> bool:
    """Whether there is a token to ask with."""
    return bool(settings.PROLIFIC_TOKEN)


def study(study_id: str) -> ProlificStudy:
    """The study with its places. Raises ProlificRefused."""
    found = _ask("GET", f"/studies/{quote(study_id, safe='')}/")
    return ProlificStudy(
        id=study_id,
        name=str(found.get("name", ""))[:200],
        status=str(found.get("status", ""))[:40],
        places=_whole(found.get("total_available_places")),
        places_taken=_whole(found.get("places_taken")),
    )


def set_places(study_id: str, *, places: int) -> None:
    """The study has so many places in all. Raises ProlificRefused."""
    _ask("PATCH", f"/studies/{quote(study_id, safe='')}/", {"total_available_places": places})


def submissions(study_id: str) -> list[Submission]:
    """Every submission to the study. Raises ProlificRefused."""
    found: list[Submission] = []
    for page in range(MOST_PAGES):
        query = urlencode({"study": study_id, "limit": ON_A_PAGE, "offset": page * ON_A_PAGE})
        results = _ask("GET", f"/submissions/?{query}").get("results")
        if not isinstance(results, list):
            raise ProlificRefused("Prolific's list of submissions has another form than its documentation.")
        found += [
            Submission(participant=str(row.get("participant_id", "")), status=str(row.get("status", "")))
            for row in results
            if isinstance(row, dict)
        ]
        if len(results) < ON_A_PAGE:
            break
    return found


def approve(study_id: str, *, participants: Sequence[str]) -> None:
    """These participants' submissions are approved, and so paid. Raises ProlificRefused."""
    _ask(
        "POST",
        "/submissions/bulk-approve/",
        {"study_id": study_id, "participant_ids": list(participants)},
    )


def pay_bonuses(study_id: str, *, amounts: Mapping[str, Decimal]) -> None:
    """Each participant gets this bonus: first set up, then paid. Raises ProlificRefused."""
    lines = "\n".join(f"{participant},{amount:.2f}" for participant, amount in amounts.items())
    made = _ask("POST", "/submissions/bonus-payments/", {"study_id": study_id, "csv_bonuses": lines})
    number = made.get("id")
    if not isinstance(number, str) or not number:
        raise ProlificRefused("Prolific set up no bonus payment. Nothing was paid.")
    _ask("POST", f"/bulk-bonus-payments/{quote(number, safe='')}/pay/", {})


def _ask(method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    base = urlsplit(settings.PROLIFIC_API)
    kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    connection = kind(base.hostname or "", base.port, timeout=SECONDS)
    headers = {"Authorization": f"Token {settings.PROLIFIC_TOKEN}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    try:
        connection.request(method, base.path.rstrip("/") + path, body=content, headers=headers)
        response = connection.getresponse()
        answer = response.read(MOST_READ)
    except (OSError, http.client.HTTPException) as fault:
        raise ProlificRefused(
            f"Prolific did not answer ({type(fault).__name__}). Look there before you try again."
        ) from fault
    finally:
        connection.close()
    if response.status in (401, 403):
        raise ProlificRefused(
            "Prolific does not accept the token. Check PROLIFIC_TOKEN and its workspace.",
            nothing_was_done=True,
        )
    if response.status >= 300:
        raise ProlificRefused(
            f"Prolific answered {response.status}: {_said(answer)}",
            nothing_was_done=400 <= response.status < 500,
        )
    return _table(answer)


def _table(answer: bytes) -> dict[str, Any]:
    if not answer.strip():
        return {}
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _said(answer: bytes) -> str:
    """What Prolific gives as its reason, short and printable."""
    error = _table(answer).get("error")
    detail = error.get("detail", error.get("title", "")) if isinstance(error, dict) else error
    text = detail if isinstance(detail, str) else json.dumps(detail)
    shown = "".join(character if character.isprintable() else " " for character in text[:200])
    return shown or "no reason given."


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
