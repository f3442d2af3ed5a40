"""A disk without room, the media folder's or the database's: told as such, and nothing is half kept.

Space runs out where it does on real disks: when a file or its folder is flushed, or in the database itself.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from generation.choices import TokenScope
from generation.models import Project
from generation.services import api_tokens

pytestmark = pytest.mark.django_db(transaction=True)
FillUp = Callable[..., None]
FLUSHES = 6  # of the file, its name and its texts, each with its folder


@pytest.fixture
def fill_up(monkeypatch: pytest.MonkeyPatch) -> FillUp:
    """Lets so many flushes pass; the next one finds the disk full, or fails with another error."""

    def fill(*, after: int, error: int = errno.ENOSPC) -> None:
        left = [after]
        flush = os.fsync

        def flush_or_fail(file: int) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(error, os.strerror(error))
            flush(file)

        monkeypatch.setattr(os, "fsync", flush_or_fail)

    return fill


@pytest.fixture
def program(owner: User) -> Client:
    _, secret = api_tokens.issue(owner, name="tests", scopes=list(TokenScope), days=1)
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


@pytest.fixture
def person(owner: User) -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(owner)
    return browser


def _file() -> SimpleUploadedFile:
    return SimpleUploadedFile("p.csv", b"prompt\na red cat\n")


def _kept() -> list[Path]:
    return [path for path in (Path(settings.MEDIA_ROOT) / "imports").rglob("*") if path.is_file()]


@pytest.mark.parametrize("after", range(FLUSHES))
def test_an_import_without_room_answers_507_and_keeps_nothing(
    person: Client, program: Client, fill_up: FillUp, after: int
) -> None:
    """Controls: no middleware; no handler of the API; a file and its name left without the texts to parse."""
    fill_up(after=after)
    page = person.post("/prompts/import/", {"file": _file()})
    assert (page.status_code, "No space is left" in page.content.decode()) == (507, True)
    assert _kept() == []
    fill_up(after=after)
    answer = program.post("/api/v1/prompt-sets", {"file": _file()})
    assert (answer.status_code, answer.headers["Content-Type"][:16]) == (507, "application/json")
    assert "No space is left" in answer.json()["errors"][0]["remedy"]
    assert _kept() == []


def test_a_file_that_lay_there_before_stays(person: Client, fill_up: FillUp) -> None:
    """Control: what was kept is dropped when the same file comes again without room."""
    assert person.post("/prompts/import/", {"file": _file()}).status_code == 302
    before = {path.name for path in _kept()}
    assert {"content", "name.txt", "texts.json"} <= before
    fill_up(after=0)
    assert person.post("/prompts/import/", {"file": _file()}).status_code == 507
    assert before <= {path.name for path in _kept()}


def test_other_faults_of_a_file_are_no_full_disk(person: Client, program: Client, fill_up: FillUp) -> None:
    """Control: 507 for every OSError."""
    fill_up(after=0, error=errno.EIO)
    assert person.post("/prompts/import/", {"file": _file()}).status_code == 500
    assert program.post("/api/v1/prompt-sets", {"file": _file()}).status_code == 500
    assert _kept() == []


def test_a_full_database_answers_507_and_keeps_nothing(person: Client, program: Client) -> None:
    """PostgreSQL's own error, at the last moment. Control: only OSError looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_room() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no room' "
            "USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql"
        )
        cursor.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON generation_project EXECUTE FUNCTION no_room()"
        )
    try:
        answers: list[Any] = [
            program.post("/api/v1/projects", {"name": "A"}, content_type="application/json"),
            person.post("/projects/", {"name": "B"}),
        ]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION no_room CASCADE")
    assert [answer.status_code for answer in answers] == [507, 507]
    assert "No space is left" in answers[0].json()["errors"][0]["remedy"]
    assert "No space is left" in answers[1].content.decode()
    assert not Project.objects.filter(name__in="AB").exists()
