"""What the guide says of the files of presence, pairwise and mask campaigns."""

from pathlib import Path

from evaluation.kinds import masks as masks_kind
from evaluation.kinds import pairs as pairs_kind
from evaluation.kinds import presence_judging as presence_kind


def test_the_guide_has_the_columns_of_items_and_images() -> None:
    """Control: rename a column without the guide."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text()
    fields = [*presence_kind.GIVEN, *presence_kind.RESULTS, *pairs_kind.ITEM_FIELDS]
    fields += [*masks_kind.GIVEN, *masks_kind.RESULTS, *masks_kind.MAP_FIELDS]
    assert [field.name for field in fields if f"| `{field.name}` | {field.meaning} |" not in guide] == []
