"""The rater's path, page by page: consent, rating, undo, stopping, the end."""

from typing import Any
from uuid import UUID

import pytest

from annotation.choices import ANSWER_OPTIONS, ItemKind
from annotation.models import Answer, Consent, Item, LateAnswer, Rater, Slot
from annotation.services import campaigns, entry
from annotation.services.answers import AnswerRefusal
from annotation.services.endings import EndReason
from annotation.services.entry import EntryRefusal
from annotation.views import rater_outcomes
from tests import factories
from tests.annotation.rater_browser import RaterBrowser, fresh_key, json_of

pytestmark = pytest.mark.django_db


def start(**changes: Any) -> RaterBrowser:
    """A rater who has agreed, in an open campaign of two prompts."""
    return RaterBrowser(factories.make_rater(factories.make_open_campaign(**changes)))


# Consent


def test_a_rater_without_consent_sees_the_consent_text_and_no_task() -> None:
    browser = RaterBrowser(entry.enter(factories.make_open_campaign(), factories.identity()))
    page = browser.open()
    assert "I agree" in page.html
    assert "data-prompt" not in page.html
    assert not Slot.objects.filter(rater=browser.rater).exists()


@pytest.mark.parametrize("script", [False, True])
def test_an_answer_without_consent_is_refused_and_nothing_stored(script: bool) -> None:
    """Control: with `take_seat` not asking for consent this answers 303 or 409."""
    campaign = factories.make_open_campaign()
    browser = RaterBrowser(entry.enter(campaign, factories.identity()))
    slot = Slot.objects.filter(campaign=campaign).first()
    assert slot
    fields = {"slot": str(slot.public_id), "idempotency_key": fresh_key(), "option": "3"}
    assert browser.post("answer", fields, script=script).status == 403
    assert Answer.objects.count() == LateAnswer.objects.count() == 0


def test_agreeing_leads_to_the_instructions_and_on_to_the_questions() -> None:
    browser = RaterBrowser(entry.enter(factories.make_open_campaign(), factories.identity()))
    agreed = browser.post("consent", {"consent": "agree"})
    assert (agreed.status, agreed.response["Location"]) == (303, browser.url("instructions"))
    instructions = browser.open("instructions")
    assert "Look at the image, then at the highlighted parts." in instructions.html
    assert f'action="{browser.url("session")}"' in instructions.html
    assert "data-prompt" in browser.open().html


def test_declining_gives_the_code_for_that_now_and_later() -> None:
    browser = RaterBrowser(entry.enter(factories.make_open_campaign(), factories.identity()))
    browser.post("consent", {"consent": "decline"})
    for _ in range(2):
        page = browser.open()
        assert "NOPE1234" in page.html
        assert "DONE1234" not in page.html


def test_consent_after_declining_is_refused() -> None:
    browser = RaterBrowser(entry.enter(factories.make_open_campaign(), factories.identity()))
    browser.post("consent", {"consent": "decline"})
    browser.post("consent", {"consent": "agree"})
    assert Consent.objects.count() == 0


# The task


def test_the_page_marks_the_target_word_at_its_place_in_the_prompt() -> None:
    campaign = factories.make_campaign_of(1, raters_per_item=1)
    word = factories.map_of(campaign.items.get(kind=ItemKind.RATING)).word
    html = RaterBrowser(factories.make_rater(campaign)).open().prompt_html
    assert f'<mark class="target-word" data-word>{word.text}</mark>' in html


def test_a_prompt_of_markup_is_shown_as_text_with_its_word_where_it_is() -> None:
    """Control: cutting the escaped prompt instead of the prompt marks the wrong characters."""
    run = factories.make_finished_run(prompts=['<b onload="x">&amp; ball'])
    browser = RaterBrowser(factories.make_rater(factories.make_open_campaign(run=run)))
    shown = set()
    while "data-prompt" in (page := browser.open()).html:
        assert "<b onload" not in page.html
        shown.add(page.prompt_html)
        browser.answer()
    assert any(
        "&lt;b onload=&quot;x&quot;&gt;&amp;amp; </span>" in html and ">ball</mark>" in html for html in shown
    )


def test_every_option_is_a_button_of_the_form_with_its_key() -> None:
    html = start().open().html
    for option in ANSWER_OPTIONS:
        assert f'name="option" value="{option.code}" data-keys="{option.key}"' in html
        assert f"<span>{option.label}</span>" in html


def test_progress_counts_from_one_and_says_the_minutes() -> None:
    browser = RaterBrowser(factories.make_rater(factories.make_campaign_of(40, seconds_per_item=8)))
    assert "1 of 40" in browser.open().html
    assert "about 6 min left" in browser.open().html
    browser.answer()
    assert "2 of 40" in browser.open().html


def test_an_answer_by_the_plain_form_is_stored_and_leads_to_the_next_task() -> None:
    browser = start()
    fields = browser.fields()
    fields |= {"option": "5", "view": "overlay", "client_milliseconds": "2345"}
    sent = browser.post("answer", fields)
    assert (sent.status, sent.response["Location"]) == (303, browser.url("session"))
    answer = Answer.objects.get()
    assert (answer.score, answer.opt_out, answer.view, answer.client_milliseconds) == (5, "", "overlay", 2345)
    assert browser.open().hidden("slot") != fields["slot"]


def test_an_opt_out_is_stored_as_such_and_without_scripts_there_is_no_time() -> None:
    start().answer("word_too_abstract", client_milliseconds="")
    answer = Answer.objects.get()
    assert (answer.score, answer.opt_out, answer.client_milliseconds) == (None, "word_too_abstract", None)


def test_the_scripts_answer_carries_the_next_task_in_one_round_trip() -> None:
    browser = start()
    content = json_of(browser.answer(script=True))
    assert content["outcome"] == "saved"
    page = browser.open()
    assert str(content["task"]["slot"]) == page.hidden("slot")
    assert content["task"]["place"] == 2
    assert content["task"]["word"] in page.prompt_html


def test_nothing_a_rater_gets_tells_an_attention_check_from_a_question() -> None:
    """Control: a field of the screen that differs by the item's kind shows up as another set of names."""
    browser = RaterBrowser(factories.make_rater(factories.make_campaign_of(6, checks=4, checks_per_rater=3)))
    kinds = set()
    shapes = set()
    pages = set()
    while "data-prompt" in (page := browser.open()).html:
        kinds.add(Slot.objects.get(public_id=page.hidden("slot")).item.kind)
        assert "attention" not in page.html.lower()
        assert "accepted" not in page.html.lower()
        pages.add(tuple(tag for tag in page.html.split("<") if tag.startswith("input")).__len__())
        task = json_of(browser.answer(script=True))["task"]
        if task:
            shapes.add(tuple((name, type(value).__name__) for name, value in task.items()))
    assert kinds == {ItemKind.RATING, ItemKind.ATTENTION}
    assert len(shapes) == 1
    assert len(pages) == 1


# Going back, stopping, ending


def test_undo_brings_the_last_task_back_once() -> None:
    browser = start()
    fields = browser.fields("1")
    browser.post("answer", fields)
    undone = browser.post("undo")
    assert (undone.status, undone.response["Location"]) == (303, browser.url("session"))
    assert browser.open().hidden("slot") == fields["slot"]
    assert browser.post("undo").status == 409
    browser.answer("5")
    standing = Answer.objects.get(undone_at__isnull=True)
    assert (str(standing.slot.public_id), standing.score) == (fields["slot"], 5)


def test_undo_by_the_script_carries_the_task() -> None:
    browser = start()
    fields = browser.fields("1")
    browser.post("answer", fields)
    content = json_of(browser.post("undo", script=True))
    assert (content["outcome"], str(content["task"]["slot"])) == ("undone", fields["slot"])
    assert content["task"]["can_undo"] is False


def test_stopping_asks_once_and_then_gives_the_code() -> None:
    browser = start()
    browser.answer()
    assert "Stop for good" in browser.open("stop").html
    assert Rater.objects.get().outcome == ""
    browser.post("stop")
    page = browser.open()
    assert "You have stopped" in page.html
    assert "DONE1234" in page.html


def test_stopping_before_any_answer_says_that_there_is_no_code() -> None:
    browser = start()
    browser.post("stop")
    page = browser.open()
    assert "DONE1234" not in page.html
    assert "there is no code" in page.html


def test_the_end_shows_the_code_and_the_way_back_each_time() -> None:
    browser = start(completion_url="https://app.prolific.com/submissions/complete?cc=DONE1234")
    while "data-prompt" in browser.open().html:
        browser.answer()
    for _ in range(2):
        page = browser.open()
        assert "DONE1234" in page.html
        assert (
            'href="https://app.prolific.com/submissions/complete?cc=DONE1234" rel="noreferrer"' in page.html
        )


def test_the_last_answer_of_the_script_leads_to_the_end() -> None:
    browser = RaterBrowser(factories.make_rater(factories.make_campaign_of(1, raters_per_item=1)))
    content = json_of(browser.answer(script=True))
    assert (content["task"], content["location"]) == (None, browser.url("session"))


def test_a_pause_in_mid_session_says_so_and_keeps_the_session() -> None:
    browser = start()
    browser.answer()
    campaigns.pause(browser.rater.campaign, None)
    assert "The study is paused" in browser.open().html
    campaigns.resume(browser.rater.campaign, None)
    assert "data-prompt" in browser.open().html


def test_a_campaign_that_closes_in_mid_session_gives_the_code() -> None:
    browser = start()
    browser.answer()
    campaigns.close(browser.rater.campaign, None)
    page = browser.open()
    assert "closed while you were rating" in page.html
    assert "DONE1234" in page.html


# Every reason has its page


def test_every_reason_of_the_services_has_a_text() -> None:
    """Control: a new reason without a text makes one of the sets differ."""
    assert set(rater_outcomes.ENTRY_REFUSED) == set(EntryRefusal)
    assert set(rater_outcomes.ANSWER_REFUSED) == set(AnswerRefusal)
    assert set(rater_outcomes.SESSION_ENDED) == set(EndReason)


def test_a_rater_page_never_names_model_run_or_campaign() -> None:
    browser = start()
    campaign = browser.rater.campaign
    html = browser.open().html
    for secret in (campaign.name, campaign.run.name, campaign.run.model_id, campaign.run.model_revision):
        assert secret not in html
    assert Item.objects.filter(campaign=campaign).exists()


def test_task_names_tell_nothing_about_checks() -> None:
    """Control: the row's number as the task's name: a check's is higher than every place's."""
    browser = RaterBrowser(factories.make_rater(factories.make_campaign_of(6, checks=4, checks_per_rater=3)))
    names: dict[str, bool] = {}
    while "data-prompt" in (page := browser.open()).html:
        name = page.hidden("slot")
        names[name] = Slot.objects.get(public_id=name).number is None
        browser.answer()
    assert {UUID(name).version for name in names} == {4}
    assert sorted(names.values()) == [False] * 6 + [True] * 3
    assert not any(str(pk) in names for pk in Slot.objects.values_list("pk", flat=True))
