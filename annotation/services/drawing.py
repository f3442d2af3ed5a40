"""Which of a run's things a campaign takes where it does not take all: evenly over strata."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from annotation.models import Campaign
from generation.models import Image, WordMap

PART_OF_SPEECH: Final = "part_of_speech"
# The columns of an item that say what it shows, with their primary keys and methods.
Thing = Mapping[str, Any]
# What is drawn together: one thing, or what each of the systems under comparison has for one place.
Bundle = tuple[Thing, ...]


def drawn(campaign: Campaign, bundles: Sequence[Bundle], *, items_each: int = 1) -> list[Bundle]:
    """So many of the bundles, in their order, that they make at most items_limit items.

    items_each: items that one bundle makes.  Strata take turns, in the order of their names, until the limit
    is reached: their numbers differ by more than one only where a stratum has no more. At least one bundle
    is drawn, since a comparison of fewer systems would be another one.
    """
    if campaign.items_limit is None:
        return list(bundles)
    limit = max(1, campaign.items_limit // items_each)
    if limit >= len(bundles) or not campaign.stratify_by:
        return list(bundles[:limit])
    values = _strata(campaign, [bundle[0] for bundle in bundles])
    places: dict[str, list[int]] = {}
    for place, bundle in enumerate(bundles):
        places.setdefault(values(bundle[0]), []).append(place)
    turns = sorted(
        (turn, stratum, place)
        for stratum, of_stratum in places.items()
        for turn, place in enumerate(of_stratum)
    )
    return [bundles[place] for place in sorted(place for _, _, place in turns[:limit])]


def _strata(campaign: Campaign, things: Sequence[Thing]) -> Any:
    """A function from a thing to its stratum."""
    column = campaign.stratify_by
    if not things or "word_map_id" in things[0]:
        path = "word__part_of_speech" if column == PART_OF_SPEECH else "image__prompt__extra"
        rows = WordMap.objects.filter(image__run=campaign.run_id).values_list("pk", path)
        name = "word_map_id"
    else:
        path = "prompt__extra"
        rows = Image.objects.filter(run=campaign.run_id).values_list("pk", path)
        name = "image_id"
    if column == PART_OF_SPEECH and path != "word__part_of_speech":
        return lambda _: ""
    found = {pk: str(value.get(column, "")) if isinstance(value, dict) else str(value) for pk, value in rows}
    return lambda thing: found.get(thing[name], "")
