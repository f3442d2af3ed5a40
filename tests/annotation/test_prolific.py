"""What a person decided here is done on Prolific, once: against a server that speaks its protocol."""

import json
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from annotation.forms.prolific import BonusForm
from annotation.models import AuditEntry, Campaign, Rater, RaterIdentity
from annotation.prolific import ProlificRefused
from annotation.services import payments, prolific
from annotation.services.answers import Late, record_answer
from annotation.services.entry import EntryRefused
from annotation.services.raters import RaterActRefused
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db
TOKEN = "canary-token-91c2"


class Prolific(ThreadingHTTPServer):
    """The documented protocol with one study, "study"; what it was asked to do is kept."""

    def __init__(self) -> None:
        self.places = 5
        self.statuses: dict[str, str] = {}
        self.set_up: dict[str, str] = {}
        self.paid: list[str] = []
        self.fails_with = 0
        self.refuses_approvals_with = 0
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, method: str, address: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body, by the documentation of version 1."""
        path, query = urlsplit(address).path.removeprefix("/api/v1"), parse_qs(urlsplit(address).query)
        if path == "/studies/study/":
            self.places = body.get("total_available_places", self.places)
            taken = len(self.statuses)
            study = {"id": "study", "name": "Words", "status": "ACTIVE", "places_taken": taken}
            return 200, study | {"total_available_places": self.places}
        if method == "GET" and path == "/submissions/" and query["study"] == ["study"]:
            rows = [{"participant_id": who, "status": status} for who, status in self.statuses.items()]
            start = int(query["offset"][0])
            return 200, {"results": rows[start : start + int(query["limit"][0])]}
        if path == "/submissions/bulk-approve/" and self.refuses_approvals_with:
            return self.refuses_approvals_with, {"error": {"detail": "Not now."}}
        if method == "POST" and path == "/submissions/bulk-approve/":
            for who in body["participant_ids"]:
                if self.statuses[who] != "AWAITING REVIEW":
                    return 400, {"error": {"detail": f"{who} is not awaiting review"}}
                self.statuses[who] = "APPROVED"
            return 200, {"message": "The request to bulk approve has been made successfully."}
        if method == "POST" and path == "/submissions/bonus-payments/" and body["study_id"] == "study":
            self.set_up["bonus-1"] = body["csv_bonuses"]
            return 200, {"id": "bonus-1", "study": "study", "amount": 1}
        if (found := re.fullmatch("/bulk-bonus-payments/(.+)/pay/", path)) and found[1] in self.set_up:
            self.paid.append(self.set_up[found[1]])
            return 202, {}
        return 404, {"error": {"detail": "Not found."}}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Prolific)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
        status, answer = server.answer(self.command, self.path, body)
        if self.headers["Authorization"] != f"Token {TOKEN}":
            status, answer = 401, {"error": {"detail": "Invalid token."}}
        if server.fails_with:
            status, answer = server.fails_with, {"error": {"detail": "Not now."}}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_POST = do_PATCH = do_GET  # noqa: N815 (the standard library's names)

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def there(settings: Settings) -> Iterator[Prolific]:
    server = Prolific()
    settings.PROLIFIC_TOKEN = TOKEN
    settings.PROLIFIC_API = f"http://127.0.0.1:{server.server_port}/api/v1"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def campaign(owner: User, there: Prolific) -> Campaign:
    """Three raters, all awaiting review there: here one is approved, one rejected, one undecided."""
    made = factories.make_campaign_of(2, owner=owner, checks=2, checks_per_rater=2, raters_per_item=5)
    for name in ("canary-anna", "canary-bert", "canary-cleo"):
        factories.rate_all(factories.make_rater(made, name))
        there.statuses[name] = "AWAITING REVIEW"
    anna, bert, _ = Rater.objects.order_by("pk")
    payments.approve(anna, owner)
    payments.reject(bert, owner, ground="failed_checks", reason="both wrong")
    # Set the study that the links of tests name.
    for rater in Rater.objects.all():
        rater.identity.study_id = "study"
        rater.identity.save()
    return made


def test_who_was_approved_here_is_approved_there_once(
    campaign: Campaign, owner: User, there: Prolific
) -> None:
    """Control: approve everybody with an identity; leave the statuses there unread."""
    assert prolific.approve_decided(campaign, owner) == 1
    assert there.statuses == {
        "canary-anna": "APPROVED", "canary-bert": "AWAITING REVIEW", "canary-cleo": "AWAITING REVIEW",
    }  # fmt: skip
    assert prolific.approve_decided(campaign, owner) == 0
    entry = AuditEntry.objects.get(act="prolific_approve")
    assert (entry.actor, entry.detail) == (owner, {"raters": 1})


def test_an_approval_that_was_sent_can_not_be_taken_back_unless_prolific_said_that_it_did_nothing(
    campaign: Campaign, owner: User, there: Prolific
) -> None:
    """Without a clear answer nobody knows whether the money is on its way.

    Control: no `hand_out` before the approval is sent; `nothing_was_done` for every refusal, or for none.
    """
    anna = Rater.objects.order_by("pk")[0]
    there.refuses_approvals_with = 422
    with pytest.raises(ProlificRefused, match="422"):
        prolific.approve_decided(campaign, owner)
    assert payments.take_back(anna, owner) is not None
    payments.approve(anna, owner)
    there.refuses_approvals_with = 503
    with pytest.raises(ProlificRefused, match="503"):
        prolific.approve_decided(campaign, owner)
    with pytest.raises(RaterActRefused, match="handed out"):
        payments.take_back(anna, owner)
    there.refuses_approvals_with = 0
    assert prolific.approve_decided(campaign, owner) == 1


def test_places_are_only_ever_added(campaign: Campaign, owner: User, there: Prolific) -> None:
    assert prolific.add_places(campaign, owner, study_id="study", places=9).places == 9
    with pytest.raises(ProlificRefused, match="larger"):
        prolific.add_places(campaign, owner, study_id="study", places=9)
    with pytest.raises(ProlificRefused, match="No rater"):
        prolific.add_places(campaign, owner, study_id="another", places=99)
    assert there.places == 9


def test_bonuses_go_to_the_raters_of_the_campaign_or_to_nobody(
    campaign: Campaign, owner: User, there: Prolific
) -> None:
    """Control: skip who is not found."""
    anna = Rater.objects.order_by("pk")[0].pseudonym
    with pytest.raises(ProlificRefused, match="Nobody was paid"):
        prolific.pay_bonuses(campaign, owner, amounts={anna: Decimal("1.50"), "stranger": Decimal(1)})
    assert there.paid == []
    assert prolific.pay_bonuses(campaign, owner, amounts={anna: Decimal("1.50")}) == 1
    assert there.paid == ["canary-anna,1.50"]


def test_places_of_who_returned_or_timed_out_are_free_at_once_and_her_answer_is_kept(
    there: Prolific, owner: User
) -> None:
    """One item, one place: the next rater gets it. Who is at work keeps hers; nothing is freed twice.

    Control: leave TIMED-OUT out of GONE; free by study alone; leave the lease to its end in returns._free.
    """
    campaign = factories.make_campaign_of(3, owner=owner, raters_per_item=1, places_kept=1, items_per_rater=1)
    names = ("canary-anna", "canary-bert", "canary-cleo")
    raters = {name: factories.make_rater(campaign, name) for name in names}
    tasks = {name: next_task(rater) for name, rater in raters.items()}
    RaterIdentity.objects.update(study_id="study")
    there.statuses = dict(zip(raters, ("RETURNED", "TIMED-OUT", "ACTIVE"), strict=True))
    assert prolific.free_returned_everywhere() == 2
    assert prolific.free_returned_everywhere() == 0
    newcomers = [factories.make_rater(campaign) for _ in range(2)]
    assert [factories.rate_all(rater) for rater in newcomers] == [1, 1]
    with pytest.raises(EntryRefused):
        factories.make_rater(campaign)
    anna, task = raters["canary-anna"], tasks["canary-anna"]
    assert isinstance(task, Task)
    late = record_answer(
        anna, slot_id=task.slot_id, content=factories.content_for(anna), idempotency_key=uuid4(),
        client_milliseconds=None, view="",
    )  # fmt: skip
    assert isinstance(late, Late)
    assert AuditEntry.objects.get(act="free_places").detail == {"raters": 2}


@pytest.mark.parametrize(
    ("bonuses", "total", "fault"),
    [("a, 1.50\nb, 2", "3.50", ""), ("a, 1.50\nb, 20", "3.50", "total"), ("a 1.50", "1.50", "bonuses"),
     ("a, 1.505", "1.51", "bonuses"), ("a, NaN", "1", "bonuses"), ("a, -1", "-1", "bonuses"),
     ("a, 1\na, 1", "2", "bonuses"), ("a, 501", "501", "bonuses"), ("a, 1e2", "100", "")],
)  # fmt: skip
def test_amounts_are_read_strictly_and_add_up(bonuses: str, total: str, fault: str) -> None:
    form = BonusForm({"bonuses": bonuses, "total": total})
    assert list(form.errors) == ([fault] if fault else [])


@pytest.mark.parametrize(("status", "said"), [(401, "token"), (500, "500: Not now."), (302, "302")])
def test_what_prolific_refuses_is_said_without_the_token(
    campaign: Campaign, owner: User, there: Prolific, status: int, said: str
) -> None:
    there.fails_with = status
    with pytest.raises(ProlificRefused, match=re.escape(said)) as refusal:
        prolific.studies(campaign)
    assert TOKEN not in str(refusal.value)


def test_a_prolific_that_is_away_is_said(campaign: Campaign, settings: Settings) -> None:
    settings.PROLIFIC_API = "http://127.0.0.1:9/api/v1"
    with pytest.raises(ProlificRefused, match="did not answer"):
        prolific.studies(campaign)


def test_the_page_shows_no_platform_id_and_acts(
    client: Client, campaign: Campaign, owner: User, there: Prolific, settings: Settings
) -> None:
    """Control: print participants on the page."""
    client.force_login(owner)
    page = reverse("annotation:prolific", args=[campaign.public_id])
    html = client.get(page).content.decode()
    assert "3</strong> of 5 places taken" in html
    client.post(page, {"act": "places", "study": "study", "places": "7"})
    client.post(page, {"act": "approve"})
    anna = Rater.objects.order_by("pk")[0].pseudonym
    client.post(page, {"act": "bonus", "bonuses": f"{anna}, 0.50", "total": "0.50"})
    assert (there.places, there.statuses["canary-anna"], there.paid) == (7, "APPROVED", ["canary-anna,0.50"])
    assert client.post(page, {"act": "bonus", "bonuses": f"{anna}, 0.50", "total": "5"}).status_code == 400
    for address in (page, reverse("annotation:history", args=[campaign.public_id])):
        text = client.get(address).content.decode()
        assert "canary" not in text
    settings.PROLIFIC_TOKEN = ""
    assert "Not connected" in client.get(page).content.decode()
