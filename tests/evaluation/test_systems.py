"""Results of several systems in one campaign, against numbers worked out by hand, and bundles made again."""

import csv
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.contents import option_content
from annotation.exports import snapshot
from annotation.models import Campaign, Slot
from annotation.services.answers import record_answer
from annotation.services.tasks_for_raters import Task, next_task
from evaluation.kinds.answers import csv_lines
from evaluation.kinds.loading import inputs_of
from evaluation.kinds.pair_answers import pairs_from_lines
from evaluation.rebuilding import rebuild
from generation.models import Run
from tests import factories

# A snapshot is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)

PROMPTS = tuple(f"a red thing{number} beside a blue box." for number in range(6))


def runs(owner: User) -> list[Run]:
    """Three systems; the names are worth as many points as their numbers say."""
    first = factories.make_finished_run(owner, prompts=PROMPTS)
    return [first, factories.make_run_again(first), factories.make_run_again(first)]


def get(client: Client, campaign: Campaign, name: str) -> bytes:
    response = client.get(reverse("evaluation:file", args=[campaign.public_id, name]))
    assert response.status_code == 200, name
    streamed: Any = getattr(response, "streaming_content", None)
    return b"".join(streamed) if streamed is not None else response.content


def rows(client: Client, campaign: Campaign, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(get(client, campaign, name).decode(), newline="")))


def say_all(campaign: Campaign, name: str, say: Any) -> None:
    """One rater's whole session. say: from a slot to the code of the answer."""
    rater = factories.make_rater(campaign, name)
    while isinstance(task := next_task(rater), Task):
        slot = Slot.objects.select_related("item__image", "item__other_image").get(pk=task.slot_id)
        record_answer(
            rater, slot_id=task.slot_id, content=option_content(say(slot)), idempotency_key=uuid4(),
            client_milliseconds=1, view="",
        )  # fmt: skip


def test_each_system_has_its_score_and_systems_are_compared_prompt_by_prompt(
    signed_in: Client, owner: User, tmp_path: Path
) -> None:
    """Control: leaving the system out of the groupings, or the prompts out of `same_thing`."""
    three = runs(owner)
    worth = {run.pk: place + 2 for place, run in enumerate(three)}
    campaign = factories.make_open_campaign(
        owner, run=three[0], compared_run_ids=(three[1].pk, three[2].pk), score_of="images",
        raters_per_item=2,
    )  # fmt: skip
    for name, shift in (("one", 0), ("two", 1)):
        say_all(campaign, name, lambda slot, shift=shift: str(worth[slot.item.image.run_id] + shift))
    groups = {
        row["group"]: row for row in rows(signed_in, campaign, "groups.csv") if row["grouping"] == "system"
    }
    assert {name: float(row["mos"]) for name, row in groups.items()} == {
        run.name: place + 2.5 for place, run in enumerate(three)
    }
    told = rows(signed_in, campaign, "comparisons.csv")
    assert [(row["first"], row["second"], row["n_shared"]) for row in told] == [
        (three[0].name, three[1].name, "6"),
        (three[0].name, three[2].name, "6"),
        (three[1].name, three[2].name, "6"),
    ]
    ratings = rows(signed_in, campaign, "ratings.csv")
    by_system = {run.name: run for run in three}
    assert len(ratings) == 36
    assert {row["system"] for row in ratings} == set(by_system)
    assert all(row["prompt"] in PROMPTS and row["word"] == "" for row in ratings)
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(get(signed_in, campaign, "bundle.zip"))
    assert rebuild(bundle).is_whole
    page = signed_in.get(reverse("evaluation:results", args=[campaign.public_id])).content.decode()
    assert all(run.name in page for run in three)
    assert signed_in.get(reverse("evaluation:live", args=[campaign.public_id])).status_code == 200


def test_pairs_of_three_systems_give_strengths_in_the_order_of_their_worth(
    signed_in: Client, owner: User, tmp_path: Path
) -> None:
    """Control: taking every answer as one about the first two systems; reading the swapped side wrongly."""
    three = runs(owner)
    place = {run.pk: number for number, run in enumerate(three)}
    campaign = factories.make_open_campaign(
        owner, run=three[0], compared_run_ids=(three[1].pk, three[2].pk), task_kind="pairwise",
        pair_of="images", raters_per_item=2,
    )  # fmt: skip

    def choose(slot: Slot, *, slip: int) -> str:
        """The system of more worth, whichever side it lies on; one prompt in six the other, one a tie."""
        item = slot.item
        assert item.image is not None
        assert item.other_image is not None
        number = item.image.prompt.row_number % 6
        if number == 1:
            return "tie"
        second_wins = (place[item.other_image.run_id] > place[item.image.run_id]) != (number == slip)
        return "left" if second_wins == slot.swapped else "right"

    for name, slip in (("one", 2), ("two", 3)):
        say_all(campaign, name, lambda slot, slip=slip: choose(slot, slip=slip))
    strengths = {row["system"]: float(row["strength"]) for row in rows(signed_in, campaign, "systems.csv")}
    assert list(strengths) == [run.name for run in three]
    assert sorted(strengths, key=strengths.__getitem__) == [run.name for run in three]
    with snapshot():
        inputs = inputs_of(campaign)
        assert inputs.read is not None
        straight, by_file = inputs.read(), pairs_from_lines(csv_lines(inputs.answers.pieces()))
    for found in (straight, by_file):
        assert found.answers.n == 36
    assert straight.value.tolist() == by_file.value.tolist()
    assert straight.left.tolist() == by_file.left.tolist()
    assert straight.items[:] == by_file.items[:]
    met = rows(signed_in, campaign, "meetings.csv")
    assert [(row["n_first"], row["n_tie"], row["n_second"]) for row in met] == [("2", "2", "8")] * 3
    assert [float(row["preference"]) for row in met] == [0.25] * 3
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(get(signed_in, campaign, "bundle.zip"))
    assert rebuild(bundle).is_whole
    url = reverse("evaluation:results", args=[campaign.public_id])
    page = signed_in.get(url).content.decode()
    assert "System against system" in page
    # With a filter there are the meetings of that system alone; the flow says so.
    only = signed_in.get(url, {"only-first_system": three[1].name}).content.decode()
    assert f"{three[1].name} over {three[2].name}" in only
    assert f"{three[0].name} over {three[1].name}" not in only
    assert f"first_system is {three[1].name}" in only
