"""The campaign's order, for items that the database gave as it found them."""

from collections.abc import Sequence

import numpy as np


def in_order(columns: Sequence[Sequence[str]]) -> list[list[str]]:
    """The columns but the first, their rows by the numbers in the first two: position and key of the item.

    columns: of one length each; texts.
    """
    position, key = (np.array(list(map(int, column)), dtype=np.int64) for column in columns[:2])
    order = np.lexsort((key, position)).tolist()
    return [list(map(column.__getitem__, order)) for column in columns[1:]]
