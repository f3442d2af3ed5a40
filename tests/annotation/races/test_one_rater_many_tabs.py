"""One rater in many places at once: one task in hand, one answer each, never past her cap."""

from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest

from annotation.choices import SlotState
from annotation.contents import option_content
from annotation.models import Answer, Consent, LateAnswer, Rater, Slot
from annotation.services import entry, raters, tasks_for_raters
from annotation.services.answers import Late, Recorded, record_and_go_on, record_answer
from annotation.services.endings import SessionEnd
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.races.naive import count, naive_table, rate_up_to, store_unless_there
from tests.annotation.races.together import results_of, together

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = 25


def send(rater: Rater, slot_id: int, *, key: UUID | None = None) -> Recorded | Late:
    """One answer, under a new key unless one is given; the next task is claimed with it."""
    recorded, _ = record_and_go_on(
        rater,
        slot_id=slot_id,
        content=option_content("3"),
        idempotency_key=key or uuid4(),
        client_milliseconds=None,
        view="",
    )
    return recorded


def send_alone(rater: Rater, slot_id: int) -> Recorded | Late:
    """One answer of a rater who takes no further task, and so nobody's place."""
    return record_answer(
        rater,
        slot_id=slot_id,
        content=option_content("3"),
        idempotency_key=uuid4(),
        client_milliseconds=None,
        view="",
    )


def open_two_tabs_each(
    pairs: int,
) -> list[tuple[Task | SessionEnd | Exception, Task | SessionEnd | Exception]]:
    """So many raters ask for their task twice at the same moment; what each of the two tabs got."""
    campaign = factories.make_campaign_of(pairs, raters_per_item=2)
    cast = [factories.make_rater(campaign) for _ in range(pairs)]
    outcomes = together([partial(next_task, rater) for rater in cast for _ in range(2)])
    return list(zip(outcomes[::2], outcomes[1::2], strict=True))


def test_two_tabs_of_a_rater_show_the_same_task() -> None:
    """Control: the next test, which takes the rater's lock away."""
    for first, second in open_two_tabs_each(PAIRS):
        assert isinstance(first, Task)
        assert isinstance(second, Task)
        assert first.slot_id == second.slot_id
    assert Slot.objects.filter(state=SlotState.LEASED).count() == PAIRS


def test_without_the_raters_lock_two_tabs_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: then only the unique index stands between a rater and two leases, as an error in a tab."""
    monkeypatch.setattr(tasks_for_raters, "lock_rater", lambda _: None)
    broken = [pair for pair in open_two_tabs_each(PAIRS) if any(isinstance(tab, Exception) for tab in pair)]
    assert broken


def test_twenty_tabs_of_a_rater_do_not_get_past_the_cap() -> None:
    """Share cap 0.1 of 100 places: at most 10 ratings.  Control: the next test."""
    campaign = factories.make_campaign_of(50, raters_per_item=2, share_cap=0.1)
    rater = factories.make_rater(campaign)

    def use_tab() -> int:
        given = 0
        while isinstance(task := next_task(rater), Task):
            recorded = send(rater, task.slot_id)
            given += isinstance(recorded, Recorded) and not recorded.already
        return given

    given = results_of(together([use_tab] * 20))
    assert sum(given) == Answer.objects.count() == 10


def test_a_cap_that_is_counted_beforehand_is_passed_under_the_same_load() -> None:
    """The control of the cap."""

    def use_tab() -> None:
        for item in range(10):
            rate_up_to(10, rater=1, item=item)

    with naive_table():
        results_of(together([use_tab] * 20))
        given = count("SELECT count(*) FROM naive_rating")
    assert given > 10


def test_each_answer_sent_five_times_at_once_is_stored_once() -> None:
    """40 answers in 200 requests: 40 rows, all five replies with the same id.  Control: the next test."""
    campaign = factories.make_campaign_of(30, raters_per_item=2)
    cast = [factories.make_rater(campaign) for _ in range(10)]
    for _ in range(4):
        jobs = []
        for rater in cast:
            task = next_task(rater)
            assert isinstance(task, Task)
            jobs += [partial(send, rater, task.slot_id, key=uuid4())] * 5
        replies = results_of(together(jobs))
        for start in range(0, len(replies), 5):
            five = [reply for reply in replies[start : start + 5] if isinstance(reply, Recorded)]
            assert len({reply.answer_id for reply in five}) == 1
            assert sorted(reply.already for reply in five) == [False, True, True, True, True]
    assert Answer.objects.count() == 40


def test_a_key_that_is_looked_for_beforehand_is_stored_twice_under_the_same_load() -> None:
    """The control of exactly-once."""
    keys = [str(uuid4()) for _ in range(10)]
    with naive_table():
        results_of(together([partial(store_unless_there, key) for key in keys for _ in range(5)]))
        stored = count("SELECT count(*) FROM naive_rating")
    assert stored > len(keys)


def test_a_link_opened_twenty_times_at_once_makes_one_rater_with_one_consent() -> None:
    campaign = factories.make_campaign_of(5, checks=3, checks_per_rater=2)

    def come_in() -> int:
        rater = entry.enter(campaign, factories.identity("ada"))
        return entry.give_consent(rater).pk

    assert len(set(results_of(together([come_in] * 20)))) == 1
    assert (Rater.objects.count(), Consent.objects.count()) == (1, 1)
    assert Slot.objects.filter(number__isnull=True).count() == 2


def test_an_answer_and_a_taker_at_the_same_moment_make_one_rating() -> None:
    """Of an expired task either the answer or the taker wins; the other is late or gets nothing."""
    campaign = factories.make_campaign_of(12, raters_per_item=1)
    takers = [factories.make_rater(campaign) for _ in range(12)]
    slow = [factories.make_rater(campaign) for _ in range(12)]
    jobs: list[Callable[[], object]] = []
    for rater in slow:
        task = next_task(rater)
        assert isinstance(task, Task)
        jobs.append(partial(send_alone, rater, task.slot_id))
        factories.expire_lease(rater)
    jobs += [partial(next_task, taker) for taker in takers]
    outcomes = results_of(together(jobs))
    late = sum(isinstance(outcome, Late) for outcome in outcomes)
    taken = sum(isinstance(outcome, Task) for outcome in outcomes)
    assert late == taken == LateAnswer.objects.count()
    assert Answer.objects.count() == 12 - taken


def test_places_reopened_twice_at_once_are_reopened_once() -> None:
    campaign = factories.make_campaign_of(5, raters_per_item=1)
    rater = factories.make_rater(campaign)
    factories.rate_all(rater)
    raters.exclude(rater, None, "all the same")
    reopened = results_of(together([partial(raters.reopen_places, rater, None)] * 8))
    assert sum(reopened) == 5
    assert Slot.objects.filter(state=SlotState.FREE).count() == 5
