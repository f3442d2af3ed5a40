"""Pictures of word maps: orientation, range, colours, and no torch on the way."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from generation.attribution import colours, rendering

# A bright spot right of the middle, near the top.
SPOT = np.zeros((8, 16), dtype=np.float32)
SPOT[1, 12] = 0.02


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def test_the_hottest_pixel_lies_where_the_map_peaks() -> None:
    """Control: handing Pillow (height, width) for its (width, height)."""
    shown = pixels(rendering.heat_png(SPOT, size_hw=(32, 64)))
    assert shown.shape == (32, 64, 3)
    row, column = np.unravel_index(shown.sum(axis=2).argmax(), (32, 64))
    assert abs(row - 6) <= 2
    assert abs(column - 50) <= 2


def test_a_heat_map_reaches_both_ends_of_the_ramp() -> None:
    shown = pixels(rendering.heat_png(SPOT, size_hw=SPOT.shape))
    assert (shown[1, 12] == colours.ramp()[255]).all()
    assert (shown[7, 0] == colours.ramp()[0]).all()


def test_the_scale_of_a_map_does_not_show() -> None:
    """Attention is small; display stretches it. Control: clipping at 1 without stretching."""
    assert rendering.heat_png(SPOT, size_hw=(8, 16)) == rendering.heat_png(SPOT * 1000, size_hw=(8, 16))


def test_a_constant_map_is_cold_throughout() -> None:
    """Control: 0/0 gives NaN, which casts to whatever colour the processor likes."""
    flat = np.full((4, 4), 0.3)
    assert (rendering.stretch(flat) == 0).all()
    assert (pixels(rendering.heat_png(flat, size_hw=(8, 8))) == colours.ramp()[0]).all()


@pytest.mark.parametrize("bad", [np.zeros((2, 2, 2)), np.zeros((0, 3)), np.array([[np.nan, 1.0]])])
def test_what_is_no_map_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="map"):
        rendering.heat_png(bad, size_hw=(4, 4))


def test_an_overlay_leaves_cold_places_and_colours_hot_ones() -> None:
    image = Image.new("RGB", (16, 8), (10, 200, 30))
    shown = pixels(rendering.overlay_png(image, SPOT, opacity=1.0))
    assert shown.shape == (8, 16, 3)
    assert (shown[7, 0] == (10, 200, 30)).all()
    assert (shown[1, 12] == colours.ramp()[255]).all()


def test_an_overlay_without_opacity_is_the_image() -> None:
    image = Image.effect_noise((16, 8), 60).convert("RGB")
    assert (pixels(rendering.overlay_png(image, SPOT, opacity=0.0)) == np.asarray(image)).all()


@pytest.mark.parametrize("opacity", [-0.1, 1.1])
def test_an_opacity_outside_its_range_is_refused(opacity: float) -> None:
    with pytest.raises(ValueError, match="opacity"):
        rendering.overlay_png(Image.new("RGB", (16, 8)), SPOT, opacity=opacity)


def test_a_hard_view_darkens_the_outside_and_draws_the_edge() -> None:
    mask = np.zeros((8, 16), dtype=np.bool_)
    mask[2:6, 8:14] = True
    shown = pixels(rendering.mask_png(Image.new("RGB", (16, 8), (200, 200, 200)), mask, opacity=0.5))
    assert (shown[0, 0] == 100).all()
    assert (shown[4, 11] == 200).all()
    assert (shown[2, 8] == colours.ramp()[-1]).all()


def test_a_hard_view_refuses_a_soft_map() -> None:
    with pytest.raises(ValueError, match="booleans"):
        rendering.mask_png(Image.new("RGB", (16, 8)), SPOT, opacity=0.5)  # type: ignore[arg-type]


def test_the_legend_runs_from_cold_to_hot() -> None:
    shown = pixels(rendering.legend_png(size_hw=(4, 256)))
    assert (shown[0] == colours.ramp()).all()


def _oklab(srgb: np.ndarray) -> np.ndarray:
    """sRGB bytes to OKLab, by inverting the published matrices."""
    encoded = srgb.astype(float) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    to_lms = np.array(
        [
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        ]
    )
    to_lab = np.array(
        [
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        ]
    )
    lab: np.ndarray = np.cbrt(linear @ to_lms.T) @ to_lab.T
    return lab


def test_steps_along_the_ramp_look_equally_large() -> None:
    """Over every eighth colour, so that rounding to bytes does not count."""
    steps = np.linalg.norm(np.diff(_oklab(colours.ramp()[::8]), axis=0), axis=1)
    assert steps.max() / steps.min() < 1.15


@pytest.mark.parametrize(
    "seen",
    [
        np.eye(3),
        # Machado, Oliveira and Fernandes 2009, severity 1.0: protanopia, deuteranopia, tritanopia.
        np.array(
            [
                (0.152286, 1.052583, -0.204868),
                (0.114503, 0.786281, 0.099216),
                (-0.003882, -0.048116, 1.051998),
            ]
        ),
        np.array(
            [(0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)]
        ),
        np.array(
            [
                (1.255528, -0.076749, -0.178779),
                (-0.078411, 0.930809, 0.147602),
                (0.004733, 0.691367, 0.303900),
            ]
        ),
    ],
    ids=["normal", "protanopia", "deuteranopia", "tritanopia"],
)
def test_hotter_is_lighter_to_every_eye(seen: np.ndarray) -> None:
    """Control: the rainbow ramp of the reference, whose middle is lighter than its end."""
    encoded = colours.ramp()[::8].astype(float) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    luminance = np.clip(linear @ seen.T, 0, 1) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > 0).all()


def test_drawing_never_loads_torch() -> None:
    """The web process draws. Control: an eager import in generation/attribution/__init__.py."""
    code = "import sys; from generation.attribution import hard, rendering; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
