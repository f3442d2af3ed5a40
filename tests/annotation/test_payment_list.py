"""The list for whoever pays: every rater who agreed, by the platform's id, each download in the history."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import Platform, RejectionGround
from annotation.models import AuditEntry, Campaign, Rater
from annotation.recruitment import RaterIdentityData
from annotation.services import entry, payments
from annotation.services.answers import stop_session, undo_last
from annotation.services.endings import EndReason, session_end
from annotation.services.identities import forget_identity
from annotation.services.tasks_for_raters import Task, next_task
from generation.choices import ProjectRole
from generation.models import Project
from generation.services import projects
from tests import factories

pytestmark = pytest.mark.django_db


def came(campaign: Campaign, name: str) -> Rater:
    """Somebody from Connect who agreed."""
    identity = RaterIdentityData(
        platform=Platform.CONNECT, platform_id=name, study_id="project-7", session_id=f"{name}-a"
    )
    rater = entry.enter(campaign, identity)
    entry.give_consent(rater)
    return rater


def answer_one(rater: Rater) -> None:
    task = next_task(rater)
    assert isinstance(task, Task)
    factories.answer(rater, task)


def lines_of(response: Any) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(response.content.decode()))
    return {row["platform_id"] or row["rater"]: row for row in rows}


@pytest.fixture
def campaign(owner: User) -> Campaign:
    return factories.make_campaign_of(
        4, owner=owner, raters_per_item=6, pay_per_rater=Decimal("1.50"), currency="USD",
        screened_out_code="SCREENED",
    )  # fmt: skip


def test_each_rater_has_a_line_with_what_was_decided(client: Client, owner: User, campaign: Campaign) -> None:
    """Controls: take the amount from the pay whatever was decided; count answers that were taken back;
    a code for who gave no answer."""
    done, left, empty, waits = (came(campaign, name) for name in ("done", "left", "empty", "waits"))
    entry.enter(campaign, RaterIdentityData(platform=Platform.CONNECT, platform_id="looked"))
    factories.rate_all(done)
    answer_one(left)
    stop_session(left)
    stop_session(empty)
    answer_one(waits)
    answer_one(waits)
    undo_last(waits)
    payments.approve(done, owner, reason="good work")
    payments.reject(left, owner, ground=RejectionGround.UNFINISHED, reason="=left early")
    client.force_login(owner)
    response = client.post(reverse("annotation:payment_list", args=[campaign.public_id]))
    assert response["Content-Type"].startswith("text/csv")
    found = lines_of(response)
    assert set(found) == {"done", "left", "empty", "waits"}
    assert {row["study_id"] for row in found.values()} == {"project-7"}
    assert {row["platform"] for row in found.values()} == {"connect"}
    told = {
        name: tuple(row[column] for column in ("outcome", "code", "decision", "answers", "amount"))
        for name, row in found.items()
    }
    assert told == {
        "done": ("completed", "DONE1234", "approved", "4", "1.50"),
        "left": ("stopped", "DONE1234", "rejected", "1", "0"),
        "empty": ("stopped", "", "undecided", "0", ""),
        "waits": ("", "DONE1234", "undecided", "1", ""),
    }
    assert found["left"]["reason"] == "'=left early"
    assert float(found["done"]["minutes"]) >= 0
    assert {row["currency"] for row in found.values()} == {"USD"}
    for rater, reason in ((done, EndReason.FINISHED), (left, EndReason.STOPPED), (empty, EndReason.STOPPED)):
        assert found[rater.identity.platform_id]["code"] == session_end(rater, reason=reason).completion_code


def test_every_download_is_in_the_history_which_names_no_id(
    client: Client, owner: User, campaign: Campaign
) -> None:
    """Control: leave the record out of `download`."""
    came(campaign, "canary-5f3a9c")
    forget_identity(came(campaign, "canary-forgotten"), owner)
    client.force_login(owner)
    response = client.post(reverse("annotation:payment_list", args=[campaign.public_id]))
    assert "canary-forgotten" not in response.content.decode()
    entry_made = AuditEntry.objects.get(act="download_payments")
    assert (entry_made.actor, entry_made.detail) == (owner, {"raters": 2, "ids": 1})
    page = client.get(reverse("annotation:history", args=[campaign.public_id])).content.decode()
    assert "downloaded the list of payments" in page
    assert "canary" not in page
    assert "no-store" in response["Cache-Control"]


def test_a_viewer_gets_no_list_and_leaves_no_entry(client: Client, owner: User, campaign: Campaign) -> None:
    """Control: campaign_to_read for campaign_to_edit in the view."""
    came(campaign, "canary-5f3a9c")
    viewer = factories.make_user("viewer")
    project = Project.objects.get(personal_of=owner)
    projects.add_member(project, username="viewer", role=ProjectRole.VIEWER, actor=owner)
    client.force_login(viewer)
    address = reverse("annotation:payment_list", args=[campaign.public_id])
    assert client.post(address).status_code == 403
    assert client.get(address).status_code == 405
    review = client.get(reverse("annotation:review", args=[campaign.public_id])).content.decode()
    assert address not in review
    assert not AuditEntry.objects.filter(act="download_payments").exists()
    assert viewer.pk
