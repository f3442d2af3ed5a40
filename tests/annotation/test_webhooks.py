"""Webhooks: an event is sent until it is taken or given up, signed, and never into a private network."""

import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from annotation import outgoing
from annotation.choices import DeliveryState, SlotState, WebhookEvent
from annotation.models import Campaign, Webhook, WebhookDelivery
from annotation.services import campaigns, raters, webhooks
from generation.models import Project
from generation.services.projects import personal_project
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


class Receiver(ThreadingHTTPServer):
    """An address that keeps what it gets and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[dict[str, str], str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        receiver.got.append((dict(self.headers), body))
        self.send_response(receiver.status)
        if receiver.status == 302:
            self.send_header("Location", receiver.url)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(owner: User, receiver: Receiver) -> Webhook:
    return webhooks.add(personal_project(owner), url=receiver.url, events=list(WebhookEvent), actor=owner)


def due_now() -> None:
    WebhookDelivery.objects.filter(state=DeliveryState.WAITING).update(due_at=Now() - timedelta(seconds=1))


def test_each_act_of_a_campaign_arrives_once_signed_over_time_and_body(
    hook: Webhook, owner: User, receiver: Receiver
) -> None:
    """Control: sign the body alone; give the time in milliseconds; queue after the act's transaction."""
    begun = int(time.time())
    campaign = factories.make_open_campaign(owner)
    campaigns.pause(campaign, owner)
    campaigns.resume(campaign, owner)
    campaigns.close(campaign, owner)
    assert webhooks.deliver_due() == 4
    assert webhooks.deliver_due() == 0
    assert [json.loads(body)["event"] for _, body in receiver.got] == [
        "campaign.opened", "campaign.paused", "campaign.resumed", "campaign.closed",
    ]  # fmt: skip
    assert [json.loads(body)["campaign"]["state"] for _, body in receiver.got] == [
        "open", "paused", "open", "closed",
    ]  # fmt: skip
    secret = webhooks.secret_of(hook)
    for headers, body in receiver.got:
        at, signed = (part.partition("=")[2] for part in headers["Percept-Signature"].split(","))
        assert begun <= int(at) <= time.time()
        assert signed == hmac.new(secret.encode(), f"{at}.{body}".encode(), sha256).hexdigest()
    assert len({headers["Percept-Delivery"] for headers, _ in receiver.got}) == 4


def test_an_act_that_is_taken_back_tells_nobody(hook: Webhook, owner: User) -> None:
    """Control: send in the act itself."""
    campaign = factories.make_open_campaign(owner)
    WebhookDelivery.objects.all().delete()
    with pytest.raises(campaigns.CampaignMoved):
        campaigns.resume(campaign, owner)
    assert not WebhookDelivery.objects.exists()


def test_what_is_not_taken_comes_again_later_and_later_and_is_given_up(
    hook: Webhook, receiver: Receiver
) -> None:
    """Control: a fixed wait; no MOST_ATTEMPTS."""
    receiver.status = 500
    delivery = webhooks.try_out(hook)
    waits = []
    for _ in range(webhooks.MOST_ATTEMPTS):
        due_now()
        assert webhooks.deliver_due() == 1
        delivery.refresh_from_db()
        waits.append(round((delivery.due_at - delivery.created_at).total_seconds()))
    assert waits == sorted(waits)
    assert waits[-1] > 10_000
    assert (delivery.state, delivery.answer) == (DeliveryState.DEAD, "500 Internal Server Error")
    due_now()
    assert webhooks.deliver_due() == 0
    receiver.status = 204
    assert webhooks.try_again(delivery)
    assert webhooks.deliver_due() == 1
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DONE


def test_two_senders_at_once_send_each_event_once(hook: Webhook, receiver: Receiver) -> None:
    """Control: claim without the lock."""
    for _ in range(10):
        webhooks.try_out(hook)
    senders = [threading.Thread(target=_deliver_and_leave) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len({headers["Percept-Delivery"] for headers, _ in receiver.got}) == len(receiver.got) == 10


def _deliver_and_leave() -> None:
    from django.db import connection

    webhooks.deliver_due()
    connection.close()


def test_a_redirect_is_an_answer_and_not_followed(hook: Webhook, receiver: Receiver) -> None:
    receiver.status = 302
    delivery = webhooks.try_out(hook)
    webhooks.deliver_due()
    delivery.refresh_from_db()
    assert (delivery.answer, len(receiver.got)) == ("302 Found", 1)


def test_filled_is_told_when_the_last_place_is_answered_and_not_while_any_is_kept(
    hook: Webhook, owner: User
) -> None:
    """Control: look for free and leased places alone: with places kept it is told at 0 answers."""
    campaign = factories.make_open_campaign(owner, raters_per_item=1, places_kept=50)
    rater = factories.make_rater(campaign)
    assert set(campaign.slots.values_list("state", flat=True)) == {SlotState.KEPT}
    assert webhooks.tell_filled() == 0
    factories.rate_all(rater)
    assert (webhooks.tell_filled(), webhooks.tell_filled()) == (1, 0)


def test_filled_is_told_again_after_each_act_that_makes_places(hook: Webhook, owner: User) -> None:
    """Control: one telling per campaign; leave an act out of ACTS_THAT_MAKE_PLACES."""
    campaign = factories.make_open_campaign(owner, raters_per_item=1, places_kept=5)
    first = factories.make_rater(campaign)
    factories.rate_all(first)
    assert webhooks.tell_filled() == 1
    campaigns.extend(campaign, owner, raters_per_item=2)
    assert webhooks.tell_filled() == 0
    factories.rate_all(factories.make_rater(campaign))
    assert (webhooks.tell_filled(), webhooks.tell_filled()) == (1, 0)
    raters.exclude(first, owner, "asked to be left out")
    raters.reopen_places(first, owner)
    assert webhooks.tell_filled() == 0
    factories.rate_all(factories.make_rater(campaign))
    assert (webhooks.tell_filled(), webhooks.tell_filled()) == (1, 0)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.1.2.3", "100.64.0.1",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1",
     "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "ff02::1"],
)  # fmt: skip
def test_private_addresses_are_known_however_they_are_written(address: str) -> None:
    """Control: `ip.is_private` alone."""
    assert not outgoing.is_public(address)


def test_nothing_is_sent_into_a_private_network(
    owner: User, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public name that leads inside is refused when it is sent. Control: check only the name's form."""
    project: Project = personal_project(owner)
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    hook = webhooks.add(
        project,
        url=f"https://inside.example:{receiver.server_port}/",
        events=[WebhookEvent.CLOSED],
        actor=owner,
    )
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    delivery = webhooks.try_out(hook)
    webhooks.deliver_due()
    delivery.refresh_from_db()
    assert "private network" in delivery.answer
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "ftp://example.org/", "https://", "https://user:pass@example.org/",
     "javascript:x",
     "https://example.org:22/", "https://example.org:99999/", "https://exa mple.org/", "https://exämple.org/",
     "https://example.org/\r\nHost: x", "file:///etc/passwd"],
)  # fmt: skip
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(outgoing.AddressRefused):
        outgoing.check(url, allow_private=False)


def test_the_page_adds_tries_and_lists(client: Client, owner: User, receiver: Receiver) -> None:
    project = personal_project(owner)
    client.force_login(owner)
    page = reverse("webhooks:webhooks", args=[project.pk])
    refused = client.post(page, {"url": "ftp://x", "events": ["campaign.closed"]})
    assert refused.status_code == 400
    client.post(page, {"url": receiver.url, "events": ["campaign.closed"]})
    hook = Webhook.objects.get()
    client.post(reverse("webhooks:webhook_act", args=[project.pk, hook.pk, "test"]))
    webhooks.deliver_due()
    html = client.get(page).content.decode()
    assert "delivered" in html
    assert webhooks.secret_of(hook) in html
    client.post(reverse("webhooks:webhook_act", args=[project.pk, hook.pk, "off"]))
    factories.make_open_campaign(owner)
    assert WebhookDelivery.objects.count() == 1
    assert Campaign.objects.count() == 1
