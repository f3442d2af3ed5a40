"""Live numbers of object presence, pairs and masks: equal to the report after every kind of change."""

import math
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from annotation import mask_files
from annotation.choices import TaskKind
from annotation.contents import AnswerContent, option_content
from annotation.models import Campaign, Rater, Slot
from annotation.services import campaigns, raters
from annotation.services.answers import record_answer, undo_last
from annotation.services.tasks_for_raters import Task, next_task
from evaluation import live
from evaluation.kinds.files import build
from evaluation.kinds.loading import inputs_of
from evaluation.kinds.mask_items import MaskSettings
from evaluation.kinds.pairs import PairSettings
from evaluation.kinds.presence import PresenceSettings
from evaluation.kinds.report import KindReport, Table
from evaluation.kinds.settings import KindSettings
from evaluation.live_tallies import LiveNumber
from evaluation.metrics.clustered import t_clustered
from tests import factories

pytestmark = pytest.mark.django_db
SETTINGS: dict[TaskKind, KindSettings] = {
    TaskKind.OBJECT_PRESENCE: PresenceSettings(),
    TaskKind.PAIRWISE: PairSettings(),
    TaskKind.MASK: MaskSettings(),
}
KINDS = tuple(SETTINGS)


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    live.forget()
    yield
    live.forget()


def said(campaign: Campaign, rng: random.Random) -> AnswerContent:
    """Some answer of the campaign's kind."""
    if campaign.task_kind == TaskKind.OBJECT_PRESENCE:
        return AnswerContent(words=tuple(rng.sample(campaign.vocabulary, rng.randrange(4))))
    if campaign.task_kind == TaskKind.PAIRWISE:
        return option_content(rng.choice(["left", "right", "tie"]))
    if rng.random() < 0.25:
        return option_content("not_in_image")
    left, top = rng.randrange(0, 30), rng.randrange(0, 30)
    png = factories.mask_png(box=(left, top, left + 30, top + 20))
    return AnswerContent(mask=mask_files.read_mask(png, height=factories.SIDE, width=factories.SIDE))


def answer(rater: Rater, rng: random.Random) -> bool:
    """The rater's answer to her next task; False where there is none."""
    task = next_task(rater)
    if not isinstance(task, Task):
        return False
    record_answer(
        rater, slot_id=task.slot_id, content=said(rater.campaign, rng), idempotency_key=uuid4(),
        client_milliseconds=900, view="both",
    )  # fmt: skip
    return True


def table(report: KindReport, name: str) -> Table:
    (found,) = [each for each in report.tables if each.file == name]
    return found


def close(now: LiveNumber, *, estimate: float, low: float, high: float) -> None:
    assert now.value.estimate == pytest.approx(estimate, nan_ok=True)
    assert now.value.low == pytest.approx(low, nan_ok=True)
    assert now.value.high == pytest.approx(high, nan_ok=True)


def same(campaign: Campaign) -> None:
    """The live numbers are those of the report."""
    inputs = inputs_of(campaign)
    report = build(inputs, settings=SETTINGS[TaskKind(inputs.kind)])
    now = live.look_at_kind(campaign)
    assert now.n_answers == report.n_answers
    alpha = table(report, "agreement.csv").lines[0]["value"]
    assert now.alpha == pytest.approx(alpha, nan_ok=True)
    {
        TaskKind.OBJECT_PRESENCE: same_presence,
        TaskKind.PAIRWISE: same_pairs,
        TaskKind.MASK: same_masks,
    }[TaskKind(campaign.task_kind)](report, now)


def same_presence(report: KindReport, now: Any) -> None:
    lines = {line["relation"]: line for line in table(report, "relations.csv").lines}
    assert [row.label for row in now.rows] == sorted(lines)
    for row in now.rows:
        line = lines[row.label]
        assert row.n_items == line["n_images"]
        close(row, estimate=line["accuracy"], low=line["accuracy_low"], high=line["accuracy_high"])
    assert now.headline.n_items == sum(line["n_images"] for line in lines.values())


def same_pairs(report: KindReport, now: Any) -> None:
    if now.headline is not None:
        tile = report.tiles[0]
        shown = f"{100 * now.headline.value.estimate:.0f} %"
        assert tile.value == ("–" if math.isnan(now.headline.value.estimate) else shown)
        assert tile.label == now.headline.label
        return
    lines = table(report, "meetings.csv").lines
    assert [row.label for row in now.rows] == [f"{line['first']} to {line['second']}" for line in lines]
    for row, line in zip(now.rows, lines, strict=True):
        assert row.n_items == line["n_items"]
        close(row, estimate=line["preference"], low=line["preference_low"], high=line["preference_high"])


def same_masks(report: KindReport, now: Any) -> None:
    lines = table(report, "items.csv").lines
    agreement = table_column(lines, "agreement_iou")
    found = t_clustered(agreement, clusters=[line["image_sha256"] for line in lines])
    close(now.headline, estimate=found.estimate, low=found.low, high=found.high)


def table_column(lines: Any, name: str) -> Any:
    return np.array([line[name] for line in lines], dtype=np.float64)


def make(kind: TaskKind, owner: User) -> Campaign:
    """An open campaign for three raters; of pairs three systems; of presence, prompts with two words."""
    prompts = ["red ball on box.", "blue cone on cube.", "green dog on ball."]
    run = factories.make_finished_run(owner, prompts=prompts, images_per_prompt=2)
    extras: dict[TaskKind, dict[str, Any]] = {
        TaskKind.OBJECT_PRESENCE: {"vocabulary": factories.VOCABULARY},
        TaskKind.MASK: {"parts_of_speech": ("NOUN",)},
        TaskKind.PAIRWISE: {
            "pair_of": "images",
            "compared_run_ids": tuple(factories.make_run_again(run).pk for _ in range(2)),
        },
    }
    draft = factories.make_draft(owner, run=run, task_kind=kind.value, raters_per_item=3, **extras[kind])
    if kind == TaskKind.OBJECT_PRESENCE:
        for place, prompt in enumerate(run.prompt_set.prompts.all()):
            prompt.extra = {"relation": "cohyponym" if place else "other"}
            prompt.save()
    return campaigns.open_campaign(draft, owner)


@pytest.mark.parametrize("kind", KINDS)
def test_looks_follow_answers_undoing_exclusion_and_inclusion(kind: TaskKind, owner: User) -> None:
    """Controls: leave `_share(item, sign=-1)` out of `add` or `remove`; leave `exclude` out of a tally; no
    0.0 for absences in `RunningRegions`.
    """
    rng = random.Random(5)
    campaign = make(kind, owner)
    same(campaign)
    people = [factories.make_rater(campaign) for _ in range(3)]
    for step in range(6):
        for rater in people:
            assert answer(rater, rng)
        if step in (0, 5):
            same(campaign)
    undo_last(people[0])
    same(campaign)
    raters.exclude(people[1], owner, "answers at random")
    same(campaign)
    answer(people[1], rng)
    raters.include(Rater.objects.get(pk=people[1].pk), owner)
    for rater in people:
        while answer(rater, rng):
            pass
    same(campaign)
    kept = live.look_at_kind(campaign)
    assert not math.isnan(kept.alpha)
    live.forget()
    fresh = live.look_at_kind(campaign)
    assert fresh.alpha == pytest.approx(kept.alpha)
    assert [row.n_items for row in fresh.rows] == [row.n_items for row in kept.rows]


def test_of_words_with_equal_votes_those_submitted_first_count(owner: User) -> None:
    """Control: the words of the latest answer first in `RunningChecklists.count`."""
    campaign = make(TaskKind.OBJECT_PRESENCE, owner)
    for sees_what_is_there in (True, False):
        rater = factories.make_rater(campaign)
        while isinstance(task := next_task(rater), Task):
            image = Slot.objects.get(pk=task.slot_id).item.image
            assert image is not None
            there = set(image.prompt.text.rstrip(".").split()) & set(factories.VOCABULARY)
            others = [word for word in factories.VOCABULARY if word not in there]
            words = tuple(sorted(there) if sees_what_is_there else others[:2])
            record_answer(
                rater, slot_id=task.slot_id, content=AnswerContent(words=words), idempotency_key=uuid4(),
                client_milliseconds=900, view="",
            )  # fmt: skip
    same(campaign)
    assert [row.value.estimate for row in live.look_at_kind(campaign).rows] == [1.0, 1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_look_asks_for_new_answers_only(kind: TaskKind, owner: User) -> None:
    """Control: let `_look` call `_read_all` each time."""
    rng = random.Random(6)
    campaign = make(kind, owner)
    rater = factories.make_rater(campaign)
    for _ in range(4):
        answer(rater, rng)
    live.look_at_kind(campaign)
    answer(rater, rng)
    taken: list[int] = []
    known = live._known[campaign.pk]
    take = known.tally.take

    def counting(row: dict[str, Any]) -> None:
        taken.append(row["pk"])
        take(row)

    known.tally.take = counting  # type: ignore[method-assign]
    with CaptureQueriesContext(connection) as asked:
        assert live.look_at_kind(campaign).n_answers == 5
    assert len(taken) == 1
    assert len(asked) <= 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_campaign_s_page_asks_for_the_numbers_and_gets_them(
    kind: TaskKind, client: Client, owner: User
) -> None:
    """Control: opinion scores alone in campaign.html."""
    rng = random.Random(7)
    campaign = make(kind, owner)
    client.force_login(owner)
    url = reverse("evaluation:live", args=[campaign.public_id])
    assert url in client.get(reverse("annotation:campaign", args=[campaign.public_id])).content.decode()
    assert "No answer yet." in client.get(url).content.decode()
    for rater in [factories.make_rater(campaign) for _ in range(3)]:
        while answer(rater, rng):
            pass
    shown = client.get(url).content.decode()
    now = live.look_at_kind(campaign)
    assert f"{now.alpha:.2f}".replace("-", "−") in shown
    for row in (*now.rows, *([now.headline] if now.headline else [])):
        assert escape(row.label) in shown
        assert row.value.is_defined
        high = f"{100 * row.value.high:.0f} %" if now.in_percent else f"{row.value.high:.2f}"
        assert f"to {high}" in shown
