"""One file at a time for each researcher: several at once would take the raters' processors and connections.

The lock is one of the database's, in a transaction of a connection of its own, so that it holds for all web
processes, behind a pooler too, and ends with the process that held it.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Final

from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

# Two links clicked one after the other both work; more wait in the browser, not in a thread of the server.
WAIT_MILLISECONDS: Final = 2_000
RETRY_AFTER_SECONDS: Final = 5
REMEDY: Final = "Another file is being made for you, and there is one at a time. Try again once it has come."
# A room of its own among the locks that one number names: "expt", then the researcher's key.
_ROOM: Final = 0x65787074 << 32


class ExportUnderWay(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Another file is being made or sent for the same researcher."""


class _Hold:
    """The researcher's turn; over when it is released or its connection is gone."""

    def __init__(self, user_pk: int) -> None:
        self._connection = connection.copy()
        self._connection.set_autocommit(False)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_MILLISECONDS}ms"])
                cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [_ROOM + user_pk])
        except OperationalError as refused:
            self._connection.close()
            raise ExportUnderWay from refused

    def release(self) -> None:
        """The next one's turn, however often it is said."""
        self._connection.close()


class _Sending:
    """The pieces of a file; when they are sent, or nobody reads them any more, the turn is over."""

    def __init__(self, pieces: Iterator[bytes], *, hold: _Hold) -> None:
        self._pieces = pieces
        self._hold = hold

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self._hold.release()
            raise

    def close(self) -> None:
        self._hold.release()


def in_turn(user_pk: int, make: Callable[[], Any]) -> Any:
    """The response that `make` gives, made and sent as the only file of this researcher.

    Raises ExportUnderWay.
    """
    hold = _Hold(user_pk)
    try:
        response = make()
    except BaseException:
        hold.release()
        raise
    if isinstance(response, StreamingHttpResponse):
        pieces: Iterator[bytes] = iter(response.streaming_content)  # type: ignore[arg-type]
        response.streaming_content = _Sending(pieces, hold=hold)
    else:
        hold.release()
    return response


def one_at_a_time(view: Callable[..., Any]) -> Callable[..., Any]:
    """A page that gives a file, in the researcher's turn; otherwise a page that says to wait (429)."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return in_turn(int(request.user.pk or 0), lambda: view(request, *args, **kwargs))
        except ExportUnderWay:
            return _busy(request)

    return wrapped


def _busy(request: HttpRequest) -> HttpResponse:
    response = render(request, "annotation/export_busy.html", {"remedy": REMEDY}, status=429)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
