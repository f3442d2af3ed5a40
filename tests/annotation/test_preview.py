"""A researcher's preview shows what raters will see, to her alone, and writes nothing."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Item
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """The owner's draft."""
    return factories.make_draft(owner)


def signed_in(user: User) -> Client:
    """A browser of this user."""
    client = Client()
    client.force_login(user)
    return client


def address(campaign: Campaign, query: str = "") -> str:
    """The preview's address."""
    return reverse("annotation:preview", args=[campaign.public_id]) + query


def pictures(item: Item) -> list[str]:
    """The addresses of an item's pictures."""
    arguments = (item.campaign.public_id, item.pk)
    return [reverse("annotation:preview_picture", args=[*arguments, name]) for name in ("image", "map")]


def rows() -> dict[str, int]:
    """How many rows every table of annotation and generation has."""
    models = [
        model for app in ("annotation", "generation") for model in apps.get_app_config(app).get_models()
    ]
    return {model.__name__: model._default_manager.count() for model in models}


@pytest.mark.parametrize("query", ["", "?item=2", "?page=consent", "?page=instructions", "?page=end"])
def test_the_owner_sees_every_page_with_the_banner(owner: User, campaign: Campaign, query: str) -> None:
    html = signed_in(owner).get(address(campaign, query)).content.decode()
    assert "Preview — nothing is saved." in html


def test_the_task_is_that_of_the_item(owner: User, campaign: Campaign) -> None:
    item = campaign.items.order_by("position")[1]
    html = signed_in(owner).get(address(campaign, "?item=2")).content.decode()
    assert f"data-word>{factories.map_of(item).word.text}</mark>" in html
    assert pictures(item)[0] in html


def test_pictures_are_shown_to_the_owner_and_to_nobody_else(
    owner: User, campaign: Campaign, stranger: User
) -> None:
    """Control: taking the item by its number alone shows it to the stranger."""
    for picture in pictures(campaign.items.all()[0]):
        assert signed_in(owner).get(picture)["Content-Type"] == "image/png"
        assert signed_in(stranger).get(picture).status_code == 404
        assert Client().get(picture).status_code == 302


@pytest.mark.parametrize("query", ["", "?page=consent", "?page=end"])
def test_a_stranger_cannot_tell_that_the_campaign_exists(
    stranger: User, campaign: Campaign, query: str
) -> None:
    """Control: `Campaign.objects.all()` in place of `.visible_to(user)` gives 200."""
    assert signed_in(stranger).get(address(campaign, query)).status_code == 404


def test_an_admin_sees_it_and_an_unknown_visitor_signs_in_first(admin: User, campaign: Campaign) -> None:
    assert signed_in(admin).get(address(campaign)).status_code == 200
    assert reverse("login") in Client().get(address(campaign))["Location"]


def test_walking_through_the_preview_writes_nothing(owner: User, campaign: Campaign) -> None:
    """Control: a preview built on `next_task` makes raters, consents and leases."""
    client, before = signed_in(owner), rows()
    response = client.post(address(campaign, "?page=consent"), {"consent": "agree"})
    assert response["Location"].endswith("?page=instructions")
    total = campaign.items.count()
    for number in range(1, total + 1):
        client.get(address(campaign, f"?item={number}"))
        response = client.post(address(campaign, f"?item={number}"), {"option": "4"})
        expected = f"?item={number + 1}" if number < total else "?page=end"
        assert response["Location"].endswith(expected)
    assert "DONE1234" in client.get(address(campaign, "?page=end")).content.decode()
    assert rows() == before


def test_undo_goes_one_item_back(owner: User, campaign: Campaign) -> None:
    response = signed_in(owner).post(address(campaign, "?item=2&move=back"))
    assert response["Location"].endswith("?item=1")


def test_the_pages_script_is_told_where_to_go(owner: User, campaign: Campaign) -> None:
    response: Any = signed_in(owner).post(
        address(campaign, "?item=1"), {"option": "4"}, headers={"Accept": "application/json"}
    )
    assert response.json()["location"].endswith("?item=2")


@pytest.mark.parametrize("item", ["0", "-1", "x", "1.0", "999", "9" * 40, "１", "", "1%00"])
def test_an_item_that_is_not_there_is_a_404(owner: User, campaign: Campaign, item: str) -> None:
    assert signed_in(owner).get(address(campaign, f"?item={item}")).status_code == 404


def test_a_campaign_without_items_says_so(owner: User) -> None:
    run = factories.make_finished_run(owner, prompts=["a red ball"])
    campaign = factories.make_draft(owner, run=run, parts_of_speech=("VERB",))
    assert "No questions yet" in signed_in(owner).get(address(campaign)).content.decode()


def test_a_question_is_counted_as_in_one_raters_session(owner: User, campaign: Campaign) -> None:
    """Control: the number of all items of the campaign in place of `session_size`."""
    Campaign.objects.filter(pk=campaign.pk).update(items_per_rater=1)
    campaign.refresh_from_db()
    seen = 1 + campaign.checks_in_session
    assert seen < campaign.items.count()
    page = signed_in(owner).get(address(campaign, "?item=1")).content.decode()
    assert f'data-progress max="{seen}" value="0"' in page
    last = signed_in(owner).get(address(campaign, f"?item={campaign.items.count()}")).content.decode()
    assert f'data-progress max="{seen}" value="{seen - 1}"' in last
