"""Revoking a personal link: nobody comes in by it, its rater's visit ends, answers and pay are hers."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import queries
from annotation.choices import Platform, RaterOutcome, SlotState
from annotation.models import Answer, AuditEntry, Campaign, LateAnswer, Rater, RevokedInvitation, Slot
from annotation.payment_rules import PaymentEvidence, supported_grounds
from annotation.recruitment import personal_identity
from annotation.services import budgets, campaigns, entry
from annotation.services.answers import Recorded, UndoRefused, record_answer, undo_last
from annotation.services.endings import EndReason, SessionEnd
from annotation.services.entry import EntryRefusal, EntryRefused
from annotation.services.invitations import Invitation, InvitationUnknown, invitations, revoke
from annotation.services.tasks_for_raters import Task, next_task
from annotation.tokens import invitation_token, rater_token
from tests import factories
from tests.program import Program, errors

pytestmark = pytest.mark.django_db


def made(owner: User, *, links: int = 3, **changes: Any) -> Campaign:
    """Five items, and so many personal links."""
    campaign = factories.make_campaign_of(5, owner=owner, **changes)
    return campaigns.invite(campaign, owner, invitations=links)


def come(campaign: Campaign, number: int) -> Rater:
    """Somebody by her personal link, who has agreed."""
    rater = entry.enter(campaign, personal_identity(number))
    entry.give_consent(rater)
    return rater


def page_of(campaign: Campaign, number: int) -> str:
    """What opening the link shows in the end."""
    address = reverse("rate:entry", args=[campaign.public_id])
    token = invitation_token(campaign, number=number)
    return Client().get(address, {"invitation": token}, follow=True).content.decode()


def test_a_revoked_link_lets_nobody_in_and_says_what_to_do(owner: User) -> None:
    """Control: leave `_require_link` out of `enter` and `_create`, or its page out of ENTRY_REFUSED."""
    campaign = made(owner)
    assert revoke(campaign, owner, number=2)
    with pytest.raises(EntryRefused) as refused:
        entry.enter(campaign, personal_identity(2))
    assert refused.value.reason == EntryRefusal.LINK_REVOKED
    shown = page_of(campaign, 2)
    assert "This personal link was taken back" in shown
    assert "write to the researchers" in shown
    assert campaign.contact in shown
    assert not Rater.objects.exists()
    for number in (1, 3):
        assert entry.enter(campaign, personal_identity(number)).platform == Platform.PERSONAL


def test_its_raters_visit_ends_with_her_answers_her_code_and_nothing_kept(owner: User) -> None:
    """Control: leave `_end` out of `revoke`, or the places that are kept for her."""
    campaign = made(owner, places_kept=2)
    rater, other = come(campaign, 1), come(campaign, 2)
    for _ in range(2):
        task = next_task(rater)
        assert isinstance(task, Task)
        factories.answer(rater, task)
    in_hand = next_task(rater)
    assert isinstance(in_hand, Task)
    revoke(campaign, owner, number=1)
    rater.refresh_from_db()
    assert rater.outcome == RaterOutcome.REVOKED
    assert not Slot.objects.filter(rater=rater, state=SlotState.KEPT).exists()
    assert Answer.objects.filter(rater=rater).count() == 2
    with pytest.raises(UndoRefused):
        undo_last(rater)
    page = Client().get(f"/r/{rater_token(rater)}/")
    assert page.status_code == 403
    for shown in (page.content.decode(), page_of(campaign, 1)):
        assert "This personal link was taken back" in shown
        assert campaign.completion_code in shown
    assert queries.progress(campaign).as_json()["outcomes"]["revoked"] == 1
    assert factories.rate_all(other) == 5


def test_what_is_on_her_screen_can_still_be_answered_and_nothing_comes_after_it(owner: User) -> None:
    """Control: take the slot from her hand: an answer that she was asked for is refused."""
    campaign = made(owner)
    rater = come(campaign, 1)
    task = next_task(rater)
    assert isinstance(task, Task)
    revoke(campaign, owner, number=1)
    assert isinstance(factories.answer(rater, task), Recorded)
    rater.refresh_from_db()
    end = SessionEnd(reason=EndReason.LINK_REVOKED, completion_code="DONE1234", answers_given=1)
    assert next_task(rater) == end


def test_a_place_in_her_hand_goes_to_others_at_once_and_her_answer_is_kept_as_late(owner: User) -> None:
    """Control: leave the lease as it is: the last place waits for its end."""
    campaign = factories.make_campaign_of(1, owner=owner, raters_per_item=1)
    campaigns.invite(campaign, owner, invitations=2)
    rater = come(campaign, 1)
    task = next_task(rater)
    assert isinstance(task, Task)
    revoke(campaign, owner, number=1)
    assert factories.rate_all(come(campaign, 2)) == 1
    record_answer(
        rater,
        slot_id=task.slot_id,
        content=factories.content_for(rater),
        idempotency_key=task.public_id,
        client_milliseconds=None,
        view="both",
    )
    assert (Answer.objects.count(), LateAnswer.objects.count()) == (1, 1)


def test_revoking_twice_changes_nothing_and_is_in_the_history_once(owner: User) -> None:
    """Control: leave the answer of `get_or_create` unread. No entry names a rater (docs/trust.md, P12)."""
    campaign = made(owner)
    come(campaign, 1)
    assert revoke(campaign, owner, number=1)
    assert not revoke(campaign, owner, number=1)
    told = AuditEntry.objects.get(act="revoke_invitation")
    assert (told.actor, told.rater, told.detail) == (owner, None, {"link": 1})
    for number in (0, 4, -1):
        with pytest.raises(InvitationUnknown):
            revoke(campaign, owner, number=number)


def test_who_had_ended_before_keeps_her_last_page(owner: User) -> None:
    """Control: end every visit as revoked."""
    campaign = made(owner)
    rater = come(campaign, 1)
    factories.rate_all(rater)
    revoke(campaign, owner, number=1)
    rater.refresh_from_db()
    assert rater.outcome == RaterOutcome.COMPLETED
    assert "Thank you" in page_of(campaign, 1)
    assert invitations(campaign, numbers=[1, 2]) == [
        Invitation(number=1, rater=rater.pseudonym, outcome="completed", revoked=True),
        Invitation(number=2),
    ]


def test_a_revoked_link_is_no_ground_against_pay_and_costs_nothing_without_an_answer(owner: User) -> None:
    """Controls: end the visit as stopped by her own hand; leave REVOKED out of the budget's ENDED."""
    evidence = PaymentEvidence(
        outcome=RaterOutcome.REVOKED, answers_given=0, checks_wrong=0, minutes_expected=9
    )
    assert supported_grounds(evidence) == ()
    campaign = made(owner, pay_per_rater=2, currency="EUR")
    worked, idle = come(campaign, 1), come(campaign, 2)
    task = next_task(worked)
    assert isinstance(task, Task)
    factories.answer(worked, task)
    for number in (1, 2):
        revoke(campaign, owner, number=number)
    assert list(budgets.costing(campaign)) == [worked]
    assert idle.pk


def test_the_page_lists_the_links_and_asks_before_it_revokes(client: Client, owner: User) -> None:
    """Control: revoke by GET, or leave the rows out."""
    campaign = made(owner, links=60)
    rater = come(campaign, 60)
    client.force_login(owner)
    page = reverse("annotation:recruitment", args=[campaign.public_id])
    asked = reverse("annotation:invitation_revoke", args=[campaign.public_id, 60])
    assert asked not in client.get(page).content.decode()
    shown = client.get(page, {"link": "60"}).content.decode()
    assert asked in shown
    assert rater.pseudonym[:8] in shown
    assert "Her visit ends" in client.get(asked).content.decode()
    assert not RevokedInvitation.objects.exists()
    assert "Link 60 is revoked" in client.post(asked, follow=True).content.decode()
    assert "revoked already" in client.post(asked, follow=True).content.decode()
    shown = client.get(page, {"link": "60"}).content.decode()
    assert asked not in shown
    assert "Link revoked" in shown
    beyond = reverse("annotation:invitation_revoke", args=[campaign.public_id, 61])
    assert client.post(beyond).status_code == 404
    csv = b"".join(client.get(reverse("annotation:links_csv", args=[campaign.public_id])).streaming_content)  # type: ignore[attr-defined]
    assert [line[-1] for line in csv.decode().split()] == ["d", *"0" * 59, "1"]


def test_the_api_revokes_and_lists(owner: User) -> None:
    """Control: leave `revoked` out of InvitationOut."""
    campaign, program = made(owner), Program(owner)
    path = f"/campaigns/{campaign.public_id}/invitations"
    answer = program.post(f"{path}/2/revoke").json()
    assert (answer["number"], answer["revoked"], answer["rater"]) == (2, True, "")
    assert [row["revoked"] for row in program.get(path).json()] == [False, True, False]
    assert "numbered from 1" in errors(program.post(f"{path}/9/revoke"), status=404)["number"]
