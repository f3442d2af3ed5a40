"""The researcher's campaign pages: from no run at all to a closed campaign."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import CampaignState
from annotation.models import Campaign, Rater
from annotation.services import campaigns as service
from annotation.services import raters as rater_service
from annotation.services.tasks_for_raters import next_task
from generation.choices import ImageState
from generation.models import Image, Run
from tests import factories

pytestmark = pytest.mark.django_db

ENTRIES: dict[str, Any] = {
    "name": "Nouns first",
    "title": "Words in images",
    "question": "How well does the highlighting fit?",
    "instructions": "Look, then judge.",
    "consent_text": "You may stop at any time.",
    "contact": "study@example.org",
    "parts_of_speech": ["NOUN", "ADJ"],
    "items_limit": "",
    "raters_per_item": "3",
    "items_per_rater": "40",
    "share_cap_percent": "18",
    "seconds_per_item": "8",
    "lease_minutes": "10",
    "checks_per_rater": "2",
    "checks_allowed_wrong": "0",
    "completion_code": "C0DE1234",
    "no_consent_code": "",
    "plain_link": "on",
    "completion_url": "https://app.prolific.com/submissions/complete?cc=C0DE1234",
}


@pytest.fixture
def run(owner: User) -> Run:
    return factories.make_finished_run(owner)


def text(client: Client, url: str, *, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return unescape(response.content.decode())


def page_of(campaign: Campaign, name: str = "campaign") -> str:
    return reverse(f"annotation:{name}", args=[campaign.public_id])


def new_page(run: Run) -> str:
    return f"{reverse('annotation:campaign_new')}?run={run.pk}"


def test_without_a_run_the_list_leads_to_the_runs(signed_in: Client) -> None:
    page = text(signed_in, reverse("annotation:campaigns"))
    assert "Make a run first" in page
    assert f'href="{reverse("generation:runs")}"' in page
    assert reverse("annotation:campaign_new") not in page


def test_an_unfinished_run_is_not_offered(signed_in: Client, owner: User) -> None:
    """Control: leave the filter on unfinished images out of `sources.finished_runs`."""
    run = factories.make_finished_run(owner)
    assert run.name in text(signed_in, reverse("annotation:campaign_new"))
    one = run.images.order_by("pk")[0].pk
    Image.objects.filter(pk=one).update(
        state=ImageState.READY, file="", maps_file="", generated_at=None, safety_verdict=""
    )
    assert "Make a run first" in text(signed_in, reverse("annotation:campaign_new"))
    assert signed_in.get(new_page(run)).status_code == 404


def test_with_a_run_the_list_leads_to_a_new_campaign(signed_in: Client, run: Run) -> None:
    assert reverse("annotation:campaign_new") in text(signed_in, reverse("annotation:campaigns"))
    assert run.name in text(signed_in, reverse("annotation:campaign_new"))


def test_the_list_shows_state_and_progress(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run, raters_per_item=1, name="Shown")
    rater = factories.make_rater(campaign)
    task = next_task(rater)
    factories.answer(rater, task)  # type: ignore[arg-type]
    page = text(signed_in, reverse("annotation:campaigns"))
    assert "Shown" in page
    assert "Open" in page
    assert '<strong class="number">1</strong> of' in page
    assert "1 rater" in page


def test_a_new_campaign_starts_with_texts_ready_to_use(signed_in: Client, run: Run) -> None:
    page = text(signed_in, new_page(run))
    assert "How well do the highlighted parts of the image reflect the meaning of the red word?" in page
    assert "Don't be afraid to choose" in page
    assert "test-model" in page


def test_the_form_offers_the_parts_of_speech_of_the_run_without_punctuation(
    signed_in: Client, run: Run
) -> None:
    page = text(signed_in, new_page(run))
    assert 'value="NOUN"' in page
    assert 'value="VERB"' not in page
    assert 'value="PUNCT"' not in page


def test_the_form_says_what_the_campaign_asks(signed_in: Client, run: Run) -> None:
    # The two prompts of the factories hold 4 nouns and 4 adjectives.
    url = f"{reverse('annotation:campaign_effort')}?run={run.pk}&" + "&".join(
        ("parts_of_speech=NOUN&parts_of_speech=ADJ&raters_per_item=3&items_per_rater=4&share_cap_percent=100",
         "seconds_per_item=10&checks_per_rater=2")
    )  # fmt: skip
    page = text(signed_in, url)
    facts = [part.split("</dd>")[0] for part in page.split("<dd>")[1:]]
    assert facts == ["8", "24", "6", "4", "1", "0.1"]


def test_a_sum_without_numbers_asks_for_them(signed_in: Client, run: Run) -> None:
    page = text(signed_in, f"{reverse('annotation:campaign_effort')}?run={run.pk}&raters_per_item=x")
    assert "Fill in the numbers" in page


def test_a_good_form_makes_a_draft(signed_in: Client, run: Run) -> None:
    response = signed_in.post(new_page(run), ENTRIES)
    campaign = Campaign.objects.get()
    assert response.headers["Location"] == page_of(campaign)
    assert (campaign.state, campaign.owner, campaign.run) == (CampaignState.DRAFT, run.owner, run)
    assert (campaign.share_cap, campaign.lease_seconds) == (0.18, 600)
    assert campaign.parts_of_speech == ["NOUN", "ADJ"]
    assert campaign.completion_url == ENTRIES["completion_url"]


@pytest.mark.parametrize(
    ("field", "entry", "message"),
    [
        ("parts_of_speech", [], "without words there is nothing to rate"),
        ("parts_of_speech", ["VERB"], "VERB is not one of the available choices"),
        ("raters_per_item", "0", "greater than or equal to 1"),
        ("share_cap_percent", "101", "less than or equal to 100"),
        ("share_cap_percent", "nan", "Enter a number"),
        ("checks_per_rater", "4", "The run has 3 maps of punctuation marks"),
        ("checks_allowed_wrong", "2", "nobody can fail"),
        ("completion_code", "two words", "without spaces"),
        ("completion_url", "javascript:alert(1)", "Enter a valid URL"),
        ("completion_url", "ftp://example.org", "Enter a valid URL"),
        ("name", "", "This field is required"),
        ("title", "x" * 121, "at most 120 characters"),
    ],
)
def test_a_bad_entry_is_refused_with_its_reason(
    signed_in: Client, run: Run, field: str, entry: Any, message: str
) -> None:
    response = signed_in.post(new_page(run), ENTRIES | {field: entry})
    assert response.status_code == 400
    assert message in unescape(response.content.decode())
    assert not Campaign.objects.exists()


def test_a_run_of_somebody_else_can_not_be_used(signed_in: Client, stranger: User) -> None:
    """Control: take finished_runs of Run.objects.all() in the view."""
    theirs = factories.make_finished_run(stranger)
    assert signed_in.get(new_page(theirs)).status_code == 404
    assert signed_in.post(new_page(theirs), ENTRIES).status_code == 404
    assert theirs.name not in text(signed_in, reverse("annotation:campaign_new"))


@pytest.mark.parametrize("pk", ["0", "-1", "x", "9" * 30, "%EF%BC%91", "%00"])
def test_a_run_that_is_no_run_is_not_found(signed_in: Client, run: Run, pk: str) -> None:
    url = f"{reverse('annotation:campaign_new')}?run={pk}"
    assert (signed_in.get(url).status_code, signed_in.post(url, ENTRIES).status_code) == (404, 404)


def test_a_draft_is_edited(signed_in: Client, run: Run) -> None:
    campaign = factories.make_draft(run=run)
    assert campaign.title in text(signed_in, page_of(campaign, "campaign_edit"))
    signed_in.post(page_of(campaign, "campaign_edit"), ENTRIES | {"title": "Other words"})
    campaign.refresh_from_db()
    assert campaign.title == "Other words"


def test_an_edit_that_changes_nothing_keeps_every_value(signed_in: Client, run: Run) -> None:
    campaign = factories.make_draft(run=run, share_cap=0.07, lease_seconds=120, items_limit=3)
    fields = [field.name for field in Campaign._meta.concrete_fields]
    before = {name: getattr(campaign, name) for name in fields}
    form = signed_in.get(page_of(campaign, "campaign_edit")).context["form"]
    entries = {name: value for name, value in form.initial.items() if value is not None}
    assert signed_in.post(page_of(campaign, "campaign_edit"), entries).status_code == 302
    campaign.refresh_from_db()
    changed = {name for name in fields if getattr(campaign, name) != before[name]}
    # The stored default names every part of speech; the form stores those that the run has.
    assert changed <= {"parts_of_speech"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_opened_campaign_can_not_be_edited(signed_in: Client, run: Run, method: str) -> None:
    """Control: leave the check of the state out of `campaign_edit`: then the page answers 200."""
    campaign = factories.make_open_campaign(run=run)
    ask: Callable[..., Any] = getattr(signed_in, method)
    response = ask(page_of(campaign, "campaign_edit"), ENTRIES if method == "post" else {})
    assert response.status_code == 409
    assert "raters have agreed to its consent text" in unescape(response.content.decode())
    before = campaign.title
    campaign.refresh_from_db()
    assert campaign.title == before


def test_a_draft_that_can_not_open_says_why(signed_in: Client, run: Run) -> None:
    campaign = factories.make_draft(run=run, contact="", checks_per_rater=9)
    page = text(signed_in, page_of(campaign))
    assert "Still to be written: the contact" in page
    assert "9 punctuation marks" in page
    assert '<button class="button--main" type="submit" disabled>Open the campaign</button>' in page


def test_opening_in_spite_of_an_obstacle_changes_nothing(signed_in: Client, run: Run) -> None:
    campaign = factories.make_draft(run=run, contact="")
    response = signed_in.post(page_of(campaign, "campaign_open"), follow=True)
    assert "Still to be written: the contact" in unescape(response.content.decode())
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


def test_a_campaign_goes_through_its_life(signed_in: Client, run: Run) -> None:
    campaign = factories.make_draft(run=run)
    for name, state in [
        ("campaign_open", CampaignState.OPEN),
        ("campaign_pause", CampaignState.PAUSED),
        ("campaign_resume", CampaignState.OPEN),
        ("campaign_close", CampaignState.CLOSED),
    ]:
        assert signed_in.post(page_of(campaign, name)).status_code == 302
        campaign.refresh_from_db()
        assert campaign.state == state
    acts = [entry.act for entry in campaign.audit_entries.order_by("pk")]
    assert acts == ["create", "open", "pause", "resume", "close"]


def test_an_act_that_came_too_late_is_a_message_not_an_error(signed_in: Client, run: Run) -> None:
    campaign = factories.make_draft(run=run)
    response = signed_in.post(page_of(campaign, "campaign_resume"), follow=True)
    assert response.status_code == 200
    assert "Nothing was done" in unescape(response.content.decode())


@pytest.mark.parametrize("name", ["campaign_open", "campaign_pause", "campaign_resume"])
def test_a_visit_by_link_never_changes_the_state(signed_in: Client, run: Run, name: str) -> None:
    campaign = factories.make_open_campaign(run=run)
    assert signed_in.get(page_of(campaign, name)).status_code == 405


def test_closing_asks_first_and_says_what_is_missing(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run, raters_per_item=2)
    page = text(signed_in, page_of(campaign, "campaign_close"))
    places = campaign.slots.count()
    assert f"Only 0 of {places} ratings are in" in page
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.OPEN


def test_the_page_shows_links_to_copy(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run)
    page = text(signed_in, page_of(campaign))
    entry = f"http://testserver{reverse('rate:entry', args=[campaign.public_id])}"
    assert f'value="{entry}"' in page
    placeholders = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    assert f'value="{entry}?{placeholders}"' in page


def test_the_progress_names_each_rater_with_the_evidence(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run, raters_per_item=1)
    rater = factories.make_rater(campaign)
    given = factories.rate_all(rater)
    page = text(signed_in, page_of(campaign, "campaign_progress"))
    assert rater.pseudonym[:8] in page
    assert f'<span class="stat">{given}</span>' in page
    assert "100\u00a0%" in page
    assert "<html" not in page


def test_a_page_whose_campaign_was_closed_elsewhere_is_told_to_reload(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run)
    url = f"{page_of(campaign, 'campaign_progress')}?state=open"
    assert "X-Poll-Reload" not in signed_in.get(url).headers
    service.close(campaign, run.owner)
    assert signed_in.get(url).headers["X-Poll-Reload"] == "1"


def test_a_rater_is_excluded_with_a_reason_and_included_again(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run, raters_per_item=1)
    rater = factories.make_rater(campaign)
    factories.rate_all(rater)
    url = reverse("annotation:rater", args=[campaign.public_id, rater.pseudonym])
    assert signed_in.post(url, {"reason": " "}).status_code == 400
    signed_in.post(url, {"reason": "answered at random"})
    rater.refresh_from_db()
    assert rater.exclusion_reason == "answered at random"
    assert "answered at random" in text(signed_in, url)
    signed_in.post(reverse("annotation:rater_include", args=[campaign.public_id, rater.pseudonym]))
    rater.refresh_from_db()
    assert rater.excluded_at is None


def test_an_excluded_raters_places_go_to_others_for_good(signed_in: Client, run: Run) -> None:
    campaign = factories.make_open_campaign(run=run, raters_per_item=1)
    rater = factories.make_rater(campaign)
    given = factories.rate_all(rater)
    rater_service.exclude(rater, run.owner, "answered at random")
    arguments = [campaign.public_id, rater.pseudonym]
    response = signed_in.post(reverse("annotation:rater_refill", args=arguments), follow=True)
    assert f"{given} places are free for other raters" in unescape(response.content.decode())
    response = signed_in.post(reverse("annotation:rater_include", args=arguments), follow=True)
    assert "places were given to others" in unescape(response.content.decode())
    rater.refresh_from_db()
    assert rater.excluded_at is not None


def test_a_rater_of_another_campaign_is_not_found_here(signed_in: Client, run: Run) -> None:
    """Control: look the rater up by pseudonym alone."""
    first, second = (factories.make_open_campaign(run=run) for _ in range(2))
    rater = factories.make_rater(first)
    url = reverse("annotation:rater", args=[second.public_id, rater.pseudonym])
    assert signed_in.get(url).status_code == 404
    assert signed_in.post(url, {"reason": "none of mine"}).status_code == 404
    assert Rater.objects.get(pk=rater.pk).excluded_at is None


def test_names_are_printed_as_text(signed_in: Client, run: Run) -> None:
    """Control: |safe on the campaign's name."""
    campaign = factories.make_draft(run=run, name="<script>alert(1)</script>", question="<b>bold</b>?")
    for url in (page_of(campaign), reverse("annotation:campaigns"), page_of(campaign, "campaign_edit")):
        content = signed_in.get(url).content.decode()
        assert "<script>alert" not in content
        assert "<b>bold" not in content
