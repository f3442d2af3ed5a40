"""Items that came in any order stand in the campaign's."""

from evaluation.kinds.item_order import in_order


def test_rows_stand_by_position_then_by_key_as_numbers() -> None:
    """Controls: sort the texts; leave the key out of the order."""
    columns = [["10", "9", "9"], ["7", "30", "4"], ["last", "second", "first"]]
    assert in_order(columns) == [["4", "30", "7"], ["first", "second", "last"]]


def test_no_item_at_all() -> None:
    assert in_order([[], [], []]) == [[], []]
