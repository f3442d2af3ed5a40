"""Pictures of any mode are read alike by the page, the command and the functions."""

import io
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError
from PIL import Image

from generation import uploaded_pictures
from generation.attribution.eight_bits import in_colour, upright
from generation.attribution.own_image import as_read
from generation.attribution.rendering import mask_png
from generation.management.commands.information import Command
from generation.uploaded_pictures import PicturesRefused, UploadedFile

GREY = np.linspace(0, 65535, 32 * 32).round().astype(np.uint16).reshape(32, 32)
SHADES = np.repeat(np.rint(GREY / 257).astype(np.uint8)[..., None], 3, axis=2)
HIDDEN = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
HIDDEN.paste((0, 0, 255, 255), (8, 8, 24, 24))
PALETTE = Image.new("P", (32, 32), 0)
PALETTE.putpalette([255, 0, 0, 0, 255, 0])
PALETTE.info["transparency"] = 0


def read_by_all(picture: Image.Image, folder: Path) -> list[np.ndarray]:
    """What the upload, the command's own reading and the function make of it, as arrays."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    (folder / "mine.png").write_bytes(buffer.getvalue())
    uploaded = uploaded_pictures.read_one(UploadedFile(name="mine.png", content=buffer.getvalue()))
    options = {"levels": 20, "caption": "a", "against": [], "model": "demo"}
    _, by_command = Command()._inputs(folder / "mine.png", options)
    with Image.open(io.BytesIO(uploaded.png)) as stored, Image.open(folder / "mine.png") as opened:
        by_page = as_read(stored, pixels=1024, step=2, least=4)
        by_function = as_read(opened, pixels=1024, step=2, least=4)
    return [np.asarray(each) for each in (by_page, by_command, by_function)]


@pytest.mark.parametrize("picture", [Image.fromarray(GREY), HIDDEN, PALETTE], ids=["I;16", "RGBA", "P"])
def test_page_command_and_function_read_the_same_pixels(picture: Image.Image, tmp_path: Path) -> None:
    """Control: convert("RGB") in one of them: 16 bits all white, transparent red instead of white."""
    by_page, by_command, by_function = read_by_all(picture, tmp_path)
    expected = SHADES
    if picture.mode != "I;16":
        expected = np.full((32, 32, 3), 255, dtype=np.uint8)
        if picture.mode == "RGBA":
            expected[8:24, 8:24] = (0, 0, 255)
    assert np.array_equal(by_page, expected)
    assert np.array_equal(by_command, expected)
    assert np.array_equal(by_function, expected)


def test_floating_point_from_0_to_1_keeps_its_shades() -> None:
    """Control: convert("RGB"), which makes all of it black."""
    shares = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    found = np.asarray(upright(Image.fromarray(shares)))
    assert np.array_equal(found[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image.fromarray(np.full((4, 4), 255, np.float32)), r"mode 'F' holds values from 0 to 1, not 255"),
        (Image.fromarray(np.full((4, 4), np.nan, np.float32)), "'F'.*not nan; scale it"),
        (Image.fromarray(np.full((4, 4), -1, np.int32)), "mode 'I' holds values from 0 to 65535, not -1"),
    ],
)
def test_values_of_an_unknown_scale_are_refused(picture: Image.Image, message: str) -> None:
    """Control: the check left out; NaN becomes some grey or other."""
    with pytest.raises(ValueError, match=message):
        in_colour(picture)


def test_what_is_drawn_over_a_picture_lies_over_what_is_seen_of_it() -> None:
    """Control: convert("RGB") in rendering, which uncovers the red behind transparent pixels."""
    drawn = mask_png(HIDDEN, np.ones((32, 32), dtype=np.bool_), opacity=0)
    assert Image.open(io.BytesIO(drawn)).getpixel((2, 2)) == (255, 255, 255)


def animated(kind: str, path: Path) -> Path:
    """Two frames, one red and one blue; of the kind "MPO" two views of one photograph."""
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    first.save(path, format=kind, save_all=True, append_images=[second])
    return path


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animated_picture_is_refused_by_page_command_and_functions_in_the_same_words(
    kind: str, tmp_path: Path
) -> None:
    """Control: the rule left out of upright or of in_colour: the first frame is read, and nothing said."""
    path, said = animated(kind, tmp_path / "mine"), "It is animated. Give one frame of it."
    with pytest.raises(PicturesRefused, match=said):
        uploaded_pictures.read_one(UploadedFile(name="mine.png", content=path.read_bytes()))
    options = {"levels": 20, "caption": "a", "against": [], "model": "demo"}
    with pytest.raises(CommandError, match=f"mine: {said}"):
        Command()._inputs(path, options)
    for read in (upright, in_colour):
        with Image.open(path) as opened, pytest.raises(ValueError, match=said):
            read(opened)


def test_a_photograph_with_a_second_view_is_no_animation(tmp_path: Path) -> None:
    """As several cameras save them. Control: refusing whatever has several frames."""
    path = animated("MPO", tmp_path / "mine.jpg")
    with Image.open(path, formats=["JPEG"]) as opened:
        assert getattr(opened, "n_frames", 1) == 2
        assert np.asarray(upright(opened))[0, 0].argmax() == 0  # red
    uploaded_pictures.read_one(UploadedFile(name="mine.jpg", content=path.read_bytes()))
