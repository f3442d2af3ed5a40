"""Several systems in one campaign: what is matched, who meets whom how often, what raters can find out."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from annotation import sources, specification, systems
from annotation.choices import Pairing, PairOf, ScoreOf, TaskKind
from annotation.models import Campaign, Item, Slot
from annotation.services import campaigns, dry_runs
from annotation.services.tasks_for_raters import Task, next_task
from annotation.specification import SpecificationRefused
from generation import storage
from generation.attribution import chosen_heads
from generation.models import Image, Run, WordMap
from generation.services import uploaded_runs
from generation.uploaded_pictures import UploadedPicture
from tests import factories
from tests.annotation.rater_browser import RaterBrowser

pytestmark = pytest.mark.django_db

PROMPTS = tuple(f"a red thing{number} beside a blue box." for number in range(12))


def runs_of_three(prompts: tuple[str, ...] = PROMPTS) -> tuple[Run, Run, Run]:
    """Two runs and an uploaded set of pictures, of the same prompts; the uploaded one lacks the last two."""
    first = factories.make_finished_run(prompts=prompts)
    second = factories.make_run_again(first)
    generator = np.random.default_rng(5)
    rows = sorted(first.prompt_set.prompts.values_list("row_number", flat=True))[:-2]
    pictures = [
        UploadedPicture(
            row=row, number=0, png=factories.png_of(generator), width=factories.SIDE, height=factories.SIDE
        )
        for row in rows
    ]
    third = uploaded_runs.upload_run(first.owner, first.prompt_set, name="Secret GAN", pictures=pictures)
    return first, second, third


def compared(first: Run, *others: Run, **changes: Any) -> Campaign:
    return factories.make_open_campaign(
        run=first, compared_run_ids=tuple(run.pk for run in others), raters_per_item=1, **changes
    )


def pairs_met(campaign: Campaign) -> Counter[tuple[int, int]]:
    rows = campaign.items.values_list("image__run", "other_image__run")
    return Counter(rows)


def test_pairs_of_systems_are_met_equally_often_and_lie_left_as_often_as_right() -> None:
    """Control: taking the same pairs for every prompt, or drawing each item's side by itself."""
    first, second, third = runs_of_three()
    kind = {"task_kind": TaskKind.PAIRWISE.value, "pair_of": PairOf.IMAGES.value}
    campaign = compared(first, second, third, **kind, pairs_per_prompt=1)
    met = pairs_met(campaign)
    assert set(met) == {(first.pk, second.pk), (first.pk, third.pk), (second.pk, third.pk)}
    assert sum(met.values()) == 10
    assert max(met.values()) - min(met.values()) <= 1
    for pair in met:
        of_pair = Slot.objects.filter(item__image__run=pair[0], item__other_image__run=pair[1])
        swapped = of_pair.filter(swapped=True).count()
        assert abs(2 * swapped - of_pair.count()) <= 1
    every = compared(first, second, third, **kind)
    assert set(pairs_met(every).values()) == {10}
    star = compared(first, second, third, **kind, pairing=Pairing.FIRST.value)
    assert set(pairs_met(star)) == {(first.pk, second.pk), (first.pk, third.pk)}


def test_scores_are_asked_of_the_same_prompts_of_every_system_in_even_stretches() -> None:
    """Control: drawing the items one by one, or shuffling a round without regard to the systems."""
    first, second, third = runs_of_three()
    campaign = compared(
        first, second, third, score_of=ScoreOf.IMAGES.value, items_limit=20, task_kind="opinion_score"
    )
    prompts = {
        run.pk: set(campaign.items.filter(image__run=run).values_list("image__prompt", flat=True))
        for run in (first, second, third)
    }
    assert len(prompts[first.pk]) == 6
    assert len(set(map(frozenset, prompts.values()))) == 1
    order = (
        Slot.objects.filter(campaign=campaign).order_by("order").values_list("item__image__run", flat=True)
    )
    for start in range(0, 18, 6):
        assert set(Counter(list(order)[start : start + 6]).values()) <= {1, 2, 3}


def test_what_a_system_lacks_is_counted_named_and_frozen_not_dropped_in_silence() -> None:
    """Control: leaving `comparison` out of the version, or `lacking` out of the notes."""
    first, second, third = runs_of_three()
    draft = factories.make_draft(
        run=first, compared_run_ids=(second.pk, third.pk), score_of=ScoreOf.IMAGES.value
    )
    notes = campaigns.comparison_notes(draft)
    assert notes[0].startswith("2 prompts are left out")
    assert notes[1] == "Secret GAN lacks lines 12, 13."
    opened = campaigns.open_campaign(draft, draft.owner)
    Image.objects.filter(run=second).update(safety_verdict="filtered")
    assert campaigns.comparison_notes(opened) == notes
    frozen = opened.versions.get().wording["comparison"]
    assert frozen["lacking"] == {"Secret GAN": [12, 13]}
    assert frozen["systems"] == [first.name, second.name, "Secret GAN"]


def test_maps_that_were_never_taken_apart_are_lacking_by_every_method() -> None:
    """Control: counting as places only what some method has."""
    run = factories.make_finished_run()
    factories.explore_images(run)
    gone = run.images.order_by("prompt__row_number").first()
    assert gone is not None
    storage._exploration_path(gone).unlink()
    campaign = factories.make_draft(
        run=run, task_kind="pairwise", pair_of=PairOf.METHODS.value, methods=factories.METHODS
    )
    words = "a, red, ball, beside, blue, box"
    assert [str(lack) for lack in systems.matching_of(campaign).lacking] == [
        f"{method} lacks line 2 ({words})." for method in factories.METHODS
    ]  # fmt: skip
    assert {(item.method, item.other_method) for item in campaign.items.all()} == {factories.METHODS}
    assert campaign.items.count() == 6


def test_words_without_a_concept_are_left_out_of_a_comparison_of_heads_and_named() -> None:
    """The first image has no word with a concept, in the second "red" has one.

    Controls: heads offered only where all words of an image have them, or only by the first image; a word
    shown by a map that it doesn't have.
    """
    run = factories.make_finished_run(prompts=["the ball", "the red ball"])
    heads = chosen_heads.MOST_RELEVANT
    factories.explore_images(run, of_words={"red": (heads,)})
    red = WordMap.objects.get(image__run=run, word__text="red")
    assert sources.explored_methods(run) == ("paper", heads, "CMI")
    campaign = factories.make_draft(
        run=run, task_kind="pairwise", pair_of=PairOf.METHODS.value, methods=("paper", heads)
    )
    assert [item.word_map_id for item in campaign.items.all()] == [red.pk]
    assert [str(lack) for lack in systems.matching_of(campaign).lacking] == [
        f"{heads} lacks lines 2, 3 (the, ball)."
    ]
    frozen = systems.matching_of(campaign).facts()
    assert frozen["lacking_words"] == {heads: ["the", "ball"]}


@pytest.mark.parametrize("task_kind", ["opinion_score", "pairwise"])
def test_nothing_that_reaches_a_rater_names_a_system(task_kind: str) -> None:
    """Page, script's JSON, addresses and picture files. Control: a run's name in the template's alt text."""
    first, second, third = runs_of_three()
    shows = {"score_of": "images"} if task_kind == "opinion_score" else {"pair_of": "images"}
    campaign = compared(first, second, third, task_kind=task_kind, **shows)
    browser = RaterBrowser(factories.make_rater(campaign))
    secrets = {
        text for run in (first, second, third) for text in (run.name, run.model_id, run.model_revision)
    }
    names = ("image",) if task_kind == "opinion_score" else ("left", "right")
    for _ in range(4):
        task = next_task(browser.rater)
        assert isinstance(task, Task)
        html = browser.open().html
        assert not [secret for secret in secrets if secret in html]
        for run in (first, second, third):
            assert f"/{run.pk}/" not in html.replace(f"/{browser.rater.pk}/", "")
        for name in names:
            response = browser.open(name, task.public_id).response
            assert not [s for s in secrets if s.encode() in response.content]
            headers = " ".join(f"{key}: {value}" for key, value in response.headers.items())
            assert not [secret for secret in secrets if secret in headers]
        factories.answer(browser.rater, task)


def test_a_whole_image_takes_scores_and_no_opt_out() -> None:
    first, second, _ = runs_of_three()
    campaign = compared(first, second, score_of="images", task_kind="opinion_score")
    browser = RaterBrowser(factories.make_rater(campaign))
    page = browser.open()
    assert 'value="5"' in page.html
    assert "word_too_abstract" not in page.html
    sent = {name: page.hidden(name) for name in ("slot", "idempotency_key")}
    assert browser.post("answer", sent | {"option": "word_too_abstract"}).status == 400
    assert browser.post("answer", sent | {"option": "5"}).status == 303


def test_a_specification_makes_the_same_comparison_again_and_a_dry_run_copies_it() -> None:
    first, second, third = runs_of_three()
    campaign = compared(
        first, third, second, task_kind="pairwise", pair_of="images", pairs_per_prompt=2, contact="me"
    )
    values = specification.of_campaign(campaign)
    assert values["compared_runs"] == [str(third.pk), str(second.pk)]
    again = specification.create(first.owner, values)
    assert again.compared_run_ids == (third.pk, second.pk)
    draft = factories.make_draft(run=first, compared_run_ids=(third.pk, second.pk), score_of="images")
    copy = dry_runs.start_dry_run(draft, draft.owner)
    assert copy.compared_run_ids == draft.compared_run_ids
    assert Item.objects.filter(campaign=copy).count() == draft.items.count() == 30


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"task_kind": "pairwise"}, "compared_runs"),
        ({"task_kind": "pairwise", "pair_of": "methods"}, "methods"),
        ({"score_of": "methods"}, "methods"),
        ({"compared_runs": ["999999"]}, "compared_runs"),
        ({"compared_runs": "2"}, "compared_runs"),
        ({"score_of": "images", "checks_per_rater": 1}, "checks_per_rater"),
        ({"task_kind": "pairwise", "pairs_per_prompt": 0}, "pairs_per_prompt"),
        ({"task_kind": "mask", "score_of": "images"}, "score_of"),
    ],
)
def test_a_comparison_that_fits_nothing_is_refused_at_its_field(values: dict[str, Any], field: str) -> None:
    run = factories.make_finished_run()
    with pytest.raises(SpecificationRefused) as refused:
        specification.create(run.owner, {"run": run.pk, "contact": "me"} | values)
    assert field in {fault.field for fault in refused.value.faults}
