"""Coming in, agreeing, declining."""

import random
from collections import Counter

import pytest

from annotation.choices import RaterOutcome
from annotation.models import Campaign, Consent, Rater, RaterIdentity, Slot
from annotation.services import campaigns, entry
from annotation.services.answers import stop_session
from annotation.services.endings import EndReason
from annotation.services.entry import EntryRefusal, EntryRefused
from annotation.services.tasks_for_raters import next_task
from tests import factories

pytestmark = pytest.mark.django_db


def refusal(campaign: Campaign, name: str = "") -> EntryRefusal:
    """Why this visitor isn't let in."""
    with pytest.raises(EntryRefused) as refused:
        entry.enter(campaign, factories.identity(name))
    return refused.value.reason


def test_the_same_identity_is_the_same_rater_and_another_one_is_not() -> None:
    campaign = factories.make_campaign_of(3)
    ada = entry.enter(campaign, factories.identity("ada"))
    assert entry.enter(campaign, factories.identity("ada")) == ada
    assert entry.enter(campaign, factories.identity("bob")) != ada


def test_the_platforms_id_is_kept_in_one_table_only() -> None:
    """Control: store the id as the pseudonym, and it is found in the rater's row."""
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign, "canary-id")
    assert RaterIdentity.objects.get(rater=rater).platform_id == "canary-id"
    for model in (Rater, Consent, Slot, Campaign):
        assert not any("canary" in str(row) for row in model.objects.values())


def test_a_draft_a_paused_and_a_closed_campaign_say_so() -> None:
    campaign = factories.make_draft()
    assert refusal(campaign) == EntryRefusal.NOT_OPEN
    campaigns.open_campaign(campaign, campaign.owner)
    campaigns.pause(campaign, campaign.owner)
    assert refusal(campaign) == EntryRefusal.PAUSED
    campaigns.close(campaign, campaign.owner)
    assert refusal(campaign) == EntryRefusal.CLOSED


def test_a_full_campaign_says_so_at_the_door() -> None:
    campaign = factories.make_campaign_of(2, raters_per_item=1)
    reader = entry.enter(campaign, factories.identity())
    factories.rate_all(factories.make_rater(campaign))
    assert refusal(campaign) == EntryRefusal.FULL
    with pytest.raises(EntryRefused) as refused:
        entry.give_consent(reader)
    assert refused.value.reason == EntryRefusal.FULL


def test_an_expired_lease_of_another_is_a_place() -> None:
    campaign = factories.make_campaign_of(1, raters_per_item=1)
    gone = factories.make_rater(campaign)
    next_task(gone)
    assert refusal(campaign) == EntryRefusal.FULL
    factories.expire_lease(gone)
    assert factories.rate_all(factories.make_rater(campaign)) == 1


def test_agreeing_twice_is_one_consent_and_one_set_of_checks() -> None:
    campaign = factories.make_campaign_of(4, checks=3, checks_per_rater=2)
    rater = factories.make_rater(campaign)
    assert entry.give_consent(rater) == entry.give_consent(rater)
    assert rater.slots.count() == 2


def test_who_has_finished_or_stopped_is_told_so_and_shown_her_own_end() -> None:
    campaign = factories.make_campaign_of(3)
    stopped = factories.make_rater(campaign, "ada")
    stop_session(stopped)
    with pytest.raises(EntryRefused) as refused:
        entry.enter(campaign, factories.identity("ada"))
    assert refused.value.reason == EntryRefusal.ALREADY_FINISHED
    assert refused.value.rater == stopped


def test_who_has_begun_comes_back_even_when_the_campaign_is_closed() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign, "ada")
    campaigns.close(campaign, campaign.owner)
    assert entry.enter(campaign, factories.identity("ada")) == rater


def test_declining_forgets_the_platforms_id_and_gives_the_code_for_it() -> None:
    campaign = factories.make_campaign_of(3)
    rater = entry.enter(campaign, factories.identity("ada"))
    for _ in range(2):
        end = entry.decline_consent(rater)
        assert (end.reason, end.completion_code) == (EndReason.DECLINED, "NOPE1234")
    assert not RaterIdentity.objects.exists()
    rater.refresh_from_db()
    assert rater.outcome == RaterOutcome.DECLINED
    assert refusal(campaign, "ada") == EntryRefusal.DECLINED


def test_declining_after_consent_is_a_stop() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    assert entry.decline_consent(rater).reason == EndReason.STOPPED


def test_positions_of_checks_are_uniform_over_the_session() -> None:
    """Chi-square of 1000 sessions over 10 places, 9 degrees of freedom; 27.9 is the 0.001 quantile.

    Control: draw due places from range(ratings) alone, and the last places never hold a check.
    """
    generator = random.Random(20261121)
    seen: Counter[int] = Counter()
    for _ in range(1000):
        positions = entry.draw_positions(ratings=7, checks=3, generator=generator)
        assert len(set(positions)) == 3
        seen.update(positions)
    expected = 1000 * 3 / 10
    assert sum((seen[place] - expected) ** 2 / expected for place in range(10)) < 27.9


def test_every_rater_draws_checks_and_places_of_her_own() -> None:
    campaign = factories.make_campaign_of(20, checks=5, checks_per_rater=2, raters_per_item=8)
    drawn = set()
    for number in range(8):
        rater = factories.make_rater(campaign, f"rater-{number}")
        drawn.add(tuple(rater.slots.order_by("due_after").values_list("item_id", "due_after")))
    assert len(drawn) >= 6
