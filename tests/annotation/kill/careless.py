"""The control of the kill test: the real application, but answers are acknowledged before they are committed.

The write happens a moment later in another thread, as it would in a program that writes behind. Without a
kill nothing is lost: each page waits for what is still to be written.
"""

import time
from threading import Lock, Thread
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse

from tests.annotation.kill.eager import application as real_application

SECONDS_BEHIND = 0.3

_pending: list[Thread] = []
_guard = Lock()


def _write_behind(write: Any, *, said: Any) -> Any:
    def record(*args: Any, **kwargs: Any) -> Any:
        def later() -> None:
            time.sleep(SECONDS_BEHIND)
            try:
                write(*args, **kwargs)
            finally:
                connections.close_all()

        thread = Thread(target=later)
        with _guard:
            _pending.append(thread)
        thread.start()
        return said

    return record


def _after_what_is_pending(view: Any) -> Any:
    def wait(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with _guard:
            waiting, _pending[:] = list(_pending), []
        for thread in waiting:
            thread.join()
        response: HttpResponse = view(request, *args, **kwargs)
        return response

    return wait


def _spoil() -> None:
    from django.urls import resolvers

    from annotation import rating_urls
    from annotation.services.answers import Recorded
    from annotation.views import rating

    page: Any = rating
    stored = Recorded(answer_id=0, already=False)
    page.record_answer = _write_behind(page.record_answer, said=stored)
    page.record_and_go_on = _write_behind(page.record_and_go_on, said=(stored, None))
    for pattern in rating_urls.urlpatterns:
        if isinstance(pattern, resolvers.URLPattern) and pattern.name == "session":
            pattern.callback = _after_what_is_pending(pattern.callback)


_spoil()
application = real_application
