"""Items as columns of cells, against the same columns joined by the database for every item."""

from collections.abc import Sequence

import pytest
from django.contrib.auth.models import User
from django.db.models import Value
from django.db.models.functions import Concat

from annotation.choices import PairOf, ScoreOf, TaskKind
from annotation.copied_items import SYSTEM, copied_items
from annotation.models import Campaign, Item
from annotation.shown import OF_IMAGE, SHOWN, with_shown
from common.csv_stream import cell_text
from generation.models import Prompt, Run
from tests import factories

pytestmark = pytest.mark.django_db

PATHS = ("pk", "kind", *(SHOWN + name for name in OF_IMAGE), SYSTEM, "method", "word_map__word__text")


def as_the_database_joins(campaign: Campaign) -> list[tuple[str, ...]]:
    rows = with_shown(Item.objects.filter(campaign=campaign), campaign=campaign).order_by("pk")
    return [tuple(map(cell_text, row)) for row in rows.values_list(*PATHS)]


def as_copied(campaign: Campaign, paths: Sequence[str] = PATHS) -> list[tuple[str, ...]]:
    items = Item.objects.filter(campaign=campaign)
    return sorted(
        zip(*copied_items(items, campaign=campaign, paths=paths), strict=True), key=lambda row: int(row[0])
    )


def test_maps_of_one_run(owner: User) -> None:
    campaign = factories.make_open_campaign(owner, checks_per_rater=2)
    Prompt.objects.update(text=Concat(Value('=a "dog", \\ \t\n'), "text"))
    found = as_copied(campaign)
    assert found
    assert found == as_the_database_joins(campaign)


def test_maps_of_two_methods(owner: User) -> None:
    """Control: look the system up by the run alone."""
    run = factories.make_finished_run(owner=owner)
    factories.explore_images(run)
    campaign = factories.make_open_campaign(
        owner,
        run=run,
        task_kind=TaskKind.PAIRWISE.value,
        pair_of=PairOf.METHODS.value,
        methods=factories.METHODS,
    )
    first = Item.objects.filter(campaign=campaign).order_by("pk")[0]
    Item.objects.filter(pk=first.pk).update(method=first.other_method, other_method=first.method)
    assert {row[PATHS.index(SYSTEM)] for row in as_copied(campaign)} == set(factories.METHODS)
    assert as_copied(campaign) == as_the_database_joins(campaign)


def test_pictures_of_two_runs_with_odd_names(owner: User) -> None:
    """Control: leave `guard` out of the systems' names."""
    run = factories.make_finished_run(owner=owner)
    again = factories.make_run_again(run)
    Run.objects.filter(pk=run.pk).update(name="=first")
    run.refresh_from_db()
    campaign = factories.make_open_campaign(
        owner, run=run, score_of=ScoreOf.IMAGES.value, compared_run_ids=(again.pk,), checks_per_rater=0
    )
    assert {row[PATHS.index(SYSTEM)] for row in as_copied(campaign)} == {"'=first", again.name}
    assert as_copied(campaign) == as_the_database_joins(campaign)


def test_a_picture_of_a_run_that_is_none_of_the_campaigns(owner: User) -> None:
    """Control: leave the further pictures unread; a KeyError follows."""
    campaign = factories.make_open_campaign(owner)
    other = factories.make_finished_run(owner=owner)
    Campaign.objects.filter(pk=campaign.pk).update(run=other)
    campaign.refresh_from_db()
    assert {row[PATHS.index(SYSTEM)] for row in as_copied(campaign)} == {""}
    assert as_copied(campaign) == as_the_database_joins(campaign)


def test_a_column_asked_for_twice_and_none_of_the_picture(owner: User) -> None:
    campaign = factories.make_open_campaign(owner)
    assert as_copied(campaign, ["pk", "pk"]) == [(row[0], row[0]) for row in as_copied(campaign)]
