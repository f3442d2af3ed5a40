"""The budget: nobody new is let in whose pay it would not cover, also when many come at once."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from annotation import specification
from annotation.choices import RejectionGround
from annotation.models import AuditEntry, Campaign, Rater
from annotation.services import budgets, campaigns, dry_runs, entry, payments
from annotation.services.answers import stop_session
from annotation.services.budgets import BudgetRefused
from annotation.services.entry import EntryRefusal, EntryRefused
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.races.together import results_of, together

MONEY: dict[str, Any] = {"pay_per_rater": Decimal("1.50"), "currency": "EUR", "budget": Decimal("4.00")}


def campaign_with(owner: User | None = None, **changes: Any) -> Campaign:
    """An open campaign of six items whose budget pays two raters."""
    return factories.make_campaign_of(
        6, owner=owner, **({"raters_per_item": 5, "items_per_rater": 2} | MONEY | changes)
    )


def turned_away(campaign: Campaign) -> bool:
    """Whether a newcomer is told that all places are taken."""
    with pytest.raises(EntryRefused) as refused:
        entry.enter(campaign, factories.identity())
    return refused.value.reason == EntryRefusal.FULL


@pytest.mark.django_db
def test_who_comes_when_the_budget_is_taken_is_told_so_before_consent(client: Client) -> None:
    """Control: leave `covers_another` out of `enter` and of the entry page."""
    campaign = campaign_with()
    first, second = factories.make_rater(campaign), factories.make_rater(campaign)
    assert turned_away(campaign)
    page = client.get(reverse("rate:entry", args=[campaign.public_id])).content.decode()
    assert "All places are taken" in page
    # Who has begun goes on, and comes back.
    assert factories.rate_all(first) == 2
    assert isinstance(next_task(second), Task)


@pytest.mark.django_db
def test_a_place_costs_until_it_is_settled_that_nothing_is_paid(owner: User) -> None:
    """Controls: leave one of the three out of `costing`; `exclude(verdict=…)`: no decision is null."""
    campaign = campaign_with(owner, checks_allowed_wrong=0)
    gone, empty = factories.make_rater(campaign), factories.make_rater(campaign)
    found = budgets.spending(campaign)
    assert found is not None
    assert (found.places, found.spent, found.left, found.is_reached) == (2, Decimal("3.00"), 0, True)
    stop_session(empty)
    worked = factories.make_rater(campaign)
    assert turned_away(campaign)
    factories.answer(worked, _task(worked))
    stop_session(worked)
    assert turned_away(campaign)
    payments.reject(worked, owner, ground=RejectionGround.UNFINISHED, reason="left at once")
    other = factories.make_rater(campaign)
    assert turned_away(campaign)
    Rater.objects.filter(pk=other.pk).update(outcome="screened_out", ended_at=other.entered_at)
    factories.make_rater(campaign)
    assert turned_away(campaign)
    assert gone.pk


def _task(rater: Rater) -> Task:
    task = next_task(rater)
    assert isinstance(task, Task)
    return task


@pytest.mark.django_db(transaction=True)
def test_thirty_at_once_take_no_more_than_the_budget_pays() -> None:
    """Thirty agree at the same moment, four can be paid: four.  Control: the next test."""
    campaign = campaign_with(budget=Decimal("6.00"))
    assert _agreeing(campaign) == 4


@pytest.mark.django_db(transaction=True)
def test_a_budget_that_is_counted_without_the_lock_is_passed_under_the_same_load(monkeypatch: Any) -> None:
    """The control."""
    monkeypatch.setattr(budgets, "lock_budget", lambda _: None)
    campaign = campaign_with(budget=Decimal("6.00"))
    assert _agreeing(campaign) > 4


def _agreeing(campaign: Campaign) -> int:
    """How many of thirty who all were let in, and agree at once, have taken a place."""
    raters = [entry.enter(campaign, factories.identity()) for _ in range(30)]

    def agree(rater: Rater) -> bool:
        try:
            entry.give_consent(rater)
        except EntryRefused:
            return False
        return True

    return sum(results_of(together([partial(agree, rater) for rater in raters])))


@pytest.mark.django_db
def test_it_is_changed_while_the_campaign_runs_never_below_what_is_taken(client: Client, owner: User) -> None:
    """Control: leave the least amount out of `set_budget`."""
    campaign = campaign_with(owner)
    factories.make_rater(campaign)
    factories.make_rater(campaign)
    for too_little in (Decimal("2.99"), Decimal("0.01")):
        with pytest.raises(BudgetRefused, match=r"3\.00"):
            budgets.set_budget(campaign, owner, budget=too_little)
    client.force_login(owner)
    shown = client.get(reverse("annotation:campaign", args=[campaign.public_id])).content.decode()
    assert "The budget is taken: 3.00 EUR for 2 places, 4.00 EUR in all." in shown
    client.post(reverse("annotation:campaign_budget", args=[campaign.public_id]), {"budget": "5"})
    campaign.refresh_from_db()
    assert campaign.budget == Decimal("5.00")
    factories.make_rater(campaign)
    assert turned_away(campaign)
    budgets.set_budget(campaign, owner, budget=None)
    factories.make_rater(Campaign.objects.get(pk=campaign.pk))
    details = AuditEntry.objects.filter(act="set_budget").order_by("pk").values_list("detail", flat=True)
    assert [detail["budget"] for detail in details] == [["4.00", "5.00"], ["5.00", ""]]


@pytest.mark.django_db
def test_without_a_pay_or_in_a_draft_there_is_no_budget_to_change(owner: User) -> None:
    """Control: leave the state or the pay out of `set_budget`."""
    without = factories.make_campaign_of(1, owner=owner)
    assert budgets.spending(without) is None
    with pytest.raises(BudgetRefused, match="no pay per rater"):
        budgets.set_budget(without, owner, budget=Decimal(5))
    with pytest.raises(BudgetRefused, match="in the draft"):
        budgets.set_budget(factories.make_draft(owner, **MONEY), owner, budget=Decimal(5))
    with pytest.raises(IntegrityError, match="campaign_budget_of_a_pay"), transaction.atomic():
        Campaign.objects.filter(pk=without.pk).update(budget=5)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"pay_per_rater": 2, "budget": 10}, "currency", "three letters"),
        ({"budget": 10, "currency": "EUR"}, "pay_per_rater", "needs the pay"),
        ({"pay_per_rater": 2, "currency": "EUR", "budget": 1.5}, "budget", "pays nobody"),
        ({"pay_per_rater": 2, "currency": "euro"}, "currency", "three letters"),
        ({"pay_per_rater": True, "currency": "EUR"}, "pay_per_rater", "2.50"),
        ({"pay_per_rater": "1.234", "currency": "EUR"}, "pay_per_rater", "decimal"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_remedy(
    values: dict[str, Any], field: str, told: str
) -> None:
    """Control: leave one of the rules out of ManagingForm.clean."""
    run = factories.make_finished_run()
    with pytest.raises(specification.SpecificationRefused) as refused:
        specification.create(run.owner, {"run": run.pk, "contact": "Us", "checks_per_rater": 0} | values)
    assert any(fault.field == field and told in fault.message for fault in refused.value.faults)


@pytest.mark.django_db
def test_a_specification_and_a_dry_run_keep_what_they_should(owner: User) -> None:
    """Controls: leave the amounts out of `initial_from`; copy the budget into a dry run."""
    run = factories.make_finished_run(owner)
    values = {"run": run.pk, "contact": "Us", "checks_per_rater": 0, "pay_per_rater": 2.5, "currency": "gbp"}
    made = specification.create(owner, values | {"budget": "7.50", "count_devices": True})
    assert (made.pay_per_rater, made.currency, made.budget) == (Decimal("2.50"), "GBP", Decimal("7.50"))
    made.refresh_from_db()
    again = specification.create(owner, specification.of_campaign(made))
    assert (again.pay_per_rater, again.currency, again.budget) == (Decimal("2.50"), "GBP", Decimal("7.50"))
    assert again.count_devices
    assert 'pay_per_rater = "2.50"' in specification.as_toml(specification.of_campaign(made))
    copy = dry_runs.start_dry_run(made, owner)
    assert (copy.budget, copy.pay_per_rater) == (None, Decimal("2.50"))
    campaigns.open_campaign(made, owner)
