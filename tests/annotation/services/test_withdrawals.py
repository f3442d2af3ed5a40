"""Who withdraws leaves nothing behind: no row, no place, no name in the history."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from annotation.choices import SlotState, TaskKind
from annotation.contents import AnswerContent
from annotation.mask_files import read_mask
from annotation.models import Answer, AuditEntry, Draft, Mask, Rater, Slot
from annotation.services import drafts, payments, raters, withdrawals
from annotation.services.answers import record_answer
from annotation.services.identities import forget_identity, rater_named
from annotation.services.tasks_for_raters import Task, next_task
from annotation.tokens import rater_token
from evaluation import live
from tests import factories

pytestmark = pytest.mark.django_db
CANARY = "5f1e2d3c4b5a69788796a5b4"


def everything() -> str:
    """Every row of the app's tables, as text."""
    tables = [table for table in connection.introspection.table_names() if table.startswith("annotation_")]
    assert len(tables) > 12
    with connection.cursor() as cursor:
        found = []
        for table in tables:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")  # noqa: S608
            found += [text for (text,) in cursor.fetchall()]
    return "\n".join(found)


def test_nothing_that_is_hers_is_left_and_the_history_says_so_without_her(owner: User) -> None:
    """Control: leave the consent, a pay decision or a reason in the history where it is."""
    campaign = factories.make_campaign_of(6, raters_per_item=1, places_kept=2, owner=owner)
    rater = factories.make_rater(campaign, CANARY)
    for _ in range(3):
        task = next_task(rater)
        assert isinstance(task, Task)
        factories.answer(rater, task)
    raters.exclude(rater, owner, f"wrote to us as {CANARY}")
    payments.approve(rater, owner, reason=f"{CANARY} is right")
    pseudonym, key = rater.pseudonym, rater.pk
    assert everything().count(CANARY) > 2
    gone = withdrawals.withdraw_rater(rater, owner)
    assert gone == withdrawals.Withdrawn(answers=3, masks=0, places=3)
    left = everything()
    assert CANARY not in left
    assert pseudonym not in left
    assert f'"rater_id": {key},' not in left
    entry = AuditEntry.objects.get(act="withdraw_rater")
    assert (entry.actor, entry.rater, entry.detail) == (owner, None, {"answers": 3, "masks": 0, "places": 3})
    assert AuditEntry.objects.get(act="exclude_rater").detail == {"withdrawn": True}


def test_her_places_go_to_others_and_each_item_gets_exactly_its_raters(owner: User) -> None:
    """With answers, a task in hand and kept places. Control: void her slots."""
    campaign = factories.make_campaign_of(6, raters_per_item=2, places_kept=2, owner=owner)
    rater, other = factories.make_rater(campaign), factories.make_rater(campaign)
    for _ in range(2):
        task = next_task(rater)
        assert isinstance(task, Task)
        factories.answer(rater, task)
    next_task(rater)
    hers = list(Slot.objects.filter(rater=rater).values_list("state", flat=True))
    assert set(hers) == {SlotState.ANSWERED, SlotState.LEASED, SlotState.KEPT}
    assert withdrawals.withdraw_rater(rater, owner).places == len(hers)
    factories.rate_all(other)
    factories.rate_all(factories.make_rater(campaign))
    states = list(Slot.objects.filter(campaign=campaign).values_list("state", flat=True))
    assert states == [SlotState.ANSWERED] * 12
    assert Answer.objects.filter(slot__campaign=campaign).count() == 12


def test_masks_and_drafts_go_with_her(owner: User) -> None:
    """Control: delete the answers and leave their masks."""
    campaign = factories.make_campaign_of_kind(TaskKind.MASK, owner=owner)
    rater = factories.make_rater(campaign)
    task = next_task(rater)
    assert isinstance(task, Task)
    drawn = AnswerContent(mask=read_mask(factories.mask_png(), height=factories.SIDE, width=factories.SIDE))
    record_answer(
        rater, slot_id=task.slot_id, content=drawn, idempotency_key=uuid4(), client_milliseconds=1, view=""
    )
    task = next_task(rater)
    assert isinstance(task, Task)
    drafts.save_draft(rater, slot_id=task.slot_id, number=1, png=factories.mask_png())
    assert (Mask.objects.count(), Draft.objects.count()) == (1, 1)
    assert withdrawals.withdraw_rater(rater, owner).masks == 1
    assert (Mask.objects.count(), Draft.objects.count(), Rater.objects.count()) == (0, 0, 0)


def test_the_page_asks_first_and_her_own_link_leads_nowhere_afterwards(client: Client, owner: User) -> None:
    campaign = factories.make_campaign_of(2, owner=owner)
    rater = factories.make_rater(campaign)
    given = factories.rate_all(rater)
    client.force_login(owner)
    address = reverse("annotation:rater_withdraw", args=[campaign.public_id, rater.pseudonym])
    page = client.get(address).content.decode()
    assert f"{given} answers" in page
    assert Rater.objects.count() == 1
    client.post(address)
    assert Rater.objects.count() == 0
    assert Client().get(f"/r/{rater_token(rater)}/").status_code == 404
    history = client.get(reverse("annotation:history", args=[campaign.public_id])).content.decode()
    assert "withdrew a rater" in history
    assert rater.pseudonym[:8] not in history


def test_numbers_of_a_running_campaign_forget_her_too(owner: User) -> None:
    """Control: leave `_withdrawals` out of `look`."""
    campaign = factories.make_campaign_of(4, raters_per_item=2, owner=owner)
    rater = factories.make_rater(campaign)
    factories.rate_all(factories.make_rater(campaign), "5")
    factories.rate_all(rater, "1")
    live.forget()
    assert live.look(campaign).n_answers == 8
    withdrawals.withdraw_rater(rater, owner)
    after = live.look(campaign)
    assert (after.n_answers, after.overall.mos.estimate) == (4, 5)


def test_a_rater_is_found_by_her_id_her_page_or_her_personal_link(owner: User) -> None:
    """Also once the id is deleted. Control: look for it in the table of identities."""
    campaign, other = (factories.make_campaign_of(1, owner=owner) for _ in range(2))
    rater = factories.make_rater(campaign, CANARY)
    forget_identity(rater, owner)
    assert rater_named(campaign, f" {CANARY} ") == rater
    assert rater_named(campaign, f"https://example.org/r/{rater_token(rater)}/") == rater
    assert rater_named(campaign, rater.pseudonym) == rater
    for name in ("", "somebody", "/r/forged/", "?invitation=1.forged", "a" * 500, "\0"):
        assert rater_named(campaign, name) is None
    assert rater_named(other, CANARY) is None
    assert rater_named(other, f"/r/{rater_token(rater)}/") is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE annotation_auditentry SET act = 'pause'",
        "UPDATE annotation_auditentry SET actor_id = NULL",
        "UPDATE annotation_auditentry SET detail = '{\"withdrawn\": true}'",
        "UPDATE annotation_auditentry SET rater_id = NULL, detail = '{}'",
        "DELETE FROM annotation_auditentry",
    ],
)
def test_the_database_refuses_to_change_what_was_done(owner: User, change: str) -> None:
    """Control: migrate back before 0020."""
    campaign = factories.make_campaign_of(1, owner=owner)
    raters.exclude(factories.make_rater(campaign), owner, "every answer within a second")
    before = list(AuditEntry.objects.values())
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    assert list(AuditEntry.objects.values()) == before
