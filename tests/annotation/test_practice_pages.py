"""Training and qualification through the raters' pages, with and without scripts."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import known_answers
from annotation.choices import ItemKind, RaterOutcome, SlotState, TaskKind
from annotation.known_answers import KnownAnswer, Sought
from annotation.models import Answer, Campaign, PracticeAnswer, Rater, Slot
from annotation.services import campaigns, dry_runs, entry
from annotation.services.practice import name_of, practice_items
from annotation.services.seats import PracticePending
from annotation.services.tasks_for_raters import next_task
from generation.prompt_faults import PromptFileRefused
from studies import rehearsal
from tests import factories
from tests.annotation.rater_browser import Page, RaterBrowser, json_of

pytestmark = pytest.mark.django_db
SCORES = Sought(task_kind=TaskKind.OPINION_SCORE)


def practising(uses: Sequence[str], *, owner: User | None = None, **changes: Any) -> Campaign:
    """A draft of nine nouns, the first of them marked for these uses; right is 1."""
    words = " ".join(f"w{number}" for number in range(9))
    run = factories.make_finished_run(owner, prompts=[words])
    draft = factories.make_draft(owner, run=run, **({"screened_out_code": "SORRY123"} | changes))
    maps = draft.items.filter(kind=ItemKind.RATING).order_by("position").values_list("word_map", flat=True)
    marked = [
        KnownAnswer(word_map=pk, accepted=("1",), use=use, explanation="A full stop can't be seen.")
        for pk, use in zip(maps, uses, strict=False)
    ]
    return campaigns.mark_known(draft, marked, actor=draft.owner)


def browser_of(campaign: Campaign) -> RaterBrowser:
    """Somebody who has agreed, at her address."""
    return RaterBrowser(factories.make_rater(campaigns.open_campaign(campaign, campaign.owner)))


def practise(browser: RaterBrowser, option: str, *, script: bool = False) -> Page:
    """Answers the practice item on her page; without scripts, the page that she is sent to."""
    page = browser.post("practice", browser.fields(option), script=script)
    if script:
        return page
    assert page.status == 303
    where = "practice" if page.response["Location"].endswith("/practice/") else "session"
    return browser.open(where)


def test_training_shows_the_right_answer_and_why_and_asks_again(client: Client) -> None:
    """Control: go on to the next item whatever was answered."""
    browser = browser_of(practising(["training"]))
    first = browser.open()
    assert "Practice · 1 of 1" in first.html
    told = practise(browser, "4")
    assert "Not quite" in told.html
    assert "A full stop can&#x27;t be seen." in told.html
    assert ">Bad</dd>" in told.html
    assert "Try it again" in told.html
    assert browser.open().hidden("slot") == first.hidden("slot")
    told = practise(browser, "1")
    assert "That is right" in told.html
    assert "To the questions" in told.html
    assert "Practice" not in browser.open().html
    assert (Answer.objects.count(), PracticeAnswer.objects.count()) == (0, 2)


@pytest.mark.parametrize("script", [True, False])
def test_a_qualification_is_tried_twice_and_then_leads_out_with_the_platform_s_code(script: bool) -> None:
    """Control: leave the last attempt out of `standing`, or `end_session` out of `_record`."""
    campaign = practising(["qualification"] * 2, places_kept=3, screened_out_url="https://example.org/out")
    browser = browser_of(campaign)
    assert Slot.objects.filter(state=SlotState.KEPT).count() == 3
    for option, last in (("1", False), ("4", True), ("4", False), ("1", True)):
        page = practise(browser, option, script=script)
        if script and not last:
            assert json_of(page)["task"]["round_name"] == "Entry test"
        elif script:
            assert json_of(page)["location"]
    end = browser.open().html
    assert "Thank you for trying" in end
    assert "SORRY123" in end
    assert "https://example.org/out" in end
    assert "DONE1234" not in end
    browser.rater.refresh_from_db()
    assert browser.rater.outcome == RaterOutcome.SCREENED_OUT
    assert not Slot.objects.exclude(state=SlotState.FREE).exists()


def test_between_the_attempts_a_rater_reads_how_many_were_right() -> None:
    browser = browser_of(practising(["qualification"] * 2))
    practise(browser, "1")
    told = practise(browser, "4").html
    assert "1 of 2 answers were right." in told
    assert "You need 2." in told
    assert "You can try once more." in told
    practise(browser, "1")
    assert "You have passed" in practise(browser, "1").html


def test_no_question_is_asked_and_no_answer_taken_before_the_practice_is_through() -> None:
    """Control: leave `practising` out of `_next_task`."""
    browser = browser_of(practising(["training", "qualification"]))
    with pytest.raises(PracticePending):
        next_task(browser.rater)
    free = Slot.objects.order_by("pk")[0]
    form = browser.fields() | {"slot": str(free.public_id)}
    assert browser.post("answer", form).status == 409
    assert browser.post("answer", form | {"idempotency_key": str(uuid4())}, script=True).status == 409
    assert not Answer.objects.exists()
    assert not Slot.objects.exclude(state=SlotState.FREE).exists()


def test_an_answer_sent_twice_counts_once_and_a_stale_one_not_at_all() -> None:
    """Control: no unique key; an answer to another item than the one that is asked."""
    browser = browser_of(practising(["training", "training"]))
    form = browser.fields("4")
    for _ in range(2):
        assert browser.post("practice", form, script=True).status == 200
    other = browser_of_item(browser, number=1)
    stale = form | {"slot": other, "idempotency_key": str(uuid4())}
    assert browser.post("practice", stale).status == 409
    assert PracticeAnswer.objects.count() == 1


def browser_of_item(browser: RaterBrowser, *, number: int) -> str:
    """The name of a practice item, from 0."""
    return str(name_of(practice_items(browser.rater.campaign)[number]))


def test_practice_pictures_are_for_those_who_practise() -> None:
    """Control: leave `_may_see` out."""
    campaign = practising(["training"])
    browser = browser_of(campaign)
    path = f"{browser.url('practice')}{browser.open().hidden('slot')}/"
    assert browser.client.get(f"{path}map.png")["Content-Type"] == "image/png"
    assert browser.client.get(f"{path}left.png").status_code == 404
    assert browser.client.get(f"{browser.url('practice')}{uuid4()}/map.png").status_code == 404
    newcomer = RaterBrowser(entry.enter(Campaign.objects.get(), factories.identity()))
    strange = f"{newcomer.url('practice')}{browser.open().hidden('slot')}/map.png"
    assert newcomer.client.get(strange).status_code == 404


def test_a_paused_campaign_pauses_the_practice_too() -> None:
    browser = browser_of(practising(["training"]))
    campaigns.pause(browser.rater.campaign, None)
    assert "The study is paused" in browser.open().html


def test_practice_items_are_not_rated_and_not_asked_as_checks() -> None:
    campaign = practising(["training", "qualification", "check"], known_per_rater=1)
    kinds = list(campaign.items.values_list("kind", "check_kind"))
    assert kinds.count((ItemKind.RATING, "")) == 6
    assert kinds.count((ItemKind.ATTENTION, "known")) == 1
    browser = browser_of(campaign)
    practise(browser, "1")
    practise(browser, "1")
    assert factories.rate_all(browser.rater) == 7


def test_the_file_of_known_answers_says_what_each_is_for() -> None:
    content = (
        b"word_map,accepted,use,explanation\n1,1,training,Nothing lights up.\n2,4 5,,\n3,2,qualification,\n"
    )
    assert [(answer.use, answer.explanation) for answer in known_answers.read(content, sought=SCORES)] == [
        ("training", "Nothing lights up."),
        ("check", ""),
        ("qualification", ""),
    ]
    with pytest.raises(PromptFileRefused) as refused:
        known_answers.read(b"word_map,accepted,use\n1,1,exam\n", sought=SCORES)
    assert "check, training, qualification" in known_answers.summary(refused.value.bad_lines)[0]


def test_the_preview_shows_the_practice_first_with_its_feedback(client: Client) -> None:
    draft = practising(["qualification", "training"])
    client.force_login(draft.owner)
    address = reverse("annotation:preview", args=[draft.public_id])
    assert "training" in client.get(address).content.decode()
    told = client.post(f"{address}?item=1", {"option": "4"}, follow=True).content.decode()
    assert "Not quite" in told
    assert 'name="item" value="2"' in told
    assert "Entry test" in client.get(f"{address}?item=2").content.decode()
    assert "SORRY123" in client.get(f"{address}?page=end&ending=screened-out").content.decode()
    assert client.get(f"{address}?page=feedback&item=2&option=4").status_code == 404
    assert client.get(f"{address}?page=feedback&item=1&option=x").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_walks_the_practice_and_screens_careless_raters_out(owner: User, client: Client) -> None:
    """Control: leave practice items out of `settled_answer`: everybody is screened out sooner or later."""
    draft = practising(["training", "qualification"] * 2, owner=owner, items_per_rater=1)
    copy = dry_runs.start_dry_run(draft, owner)
    for _ in range(20):
        if rehearsal.advance(copy, host="testserver", secure=False, seconds=5).finished:
            break
    outcomes = list(Rater.objects.filter(campaign=copy).values_list("outcome", flat=True))
    assert outcomes.count(RaterOutcome.COMPLETED) == 5 * draft.raters_per_item
    assert RaterOutcome.SCREENED_OUT in outcomes
    client.force_login(owner)
    assert client.get(reverse("evaluation:results", args=[copy.public_id])).status_code == 200
    items = client.get(reverse("evaluation:file", args=[copy.public_id, "items.csv"]))
    listed = b"".join(items.streaming_content).decode()  # type: ignore[attr-defined]
    assert [listed.count(f",{kind},") for kind in ("rating", "training", "qualification")] == [5, 2, 2]
    dry_runs.discard_dry_run(copy, owner)
    assert not PracticeAnswer.objects.exists()


def test_the_specification_holds_the_rules_of_the_practice(client: Client) -> None:
    draft = practising(["training"], pass_mark_percent=70, practice_attempts=3)
    client.force_login(draft.owner)
    address = reverse("annotation:campaign_specification", args=[draft.public_id])
    text = client.get(address).content.decode()
    assert "pass_mark_percent = 70" in text
    assert "practice_attempts = 3" in text
    assert json.dumps("SORRY123") in text
