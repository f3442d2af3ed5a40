"""Whatever anybody sends to a rater's address gets a page that says what is wrong, never a fault of ours."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from annotation.forms.rating import BODY_LIMIT
from annotation.models import Answer, Campaign, LateAnswer, Rater
from tests import factories
from tests.annotation.rater_browser import FORM, RaterBrowser, fresh_key

KEY = "3f0e8a52-6c1d-4c3e-9a87-0d5b5a1c2e4f"
SLOT = "00000000-0000-4000-8000-000000000001"
GOOD = {"slot": SLOT, "option": "4", "idempotency_key": KEY, "client_milliseconds": "900", "view": "both"}


def body(**changes: str) -> bytes:
    """A good form with some fields changed."""
    return urlencode(GOOD | changes).encode()


class Unreadable:
    """A body that nobody may read."""

    def read(self, *_size: int) -> bytes:
        """Fails."""
        raise AssertionError("the body was read")

    readline = read


def without(name: str) -> bytes:
    """A good form that lacks one field."""
    return urlencode({field: value for field, value in GOOD.items() if field != name}).encode()


BAD_BODIES = {
    "empty": b"",
    "no slot": without("slot"),
    "no option": without("option"),
    "no key": without("idempotency_key"),
    "slot blank": body(slot=""),
    "slot number": body(slot="1"),
    "slot upper case": body(slot=KEY.upper()),
    "slot braces": body(slot="{" + KEY + "}"),
    "slot no hyphens": body(slot=KEY.replace("-", "")),
    "slot newline": body(slot=KEY + "\n"),
    "slot spaces": body(slot=f" {KEY}"),
    "slot very long": body(slot=KEY * 100),
    "option zero": body(option="0"),
    "option six": body(option="6"),
    "option word": body(option="good"),
    "option NaN": body(option="NaN"),
    "option case": body(option="WORD_TOO_ABSTRACT"),
    "option list": body(option="[4]"),
    "option NUL": body(option="4\0"),
    "key upper case": body(idempotency_key=KEY.upper()),
    "key braces": body(idempotency_key="{" + KEY + "}"),
    "key urn": body(idempotency_key="urn:uuid:" + KEY),
    "key no hyphens": body(idempotency_key=KEY.replace("-", "")),
    "key newline": body(idempotency_key=KEY + "\n"),
    "time negative": body(client_milliseconds="-5"),
    "time NaN": body(client_milliseconds="NaN"),
    "time infinite": body(client_milliseconds="Infinity"),
    "time float": body(client_milliseconds="1.5"),
    "time huge": body(client_milliseconds=str(2**31)),
    "view unknown": body(view="sideways"),
    "view HTML": body(view="<script>"),
    "unknown field": body(comment="hello"),
    "field twice": body() + b"&option=1",
    "thirty fields": body() + b"".join(b"&f%d=1" % number for number in range(30)),
    "not UTF-8": body() + b"&x=%ff",
    "lone surrogate": body() + b"&x=%ed%a0%80",
    "raw bytes": b"\xff\xfe\x00\x01",
    "UTF-16": urlencode(GOOD).encode("utf-16"),
    "JSON": json.dumps(GOOD).encode(),
    "deep nesting": b"[" * 10000,
    "no equals sign": b"slot",
    "NUL in a name": body() + b"&%00=1",
}


@pytest.fixture
def browser(db: None) -> RaterBrowser:
    """A rater with a task in hand."""
    browser = RaterBrowser(factories.make_rater(factories.make_open_campaign()))
    browser.open()
    return browser


@pytest.mark.parametrize("script", [False, True])
def test_every_malformed_answer_is_a_400_that_names_the_fault(browser: RaterBrowser, script: bool) -> None:
    """Control: parsing with int() and UUID() instead of the patterns lets eight of these through."""
    for name, content in BAD_BODIES.items():
        page = browser.post_raw("answer", content, script=script)
        assert page.status == 400, f"{name}: {page.status}"
        assert "must" in page.html or "field" in page.html or "form" in page.html, name
        assert "<script>" not in page.html.split("</head>")[-1].replace('<script type="module"', ""), name
    assert Answer.objects.count() == LateAnswer.objects.count() == 0


def test_all_faults_of_a_form_are_named_at_once(browser: RaterBrowser) -> None:
    page = browser.post_raw("answer", body(slot="x", option="9", idempotency_key="y", view="z"))
    for field in ("slot", "option", "idempotency_key", "view"):
        assert f"{field} must be" in page.html


def test_a_form_over_64_kb_is_refused_before_it_is_read(browser: RaterBrowser) -> None:
    """Control: without the look at the declared length the body is read, which fails here."""
    length: dict[str, Any] = {"CONTENT_LENGTH": str(BODY_LIMIT + 1), "wsgi.input": Unreadable()}
    response = browser.client.generic("POST", browser.url("answer"), b"", FORM, **length)
    assert response.status_code == 413


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/json", "text/plain"]
)
def test_another_content_type_is_refused(browser: RaterBrowser, content_type: str) -> None:
    assert browser.post_raw("answer", body(), content_type=content_type).status == 415


@pytest.mark.parametrize("name", ["undo", "stop"])
def test_a_form_of_one_button_takes_no_fields(browser: RaterBrowser, name: str) -> None:
    assert browser.post(name, {"force": "yes"}).status == 400
    assert Rater.objects.get().outcome == ""


@pytest.mark.parametrize(
    "content", [b"", b"consent=maybe", b"consent=agree&consent=agree", b"agree=yes", b"\xff"]
)
def test_consent_is_a_clear_yes_or_no(content: bytes, db: None) -> None:
    campaign = factories.make_open_campaign()
    address = reverse("rate:entry", args=[campaign.public_id])
    assert Client().post(address, content, content_type=FORM).status_code == 400
    assert Rater.objects.count() == 0


@pytest.mark.parametrize("name", ["answer", "undo", "consent"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_addresses_that_take_answers_show_a_405_page_otherwise(
    browser: RaterBrowser, name: str, method: str
) -> None:
    response = browser.client.generic(method, browser.url(name))
    assert response.status_code == 405
    assert response["Allow"] == "POST"


@pytest.mark.parametrize("name", ["session", "instructions", "stop"])
def test_a_head_request_changes_nothing_and_is_not_taken(browser: RaterBrowser, name: str) -> None:
    assert browser.client.head(browser.url(name)).status_code == 405


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "1.x",
        "1.%00",
        "1..",
        "%F0%9F%90%88",
        "a" * 3000,
        "1." + "a" * 43,
        "%2e%2e",
        "9" * 30 + "." + "a" * 43,
    ],
)
@pytest.mark.parametrize("rest", ["", "instructions/", "stop/", "image/1.png", "map/1.png"])
def test_a_token_that_is_not_ours_is_a_404_page(token: str, rest: str, db: None) -> None:
    """Control: a token read as a bare primary key lets `1.x` in where rater 1 exists."""
    client = Client(raise_request_exception=False)
    response = client.get(f"/r/{token}/{rest}")
    assert response.status_code == 404
    assert not response.cookies


def test_a_token_with_another_raters_number_is_refused(browser: RaterBrowser) -> None:
    other = factories.make_rater(browser.rater.campaign)
    forged = f"{other.pk}.{browser.token.split('.')[1]}"
    assert browser.client.get(f"/r/{forged}/").status_code == 404


@pytest.mark.parametrize("name", ["session", "instructions", "stop"])
def test_pages_are_not_stored_indexed_or_passed_on(browser: RaterBrowser, name: str) -> None:
    """Control: without `rater_page` no headers; a page rendered with the request varies by cookie."""
    response = browser.open(name).response
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"]
    assert "Cookie" not in response.get("Vary", "")
    assert b"<script>" not in response.content
    assert b" style=" not in response.content


class AnswersOfAnyBytes(TestCase):
    """A random search for a form that makes the server fail."""

    campaign: Campaign

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        fields=st.dictionaries(
            st.one_of(st.sampled_from(sorted(GOOD)), st.text(max_size=8)),
            st.one_of(st.text(max_size=40), st.sampled_from([KEY, "1", "4", "-1", "1e400", "\x00"])),
            max_size=8,
        ),
        script=st.booleans(),
    )
    def test_any_fields_get_an_answer_below_500(self, fields: dict[str, str], script: bool) -> None:
        browser = self._browser()
        content = urlencode(fields, errors="surrogatepass").encode()
        assert browser.post_raw("answer", content, script=script).status < 500

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(content=st.binary(max_size=300))
    def test_any_bytes_get_an_answer_below_500(self, content: bytes) -> None:
        browser = self._browser()
        for name in ("answer", "consent", "undo"):
            assert browser.post_raw(name, content).status < 500

    @classmethod
    def setUpTestData(cls) -> None:
        cls.campaign = factories.make_open_campaign()

    def _browser(self) -> RaterBrowser:
        return RaterBrowser(factories.make_rater(self.campaign, fresh_key()))
