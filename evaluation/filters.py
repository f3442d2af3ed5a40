"""The part of a study that a filter by group leaves: fewer items, the same raters, one more step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.metrics.tables import BoolArray
from evaluation.settings import Only
from evaluation.study import NOT_RATED, Grouping, Study


def filtered(study: Study, only: Sequence[Only]) -> Study:
    """The study with the items that pass every filter, in order.

    The listing of items keeps its lines; what is not wanted has no place in the table any more. Raises
    KeyError
    for an unknown grouping or group.
    """
    for filter_ in only:
        grouping = study.grouping(filter_.grouping)
        if filter_.value not in grouping.values:
            raise KeyError(filter_.value)
        keep = grouping.index == grouping.values.index(filter_.value)
        study = _with_items(study, keep=keep, detail=f"{filter_.grouping} is {filter_.value or '(none)'}")
    return study


def _with_items(study: Study, *, keep: BoolArray, detail: str) -> Study:
    new_index = np.where(keep, np.cumsum(keep) - 1, NOT_RATED)
    table = study.table.only_items(keep, name="filter", detail=detail)
    table = replace(
        table,
        item_ids=tuple(item for item, wanted in zip(table.item_ids, keep, strict=True) if wanted),
        group_index=table.group_index[keep],
        item_index=new_index[table.item_index],
    )
    lines = study.items.index
    return replace(
        study,
        table=table,
        items=replace(study.items, index=np.where(lines == NOT_RATED, NOT_RATED, new_index[lines])),
        groupings=tuple(_without_empty(grouping, keep=keep) for grouping in study.groupings),
        same_thing=study.same_thing[keep],
    )


def _without_empty(grouping: Grouping, *, keep: BoolArray) -> Grouping:
    """The grouping of the items that stay; groups that lost all their items go."""
    present, index = np.unique(grouping.index[keep], return_inverse=True)
    return replace(
        grouping,
        values=tuple(grouping.values[place] for place in present),
        labels=tuple(grouping.labels[place] for place in present),
        index=index.astype(np.int64),
    )
