"""What a rater's browser sends, parsed strictly: one spelling per value, and every fault named.

`int` and `UUID` of the standard library take many spellings of one value (1_000, full-width digits,
braces), and Django's own form parsing replaces bytes that are not UTF-8. Here each fault becomes an
`UnreadableRequest` with a status.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError

BODY_LIMIT: Final = 64 * 1024
FIELD_LIMIT: Final = 20
# A field of the consent page that people neither see nor reach; programs that fill in every field do.
TRAP: Final = "website"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
LARGEST_ID: Final = 2**63 - 1
LARGEST_MILLISECONDS: Final = 2**31 - 1
CANONICAL_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_VISIT: Final = re.compile(r"[0-9a-f]{32}")


class UnreadableRequest(Exception):  # noqa: N818 (an outcome that the page shows, not a malfunction)
    """A request that can't be read. `messages` name each field and its rule."""

    def __init__(self, *messages: str, status: int = 400) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages
        self.status = status


@dataclass(frozen=True, kw_only=True)
class ConsentInput:
    """A yes or no to the consent text. visit: 32 hex digits from a page without a rater, else empty.

    trap_filled: whether the field that nobody sees was filled in.
    """

    agreed: bool
    visit: str
    trap_filled: bool = False


def read_fields(
    request: HttpRequest, *, limit: int = BODY_LIMIT, most_fields: int = FIELD_LIMIT
) -> dict[str, str]:
    """The fields of a form-encoded body in their order, each named once, UTF-8 without NUL.

    limit: most bytes in all.  most_fields: how many fields the page has at most.
    Raises UnreadableRequest: 413 for too much, 415 for another content type, 400 otherwise. The length is
    checked before the body is read.
    """
    if request.content_type and request.content_type != FORM_TYPE:
        raise UnreadableRequest(f"The form must be sent as {FORM_TYPE}.", status=415)
    fields: dict[str, str] = {}
    for name, value in _pairs(_body(request, limit=limit), most_fields=most_fields):
        if name in fields:
            raise UnreadableRequest(f"The field {_shown(name)} came twice.")
        if "\0" in name or "\0" in value:
            raise UnreadableRequest("The form holds a NUL character.")
        fields[name] = value
    return fields


def require_no_fields(fields: Mapping[str, str]) -> None:
    """Nothing changes. Raises UnreadableRequest for any field at all: a form of one button sends none."""
    if faults := unknown_fields(fields, known=()):
        raise UnreadableRequest(*faults)


def read_consent(fields: Mapping[str, str]) -> ConsentInput:
    """The yes or no in a form's fields. Raises UnreadableRequest with every fault at once."""
    faults = unknown_fields(fields, known=("consent", "visit", TRAP))
    if fields.get("consent") not in ("agree", "decline"):
        faults.append("consent must be agree or decline.")
    visit = fields.get("visit", "")
    if visit and not _VISIT.fullmatch(visit):
        faults.append("visit must be the number that came with the page.")
    if faults:
        raise UnreadableRequest(*faults)
    trap_filled = bool(fields.get(TRAP, "").strip())
    return ConsentInput(agreed=fields["consent"] == "agree", visit=visit, trap_filled=trap_filled)


def _body(request: HttpRequest, *, limit: int) -> bytes:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not _DIGITS.fullmatch(declared):
        raise UnreadableRequest("The length of the form is not a number.")
    if int(declared) > limit:
        raise UnreadableRequest(f"The form is larger than {limit // 1024} kB.", status=413)
    try:
        body = request.body
    except (UnreadablePostError, RawPostDataException):
        raise UnreadableRequest("The form did not arrive whole.") from None
    if len(body) > limit:
        raise UnreadableRequest(f"The form is larger than {limit // 1024} kB.", status=413)
    return body


def _pairs(body: bytes, *, most_fields: int) -> list[tuple[str, str]]:
    try:
        text = body.decode("ascii")
        return parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=most_fields,
        )
    except ValueError:
        # Covers bytes that are not UTF-8, a part without "=", and more fields than any page of ours has.
        raise UnreadableRequest("The form could not be read.") from None


def unknown_fields(fields: Mapping[str, str], *, known: Collection[str]) -> list[str]:
    """One sentence for each field that the page has not."""
    return [f"The field {_shown(name)} is not known here." for name in fields if name not in known]


def whole_number(text: str, *, largest: int) -> int | None:
    """The number in [0, largest] that plain ASCII digits spell; None for anything else."""
    if not _DIGITS.fullmatch(text) or int(text) > largest:
        return None
    return int(text)


def _shown(name: str) -> str:
    return ascii(name[:40])
