"""Where raters come from and go to: links of each platform, personal links, and the page of each ending."""

import csv
import io
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import Platform
from annotation.models import AuditEntry, Campaign, Rater, RaterIdentity
from annotation.services import campaigns, entry
from annotation.services.campaigns import InvitationsRefused
from annotation.services.endings import EndReason, session_end
from annotation.tokens import BadToken, invitation_number, invitation_token, rater_token
from annotation.views.endings import BY_NAME
from tests import factories

pytestmark = pytest.mark.django_db

SONA = "https://pool.sona-systems.com/webstudy_credit.aspx?experiment_id=9&credit_token=t&survey_code={rater}"


def url(name: str, campaign: Campaign) -> str:
    return reverse(f"annotation:{name}", args=[campaign.public_id])


def opened(owner: User, **changes: Any) -> Campaign:
    return factories.make_campaign_of(3, owner=owner, **changes)


def personal_links(client: Client, campaign: Campaign) -> list[str]:
    answer = client.get(url("links_csv", campaign))
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return [row["address"] for row in csv.DictReader(io.StringIO(text, newline=""))]


def test_the_page_gives_a_link_for_each_platform(signed_in: Client, owner: User) -> None:
    page = unescape(signed_in.get(url("recruitment", opened(owner))).content.decode())
    assert "PROLIFIC_PID={{%PROLIFIC_PID%}}" in page
    assert "survey_code=%SURVEY_CODE%" in page
    assert "CloudResearch Connect" in page


def test_personal_links_let_one_person_in_each(signed_in: Client, owner: User) -> None:
    campaign = opened(owner, plain_link=False)
    for _ in range(2):
        told = signed_in.post(url("recruitment", campaign), {"invitations": "3"}, follow=True)
        assert "The personal links are in the file." in told.content.decode()
    addresses = personal_links(signed_in, campaign)
    assert len(set(addresses)) == 3
    for address in (*addresses, addresses[0]):
        parts = urlsplit(address)
        assert Client().get(f"{parts.path}?{parts.query}").status_code == 303
    assert Rater.objects.filter(platform=Platform.PERSONAL).count() == 3


def test_links_that_were_sent_out_stay_good(owner: User) -> None:
    """Asked for twice, as by a second click, they are made once. Controls: sign with the number of links;
    refuse as many as there are."""
    campaign = opened(owner)
    before = invitation_token(campaign, number=1)
    grown = campaigns.invite(campaigns.invite(campaign, owner, invitations=1), owner, invitations=5)
    assert invitation_token(grown, number=1) == before
    for number in (0, 4, 100_001):
        with pytest.raises(InvitationsRefused):
            campaigns.invite(grown, owner, invitations=number)
    assert campaigns.invite(grown, owner, invitations=5).invitations == 5
    assert AuditEntry.objects.filter(act="invite").count() == 2


def test_a_personal_link_that_was_never_made_is_refused(owner: User) -> None:
    """Control: leave out the comparison with the number that was made."""
    campaign, other = opened(owner), opened(owner)
    campaigns.invite(campaign, owner, invitations=2)
    entry_page = reverse("rate:entry", args=[campaign.public_id])
    good, beyond = (invitation_token(campaign, number=number) for number in (1, 3))
    for token in (beyond, invitation_token(other, number=1), good[:-1], "1", "", f"1{good}", good.upper()):
        response = Client().get(entry_page, {"invitation": token})
        assert response.status_code == 400, token
    assert Client().get(f"{entry_page}?invitation={good}&invitation={good}").status_code == 400
    assert not Rater.objects.exists()


def test_a_token_of_one_campaign_is_nothing_in_another(owner: User) -> None:
    campaign, other = opened(owner), opened(owner)
    with pytest.raises(BadToken):
        invitation_number(invitation_token(campaign, number=1), campaign=other)


def test_without_the_plain_link_only_those_who_are_named_come_in(owner: User) -> None:
    """Control: ask for the plain link only when the page is shown, not when it is sent."""
    campaign = opened(owner, plain_link=False)
    address = reverse("rate:entry", args=[campaign.public_id])
    assert "by invitation" in Client().get(address).content.decode()
    sent = Client().post(
        address,
        data="consent=agree&visit=" + "0" * 32,
        content_type="application/x-www-form-urlencoded",
    )
    assert sent.status_code == 403
    assert not Rater.objects.exists()
    assert Client().get(f"{address}?survey_code=123").status_code == 303


def test_each_ending_takes_the_rater_back_with_her_own_id(owner: User) -> None:
    campaign = opened(owner, completion_url=SONA, no_consent_url="https://pool.example/declined")
    finished = factories.make_rater(campaign, "40381")
    factories.rate_all(finished)
    declined = entry.enter(campaign, factories.identity("40382"))
    end = entry.decline_consent(declined)
    assert end.return_url == "https://pool.example/declined"
    page = unescape(Client().get(f"/r/{rater_token(finished)}/").content.decode())
    assert "survey_code=40381" in page


def test_an_id_that_is_no_longer_kept_makes_no_link(owner: User) -> None:
    """Control: fill in an empty id: a link that credits nobody."""
    campaign = opened(owner, completion_url=SONA)
    rater = factories.make_rater(campaign, "40381")
    factories.rate_all(rater)
    RaterIdentity.objects.all().delete()
    page = Client().get(f"/r/{rater_token(rater)}/").content.decode()
    assert "DONE1234" in page
    assert "sona-systems" not in page


def test_who_answered_nothing_is_sent_nowhere_to_be_credited(owner: User) -> None:
    campaign = opened(owner, completion_url=SONA)
    rater = factories.make_rater(campaign, "40381")
    end = session_end(rater, reason=EndReason.STOPPED)
    assert (end.completion_code, end.return_url) == ("", "")


@pytest.mark.parametrize("ending", BY_NAME)
def test_every_ending_can_be_walked_in_the_preview(signed_in: Client, owner: User, ending: str) -> None:
    campaign = opened(owner, completion_url=SONA, no_consent_code="NOPE1234")
    assert f"ending={ending}" in signed_in.get(url("outcomes", campaign)).content.decode()
    page = unescape(
        signed_in.get(url("preview", campaign), {"page": "end", "ending": ending}).content.decode()
    )
    outcome, code = BY_NAME[ending].outcome, BY_NAME[ending].code
    assert outcome.heading in page
    assert ("DONE1234" in page, "NOPE1234" in page) == (code == "completion_code", code == "no_consent_code")
    assert ("survey_code=the-raters-id" in page) is (code == "completion_code")


def test_an_ending_that_does_not_exist_has_no_page(signed_in: Client, owner: User) -> None:
    answer = signed_in.get(url("preview", opened(owner)), {"page": "end", "ending": "nonsense"})
    assert answer.status_code == 404
