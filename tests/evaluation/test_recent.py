"""Reports that were made a moment ago: one for all links of a page, and never out of date."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from annotation.services import raters
from evaluation import campaign_files, recent
from evaluation.recent import Recent
from evaluation.views import analyses
from tests.evaluation.test_analysis_pages import CHOSEN, uploaded

__all__ = ["uploaded"]


def test_many_askers_at_once_make_it_once() -> None:
    """Control: leave the lock of each key out of `Recent.get`."""
    made: list[int] = []
    kept = Recent[int](lambda _: 1)
    started = threading.Barrier(8)

    def make() -> int:
        made.append(1)
        return 7

    def ask() -> None:
        started.wait()
        assert kept.get("key", make) == 7

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_what_is_kept_is_bounded_by_answers_and_what_fails_is_not_kept() -> None:
    """Control: leave MOST_ANSWERS out of `_keep`."""
    kept = Recent[int](lambda answers: answers)
    for size in (recent.MOST_ANSWERS // 2, recent.MOST_ANSWERS // 2 + 1, recent.MOST_ANSWERS + 1):
        kept.get(size, lambda size=size: size)  # type: ignore[misc]
    assert kept._answers() <= recent.MOST_ANSWERS
    with pytest.raises(ZeroDivisionError):
        kept.get("bad", lambda: 1 // 0)
    assert kept.get("bad", lambda: 3) == 3


@pytest.mark.django_db(transaction=True)
def test_links_of_a_campaign_share_one_report_until_anything_is_written(
    client: Client, owner: User, small: Campaign
) -> None:
    """Control: leave `moment()` out of the key: the excluded rater still counts."""
    client.force_login(owner)

    def groups() -> bytes:
        return _read(client.get(reverse("evaluation:file", args=[small.public_id, "groups.csv"])))

    def makes() -> int:
        made = campaign_files._reports.times_made
        assert groups() == before
        client.get(reverse("evaluation:results", args=[small.public_id]))
        _read(client.get(reverse("evaluation:file", args=[small.public_id, "figures/flow.svg"])))
        return campaign_files._reports.times_made - made

    before = groups()
    # Whatever else writes to the same server, another test at the same time, makes a report old.
    assert any(makes() <= 1 for _ in range(20))
    raters.exclude(small.raters.order_by("pk")[0], owner, "asked to be left out")
    assert groups() != before


@pytest.mark.django_db
def test_links_of_an_uploaded_file_share_one_report_until_it_is_deleted(
    client: Client, uploaded: str
) -> None:
    """Control: build in `file` whatever was built for the page."""
    made = analyses._recent.times_made
    client.get(f"{uploaded}report/", CHOSEN)
    for name in ("groups.csv", "figures/flow.svg", "items.csv"):
        assert _read(client.get(f"{uploaded}report/{name}", CHOSEN))
    assert analyses._recent.times_made == made + 1
    assert _read(client.get(f"{uploaded}report/groups.csv", CHOSEN | {"score": "mean"}))
    assert analyses._recent.times_made == made + 2
    assert client.post(f"{uploaded}delete").status_code == 302
    assert client.get(f"{uploaded}report/groups.csv", CHOSEN).status_code == 404


def _read(response: Any) -> bytes:
    """A file to its end, which gives the turn to the next one."""
    assert response.status_code == 200
    return b"".join(response.streaming_content)
