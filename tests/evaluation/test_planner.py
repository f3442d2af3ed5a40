"""The planner: sums that follow from the choices, with and without scripts, for one's own campaigns only."""

import math
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.choices import ItemKind, TaskKind
from annotation.models import Campaign
from evaluation.forms import STARTING_VALUES, PlannerForm
from evaluation.metrics.planning import VarianceComponents, half_width
from evaluation.plans import Study, items_needed, outlook, plan
from tests import factories

STUDY = Study(
    items=300,
    raters_per_item=3,
    items_per_rater=40,
    share_cap=1.0,
    checks_per_rater=0,
    seconds_per_item=10,
    pay_per_hour=12,
    fee=0.25,
    target=0.2,
    difference=0.3,
    spread=VarianceComponents(item=0.64, rater=0.16, rest=0.64),
)


def test_the_sums_follow_from_the_choices() -> None:
    result = outlook(STUDY)
    assert (result.effort.ratings, result.effort.raters_least) == (900, 23)
    assert result.cost == pytest.approx(900 * 10 / 3600 * 12 * 1.25)
    assert result.half_width == half_width(STUDY.spread, n_items=300, n_raters=23, raters_per_item=3)


def test_the_fewest_items_for_a_target_are_enough_and_one_less_is_not() -> None:
    n = items_needed(STUDY).n
    assert n is not None
    assert outlook(replace(STUDY, items=n)).half_width <= STUDY.target
    assert outlook(replace(STUDY, items=n - 1)).half_width > STUDY.target


def test_two_shares_need_as_many_images_as_fleiss_says() -> None:
    """Truth: Fleiss, Levin and Paik 2003, eq. 4.14 and 4.19 for 0.6 against 0.5: 388, with 20 for the exact
    test. Control: leave 2 / |p1 - p2| out."""
    assert plan(replace(STUDY, shares=(0.6, 0.5))).per_group.n == 388 + 20
    assert plan(replace(STUDY, shares=(0.5, 0.5))).per_group.reason == "equal shares can't be told apart"


def test_a_target_that_no_number_of_items_reaches_says_what_would_help() -> None:
    answer = items_needed(replace(STUDY, items_per_rater=10_000, target=0.01))
    assert answer.n is None
    assert "let more raters share them" in answer.reason


def test_an_unknown_spread_leaves_interval_and_power_undefined() -> None:
    nothing = VarianceComponents(item=math.nan, rater=math.nan, rest=math.nan, reason="no ratings")
    result = plan(replace(STUDY, spread=nothing))
    assert math.isnan(result.outlook.half_width)
    assert math.isnan(result.outlook.power)
    assert result.items_needed.reason == "no ratings"


def test_the_starting_values_are_a_study() -> None:
    assert PlannerForm(STARTING_VALUES).study() is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("items", "1"),
        ("items", "1e9"),
        ("share_cap_percent", "0"),
        ("spread_rest", "nan"),
        ("fee_percent", "-1"),
    ],
)
def test_an_entry_out_of_bounds_is_no_study(field: str, value: str) -> None:
    form = PlannerForm(STARTING_VALUES | {field: value})
    assert form.study() is None
    assert list(form.errors) == [field]


@pytest.fixture
def rated(owner: User) -> Campaign:
    campaign = factories.make_campaign_of(6, owner=owner, raters_per_item=3, items_per_rater=6)
    for option in ("2", "3", "5"):
        factories.rate_all(factories.make_rater(campaign), option)
    return campaign


@pytest.mark.django_db(transaction=True)
def test_a_pilot_gives_its_rules_and_its_spread(client: Client, owner: User, rated: Campaign) -> None:
    """Raters who differ by a constant: all spread lies between raters. Control: take the usual values."""
    client.force_login(owner)
    answer = client.get(reverse("plan:planner"), {"campaign": str(rated.public_id)})
    form = answer.context["form"]
    assert (form["items"].value(), form["raters_per_item"].value()) == (6, 3)
    assert float(form["spread_items"].value()) == 0
    assert float(form["spread_raters"].value()) == pytest.approx(math.sqrt(7 / 3), abs=1e-3)


@pytest.mark.django_db(transaction=True)
def test_a_campaign_without_ratings_says_that_its_spread_is_unknown(client: Client, owner: User) -> None:
    campaign = factories.make_campaign_of(3, owner=owner)
    client.force_login(owner)
    page = client.get(reverse("plan:planner"), {"campaign": str(campaign.public_id)}).content.decode()
    assert "can&#x27;t be estimated yet" in page or "can't be estimated yet" in unescape(page)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("kind", "offered"),
    [(TaskKind.OBJECT_PRESENCE, True), (TaskKind.PAIRWISE, False), (TaskKind.MASK, False)],
)
def test_a_pilot_without_scores_is_planned_for_what_it_has(
    client: Client, owner: User, kind: TaskKind, offered: bool
) -> None:
    """Control: leave the kind out of _from_campaign, and the page wants three ratings of a full campaign."""
    campaign = factories.make_campaign_of_kind(kind, owner=owner, raters_per_item=2)
    for _ in range(2):
        factories.rate_all(factories.make_rater(campaign))
    client.force_login(owner)
    answer = client.get(reverse("plan:planner"), {"campaign": str(campaign.public_id)})
    page = unescape(answer.content.decode())
    assert "fewer than three" not in page
    items = max(2, campaign.items.filter(kind=ItemKind.RATING).count())
    assert answer.context["plan"].outlook.effort.ratings == 2 * items
    assert "Expected 95" not in page
    assert "spread_rest" not in page
    assert ("Images per group" in page) is offered
    entries = {name: answer.context["form"][name].value() for name in answer.context["form"].fields}
    sums = client.get(reverse("plan:planner_sums"), entries | {"raters_per_item": 5})
    assert sums.context["plan"].outlook.effort.ratings == 5 * items


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chosen", ["nonsense", "00000000-0000-4000-8000-000000000000", "a" * 5000])
def test_no_campaign_is_no_page(client: Client, owner: User, chosen: str) -> None:
    client.force_login(owner)
    assert client.get(reverse("plan:planner"), {"campaign": chosen}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_strangers_ratings_can_not_be_measured(client: Client, stranger: User, rated: Campaign) -> None:
    """Control: look the campaign up among all."""
    client.force_login(stranger)
    assert client.get(reverse("plan:planner"), {"campaign": str(rated.public_id)}).status_code == 404
    assert rated.name not in client.get(reverse("plan:planner")).content.decode()


@pytest.mark.django_db
def test_without_scripts_the_form_calculates_by_itself(client: Client, owner: User) -> None:
    client.force_login(owner)
    sums = client.get(f"{reverse('plan:planner')}?items=1000").content.decode()
    assert "3,000" in sums
    missing = client.get(reverse("plan:planner_sums"), {"items": 1000}).content.decode()
    assert "once these are mended" in missing


def violations(page: Page) -> list[str]:
    """The A and AA rules the page breaks."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_the_sums_follow_the_entries(
    owner: User, rated: Campaign, sign_in: Callable[..., Page], size: str
) -> None:
    window = sign_in(owner, size)
    window.goto(f"{reverse('plan:planner')}?campaign={rated.public_id}")
    window.get_by_label("Items", exact=True).fill("500")
    expect(window.locator("[data-summary]")).to_contain_text("1,500", timeout=60_000)
    wide = window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    assert violations(window) == []


def test_numbers_out_of_their_bounds_are_named(client: Client, owner: User) -> None:
    """Control: say only that one of the numbers is wrong."""
    client.force_login(owner)
    entries = {name: str(value) for name, value in STARTING_VALUES.items()}
    sums = client.get(reverse("plan:planner_sums"), entries | {"items": "-3", "fee_percent": ""})
    shown = unescape(sums.content.decode())
    assert "Items: Ensure this value is greater than or equal to" in shown
    assert "Platform's fee, in percent of the pay: This field is required." in shown
    assert "Raters per item" not in shown


def test_nobody_s_campaign_is_chosen_to_start_from(client: Client, owner: User) -> None:
    """Control: no choice of the usual values; the browser then shows the newest campaign as chosen."""
    campaign = factories.make_campaign_of(2, owner=owner, raters_per_item=1)
    factories.rate_all(factories.make_rater(campaign))
    client.force_login(owner)
    page = client.get(reverse("plan:planner")).content.decode()
    assert '<select id="campaign" name="campaign"><option value="">' in page
    assert client.get(reverse("plan:planner"), {"campaign": ""}).status_code == 200
