"""Walk every outcome: what a rater reads and takes along at each ending, and what has to be mended."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from annotation.models import Campaign
from annotation.services import campaigns
from annotation.services.answers import AnswerRefusal
from annotation.services.endings import EndReason
from annotation.services.entry import EntryRefusal
from annotation.views import rater_outcomes
from annotation.views.endings import ENDINGS, walk
from tests import factories

pytestmark = pytest.mark.django_db
PROLIFIC = "https://app.prolific.com/submissions/complete?cc="


def faults(campaign: Campaign) -> dict[str, tuple[str, ...]]:
    """What has to be mended, by ending; those without a fault left out."""
    return {walked.ending.name: walked.faults for walked in walk(campaign) if walked.faults}


def draft(owner: User, **changes: Any) -> Campaign:
    return factories.make_draft(owner, **changes)


def test_every_reason_to_end_or_not_to_come_in_has_an_ending_here(owner: User) -> None:
    """Control: take an ending out of ENDINGS."""
    shown = {ending.outcome for ending in ENDINGS}
    assert {rater_outcomes.SESSION_ENDED[reason] for reason in EndReason} <= shown
    assert {rater_outcomes.ENTRY_REFUSED[reason] for reason in EntryRefusal} <= shown
    assert {rater_outcomes.LATE, rater_outcomes.UNFILLED_LINK, rater_outcomes.BAD_LINK} <= shown
    assert AnswerRefusal.NO_CONSENT in rater_outcomes.ANSWER_REFUSED


def test_the_page_shows_texts_codes_and_addresses_and_each_whole_page(client: Client, owner: User) -> None:
    """Control: leave `taken_along` out of `_walked`, or `late` out of the preview."""
    campaign = draft(
        owner,
        completion_code="C0DE1234",
        completion_url=f"{PROLIFIC}C0DE1234",
        no_consent_url="https://pool.example.org/?id={rater}",
    )
    client.force_login(owner)
    page = client.get(reverse("annotation:outcomes", args=[campaign.public_id])).content.decode()
    assert f"{PROLIFIC}C0DE1234" in page
    assert "https://pool.example.org/?id=the-raters-id" in page
    assert "note--warn" not in page
    for walked in walk(campaign):
        assert escape(walked.heading) in page
        whole = client.get(walked.page)
        assert whole.status_code == 200
        html = whole.content.decode()
        assert all(escape(text) in html for text in walked.paragraphs)
        assert not walked.code or walked.code in html
        assert not walked.address or escape(walked.address) in html


@pytest.mark.parametrize(
    ("changes", "ending", "told"),
    [
        ({"completion_url": "https://pool.example.org/?c=XXXX"}, "finished", "XXXX"),
        ({"completion_url": f"{PROLIFIC}OTHER"}, "stopped", "OTHER"),
        ({"completion_url": "https://app.prolific.com/submissions/complete"}, "finished", "no code"),
        ({"no_consent_code": "", "no_consent_url": "https://example.org/"}, "declined", "no_consent_code"),
    ],
)
def test_what_would_go_wrong_is_told_with_its_remedy(
    owner: User, changes: dict[str, str], ending: str, told: str
) -> None:
    """Control: leave one of the questions out of `_faults`. The form refuses some of them today."""
    campaign = draft(owner)
    assert faults(campaign) == {}
    Campaign.objects.filter(pk=campaign.pk).update(**changes)
    campaign.refresh_from_db()
    assert any(told in fault for fault in faults(campaign)[ending])


def test_a_qualification_without_a_code_for_who_fails_is_told(owner: User) -> None:
    """Control: leave the qualification out of `_faults`."""
    campaign = draft(owner, screened_out_code="")
    assert "screened-out" not in faults(campaign)
    (known,) = factories.known_for(campaign)
    campaign = campaigns.mark_known(campaign, [replace(known, use="qualification")], actor=owner)
    assert "no code for who fails it" in faults(campaign)["screened-out"][0]


def test_texts_are_in_the_language_of_the_campaign_s_pages(owner: User) -> None:
    """Control: leave the override out of `walk`."""
    headings = [walked.heading for walked in walk(draft(owner, language="de"))]
    assert "Danke" in " ".join(headings)
    assert "Thank you" not in " ".join(headings)
