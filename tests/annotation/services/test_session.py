"""One rater's session from the link to the completion code."""

import pytest

from annotation.choices import RaterOutcome
from annotation.services.endings import EndReason, SessionEnd
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_rater_rates_every_item_once_and_leaves_with_the_code() -> None:
    campaign = factories.make_campaign_of(5, raters_per_item=1)
    rater = factories.make_rater(campaign)
    maps = []
    while isinstance(task := next_task(rater), Task):
        maps.append(task.word_map_id)
        factories.answer(rater, task)
    assert len(maps) == len(set(maps)) == 5
    assert task == SessionEnd(reason=EndReason.FINISHED, completion_code="DONE1234", answers_given=5)
    rater.refresh_from_db()
    assert rater.outcome == RaterOutcome.COMPLETED
