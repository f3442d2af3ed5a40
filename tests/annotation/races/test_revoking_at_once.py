"""A personal link is revoked while somebody comes in by it, and while its rater answers."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User

from annotation.choices import RaterOutcome, SlotState
from annotation.models import Answer, AuditEntry, Campaign, LateAnswer, Rater, Slot
from annotation.recruitment import personal_identity
from annotation.services import campaigns, entry
from annotation.services.answers import Late, Recorded
from annotation.services.entry import EntryRefused
from annotation.services.invitations import revoke
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.races.together import results_of, together

pytestmark = pytest.mark.django_db(transaction=True)
LINKS = 12


@pytest.fixture
def campaign(owner: User) -> Campaign:
    made = factories.make_campaign_of(6, owner=owner, raters_per_item=40, places_kept=2)
    return campaigns.invite(made, owner, invitations=LINKS)


def come(campaign: Campaign, number: int) -> bool:
    """Whether somebody was let in by the link, and agreed."""
    try:
        entry.give_consent(entry.enter(campaign, personal_identity(number)))
    except EntryRefused:
        return False
    return True


def test_nobody_stays_in_by_a_link_that_is_revoked_in_that_moment(owner: User, campaign: Campaign) -> None:
    """Twelve links, each opened twice and revoked twice at once: whoever got in has ended as revoked.

    Control: no `lock_invitation` in `_create` (a rater made after `revoke` looked goes on).
    """
    for number in range(1, LINKS + 1):
        act = partial(revoke, campaign, owner, number=number)
        visit = partial(come, campaign, number)
        results_of(together([visit, act, visit, act]))
    assert set(Rater.objects.values_list("outcome", flat=True)) <= {RaterOutcome.REVOKED}
    assert not Slot.objects.filter(state=SlotState.KEPT).exists()
    assert AuditEntry.objects.filter(act="revoke_invitation").count() == LINKS


def test_answers_given_while_their_link_is_revoked_are_all_stored(owner: User, campaign: Campaign) -> None:
    """Control: take the slot from her hand in `_end` (an answer on its way is refused)."""
    begun = threading.Barrier(LINKS + 1)

    def work(number: int) -> list[Recorded | Late]:
        rater = entry.enter(campaign, personal_identity(number))
        entry.give_consent(rater)
        begun.wait()
        given: list[Recorded | Late] = []
        while isinstance(task := next_task(rater), Task):
            given.append(factories.answer(rater, task))
            rater.refresh_from_db()
        return given

    def revoke_all() -> list[Recorded | Late]:
        begun.wait()
        for number in range(1, LINKS + 1):
            revoke(campaign, owner, number=number)
        return []

    jobs: list[Callable[[], list[Recorded | Late]]] = [
        *(partial(work, number) for number in range(1, LINKS + 1)),
        revoke_all,
    ]
    given = [one for answers in results_of(together(jobs)) for one in answers]
    assert Answer.objects.count() + LateAnswer.objects.count() == len(given)
    assert not Slot.objects.filter(state=SlotState.KEPT).exists()
    assert not Rater.objects.filter(outcome="").exists()
