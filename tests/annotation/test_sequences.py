"""Answers in a short cycle, and two raters with the same answers: found where chance is no explanation."""

import csv
import io
import random
from itertools import cycle as endlessly
from itertools import islice

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation import queries, sequences
from annotation.choices import Choice
from annotation.evidence_exports import evidence_csv
from annotation.models import Campaign, Rater
from annotation.services.tasks_for_raters import Task, next_task
from annotation.standings import standings
from annotation.verdicts import Given
from tests import factories

SAME = "same answers as 1 other rater wherever both were asked"


def labels(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    ("answers", "length"),
    [
        (labels("4 5") * 12, 2),
        (labels("1 2 3") * 6, 3),
        (labels("1 2 3 4") * 6, 4),
        (labels("3 1 5 2 4 2 1") + labels("1 2 3 4") * 5, 4),
        (labels("4 4 5") * 8, 3),
        (labels("4") * 40, 0),
        (labels("4 5") * 5, 0),
        (labels("4") * 20 + labels("5 4") * 3 + labels("4") * 14, 0),
        (labels("a b c d e f g h i j 1 2 1 2 1 2 1 2"), 0),
        (labels("1 2 3 5 2 1 5 3 1 3 2 5 3 1 2 5 1 5 2 3 5 3 1") + labels("4") * 14, 0),
        ([], 0),
    ],
)
def test_a_cycle_is_found_and_one_answer_again_and_again_is_none(answers: list[str], length: int) -> None:
    """Controls: leave SHORTEST out; take a stretch of one answer for a cycle; look at two answers only."""
    assert sequences.cycle(answers) == length


def test_answers_drawn_by_chance_are_no_cycle() -> None:
    """10,000 sessions of 40 answers, of two to five different ones: at most one in a thousand is found.

    Control: leave the probability out, and take any stretch of SHORTEST.
    """
    generator = random.Random(7)
    found = 0
    for session in range(10_000):
        options = range(2 + session % 4)
        found += bool(sequences.cycle([str(generator.choice(options)) for _ in range(40)]))
    assert found <= 10


def scores(by_rater: dict[int, str]) -> dict[int, dict[int, Given]]:
    """Answers by item from one digit an item; 0 where the rater has not met it."""
    items = range(len(next(iter(by_rater.values()))))
    return {
        item: {
            rater: Given(score=int(digits[item])) for rater, digits in by_rater.items() if digits[item] != "0"
        }
        for item in items
    }


def test_two_who_say_the_same_where_others_differ_are_found_and_nobody_else() -> None:
    """Controls: leave `differ` out; take items on which all agree for a surprise."""
    first, second, third = "12345" * 6, "21534" * 6, "33333" * 6
    met = scores({1: first, 2: first, 3: second, 4: third})
    assert sequences.alike(met, raters=[1, 2, 3, 4], all_raters=4) == {1: (2,), 2: (1,), 3: (), 4: ()}
    assert sequences.alike(met, raters=[2], all_raters=4) == {2: (1,)}
    once_different = scores({1: first, 2: first[:-1] + "1", 3: second, 4: third})
    assert sequences.alike(once_different, raters=[1], all_raters=4) == {1: ()}
    plain = scores(dict.fromkeys((1, 2, 3), "4" * 200))
    assert sequences.alike(plain, raters=[1], all_raters=3) == {1: ()}


def test_two_raters_per_item_and_few_items_tell_nothing() -> None:
    """Control: count equal answers in place of how unlikely they are."""
    two = scores({1: "12345" * 20, 2: "12345" * 20})
    assert sequences.alike(two, raters=[1, 2], all_raters=2) == {1: (), 2: ()}
    few = scores({1: "12345", 2: "12345", 3: "21534"})
    assert sequences.alike(few, raters=[1], all_raters=3) == {1: ()}
    assert sequences.alike({}, raters=[1], all_raters=0) == {1: ()}


def test_careful_raters_who_agree_by_and_large_are_seldom_found() -> None:
    """1,000 campaigns of 30 items and six raters, who are right four times in five, on three options: at most
    one pair in all of them.

    Control: leave the pairs of raters out of `needed`, and the items' own answers out of p (p = 1/3).
    """
    generator = random.Random(11)
    found = 0
    for _ in range(1_000):
        truth = [generator.choice("123") for _ in range(30)]
        answers = {
            rater: "".join(one if generator.random() < 0.8 else generator.choice("123") for one in truth)
            for rater in range(1, 7)
        }
        alike = sequences.alike(scores(answers), raters=list(answers), all_raters=6)
        found += sum(map(len, alike.values())) // 2
    assert found <= 1


def test_sides_words_and_masks_are_compared_as_what_they_say() -> None:
    """Control: compare sides as shown, or words in their order."""
    assert sequences.said(Given(choice=Choice.LEFT)) == sequences.said(
        Given(choice=Choice.RIGHT, swapped=True)
    )
    assert sequences.said(Given(words=("a", "b"))) == sequences.said(Given(words=("b", "a")))
    assert sequences.said(Given(rle="12")) != sequences.said(Given(rle="13"))
    assert sequences.said(Given(words=())) != sequences.said(Given(choice=Choice.NOT_IN_IMAGE))


def rate(campaign: Campaign, name: str, answers: str) -> Rater:
    """A rater who answers item by item, by its place in the campaign."""
    rater = factories.make_rater(campaign, name)
    places = dict(campaign.items.values_list("pk", "position"))
    while isinstance(task := next_task(rater), Task):
        factories.answer(rater, task, answers[places[task.item_id] % len(answers)])
    return rater


@pytest.mark.django_db(transaction=True)
def test_flags_of_sequences_are_shown_exported_and_decide_nothing(client: Client, owner: User) -> None:
    """Controls: leave the flag out of `flags`, or the column out of EVIDENCE."""
    campaign = factories.make_campaign_of(20, owner=owner, raters_per_item=4)
    rate(campaign, "anna", "12345")
    rate(campaign, "bert", "12345")
    rate(campaign, "cleo", "24153")
    clicker = factories.make_rater(campaign, "dora")
    for option in islice(endlessly("123"), 20):
        task = next_task(clicker)
        assert isinstance(task, Task)
        factories.answer(clicker, task, option)
    found = {row.pseudonym: row for row in queries.rater_rows(campaign, raters=list(campaign.raters.all()))}
    by_name = [found[rater.pseudonym].flags for rater in campaign.raters.order_by("pk")]
    assert by_name[:3] == [(SAME,), (SAME,), ()]
    assert by_name[3] == ("answers repeat in a cycle of 3",)
    text = b"".join(evidence_csv(campaign)).decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["same_answers"], line["cycle"]) for line in lines] == [
        ("1", "0"), ("1", "0"), ("0", "0"), ("0", "3"),
    ]  # fmt: skip
    assert all(standing.counts for standing in standings(campaign).values())
    client.force_login(owner)
    page = reverse("annotation:rater", args=[campaign.public_id, clicker.pseudonym])
    assert "answers repeat in a cycle of 3" in client.get(page).content.decode()


@pytest.mark.django_db
def test_the_flags_cost_one_query_however_many_raters_are_listed(owner: User) -> None:
    """Control: ask for each rater's answers by themselves."""
    campaign = factories.make_campaign_of(6, owner=owner, raters_per_item=6)
    raters = [rate(campaign, str(number), "12345") for number in range(6)]
    counts = []
    for listed in (raters[:1], raters):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            queries.rater_rows(campaign, raters=listed)
        counts.append(len(asked))
    assert counts[0] == counts[1]
