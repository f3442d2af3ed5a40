"""Who sees a campaign: its owner and admins. For everybody else it does not exist.

Every route of the campaign pages and of the results is asked by everybody. A new route without a row here
fails.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse

from annotation import urls as campaign_urls
from annotation.models import AuditEntry, Campaign, Item
from evaluation import urls as result_urls
from tests.evaluation.small_campaign import PLATFORM_IDS

pytestmark = pytest.mark.django_db(transaction=True)

READ: Final = ("get",)
WRITE: Final = ("post",)
BOTH: Final = ("get", "post")
# Route: methods it answers to. Those of everybody's own are without a campaign in the address.
ROUTES: Final = {
    "annotation:campaign": READ,
    "annotation:campaign_edit": BOTH,
    "annotation:campaign_progress": READ,
    "annotation:campaign_open": WRITE,
    "annotation:campaign_pause": WRITE,
    "annotation:campaign_resume": WRITE,
    "annotation:campaign_close": BOTH,
    "annotation:rater": BOTH,
    "annotation:rater_include": WRITE,
    "annotation:rater_refill": WRITE,
    "annotation:rater_forget": WRITE,
    "annotation:rater_approve": WRITE,
    "annotation:rater_reject": WRITE,
    "annotation:campaign_extend": BOTH,
    "annotation:history": READ,
    "annotation:history_csv": READ,
    "annotation:campaign_specification": READ,
    "annotation:known_answers": BOTH,
    "annotation:known_answers_csv": READ,
    "annotation:review": BOTH,
    "annotation:recruitment": BOTH,
    "annotation:links_csv": READ,
    "annotation:preview": BOTH,
    "annotation:preview_picture": READ,
    "annotation:presence_csv": READ,
    "annotation:pairs_csv": READ,
    "annotation:masks_jsonl": READ,
    "annotation:masks_zip": READ,
    "evaluation:results": READ,
    "evaluation:file": READ,
    "evaluation:live": READ,
}
OF_EVERYBODY: Final = {
    "annotation:campaigns",
    "annotation:campaign_new",
    "annotation:campaign_upload",
    "annotation:campaign_effort",
}


def url_of(route: str, campaign: Campaign) -> str:
    arguments: dict[str, Any] = {"public_id": campaign.public_id}
    if route.startswith("annotation:rater"):
        arguments["pseudonym"] = campaign.raters.order_by("pk")[0].pseudonym
    if route == "annotation:preview_picture":
        arguments["name"] = "map"
        arguments["item_id"] = Item.objects.filter(campaign=campaign).order_by("pk")[0].pk
    if route == "evaluation:file":
        arguments["name"] = "ratings.csv"
    return reverse(route, kwargs=arguments)


def asks(client: Client, campaign: Campaign) -> list[tuple[str, Any]]:
    """Every route by every method it answers to, with the responses."""
    found = []
    for route, methods in ROUTES.items():
        for method in methods:
            ask: Callable[..., Any] = getattr(client, method)
            found.append((f"{method} {route}", ask(url_of(route, campaign))))
    return found


def test_every_route_has_a_row() -> None:
    """Control: add a route to urls.py alone."""
    routes = {
        f"{module.app_name}:{pattern.name}"
        for module in (campaign_urls, result_urls)
        for pattern in module.urlpatterns
        if isinstance(pattern, URLPattern)
    }
    assert routes == ROUTES.keys() | OF_EVERYBODY


def test_for_a_stranger_the_campaign_does_not_exist(client: Client, small: Campaign, stranger: User) -> None:
    """Control: Campaign.objects.all() in one of the views."""
    client.force_login(stranger)
    acts_before = AuditEntry.objects.count()
    answers = asks(client, small)
    assert {name: answer.status_code for name, answer in answers if answer.status_code != 404} == {}
    assert AuditEntry.objects.count() == acts_before
    assert small.name not in client.get(reverse("annotation:campaigns")).content.decode()


def test_who_is_not_signed_in_is_asked_to(client: Client, small: Campaign) -> None:
    """Control: take login_required off one of the views."""
    for name, answer in asks(client, small):
        assert (name, answer.status_code) == (name, 302)
        assert answer.headers["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_owner_and_admin_reach_every_page_and_no_identity_leaks(
    client: Client, small: Campaign, owner: User, admin: User, who: str
) -> None:
    """No page or file holds a platform's id of a rater. Control: print rater.identity on the rater's page."""
    client.force_login(owner if who == "owner" else admin)
    for name, answer in asks(client, small):
        # 400: the form without its reason; 409: the campaign is frozen.
        assert answer.status_code in (200, 302, 303, 400, 409), name
        streamed = getattr(answer, "streaming_content", None)
        content = b"".join(streamed) if streamed is not None else answer.content
        for identity in PLATFORM_IDS.values():
            assert identity.encode() not in content, name
            assert identity not in str(answer.headers), name
    assert small.name in client.get(reverse("annotation:campaigns")).content.decode()


def test_the_model_of_a_stranger_can_not_be_measured_by_its_numbers(
    client: Client, small: Campaign, stranger: User
) -> None:
    """The summary beside the form counts the words of a run: only of one's own."""
    client.force_login(stranger)
    url = f"{reverse('annotation:campaign_effort')}?run={small.run_id}"
    assert client.get(url).status_code == 404
