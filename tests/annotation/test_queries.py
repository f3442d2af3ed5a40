"""What pages are told about a campaign and its raters."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from annotation import queries
from annotation.models import Answer, Campaign
from annotation.services import raters
from annotation.services.answers import stop_session, undo_last
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def a_task(rater: object) -> Task:
    """The rater's next task, which there must be."""
    step = next_task(rater)  # type: ignore[arg-type]
    assert isinstance(step, Task)
    return step


def test_places_are_answered_live_expired_or_free() -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=2)
    done, holding, gone = (factories.make_rater(campaign) for _ in range(3))
    factories.answer(done, a_task(done))
    stop_session(done)
    a_task(holding)
    a_task(gone)
    factories.expire_lease(gone)
    found = queries.progress(campaign)
    assert (found.places, found.answered, found.live, found.expired, found.free) == (8, 1, 1, 1, 5)
    assert (found.missing, found.share_answered, found.raters) == (7, 1 / 8, 3)
    assert {outcome.outcome: outcome.raters for outcome in found.outcomes} == {
        "": 2,
        "completed": 0,
        "stopped": 1,
        "declined": 0,
        "screened_out": 0,
        "revoked": 0,
    }


def test_places_wait_for_newcomers_once_nobody_is_at_work() -> None:
    """Control: count raters whose visit has ended, or whose time is up, among those at work."""
    campaign = factories.make_campaign_of(4, raters_per_item=2)
    done, gone = (factories.make_rater(campaign) for _ in range(2))
    factories.answer(done, a_task(done))
    a_task(gone)
    assert (queries.progress(campaign).at_work, queries.progress(campaign).waiting_for_newcomers) == (1, 0)
    stop_session(done)
    factories.expire_lease(gone)
    found = queries.progress(campaign)
    assert (found.at_work, found.waiting_for_newcomers, found.answered) == (0, found.free + found.expired, 1)
    assert found.waiting_for_newcomers + found.kept == 7


def test_a_draft_has_no_places() -> None:
    found = queries.progress(factories.make_draft())
    assert (found.places, found.share_answered, found.missing) == (0, 0.0, 0)


def test_a_row_holds_the_evidence_of_a_raters_care() -> None:
    campaign = factories.make_campaign_of(4, checks=1, checks_per_rater=1, raters_per_item=2)
    rater = factories.make_rater(campaign)
    while isinstance(task := next_task(rater), Task):
        factories.answer(rater, task, "5")
    row = queries.rater_row(rater)
    assert (row.answers, row.share, row.checks_served, row.checks_wrong) == (4, 0.5, 1, 1)
    assert (row.failed_checks, row.counts) == (True, False)
    assert (row.pattern.longest_run, row.pattern.share) == (5, 1.0)
    assert row.median_seconds is not None
    assert row.median_seconds > 0
    # Control: count from the median, or those of 0.3 s and more.
    for seconds, answer in zip((0.1, 0.29, 0.3, 2, 2), Answer.objects.order_by("pk"), strict=True):
        Answer.objects.filter(pk=answer.pk).update(shown_at=F("answered_at") - timedelta(seconds=seconds))
    assert queries.rater_row(rater).too_fast == 2


def test_an_answer_taken_back_is_no_evidence() -> None:
    rater = factories.make_rater(factories.make_campaign_of(4))
    factories.answer(rater, a_task(rater), "1")
    factories.answer(rater, undo_last(rater), "2")
    row = queries.rater_row(rater)
    assert (row.answers, row.undone, row.pattern.longest_run) == (1, 1, 1)


def test_an_excluded_rater_does_not_count(owner: User) -> None:
    rater = factories.make_rater(factories.make_campaign_of(4, owner=owner))
    row = queries.rater_row(raters.exclude(rater, owner, "too quick"))
    assert (row.excluded, row.exclusion_reason, row.counts, row.median_seconds) == (
        True,
        "too quick",
        False,
        None,
    )


def test_rows_come_in_the_order_asked_for() -> None:
    campaign = factories.make_campaign_of(4)
    first, second = factories.make_rater(campaign), factories.make_rater(campaign)
    rows = queries.rater_rows(campaign, raters=[second, first])
    assert [row.pseudonym for row in rows] == [second.pseudonym, first.pseudonym]


def test_a_list_of_campaigns_is_counted_without_multiplying() -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=2, checks=2)
    for _ in range(3):
        rater = factories.make_rater(campaign)
        factories.answer(rater, a_task(rater))
    factories.make_draft(run=campaign.run)
    opened, draft = queries.with_counts(Campaign.objects.order_by("pk"))
    assert (opened.items_count, opened.places, opened.answered, opened.raters_count) == (4, 8, 3, 3)
    assert (draft.items_count, draft.places, draft.answered, draft.raters_count) == (4, 0, 0, 0)
