"""Fifty raters at once: every item gets exactly k ratings, and none that was acknowledged is lost."""

import threading
from contextlib import suppress
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection

from annotation.choices import SlotState
from annotation.contents import option_content
from annotation.models import Answer, Campaign, Rater, Slot
from annotation.services import entry
from annotation.services.answers import Recorded, record_and_go_on
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.races.naive import claim_by_count, count, naive_table
from tests.annotation.races.together import results_of, together

pytestmark = pytest.mark.django_db(transaction=True)

RATERS = 50
ITEMS = 60
K = 3
OVER = """
    SELECT count(*) FROM (
        SELECT item_id FROM annotation_slot
        WHERE number IS NOT NULL AND state IN ('leased', 'answered')
        GROUP BY item_id HAVING count(*) > %s
    ) items_over
"""


def visit(campaign: Campaign, name: str, *, stays: bool = True) -> dict[UUID, int]:
    """One rater from entry to end; the acknowledged answers by key.

    Who doesn't stay leaves with the first task in hand.
    """
    rater = entry.enter(campaign, factories.identity(name))
    entry.give_consent(rater)
    acknowledged = {}
    task = next_task(rater)
    while stays and isinstance(task, Task):
        key = uuid4()
        recorded, step = record_and_go_on(
            rater,
            slot_id=task.slot_id,
            content=option_content("4"),
            idempotency_key=key,
            client_milliseconds=None,
            view="",
        )
        assert isinstance(recorded, Recorded)
        acknowledged[key] = recorded.answer_id
        task = step or next_task(rater)
    return acknowledged


def ratings_by_item() -> list[int]:
    """How many ratings stand on each item that has any."""
    items = Answer.objects.filter(undone_at__isnull=True, slot__number__isnull=False).values_list(
        "slot__item"
    )
    found = [item for (item,) in items]
    return [found.count(item) for item in set(found)]


def sample_over(stop: threading.Event, *, samples: list[int]) -> None:
    """Counts the items over k every 100 ms until told to stop."""
    while not stop.wait(0.1):
        with connection.cursor() as cursor:
            cursor.execute(OVER, [K])
            samples.append(cursor.fetchone()[0])
    connection.close()


def test_fifty_raters_at_once_give_each_of_sixty_items_exactly_three_ratings() -> None:
    """180 ratings, 0 items over, 0 under, 0 acknowledged ones lost; never an item over in between.

    Control: the count-then-insert of the next test, under the same load.
    """
    campaign = factories.make_campaign_of(ITEMS, raters_per_item=K)
    stop, samples = threading.Event(), list[int]()
    sampler = threading.Thread(target=sample_over, args=(stop,), kwargs={"samples": samples})
    sampler.start()
    try:
        visits = results_of(together([partial(visit, campaign, f"r{n}") for n in range(RATERS)]))
    finally:
        stop.set()
        sampler.join()
    acknowledged = {key: answer for one in visits for key, answer in one.items()}
    assert len(acknowledged) == ITEMS * K
    assert dict(Answer.objects.values_list("idempotency_key", "pk")) == acknowledged
    assert ratings_by_item() == [K] * ITEMS
    assert samples
    assert not any(samples)
    assert Rater.objects.count() == RATERS


def test_a_count_that_is_checked_and_then_written_goes_wrong_under_the_same_load() -> None:
    """The control: if this one ever kept to k, the test above would prove nothing."""

    def visit_naively(rater: int) -> None:
        while claim_by_count(rater, items=ITEMS, k=K) is not None:
            pass

    with naive_table():
        results_of(together([partial(visit_naively, rater) for rater in range(RATERS)]))
        over = count(
            "SELECT count(*) FROM (SELECT FROM naive_rating GROUP BY item HAVING count(*) > 3) AS items"
        )
    assert over > 0


def test_raters_who_meet_at_the_end_of_the_queue_never_wait_for_each_other_in_a_circle() -> None:
    """Six short queues at which most raters find nothing: no deadlock, and every item has its k.

    Control: let next_task search the last slots in the transaction of its first search.
    """

    def visit_unless_full(campaign: Campaign, name: str) -> None:
        with suppress(entry.EntryRefused):
            visit(campaign, name)

    for _ in range(6):
        campaign = factories.make_campaign_of(5, raters_per_item=K)
        results_of(together([partial(visit_unless_full, campaign, f"r{n}") for n in range(RATERS)]))
        assert Answer.objects.filter(rater__campaign=campaign).count() == 5 * K


def answers_of_those_who_agreed(campaign: Campaign) -> list[int]:
    """Fifty raters come at once; how many answers each gave who was let in and agreed."""

    def come(name: str) -> int | None:
        try:
            return len(visit(campaign, name))
        except entry.EntryRefused:
            return None

    outcomes = results_of(together([partial(come, f"r{n}") for n in range(RATERS)]))
    return [given for given in outcomes if given is not None]


@pytest.mark.parametrize("places_kept", [1, 3])
def test_nobody_who_agreed_comes_too_late(places_kept: int) -> None:
    """Fifty at 15 places: who agreed has something to rate, each item its k.  Control: the next test."""
    campaign = factories.make_campaign_of(5, raters_per_item=K, places_kept=places_kept)
    given = answers_of_those_who_agreed(campaign)
    assert min(given) >= 1
    assert sum(given) == 5 * K
    assert ratings_by_item() == [K] * 5


def test_without_kept_places_some_agree_and_find_nothing_under_the_same_load() -> None:
    """The control."""
    campaign = factories.make_campaign_of(5, raters_per_item=K, places_kept=0)
    assert min(answers_of_those_who_agreed(campaign)) == 0


def test_raters_who_leave_with_a_task_in_hand_cost_no_rating() -> None:
    """A fifth of them leave; their leases run out; others fill the places: exactly 180 again."""
    campaign = factories.make_campaign_of(ITEMS, raters_per_item=K)
    results_of(together([partial(visit, campaign, f"r{n}", stays=n % 5 != 0) for n in range(RATERS)]))
    for rater in Rater.objects.filter(slots__state=SlotState.LEASED):
        factories.expire_lease(rater)
    results_of(together([partial(visit, campaign, f"late{n}") for n in range(6)]))
    assert ratings_by_item() == [K] * ITEMS
    assert Slot.objects.filter(state=SlotState.VOID).count() == RATERS // 5
