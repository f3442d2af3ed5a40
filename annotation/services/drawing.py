"""Which of a run's things a campaign takes: by the columns of their prompts, and evenly over strata."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from django.db.models import QuerySet

from annotation.models import Campaign
from annotation.sources import chosen_prompts
from generation.models import Image, WordMap

PART_OF_SPEECH: Final = "part_of_speech"
Thing = TypeVar("Thing", bound=Mapping[str, int])
Rows = TypeVar("Rows", bound=QuerySet[Any])


def of_chosen_prompts(campaign: Campaign, rows: Rows, *, path: str) -> Rows:
    """Those of the rows whose prompt passes the campaign's filter. path: from a row to its prompt."""
    wanted: Mapping[str, list[str]] = campaign.prompt_filter
    if not wanted:
        return rows
    return rows.filter(**{f"{path}__in": chosen_prompts(campaign.run, wanted)})


def drawn(campaign: Campaign, things: Sequence[Thing]) -> list[Thing]:
    """At most items_limit of the things, in their order; of every stratum as many as can be.

    Strata take turns, in the order of their names, until the limit is reached: their numbers differ by more
    than one only where a stratum has no more.
    """
    limit = campaign.items_limit
    if limit is None or limit >= len(things) or not campaign.stratify_by:
        return list(things[:limit])
    values = _strata(campaign, things)
    places: dict[str, list[int]] = {}
    for place, thing in enumerate(things):
        places.setdefault(values(thing), []).append(place)
    turns = sorted(
        (turn, stratum, place)
        for stratum, of_stratum in places.items()
        for turn, place in enumerate(of_stratum)
    )
    return [things[place] for place in sorted(place for _, _, place in turns[:limit])]


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
