"""The rater's path, page by page: entry, consent, rating, undo, stopping, the end."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from annotation.choices import ANSWER_OPTIONS, ItemKind
from annotation.models import Answer, Campaign, Consent, Item, LateAnswer, Rater, Slot
from annotation.services import campaigns, entry
from annotation.services.answers import AnswerRefusal
from annotation.services.endings import EndReason
from annotation.services.entry import EntryRefusal
from annotation.tokens import rater_token
from annotation.views import rater_outcomes
from tests import factories
from tests.annotation.rater_browser import RaterBrowser, fresh_key, json_of

pytestmark = pytest.mark.django_db

PROLIFIC = {"PROLIFIC_PID": "5f1e2d3c4b5a69788796a5b4", "STUDY_ID": "study1", "SESSION_ID": "session1"}


def link(campaign: Campaign, **parameters: str) -> str:
    """The campaign's recruitment link."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return reverse("rate:entry", args=[campaign.public_id]) + query


def start(**changes: Any) -> RaterBrowser:
    """A rater who has agreed, in an open campaign of two prompts."""
    return RaterBrowser(factories.make_rater(factories.make_open_campaign(**changes)))


# The way in


def test_a_prolific_link_leads_to_the_raters_own_address_without_the_platforms_id() -> None:
    response = Client().get(link(factories.make_open_campaign(), **PROLIFIC))
    assert response.status_code == 303
    assert response["Location"] == f"/r/{rater_token(Rater.objects.get())}/"
    assert PROLIFIC["PROLIFIC_PID"] not in response["Location"]


def test_the_same_link_twice_is_the_same_rater() -> None:
    campaign = factories.make_open_campaign()
    first, second = (Client().get(link(campaign, **PROLIFIC)) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Rater.objects.count() == 1


@pytest.mark.parametrize(
    "query",
    [
        "PROLIFIC_PID={{%PROLIFIC_PID%}}",
        "PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D",
        "PROLIFIC_PID=%257B%257B%2525PROLIFIC_PID%2525%257D%257D",
        "PROLIFIC_PID=${PROLIFIC_PID}",
        "PROLIFIC_PID=",
        "PROLIFIC_PID=%20",
        "PROLIFIC_PID=a1&PROLIFIC_PID=b2",
        "PROLIFIC_PID=a1&STUDY_ID={{%STUDY_ID%}}",
        "prolific_pid=a1",
        "STUDY_ID=s1",
        "PROLIFIC_PID=a%00b",
        "PROLIFIC_PID=a%FFb",
        "PROLIFIC_PID=a1%20",
        "PROLIFIC_PID=%3Cscript%3Ealert(1)%3C/script%3E",
        "PROLIFIC_PID=" + "x" * 201,
        "PROLIFIC_PID=" + "x" * 5000,
        "&".join(f"a{number}=1" for number in range(60)),
    ],
)
def test_a_link_that_names_no_one_rater_is_refused_with_a_page(query: str) -> None:
    """Control: without the rule for characters in `identity_from_query` markup goes on to consent."""
    campaign = factories.make_open_campaign()
    response = Client().get(f"{link(campaign)}?{query}")
    assert response.status_code == 400
    assert b"<h1>" in response.content
    assert b"<script>alert" not in response.content
    assert Rater.objects.count() == 0


def test_a_refused_link_names_the_fault_and_whom_to_ask() -> None:
    """Control: without the placeholder rule the page speaks of characters instead."""
    campaign = factories.make_open_campaign()
    html = Client().get(f"{link(campaign)}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}").content.decode()
    assert "was not filled in" in html
    assert campaign.contact in html


def test_a_plain_link_shows_the_consent_page_and_makes_nobody() -> None:
    campaign = factories.make_open_campaign(consent_text="All of this is voluntary.")
    response = Client().get(link(campaign))
    assert response.status_code == 200
    assert "All of this is voluntary." in response.content.decode()
    assert Rater.objects.count() == 0


def test_agreeing_at_the_plain_link_makes_one_rater_however_often_it_is_clicked() -> None:
    """Control: with a fresh random identity per POST the second click makes a second rater."""
    campaign = factories.make_open_campaign()
    client = Client(enforce_csrf_checks=True)
    html = client.get(link(campaign)).content.decode()
    visit = html.split('name="visit" value="')[1].split('"')[0]
    body = urlencode({"consent": "agree", "visit": visit})
    answers = [
        client.post(link(campaign), body, content_type="application/x-www-form-urlencoded") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert answers[0]["Location"] == f"/r/{rater_token(Rater.objects.get())}/instructions/"
    assert Consent.objects.count() == 1


def test_declining_at_the_plain_link_keeps_nothing_and_gives_the_code_for_that() -> None:
    campaign = factories.make_open_campaign()
    response = Client().post(
        link(campaign), "consent=decline", content_type="application/x-www-form-urlencoded"
    )
    assert "NOPE1234" in response.content.decode()
    assert Rater.objects.count() == 0


def test_the_consent_page_says_how_long_it_takes() -> None:
    campaign = factories.make_campaign_of(30, items_per_rater=20, seconds_per_item=12)
    html = Client().get(link(campaign)).content.decode()
    assert "20 short questions" in html
    assert "about 4 minutes" in html


def test_a_campaign_nobody_knows_is_a_404_page() -> None:
    response = Client().get("/c/00000000-0000-4000-8000-000000000000/")
    assert response.status_code == 404
    assert "This link doesn&#x27;t work" in response.content.decode()


@pytest.mark.parametrize("query", [{}, PROLIFIC])
def test_a_draft_says_that_it_has_not_started(query: dict[str, str]) -> None:
    response = Client().get(link(factories.make_draft(), **query))
    assert "has not started yet" in response.content.decode()
    assert Rater.objects.count() == 0


@pytest.mark.parametrize("query", [{}, PROLIFIC])
def test_a_paused_campaign_says_so(query: dict[str, str]) -> None:
    campaign = factories.make_open_campaign()
    campaigns.pause(campaign, None)
    assert "The study is paused" in Client().get(link(campaign, **query)).content.decode()


@pytest.mark.parametrize("query", [{}, PROLIFIC])
def test_a_closed_campaign_says_so(query: dict[str, str]) -> None:
    campaign = factories.make_open_campaign()
    campaigns.close(campaign, None)
    assert "The study has ended" in Client().get(link(campaign, **query)).content.decode()


def test_a_full_campaign_says_so() -> None:
    campaign = factories.make_open_campaign(raters_per_item=1)
    factories.rate_all(factories.make_rater(campaign))
    assert "All places are taken" in Client().get(link(campaign, **PROLIFIC)).content.decode()


def test_whoever_has_finished_gets_her_code_again_by_the_same_link() -> None:
    campaign = factories.make_open_campaign()
    factories.rate_all(factories.make_rater(campaign, PROLIFIC["PROLIFIC_PID"]))
    response = Client().get(link(campaign, **PROLIFIC), follow=True)
    assert "DONE1234" in response.content.decode()


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
    fields = {"slot_id": str(slot.pk), "idempotency_key": fresh_key(), "option": "3"}
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
    word = campaign.items.get(kind=ItemKind.RATING).word_map.word
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
        assert f'name="option" value="{option.code}" data-key="{option.key}"' in html
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
    assert browser.open().hidden("slot_id") != fields["slot_id"]


def test_an_opt_out_is_stored_as_such_and_without_scripts_there_is_no_time() -> None:
    start().answer("word_too_abstract", client_milliseconds="")
    answer = Answer.objects.get()
    assert (answer.score, answer.opt_out, answer.client_milliseconds) == (None, "word_too_abstract", None)


def test_the_scripts_answer_carries_the_next_task_in_one_round_trip() -> None:
    browser = start()
    content = json_of(browser.answer(script=True))
    assert content["outcome"] == "saved"
    page = browser.open()
    assert str(content["task"]["slot_id"]) == page.hidden("slot_id")
    assert content["task"]["place"] == 2
    assert content["task"]["word"] in page.prompt_html


def test_nothing_a_rater_gets_tells_an_attention_check_from_a_question() -> None:
    """Control: a field of the screen that differs by the item's kind shows up as another set of names."""
    browser = RaterBrowser(factories.make_rater(factories.make_campaign_of(6, checks=4, checks_per_rater=3)))
    kinds = set()
    shapes = set()
    pages = set()
    while "data-prompt" in (page := browser.open()).html:
        kinds.add(Slot.objects.get(pk=page.hidden("slot_id")).item.kind)
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
    assert browser.open().hidden("slot_id") == fields["slot_id"]
    assert browser.post("undo").status == 409
    browser.answer("5")
    standing = Answer.objects.get(undone_at__isnull=True)
    assert (str(standing.slot_id), standing.score) == (fields["slot_id"], 5)


def test_undo_by_the_script_carries_the_task() -> None:
    browser = start()
    fields = browser.fields("1")
    browser.post("answer", fields)
    content = json_of(browser.post("undo", script=True))
    assert (content["outcome"], str(content["task"]["slot_id"])) == ("undone", fields["slot_id"])
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
