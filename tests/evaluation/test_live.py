"""Live numbers: equal to the report, and read at a cost that does not grow."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Rater
from annotation.services import raters
from annotation.services.answers import undo_last
from annotation.services.tasks_for_raters import Task, next_task
from benchmarks.report_fill import fill
from evaluation import live
from evaluation.loading import load
from evaluation.metrics.alpha import Level, krippendorff_alpha
from evaluation.reports import _without_excluded, build
from tests import factories

NEW = 20
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    live.forget()
    yield
    live.forget()


def same(campaign: Campaign) -> None:
    """The live numbers are those of the report."""
    study = load(campaign)
    report, now = build(study), live.look(campaign)
    assert now.n_answers == report.n_answers
    assert now.overall.n_items == report.overall.n_items
    assert now.overall.mos.estimate == pytest.approx(report.overall.mos.estimate, nan_ok=True)
    assert now.overall.mos.high == pytest.approx(report.overall.mos.high, nan_ok=True)
    assert now.overall.fair_share.estimate == pytest.approx(report.overall.fair_share.estimate, nan_ok=True)
    alpha = krippendorff_alpha(_without_excluded(study), level=Level.INTERVAL).estimate
    assert now.alpha == pytest.approx(alpha, nan_ok=True)


def test_the_first_look_gives_the_numbers_of_the_report(small: Campaign) -> None:
    """Control: leave the attention checks out of `_Known.take`: dora then counts."""
    same(small)
    assert not math.isnan(live.look(small).alpha)


def test_later_looks_follow_answers_undoing_and_exclusions(owner: User) -> None:
    """Control: leave `take_back` or `decide` out of `_read_new`."""
    campaign = factories.make_campaign_of(4, checks=1, owner=owner, raters_per_item=3, checks_per_rater=1)
    live.look(campaign)
    people = [factories.make_rater(campaign) for _ in range(3)]
    for place, rater in enumerate(people):
        for step in range(3):
            task = next_task(rater)
            assert isinstance(task, Task)
            factories.answer(rater, task, "12345"[(2 * place + step) % 5])
            same(campaign)
    undo_last(people[0])
    same(campaign)
    task = next_task(people[0])
    assert isinstance(task, Task)
    factories.answer(people[0], task, "1")
    same(campaign)
    raters.exclude(people[1], owner, "answers at random")
    same(campaign)
    raters.include(Rater.objects.get(pk=people[1].pk), owner)
    same(campaign)


def test_a_word_from_two_seeds_is_one_item_to_both_intervals(owner: User) -> None:
    """Controls: a number per item in `loading._words_in_prompts`; leave `thing` out of `_Known.take`."""
    run = factories.make_finished_run(owner, prompts=["red ball on box."], images_per_prompt=2)
    campaign = factories.make_open_campaign(owner, run=run, raters_per_item=2, checks_per_rater=0)
    for place in range(2):
        rater = factories.make_rater(campaign)
        while isinstance(task := next_task(rater), Task):
            # Equal scores of one word's two pictures, different ones of different words.
            factories.answer(rater, task, str(1 + (len(factories.word_of(task)) + place) % 5))
    study = load(campaign)
    assert (study.table.n_items, len(set(study.same_thing.tolist()))) == (8, 4)
    assert live.look(campaign).overall.mos.degrees == build(study).overall.mos.degrees == 1
    same(campaign)


@pytest.mark.parametrize("ratings", [3_000, 30_000])
def test_a_look_reads_a_bounded_number_of_pages_for_twenty_new_answers(db: None, ratings: int) -> None:
    """However many there are. Control: let `look` call `_read_all` each time, 2 000 pages at 30 000."""
    fill(ratings)
    campaign = Campaign.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE held ON COMMIT DROP AS SELECT * FROM annotation_answer WHERE id > %s",
            [ratings - NEW],
        )
        cursor.execute("DELETE FROM annotation_answer WHERE id > %s", [ratings - NEW])
        assert live.look(campaign).n_answers == ratings - NEW
        cursor.execute("INSERT INTO annotation_answer SELECT * FROM held")
    assert 0 < _pages_of_a_look(campaign) < 400
    assert live.look(campaign).n_answers == ratings
    assert _pages_of_a_look(campaign) < 60


def _pages_of_a_look(campaign: Campaign) -> int:
    """Pages that the statements of a look touch."""
    found: list[int] = []

    def explain_first(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
            plan = cursor.cursor.fetchone()[0]
        plan = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
        found.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explain_first):
        live.look(campaign)
    return sum(found)


def test_the_campaign_page_asks_for_the_numbers_and_gets_them(
    client: Client, small: Campaign, owner: User
) -> None:
    client.force_login(owner)
    url = reverse("evaluation:live", args=[small.public_id])
    assert url in client.get(reverse("annotation:campaign", args=[small.public_id])).content.decode()
    shown = client.get(url).content.decode()
    assert "4.17" in shown
    assert "alpha" in shown
