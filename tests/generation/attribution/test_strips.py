"""Several maps as one picture."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generation.attribution.colours import ramp
from generation.attribution.rendering import at_size, stretch
from generation.attribution.strips import shared_range, strip_png

FAINT, STRONG = np.full((4, 4), 0.1, dtype=np.float32), np.full((4, 4), 0.1, dtype=np.float32)
FAINT[0, 0], STRONG[0, 0] = 0.2, 1.1


def _drawn(**options: Any) -> Any:
    png = strip_png([FAINT, STRONG, FAINT], labels=["one", "two", "three"], tile_hw=(40, 60), **options)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_tiles_stand_in_rows_with_room_for_their_labels() -> None:
    assert _drawn(columns=3).shape == (18 + 40 + 2 * 6, 3 * 66 + 6, 3)
    assert _drawn(columns=2).shape == (2 * (18 + 40 + 6) + 6, 2 * 66 + 6, 3)
    labels = _drawn(columns=3)[6:24]
    assert (labels < 100).any()


def test_on_a_shared_scale_a_weak_map_looks_weak() -> None:
    """Control: each tile stretched by itself, where both peaks are equally bright."""
    corners = {}
    for name, value_range in (("own", None), ("shared", shared_range([FAINT, STRONG]))):
        picture = _drawn(columns=3, value_range=value_range)
        corners[name] = [tuple(picture[25, 7 + place * 66]) for place in range(2)]
    brightest = tuple(ramp()[-1])
    assert corners["own"] == [brightest, brightest]
    assert corners["shared"][1] == brightest
    assert sum(map(int, corners["shared"][0])) < sum(map(int, brightest)) / 2


def test_a_long_label_keeps_its_end_within_its_tile() -> None:
    long = "up_blocks.1.attentions.0.transformer_blocks.0"
    labelled = strip_png([FAINT, FAINT], labels=["", long], tile_hw=(40, 60), columns=2)
    drawn = np.asarray(Image.open(io.BytesIO(labelled)).convert("RGB"))
    assert (drawn[6:24, 72:132] < 100).any()
    assert (drawn[6:24, 133:] > 200).all()


def test_what_makes_no_strip_is_refused() -> None:
    for maps, labels, columns in (([], [], 2), ([FAINT], [], 2), ([FAINT], ["one"], 0)):
        with pytest.raises(ValueError, match="make no strip"):
            strip_png(maps, labels=labels, tile_hw=(8, 8), columns=columns)


def test_a_given_range_clips_and_a_map_at_size_stays_raw() -> None:
    assert stretch(STRONG, value_range=(0.1, 0.6)).max() == 1
    assert stretch(STRONG, value_range=(0.0, 2.2))[0, 0] == pytest.approx(0.5)
    assert at_size(np.full((4, 4), 7.0), size_hw=(8, 12)) == pytest.approx(np.full((8, 12), 7.0))
