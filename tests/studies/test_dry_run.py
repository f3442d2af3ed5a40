"""A dry run: simulated raters fill a copy through the real pages, and it goes without a trace."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.choices import CampaignState, RaterOutcome, SlotState, TaskKind
from annotation.models import (
    Answer,
    AttemptCount,
    AuditEntry,
    Campaign,
    Mask,
    PracticeAnswer,
    Rater,
    Slot,
)
from annotation.services import campaigns, dry_runs, payments
from annotation.services.campaigns import OpeningRefused
from annotation.standings import standings
from studies import rehearsal
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
HOST = "testserver"
FEW = 5  # items, where it matters that a dry run ends, not how long it is


def draft(owner: User, **changes: Any) -> Campaign:
    return factories.make_draft(
        owner, **({"checks_per_rater": 1, "items_per_rater": 4, "raters_per_item": 3} | changes)
    )


def finish(dry_run: Campaign) -> None:
    for _ in range(60):
        if rehearsal.advance(dry_run, host=HOST, secure=False, seconds=5).finished:
            return
    pytest.fail("the dry run does not come to an end")


def rows() -> dict[str, int]:
    """How many rows each table of annotation has; the history apart, and counts that go with their minute."""
    models = set(apps.get_app_config("annotation").get_models()) - {AuditEntry, AttemptCount}
    return {model.__name__: model._default_manager.count() for model in models}


def test_simulated_raters_fill_every_place_through_the_pages(owner: User) -> None:
    """Control: take the careless ones out of the crowd, or press nothing."""
    original = draft(owner)
    copy = dry_runs.start_dry_run(original, owner)
    finish(copy)
    numbered = Slot.objects.filter(campaign=copy, number__isnull=False).exclude(state=SlotState.VOID)
    assert set(numbered.values_list("state", flat=True)) == {SlotState.ANSWERED}
    assert set(Rater.objects.values_list("campaign", "simulated")) == {(copy.pk, True)}
    original.refresh_from_db()
    assert original.state == CampaignState.DRAFT
    assert not Slot.objects.filter(campaign=original).exists()


def test_careful_raters_pass_the_checks_of_every_kind_and_careless_ones_do_not(owner: User) -> None:
    """Control: let `settled_answer` know nothing."""
    original = draft(
        owner, instructed_per_rater=1, repeats_per_rater=1, checks_per_rater=1, repeat_tolerance=0
    )
    copy = dry_runs.start_dry_run(original, owner)
    finish(copy)
    wrong = [standing.checks.wrong for standing in standings(copy).values() if standing.checks.served]
    assert wrong.count(0) >= 3
    assert any(wrong)


@pytest.mark.parametrize(
    ("kind", "images"), [(TaskKind.OBJECT_PRESENCE, 3), (TaskKind.MASK, 2), (TaskKind.PAIRWISE, 3)]
)
def test_the_other_kinds_have_checks_and_practice_that_careful_raters_pass_and_careless_ones_do_not(
    owner: User, kind: TaskKind, images: int
) -> None:
    """Control: let `settled_answer` know nothing, or leave `swapped` out of it."""
    original = factories.make_draft_of_kind(
        kind, owner=owner, images_per_prompt=images, known_per_rater=1, instructed_per_rater=2,
        repeats_per_rater=1, checks_per_rater=int(kind == TaskKind.MASK), raters_per_item=5,
    )  # fmt: skip
    check, train, *test = factories.known_for(original, how_many=4)
    known = [check, replace(train, use="training"), *(replace(one, use="qualification") for one in test)]
    campaigns.mark_known(original, known, actor=owner)
    copy = dry_runs.start_dry_run(original, owner)
    finish(copy)
    wrong = [standing.checks.wrong for standing in standings(copy).values() if standing.checks.served]
    assert wrong.count(0) >= 4
    # The fifth is careless: she falls in the qualification, or by luck only later.
    assert any(wrong) or Rater.objects.filter(outcome=RaterOutcome.SCREENED_OUT).exists()
    dry_runs.discard_dry_run(copy, owner)
    assert not PracticeAnswer.objects.exists()
    assert not Mask.objects.exists()


def test_a_dry_run_that_was_cut_off_goes_on_where_it_was(owner: User) -> None:
    """Control: draw other raters at each call: the one who was cut off keeps her place for ever."""
    copy = dry_runs.start_dry_run(draft(owner, items_limit=FEW), owner)
    answered = []
    for _ in range(200):
        state = rehearsal.advance(copy, host=HOST, secure=False, seconds=0.05)
        answered.append(state.answered)
        if state.finished:
            break
    assert answered == sorted(answered)
    assert len(set(answered)) > 2
    assert state.finished
    assert not Slot.objects.filter(campaign=copy, state=SlotState.LEASED, number__isnull=False).exists()


def test_thrown_away_it_leaves_no_row_and_the_campaign_as_it_was(owner: User) -> None:
    """Control: leave one of the tables out of `_delete`: the database refuses, or rows stay."""
    original = draft(owner, items_limit=FEW)
    before = rows()
    copy = dry_runs.start_dry_run(original, owner)
    finish(copy)
    rater = Rater.objects.filter(outcome=RaterOutcome.COMPLETED)[0]
    payments.approve(rater, owner)
    answers, raters = Answer.objects.filter(undone_at=None).count(), Rater.objects.count()
    acts = AuditEntry.objects.filter(campaign=copy).count()
    dry_runs.discard_dry_run(copy, owner)
    assert rows() == before
    entries = AuditEntry.objects.filter(campaign=original).order_by("pk")
    assert [entry.act for entry in entries] == ["create", "start_dry_run", "discard_dry_run"]
    went = entries[2].detail
    assert (went["answers"], went["raters"], went["acts"]) == (answers, raters, acts)


def test_a_real_campaign_can_not_be_thrown_away(owner: User) -> None:
    """Control: delete without asking what it is a dry run of."""
    real = factories.make_campaign_of(3, owner=owner)
    factories.rate_all(factories.make_rater(real))
    with pytest.raises(dry_runs.NoDryRun):
        dry_runs.discard_dry_run(real, owner)
    assert Answer.objects.count() == 3


def test_a_dry_run_has_the_rules_and_items_of_its_campaign(owner: User) -> None:
    original = draft(owner, items_limit=3, order_seed=7, question="Is it there?")
    copy = dry_runs.start_dry_run(original, owner)
    shown = [
        list(campaign.items.order_by("position").values_list("word_map", "kind"))
        for campaign in (original, copy)
    ]
    assert shown[0] == shown[1]
    assert (copy.question, copy.raters_per_item, copy.order_seed) == ("Is it there?", 3, 7)
    assert copy.dry_run_of == original


def test_what_keeps_a_campaign_from_opening_keeps_its_dry_run(owner: User) -> None:
    with pytest.raises(OpeningRefused):
        dry_runs.start_dry_run(draft(owner, contact=" "), owner)
    assert Campaign.objects.count() == 1


def test_a_second_dry_run_takes_the_place_of_the_first(owner: User) -> None:
    original = draft(owner)
    first = dry_runs.start_dry_run(original, owner)
    second = dry_runs.start_dry_run(original, owner)
    assert list(original.dry_runs.all()) == [second]
    assert not Campaign.objects.filter(pk=first.pk).exists()
    with pytest.raises(dry_runs.NoDryRun):
        dry_runs.start_dry_run(second, owner)


def test_dry_runs_are_on_no_list_and_marked_on_every_page(client: Client, owner: User) -> None:
    original = draft(owner, items_limit=FEW)
    copy = dry_runs.start_dry_run(original, owner)
    finish(copy)
    client.force_login(owner)
    listed = client.get(reverse("annotation:campaigns")).content.decode()
    assert str(original.public_id) in listed
    assert str(copy.public_id) not in listed
    for name in ("annotation:campaign", "evaluation:results"):
        assert "A dry run." in client.get(reverse(name, args=[copy.public_id])).content.decode()


def test_for_a_stranger_there_is_no_dry_run(client: Client, owner: User, stranger: User) -> None:
    """Control: look the campaign up among all."""
    copy = dry_runs.start_dry_run(draft(owner), owner)
    client.force_login(stranger)
    for name in ("dry_run", "dry_run_start", "dry_run_advance", "dry_run_discard"):
        address = reverse(f"studies:{name}", args=[copy.public_id])
        answer = client.get(address) if name == "dry_run" else client.post(address)
        assert answer.status_code == 404, name
    assert Campaign.objects.filter(pk=copy.pk).exists()


def test_simulated_raters_keep_out_of_a_real_campaign(client: Client, owner: User) -> None:
    """Control: advance whatever campaign the address names."""
    real = factories.make_campaign_of(3, owner=owner)
    client.force_login(owner)
    client.post(reverse("studies:dry_run_advance", args=[real.public_id]))
    assert not Rater.objects.exists()


def test_without_scripts_each_press_goes_on(client: Client, owner: User) -> None:
    original = draft(owner)
    client.force_login(owner)
    client.post(reverse("studies:dry_run_start", args=[original.public_id]))
    copy = original.dry_runs.get()
    page = client.post(reverse("studies:dry_run_advance", args=[copy.public_id]), follow=True)
    assert "places are filled" in page.content.decode()
    assert Answer.objects.exists()
    client.post(reverse("studies:dry_run_discard", args=[copy.public_id]))
    assert not original.dry_runs.exists()


@pytest.mark.browser
def test_the_page_goes_on_by_itself_to_the_report(owner: User, sign_in: Callable[..., Page]) -> None:
    original = draft(owner, items_limit=FEW)
    window = sign_in(owner)
    window.goto(reverse("annotation:campaign", args=[original.public_id]))
    window.get_by_role("link", name="Dry run").click()
    window.get_by_role("button", name="Start a dry run").click()
    places = original.raters_per_item * original.items.filter(kind="rating").count()
    expect(window.locator("[data-advance]")).to_contain_text(f"{places} of {places}", timeout=120_000)
    window.get_by_role("link", name="See the report").click()
    expect(window.get_by_text("A dry run.")).to_be_visible()
