"""From the database to the report: every number of the small campaign, against the table in its docstring."""

import math

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Campaign, Item, Rater
from annotation.services import raters
from annotation.services.answers import undo_last
from annotation.services.tasks_for_raters import Task, next_task
from evaluation import answer_stream
from evaluation.answer_stream import read_answers
from evaluation.loading import load
from evaluation.metrics.opinion import GroupOpinion, ItemRow
from evaluation.reports import Report, build
from evaluation.study import NOT_RATED
from tests import factories
from tests.evaluation import small_campaign

pytestmark = pytest.mark.django_db


def report_of(campaign: Campaign) -> Report:
    return build(load(campaign))


def items_of(report: Report) -> dict[str, ItemRow]:
    """The rated items by word."""
    words = report.study.items.column("word")
    rows = list(report.opinion.items.rows())
    index = report.study.items.index
    return {words[line]: rows[place] for line, place in enumerate(index) if place != NOT_RATED}


def group(report: Report, tag: str) -> GroupOpinion:
    return next(found for found in report.opinion.groups if found.group == tag)


def test_the_flow_is_the_one_worked_out_by_hand(small: Campaign) -> None:
    """Control: in `loading._scored`, take all answers as rated."""
    flow = report_of(small).flow
    assert (flow[0].items_before, flow[0].raters_before, flow[0].answers_before) == (5, 4, 20)
    after = [(step.items_after, step.raters_after, step.answers_after) for step in flow]
    assert after == [(4, 4, 16), (4, 3, 12), (4, 3, 12), (3, 3, 9), (3, 3, 8)]


def test_answers_are_read_also_while_queries_are_logged(small: Campaign) -> None:
    """As under DEBUG. Control: ask the wrapped cursor for COPY in `one_message.one_row`."""
    with CaptureQueriesContext(connection):
        assert report_of(small).n_answers == 16


def test_items_stand_in_the_order_of_the_campaign(small: Campaign) -> None:
    """Control: leave the sorting out of `loading._items`; the database gives them as it finds them."""
    for place, item in enumerate(Item.objects.filter(campaign=small).order_by("-pk")):
        Item.objects.filter(pk=item.pk).update(position=100 + place)
    listed = report_of(small).study.items
    assert listed.column("position") == ["100", "101", "102", "103", "104"]
    by_position = Item.objects.filter(campaign=small).order_by("position")
    assert list(map(int, listed.column("item"))) == list(by_position.values_list("pk", flat=True))


def test_answers_too_many_for_one_message_come_in_several(
    small: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: leave WHERE out of `one_message.strung`: every answer then comes once a message."""
    whole = read_answers(small)
    monkeypatch.setattr(answer_stream, "BYTES_AT_ONCE", 3000)
    parts = read_answers(small)
    assert whole.answer.tolist() == parts.answer.tolist() == sorted(set(whole.answer.tolist()))
    for name in ("item", "rater", "opt_out", "seconds"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
    assert np.array_equal(whole.score, parts.score, equal_nan=True)


def test_a_field_that_is_empty_in_some_rows_is_refused() -> None:
    """Control: leave the check of the lengths out of `answer_stream.copied_numbers`."""
    statement = "SELECT * FROM (VALUES (1::int8, 7::int8), (2, NULL)) AS two"
    with pytest.raises(ValueError, match="A field is empty in some rows"):
        answer_stream.copied_numbers(statement, (), fields={"key": "int8", "value": "int8"})


def test_item_scores_are_medians_of_the_raters_who_count(small: Campaign) -> None:
    """Control: let `reports._without_excluded` return the study's table: dora then drops the item box."""
    scores = items_of(report_of(small))
    assert {word: row.median for word, row in scores.items() if word != "on"} == {
        "red": 4,
        "ball": 5,
        "box": 3.5,
    }
    assert math.isnan(scores["on"].median)
    assert scores["red"].mean == pytest.approx(11 / 3)
    assert scores["on"].status.value == "dropped: word too abstract"
    assert (scores["box"].n_scores, scores["box"].n_too_abstract, scores["box"].n_too_poor) == (2, 0, 1)


def test_group_scores_and_intervals_are_the_ones_worked_out_by_hand(small: Campaign) -> None:
    report = report_of(small)
    noun, overall = group(report, "NOUN"), report.opinion.overall
    assert noun.mos.estimate == pytest.approx(4.25)
    assert noun.ci_t_items.high - noun.mos.estimate == pytest.approx(9.52965, abs=1e-5)
    assert overall.mos.estimate == pytest.approx(12.5 / 3)
    assert overall.ci_t_items.high - overall.mos.estimate == pytest.approx(1.89730, abs=1e-5)
    assert (overall.fair_share.estimate, noun.fair_share.estimate) == (7 / 8, 1)
    assert group(report, "ADJ").ci_t_items.reason == "one item: no spread to estimate"
    assert math.isnan(group(report, "ADP").mos.estimate)


def test_responses_are_those_before_the_drop_rule(small: Campaign) -> None:
    overall = report_of(small).responses
    assert overall
    counts = dict(zip(overall.options, overall.counts, strict=True))
    expected = {"1": 1, "2": 2, "3": 1, "4": 3, "5": 3, "word_too_abstract": 1, "image_too_poor": 1}
    assert counts == expected


def test_the_rater_who_failed_the_check_is_named_as_such(small: Campaign) -> None:
    """Control: let `checks.fails_campaign` return False."""
    raters = report_of(small).study.raters
    found = dict(zip(raters.column("checks_wrong"), raters.column("verdict"), strict=True))
    assert found == {"0": "kept", "1": "failed checks"}
    assert raters.column("verdict").count("failed checks") == 1


def test_an_excluded_rater_leaves_and_comes_back(small: Campaign, owner: User) -> None:
    rater = Rater.objects.filter(campaign=small).order_by("pk")[0]
    before = report_of(small)
    raters.exclude(rater, owner, "answers at random")
    without = report_of(small)
    assert without.flow[2].raters_after == 2
    # Without anna, red has the scores 5 and 2, and box only cleo's 4.
    medians = {word: row.median for word, row in items_of(without).items()}
    assert (medians["red"], medians["box"]) == (3.5, 4)
    raters.include(rater, owner)
    assert report_of(small).opinion.overall == before.opinion.overall


def test_an_answer_that_was_taken_back_does_not_count(owner: User) -> None:
    """Control: leave undone_at__isnull=True out of `answer_stream.read_answers`."""
    campaign = factories.make_campaign_of(1, owner=owner, raters_per_item=1)
    rater = factories.make_rater(campaign)
    task = next_task(rater)
    assert isinstance(task, Task)
    factories.answer(rater, task, "1")
    undo_last(rater)
    again = next_task(rater)
    if isinstance(again, Task):
        factories.answer(rater, again, "5")
    report = report_of(campaign)
    assert report.n_answers == 1
    assert report.opinion.overall.mos.estimate == 5


def test_items_that_nobody_answered_are_counted(owner: User) -> None:
    """Control: in `loading.load`, keep only the items that have an answer."""
    campaign = factories.make_campaign_of(3, owner=owner, raters_per_item=1, items_per_rater=1)
    rater = factories.make_rater(campaign)
    factories.rate_all(rater)
    counts = report_of(campaign).item_counts
    assert (counts.all, counts.kept, counts.no_answer) == (3, 1, 2)


def test_a_campaign_without_an_answer_has_a_report_without_numbers(owner: User) -> None:
    campaign = factories.make_campaign_of(2, owner=owner)
    report = report_of(campaign)
    assert report.n_answers == 0
    assert math.isnan(report.opinion.overall.mos.estimate)
    assert report.opinion.overall.mos.reason == "no item"


def test_a_draft_has_a_report_without_numbers(owner: User) -> None:
    assert report_of(factories.make_draft(owner)).n_answers == 0


def test_answers_of_one_rater_alone_give_a_score_without_an_interval(owner: User) -> None:
    campaign = factories.make_campaign_of(4, owner=owner, raters_per_item=1)
    rater = factories.make_rater(campaign)
    scores = iter("2345")
    while isinstance(task := next_task(rater), Task):
        factories.answer(rater, task, next(scores))
    overall = report_of(campaign).opinion.overall
    assert overall.mos.estimate == pytest.approx(np.mean([2, 3, 4, 5]))
    assert overall.mos.reason == "one rater: how raters differ can't be estimated"


def test_the_small_campaign_is_complete(small: Campaign) -> None:
    """The table in the docstring holds as many answers as the campaign has places."""
    assert report_of(small).n_answers == sum(len(row) - 1 for row in small_campaign.ANSWERS.values()) == 16
