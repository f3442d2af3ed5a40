"""Back-fills at once, and beside raters who answer: exactly k places an item, nothing twice or lost."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db.models import Count

from annotation import queries
from annotation.choices import ItemKind, SlotState
from annotation.models import Answer, AuditEntry, Campaign, LateAnswer, Rater, Slot
from annotation.services import back_fill, entry
from annotation.services.answers import Late, Recorded
from annotation.services.back_fill import BackFilled
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.races.together import results_of, together

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = 6
K = 3
CARELESS = 6
RIGHT = "word_too_abstract"


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """Two checks in a session, none may be wrong."""
    return factories.make_campaign_of(ITEMS, checks=2, checks_per_rater=2, owner=owner, raters_per_item=K)


def places_by_item(campaign: Campaign) -> list[int]:
    """How many places each item has that are not given away."""
    items = campaign.items.filter(kind=ItemKind.RATING)
    places = Slot.objects.filter(item__in=items, number__isnull=False).exclude(state=SlotState.VOID)
    return [row["n"] for row in places.order_by().values("item").annotate(n=Count("pk"))]


def work(campaign: Campaign, name: str, option: str) -> list[Recorded | Late]:
    """One rater from entry to end; between an answer and the next task she holds nothing."""
    rater = entry.enter(campaign, factories.identity(name))
    entry.give_consent(rater)
    given: list[Recorded | Late] = []
    while isinstance(task := next_task(rater), Task):
        given.append(factories.answer(rater, task, option))
    return given


def test_two_managers_at_once_give_every_place_once(owner: User, campaign: Campaign) -> None:
    """Three times eighteen places of three raters.

    Control: no `_lock` in `give_to_others`, or no second look under the locks (`still`).
    """
    for number in range(3):
        for name in range(K):
            work(campaign, f"{number}-{name}", "4")
        assert places_by_item(campaign) == [K] * ITEMS
        give = partial(back_fill.give_to_others, campaign, owner)
        done = results_of(together([give, give]))
        assert sorted(done, key=lambda one: one.raters) == [
            BackFilled(raters=0, places=0, left=0),
            BackFilled(raters=K, places=K * ITEMS, left=0),
        ]
        assert places_by_item(campaign) == [K] * ITEMS
        assert AuditEntry.objects.filter(act="back_fill").count() == number + 1
        assert AuditEntry.objects.filter(act="exclude_rater").count() == K * (number + 1)


def test_a_back_fill_beside_raters_who_answer_takes_no_task_from_a_hand(
    owner: User, campaign: Campaign
) -> None:
    """Six careless raters answer while two managers give away again and again: no answer comes too late, all
    are stored, and in the end others have filled exactly k places of each item.

    Control: leave out the second look under the locks (`still`) in `give_to_others`.
    """
    over = threading.Event()

    def give_again_and_again() -> list[Recorded | Late]:
        while not over.is_set():
            back_fill.give_to_others(campaign, owner)
        return []

    at_work = [partial(work, campaign, f"careless{number}", "4") for number in range(CARELESS)]
    remaining = threading.Semaphore(0)

    def and_say_so(job: partial[list[Recorded | Late]]) -> list[Recorded | Late]:
        try:
            return job()
        finally:
            remaining.release()

    def end() -> list[Recorded | Late]:
        for _ in at_work:
            remaining.acquire(timeout=120)
        over.set()
        return []

    jobs: list[Callable[[], list[Recorded | Late]]] = [
        *(partial(and_say_so, job) for job in at_work), give_again_and_again, give_again_and_again, end
    ]  # fmt: skip
    given = [one for answers in results_of(together(jobs)) for one in answers]
    assert {type(one) for one in given} == {Recorded}
    assert not LateAnswer.objects.exists()
    assert Answer.objects.count() == len(given)
    back_fill.give_to_others(campaign, owner)
    assert places_by_item(campaign) == [K] * ITEMS
    assert not Rater.objects.filter(excluded_at__isnull=True, answers__isnull=False).exists()
    for number in range(K):
        work(campaign, f"careful{number}", RIGHT)
    progress = queries.progress(campaign)
    assert (progress.answered, progress.uncounted, progress.free) == (K * ITEMS, 0, 0)


def test_two_workers_a_manager_and_raters_at_once_fill_exactly_k_by_themselves(
    owner: User, campaign: Campaign
) -> None:
    """Six careless raters, each followed by sweeps of two workers and by a manager's back-fill, all at once;
    then careful ones: no place is given twice, exactly k of each item are filled in the end.

    Control: no `_lock` and no second look (`still`) in `_give_all`.
    """

    def by_hand() -> int:
        return back_fill.give_to_others(campaign, owner).raters

    Campaign.objects.filter(pk=campaign.pk).update(automatic_back_fill=True)
    for number in range(2):
        for name in range(K):
            work(campaign, f"{number}-{name}", "4")
        given = results_of(together([back_fill.give_everywhere, back_fill.give_everywhere, by_hand]))
        assert sum(given) == K
        assert places_by_item(campaign) == [K] * ITEMS
        assert AuditEntry.objects.filter(act="exclude_rater").count() == K * (number + 1)
    for number in range(K):
        work(campaign, f"careful{number}", RIGHT)
    back_fill.give_everywhere()
    progress = queries.progress(campaign)
    assert (progress.places, progress.answered, progress.uncounted, progress.free) == (
        K * ITEMS, K * ITEMS, 0, 0,
    )  # fmt: skip
