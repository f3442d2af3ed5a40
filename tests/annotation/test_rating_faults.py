"""Faults that happen to every rater: double clicks, two tabs, answers that come late."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from annotation.models import Answer, LateAnswer, Slot
from tests import factories
from tests.annotation.rater_browser import RaterBrowser, json_of

pytestmark = pytest.mark.django_db


def start() -> RaterBrowser:
    """A rater who has agreed, in an open campaign of two prompts."""
    return RaterBrowser(factories.make_rater(factories.make_open_campaign()))


@pytest.mark.parametrize("script", [False, True])
def test_a_form_sent_twice_is_one_answer(script: bool) -> None:
    """Control: if neither the key nor the slot is looked up first, the second form is kept as late."""
    browser = start()
    fields = browser.fields()
    first, second = (browser.post("answer", fields, script=script) for _ in range(2))
    assert first.status == second.status
    assert Answer.objects.count() == 1
    if script:
        assert (json_of(first)["outcome"], json_of(second)["outcome"]) == ("saved", "already")


def test_a_second_tab_with_another_answer_is_told_that_the_first_one_stands() -> None:
    browser = start()
    one, other = browser.fields("5"), browser.fields("1")
    assert one["slot"] == other["slot"]
    browser.post("answer", one)
    page = browser.post("answer", other)
    assert page.status == 409
    assert "answered already" in page.html
    assert Answer.objects.get().score == 5


def test_the_script_of_a_second_tab_gets_the_current_task_with_the_refusal() -> None:
    browser = start()
    one, other = browser.fields("5"), browser.fields("1")
    browser.post("answer", one)
    content = json_of(browser.post("answer", other, script=True))
    assert content["outcome"] == "refused"
    assert str(content["task"]["slot"]) == browser.open().hidden("slot")


@pytest.mark.parametrize("script", [False, True])
def test_a_late_answer_is_kept_and_the_rater_is_thanked_and_led_on(script: bool) -> None:
    """Control: without the takeover the lease is merely renewed and the answer is not late."""
    campaign = factories.make_open_campaign(raters_per_item=1)
    slow = RaterBrowser(factories.make_rater(campaign))
    fields = slow.fields()
    Slot.objects.filter(public_id=fields["slot"]).update(lease_until=Now() - timedelta(seconds=1))
    quick = factories.make_rater(campaign)
    factories.rate_all(quick)
    page = slow.post("answer", fields, script=script)
    assert page.status == 409
    assert "a little late" in page.html
    assert LateAnswer.objects.get().rater == slow.rater
    assert "DONE1234" in slow.open().html


def test_another_raters_task_cannot_be_answered() -> None:
    campaign = factories.make_open_campaign()
    one, other = (RaterBrowser(factories.make_rater(campaign)) for _ in range(2))
    fields = one.fields() | {"slot": other.fields()["slot"]}
    assert one.post("answer", fields).status == 409
    assert Answer.objects.count() == 0
