"""Every answer's headers, and the health page."""

import pytest
from django.db import OperationalError, connection
from django.test import Client

PAGES = ["/health/", "/login/", "/nothing-here/"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_policies(client: Client, path: str) -> None:
    """Control: remove ContentSecurityPolicyMiddleware or SecurityMiddleware."""
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_health_is_ok_while_the_database_answers(client: Client) -> None:
    answer = client.get("/health/")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok"}
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db
def test_health_fails_when_the_database_does_not_answer(client: Client) -> None:
    """Control: a health page that asks nothing."""

    def refuse(*_: object) -> None:
        raise OperationalError("connection to host db.internal refused, server 18.4")

    with connection.execute_wrapper(refuse):
        answer = client.get("/health/")

    assert answer.status_code == 503
    assert "db.internal" not in answer.text
    assert "18" not in answer.text


def test_health_takes_no_posts(client: Client) -> None:
    assert client.post("/health/").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "megabytes"), [("application/x-www-form-urlencoded", 5), ("multipart/form-data; boundary=x", 30)]
)
def test_a_body_that_is_too_large_is_refused_quietly(
    client: Client, kind: str, megabytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Control: without BodyLimitMiddleware Django answers 400 and logs a traceback."""
    answer = client.post("/login/", data=b"x" * (megabytes * 2**20), content_type=kind)

    assert answer.status_code == 413
    assert "too much at once" in answer.text
    assert not any(record.exc_info for record in caplog.records)
    assert "default-src" in answer.headers["Content-Security-Policy"]
