"""Ratings collected elsewhere, on pages: upload, columns, report, files; and nobody else's."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from playwright.sync_api import Page

from evaluation.rebuilding import rebuild
from tests.evaluation.test_analyse import PAIRED

pytestmark = pytest.mark.django_db
CHOSEN = {
    "col_item": "prompt", "col_rater": "who", "col_score": "score", "col_group": "method", "low": "1",
    "high": "5", "empty": "fault", "duplicates": "leave-out",
}  # fmt: skip


@pytest.fixture
def uploaded(client: Client, owner: User, settings: object, tmp_path: Path) -> str:
    """The page of columns of an uploaded file."""
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    client.force_login(owner)
    content = (PAIRED + "p9,<b>ours</b>,ann,bad\n").encode()
    response = client.post("/analyses/", {"file": SimpleUploadedFile("mine.csv", content)})
    assert response.status_code == 302
    return str(response.headers["Location"])


def test_a_file_goes_from_upload_to_report_and_bundle(client: Client, uploaded: str, tmp_path: Path) -> None:
    shown = client.get(uploaded).content.decode()
    assert "<td>p1</td>" in shown
    assert "&lt;b&gt;" not in shown  # only the first rows are previewed
    response = client.get(uploaded, CHOSEN)
    assert response.status_code == 302
    report = client.get(response.headers["Location"]).content.decode()
    assert "1 fault in the file" in report
    assert "paired t, 3 shared" in report
    assert "style=" not in report
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(client.get(f"{uploaded}report/bundle.zip", CHOSEN).getvalue())
    assert rebuild(bundle).is_whole
    found = client.get(f"{uploaded}report/faults.csv", CHOSEN).getvalue().decode()
    assert [row["row"] for row in csv.DictReader(io.StringIO(found, newline=""))] == ["14"]


def test_an_error_names_the_field_the_value_and_the_remedy(client: Client, uploaded: str) -> None:
    for change, words in (
        ({"low": "5", "high": "1"}, "The scale 5 to 1 is none"),
        ({"col_score": "who"}, "The column &#x27;who&#x27; is named for two purposes"),
        ({"values": "bad"}, "is not of the form TEXT=SCORE"),
        ({"col_score": "method", "col_group": "score"}, "Most frequent: &#x27;ours&#x27; (6)"),
    ):
        response = client.get(uploaded, CHOSEN | change)
        assert response.status_code == 400
        assert words in response.content.decode()


def test_items_without_a_group_can_be_asked_for_and_all_stay_the_default(
    client: Client, owner: User, settings: object, tmp_path: Path
) -> None:
    """The column is empty for two of the items, and says "(none)" of a third.

    Control: let an empty text stand for the group without a name too: "all" is then offered no more.
    """
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    client.force_login(owner)
    content = "prompt,method,who,score\na,,ann,5\nb,,ann,4\nc,(none),ann,1\nd,<b>,ann,2\n"
    upload = client.post("/analyses/", {"file": SimpleUploadedFile("mine.csv", content.encode())})
    url = upload.headers["Location"] + "report/"
    shown = client.get(url, CHOSEN).content.decode()
    assert '<option value="" selected>all</option>' in shown
    assert '<option value="((none))">(empty)</option>' in shown

    def score(**only: str) -> str:
        filters = {f"only-{name}": value for name, value in only.items()}
        found = client.get(f"{url}groups.csv", CHOSEN | filters).getvalue().decode()
        return [row["mos"] for row in csv.DictReader(io.StringIO(found, newline=""))][-1]

    assert (score(), score(method="((none))"), score(method="(none)")) == ("3.0", "4.5", "1.0")
    asked = client.get(url, CHOSEN | {"only-method": "((none))"}).content.decode()
    assert '<option value="((none))" selected>(empty)</option>' in asked
    assert "only-method=%28%28none%29%29" in asked


def test_nobody_else_sees_the_file(client: Client, uploaded: str, stranger: User, admin: User) -> None:
    """Control: find uploads without their owner's folder."""
    for other in (stranger, admin):
        client.force_login(other)
        assert client.get(uploaded).status_code == 404
        assert client.get(f"{uploaded}report/", CHOSEN).status_code == 404
        assert client.get(f"{uploaded}report/ratings.csv", CHOSEN).status_code == 404
        assert client.post(f"{uploaded}delete").status_code == 404
    client.logout()
    assert client.get(uploaded).status_code == 302


def test_a_deleted_file_is_gone(client: Client, uploaded: str) -> None:
    assert client.post(f"{uploaded}delete").status_code == 302
    assert client.get(uploaded).status_code == 404
    assert "mine.csv" not in client.get("/analyses/").content.decode()


def test_a_report_s_address_without_columns_is_not_found(client: Client, uploaded: str) -> None:
    assert client.get(f"{uploaded}report/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_page_ends_where_its_last_line_does_however_many_groups_there_are(
    client: Client, owner: User, sign_in: Callable[..., Page], settings: object, tmp_path: Path
) -> None:
    """Control: leave `position: relative` off the tall tables: what is for the ear alone hangs below them."""
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    client.force_login(owner)
    content = "prompt,method,who,score\n" + "".join(f"i{n},g{n},ann,{1 + n % 5}\n" for n in range(120))
    upload = client.post("/analyses/", {"file": SimpleUploadedFile("mine.csv", content.encode())})
    page = sign_in(owner, "laptop")
    page.goto(f"{upload.headers['Location']}report/?{urlencode(CHOSEN)}")
    end = page.evaluate("document.querySelector('main').getBoundingClientRect().bottom + window.scrollY")
    assert page.evaluate("document.documentElement.scrollHeight") <= end + 300
