"""Items as columns of CSV cells with what they show: of each picture the database sends its columns once.

A campaign of a million answers has ten items a picture, and joining each of them with the picture, its prompt
and its run costs the database more than all the rest of a report.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from annotation.copied_columns import copied_at_once
from annotation.models import Campaign, Item
from annotation.shown import OF_IMAGE, SHOWN
from annotation.systems import systems_of
from common.csv_stream import guard
from generation.models import Image

SYSTEM: Final = f"{SHOWN}system"
_IMAGE: Final = "copied_image"
_METHOD: Final = "method"


def copied_items(rows: QuerySet[Item], *, campaign: Campaign, paths: Sequence[str]) -> list[Sequence[str]]:
    """As `copied_at_once`, with paths of `annotation.shown` among the item's own: `shown_` and a name, SYSTEM
    too.

    rows: items of this campaign.
    """
    own = list(dict.fromkeys([*(path for path in paths if not path.startswith(SHOWN)), _METHOD, _IMAGE]))
    of_image = [path.removeprefix(SHOWN) for path in paths if path.startswith(SHOWN) and path != SYSTEM]
    shown = _Pictures(campaign, names=list(dict.fromkeys(of_image)))
    known = rows.annotate(**{_IMAGE: Coalesce(F("word_map__image_id"), F("image_id"))})
    block = dict(zip(own, copied_at_once(known, paths=own), strict=True))
    at = shown.places(block[_IMAGE])
    return [
        block[path]
        if path in block
        else shown.systems(at, block[_METHOD])
        if path == SYSTEM
        else shown.cells(at, path.removeprefix(SHOWN))
        for path in paths
    ]


class _Pictures:
    """The pictures of a campaign's runs as columns of cells, by their keys."""

    def __init__(self, campaign: Campaign, *, names: Sequence[str]) -> None:
        """names: of OF_IMAGE."""
        systems = systems_of(campaign)
        self._columns: dict[str, list[str]] = {name: [] for name in ("pk", "run_id", *names)}
        self._place: dict[str, int] = {}
        self._system: defaultdict[tuple[str, str], str] = defaultdict(str)
        for system in systems:
            self._system.setdefault((str(system.run.pk), system.method), guard(system.name))
        self._read(Image.objects.filter(run__in={system.run.pk for system in systems}))

    def places(self, keys: Sequence[str]) -> list[int]:
        """(items,): where each picture stands in the columns."""
        # An item may show a picture of another run.
        if further := set(keys) - self._place.keys():
            self._read(Image.objects.filter(pk__in=further))
        return list(map(self._place.__getitem__, keys))

    def cells(self, at: Sequence[int], name: str) -> list[str]:
        """(items,): the cells of one column."""
        return list(map(self._columns[name].__getitem__, at))

    def systems(self, at: Sequence[int], methods: Sequence[str]) -> list[str]:
        """(items,): the names of the systems; empty where a picture is of none."""
        runs = self.cells(at, "run_id")
        return list(map(self._system.__getitem__, zip(runs, methods, strict=True)))

    def _read(self, images: QuerySet[Image]) -> None:
        paths = ["pk", "run_id", *(OF_IMAGE[name] for name in list(self._columns)[2:])]
        for column, found in zip(self._columns.values(), copied_at_once(images, paths=paths), strict=True):
            column.extend(found)
        self._place = {key: place for place, key in enumerate(self._columns["pk"])}
