"""The slots of an opening: k places for each item, in rounds, the systems and sides in balance."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from django.db import connection
from django.db.models.functions import Coalesce

from annotation.choices import ItemKind, SlotState, TaskKind
from annotation.models import Campaign, Slot

ROWS_AT_ONCE: Final = 2_000
ANALYSED_FROM: Final = 1_000
# What an item compares: the run of its first side and of its second, and their methods.
Systems = tuple[int | None, int | None, str, str]


def rating_items(campaign: Campaign) -> dict[int, Systems]:
    """The items to rate in the order of their positions, each with the systems that it shows."""
    rows = campaign.items.filter(kind=ItemKind.RATING).order_by("position")
    found = rows.values_list(
        "pk",
        Coalesce("word_map__image__run", "image__run"),
        Coalesce("other_word_map__image__run", "other_image__run"),
        "method",
        "other_method",
    )
    return {pk: (first, second, method, other) for pk, first, second, method, other in found}


def slots(
    campaign: Campaign, items: Mapping[int, Systems], *, rounds: range, first_order: int
) -> Iterator[Slot]:
    """Numbered slots: every item's first before any second, each round in an order of its own."""
    swapped_first = _swapped_first(campaign, items)
    is_pair = campaign.task_kind == TaskKind.PAIRWISE
    order = first_order
    for number in rounds:
        generator = random.Random(f"round {number} {campaign.order_seed}")
        for item in _mixed(items, generator):
            yield Slot(
                campaign=campaign,
                item_id=item,
                number=number,
                order=order,
                state=SlotState.FREE,
                swapped=is_pair and (swapped_first[item] + number) % 2 == 1,
            )
            order += 1


def store_slots(made: Iterator[Slot]) -> int:
    """Stores the slots; returns how many there are."""
    stored = 0
    while chunk := list(islice(made, ROWS_AT_ONCE)):
        stored += len(Slot.objects.bulk_create(chunk))
    if stored >= ANALYSED_FROM:
        # Connections keep plans; one made while the table was small would read all of a large one.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE annotation_slot")
    return stored


def _swapped_first(campaign: Campaign, items: Mapping[int, Systems]) -> dict[int, int]:
    """0 or 1 for each item; of its k slots half are swapped, give or take one, and this says which way.

    The items of one pair of systems take turns, so that over all of them each system lies left as often as
    right, give or take one, also where k is odd: position bias then cancels within the pair of systems.
    """
    sides = random.Random(f"sides {campaign.order_seed}")
    turn = {systems: sides.getrandbits(1) for systems in dict.fromkeys(items.values())}
    found = {}
    for item, systems in items.items():
        found[item] = turn[systems]
        turn[systems] ^= 1
    return found


def _mixed(items: Mapping[int, Systems], generator: random.Random) -> list[int]:
    """The items in random order, those of each system spread evenly from the first to the last.

    So a rater who takes a stretch of them meets the systems about equally often.
    """
    by_systems: dict[Systems, list[int]] = {}
    for item, systems in items.items():
        by_systems.setdefault(systems, []).append(item)
    placed: list[tuple[float, int]] = []
    for group in by_systems.values():
        generator.shuffle(group)
        # With one group alone the order is the shuffle's.
        placed += _spread(group, generator)
    return [item for _, item in sorted(placed)]


def _spread(group: Sequence[int], generator: random.Random) -> list[tuple[float, int]]:
    """Each item with a random place in its own of as many equal stretches of [0, 1)."""
    return [((place + generator.random()) / len(group), item) for place, item in enumerate(group)]
