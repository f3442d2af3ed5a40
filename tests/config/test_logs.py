"""No query string reaches a log: raters' platform ids arrive in it."""

import logging
import logging.config

import pytest

from config import logs
from config.gunicorn import access_log_format

CANARY = "5f2c8c1e9d"
ADDRESS = f"/c/1/?PROLIFIC_PID={CANARY}&STUDY_ID=7"


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Not Found: %s", (ADDRESS,)),
        ('"%s" %s %s', (f"GET {ADDRESS} HTTP/1.1", "200", "512")),
        (f"fetched http://localhost{ADDRESS}", ()),
        ("%(method)s %(path)s", ({"method": "GET", "path": ADDRESS},)),
    ],
)
def test_a_record_loses_the_query_string_of_every_address(
    message: str, arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Control: logging.Formatter in config/logs.py."""
    handlers = logging.root.handlers[:]
    logging.config.dictConfig(logs.configuration(level="INFO"))
    try:
        logging.getLogger("django.request").warning(message, *arguments)
    finally:
        logging.root.handlers = handlers

    written = capsys.readouterr().err
    assert "/c/1/" in written
    assert CANARY not in written


def test_the_access_log_names_neither_visitor_nor_query() -> None:
    """Control: gunicorn's own format, with %(h)s, %(r)s and %(a)s."""
    for field in ("%(h)s", "%(r)s", "%(q)s", "%(a)s", "%(f)s", "%({x-forwarded-for}i)s"):
        assert field not in access_log_format
