"""The pages of supervision: the review queue, decisions about pay, more raters, the history."""

import csv
import io
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import PaymentVerdict
from annotation.models import Campaign, PaymentDecision, Rater
from annotation.services import campaigns, payment_lists, payments, raters
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(owner: User) -> Campaign:
    return factories.make_campaign_of(4, checks=2, checks_per_rater=2, owner=owner, seconds_per_item=5)


def worked(campaign: Campaign, option: str) -> Rater:
    rater = factories.make_rater(campaign)
    factories.rate_all(rater, option)
    rater.refresh_from_db()
    return rater


def url(name: str, campaign: Campaign, *rest: str) -> str:
    return reverse(f"annotation:{name}", args=[campaign.public_id, *rest])


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_the_queue_ticks_who_has_nothing_against_her(signed_in: Client, campaign: Campaign) -> None:
    careful, careless = worked(campaign, "word_too_abstract"), worked(campaign, "4")
    shown = page(signed_in, url("review", campaign))
    assert f'value="{careful.pseudonym}" checked' in shown
    assert f'value="{careless.pseudonym}">' in shown
    assert "Failed attention checks" in shown


def test_the_ticked_raters_are_approved_and_nobody_else(signed_in: Client, campaign: Campaign) -> None:
    careful, careless = worked(campaign, "word_too_abstract"), worked(campaign, "4")
    elsewhere = worked(factories.make_campaign_of(2), "4")
    ticked = [careful.pseudonym, elsewhere.pseudonym]
    signed_in.post(url("review", campaign), {"rater": ticked})
    decided = PaymentDecision.objects.values_list("rater", "verdict")
    assert list(decided) == [(careful.pk, PaymentVerdict.APPROVED)]
    assert careless.pseudonym[:8] in page(signed_in, url("review", campaign))
    assert careful.pseudonym[:8] in page(signed_in, url("review", campaign) + "?shelf=approved")


def test_an_empty_queue_says_so(signed_in: Client, campaign: Campaign) -> None:
    assert "Nobody waits for a decision" in page(signed_in, url("review", campaign))
    assert "Nobody waits" in page(signed_in, url("review", campaign) + "?shelf=nonsense&page=99")


def test_a_rater_is_rejected_and_her_places_given_away_in_one_step(
    signed_in: Client, campaign: Campaign
) -> None:
    careless = worked(campaign, "4")
    assert "Reject…" in page(signed_in, url("rater", campaign, careless.pseudonym))
    answer = signed_in.post(
        url("rater_reject", campaign, careless.pseudonym),
        {"ground": "failed_checks", "reason": "both checks wrong", "act": "republish"},
        follow=True,
    )
    shown = unescape(answer.content.decode())
    assert "is rejected and the places are free for others" in shown
    assert "Approve after all" in shown
    assert "so the exclusion stands" in shown
    assert url("rater_include", campaign, careless.pseudonym) not in shown
    careless.refresh_from_db()
    assert careless.excluded_at is not None


def test_a_rejection_without_its_reason_changes_nothing(signed_in: Client, campaign: Campaign) -> None:
    careless = worked(campaign, "4")
    answer = signed_in.post(
        url("rater_reject", campaign, careless.pseudonym), {"ground": "failed_checks"}, follow=True
    )
    assert "Not rejected. Reason for not paying" in answer.content.decode()
    assert not PaymentDecision.objects.exists()


def test_a_careful_raters_page_offers_no_rejection(signed_in: Client, campaign: Campaign) -> None:
    careful = worked(campaign, "word_too_abstract")
    shown = page(signed_in, url("rater", campaign, careful.pseudonym))
    assert "supports no rejection" in shown
    assert url("rater_reject", campaign, careful.pseudonym) not in shown
    signed_in.post(
        url("rater_reject", campaign, careful.pseudonym), {"ground": "failed_checks", "reason": "no"}
    )
    assert not PaymentDecision.objects.exists()


def test_approving_from_the_raters_page(signed_in: Client, campaign: Campaign, owner: User) -> None:
    careful = worked(campaign, "word_too_abstract")
    answer = signed_in.post(url("rater_approve", campaign, careful.pseudonym), follow=True)
    assert f"by {owner.username}" in answer.content.decode()


def test_ticked_decisions_are_taken_back_and_what_was_handed_out_has_no_tick(
    signed_in: Client, campaign: Campaign, owner: User
) -> None:
    """Control: let `_ticked` approve whatever the button says."""
    paid, early, late = (worked(campaign, "word_too_abstract") for _ in range(3))
    first = payments.approve(paid, owner)
    payment_lists.download(campaign, owner)
    shown_decision = {rater: payments.approve(rater, owner).pk for rater in (early, late)}
    shelf = url("review", campaign) + "?shelf=approved"
    shown = page(signed_in, shelf)
    assert [f'value="{one.pseudonym}"' in shown for one in (paid, early, late)] == [False, True, True]
    assert f'name="{early.pseudonym}-decision" value="{shown_decision[early]}"' in shown
    ticked = {
        "rater": [paid.pseudonym, early.pseudonym],
        f"{paid.pseudonym}-decision": first.pk,
        f"{early.pseudonym}-decision": shown_decision[early],
        "act": "take_back",
    }
    said = unescape(signed_in.post(shelf, ticked, follow=True).content.decode())
    assert "1 decision taken back" in said
    assert "the money may be on its way" in said
    standing = PaymentDecision.objects.standing().values_list("rater", flat=True)
    assert set(standing) == {paid.pk, late.pk}
    assert early.pseudonym[:8] in page(signed_in, url("review", campaign))


def test_ticked_rejections_are_taken_back_and_no_approval_that_overturned_one_meanwhile(
    signed_in: Client, campaign: Campaign, owner: User
) -> None:
    """Control: leave `decision_id` out in `_take_back_shown`."""
    one, other = (worked(campaign, "4") for _ in range(2))
    ticked: dict[str, object] = {"rater": [one.pseudonym, other.pseudonym], "act": "take_back"}
    for rater in (one, other):
        rejection = payments.reject(rater, owner, ground="failed_checks", reason="both checks wrong")
        ticked[f"{rater.pseudonym}-decision"] = rejection.pk
    overturning = payments.approve(one, owner)
    shelf = url("review", campaign) + "?shelf=rejected"
    said = unescape(signed_in.post(shelf, ticked, follow=True).content.decode())
    assert "has decided anew meanwhile" in said
    assert "1 decision taken back" in said
    unsaid = signed_in.post(shelf, {"rater": one.pseudonym, "act": "take_back"}, follow=True)
    assert "did not say which decision is meant" in unsaid.content.decode()
    assert payments.latest_decision(one) == overturning
    assert payments.latest_decision(other) is None


def test_ticked_raters_are_not_approved_over_a_rejection_made_meanwhile(
    signed_in: Client, campaign: Campaign, owner: User
) -> None:
    """Control: let the ticks of the shelf of undecided raters overturn."""
    one, other = (worked(campaign, "4") for _ in range(2))
    rejection = payments.reject(one, owner, ground="failed_checks", reason="both checks wrong")
    ticked = {"rater": [one.pseudonym, other.pseudonym]}
    said = unescape(signed_in.post(url("review", campaign), ticked, follow=True).content.decode())
    assert "This rater was rejected" in said
    assert "1 rater approved for payment" in said
    assert payments.latest_decision(one) == rejection


def test_a_decision_is_taken_back_on_the_raters_page_if_it_is_the_one_shown(
    signed_in: Client, campaign: Campaign, owner: User
) -> None:
    """Control: leave `decision_id` out in the view."""
    careless = worked(campaign, "4")
    first = payments.reject(careless, owner, ground="failed_checks", reason="both checks wrong")
    assert f'name="decision" value="{first.pk}"' in page(
        signed_in, url("rater", campaign, careless.pseudonym)
    )
    payments.approve(careless, owner)
    address = url("rater_take_back", campaign, careless.pseudonym)
    said = unescape(signed_in.post(address, {"decision": first.pk}, follow=True).content.decode())
    assert "has decided anew meanwhile" in said
    assert payments.latest_decision(careless) is not None
    signed_in.post(address, {"decision": "nonsense"})
    now = payments.latest_decision(careless)
    assert now is not None
    said = unescape(signed_in.post(address, {"decision": now.pk}, follow=True).content.decode())
    assert "The decision is taken back" in said
    assert "Approve for payment" in said
    assert "took a decision about pay back" in page(signed_in, url("history", campaign))


def test_more_raters_per_item_from_the_page(signed_in: Client, campaign: Campaign) -> None:
    assert "makes 4 new places" in page(signed_in, url("campaign_extend", campaign))
    too_few = signed_in.post(url("campaign_extend", campaign), {"raters_per_item": "3"})
    assert too_few.status_code == 400
    assert "Give at least 4" in too_few.content.decode()
    signed_in.post(url("campaign_extend", campaign), {"raters_per_item": "5"})
    campaign.refresh_from_db()
    assert campaign.raters_per_item == 5


def test_a_closed_campaign_says_that_it_takes_no_more(
    signed_in: Client, campaign: Campaign, owner: User
) -> None:
    campaigns.close(campaign, owner)
    response = signed_in.get(url("campaign_extend", campaign))
    assert (response.status_code, b"closed for good" in response.content) == (409, True)


def test_the_history_names_every_act_and_can_be_narrowed(
    signed_in: Client, campaign: Campaign, owner: User
) -> None:
    rater = worked(campaign, "4")
    raters.exclude(rater, owner, "=too quick")
    shown = page(signed_in, url("history", campaign))
    assert "opened it" in shown
    assert "left a rater out of the analysis" in shown
    narrowed = page(signed_in, url("history", campaign) + "?act=open")
    assert f'<a class="mono" href="{url("rater", campaign, rater.pseudonym)}">' not in narrowed
    answer = signed_in.get(url("history_csv", campaign))
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["act"] for row in rows] == ["create", "open", "exclude_rater"]
    assert rows[-1]["rater"] == rater.pseudonym
