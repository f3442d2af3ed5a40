"""A dry run takes every ending, and says where a rater met something else than the campaign has."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import CampaignState, RaterOutcome, TaskKind
from annotation.models import Campaign, LateAnswer, Rater
from annotation.services import campaigns, dry_runs
from annotation.views.endings import BY_NAME
from studies import endings, rehearsal
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "testserver"
CODES: dict[str, Any] = {
    "screened_out_code": "SCREENED",
    "no_consent_code": "NOCONSENT",
    "completion_code": "FINISHED",
}


def rehearsed(owner: User, *, kind: TaskKind = TaskKind.OPINION_SCORE, **changes: Any) -> Campaign:
    """A finished dry run of a small campaign; its qualification has two items."""
    draft = factories.make_draft_of_kind(
        kind, owner=owner, raters_per_item=2, items_per_rater=8, pass_mark_percent=100, **(CODES | changes)
    )
    known = factories.known_for(draft, how_many=2)
    campaigns.mark_known(draft, [replace(one, use="qualification") for one in known], actor=owner)
    copy = dry_runs.start_dry_run(draft, owner)
    for _ in range(60):
        if rehearsal.advance(copy, host=HOST, secure=False, seconds=5).finished:
            return copy
    pytest.fail("the dry run does not come to an end")


def test_every_ending_is_taken_once_and_is_as_the_campaign_has_it(client: Client, owner: User) -> None:
    """Controls: take a plan out of BEFORE or AFTER; leave `lease_until` out of `_hold`; show no code to who
    stops (`session_end`)."""
    copy = rehearsed(owner)
    met = {one.name: one for one in endings.met(copy)}
    assert [one.why_not for one in met.values() if one.why_not] == []
    assert [name for name, one in met.items() if not one.as_planned] == []
    codes = {name: one.code for name, one in met.items() if one.code}
    assert codes == {
        "declined": "NOCONSENT", "screened-out": "SCREENED", "stopped": "FINISHED", "finished": "FINISHED",
    }  # fmt: skip
    for name in ("bad-link", "expired-link", "paused", "declined", "screened-out", "stopped", "late", "full"):
        assert met[name].heading == BY_NAME[name].outcome.heading
    assert set(met) == {plan.name for plan in endings.IN_ORDER}
    assert LateAnswer.objects.filter(slot__campaign=copy).count() == 1
    assert Rater.objects.filter(campaign=copy, outcome=RaterOutcome.SCREENED_OUT).exists()
    assert set(Rater.objects.values_list("simulated", flat=True)) == {True}
    copy.refresh_from_db()
    assert copy.state == CampaignState.OPEN
    client.force_login(owner)
    page = client.get(reverse("studies:dry_run", args=[copy.public_id])).content.decode()
    assert page.count("as planned") == len(met)
    assert "amiss" not in page


def test_an_ending_that_is_other_than_planned_is_told(owner: User, client: Client, monkeypatch: Any) -> None:
    """Control: let `as_planned` be the status alone."""
    plan = next(plan for plan in endings.BEFORE if plan.name == "declined")
    wrong = replace(plan, code="completion_code")
    monkeypatch.setattr(endings, "BEFORE", (wrong,))
    draft = factories.make_draft(owner, **CODES)
    copy = dry_runs.start_dry_run(draft, owner)
    endings.before_the_crowd(copy, rehearsal.InnerVisitor(HOST, secure=False))
    (met,) = endings.met(copy)
    assert (met.status, met.code, met.as_planned) == (200, "NOCONSENT", False)
    client.force_login(owner)
    page = client.get(reverse("studies:dry_run", args=[copy.public_id])).content.decode()
    assert "1 ending is other than the campaign has it." in page


def test_what_can_not_be_taken_says_why(owner: User) -> None:
    """Control: leave EntryRefused uncaught, or take a screened-out page without a qualification."""
    draft = factories.make_draft(owner, raters_per_item=1)
    copy = dry_runs.start_dry_run(draft, owner)
    copy.slots.update(state="void")
    visitor = rehearsal.InnerVisitor(HOST, secure=False)
    endings.before_the_crowd(copy, visitor)
    met = {one.name: one for one in endings.met(copy)}
    assert "no qualification" in met["screened-out"].why_not
    assert met["stopped"].why_not
    assert met["bad-link"].as_planned
    endings.before_the_crowd(copy, visitor)
    assert len(endings.met(copy)) == len(endings.BEFORE)
