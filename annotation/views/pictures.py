"""The pictures of an item by the names in addresses: a name says where a picture lies, never whose it is."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image as Picture

from annotation import coco_rle
from annotation.bare_png import BrokenPicture, bare_png
from annotation.models import Item
from generation.attribution.rendering import heat_png, mask_png
from generation.models import Image, WordMap
from generation.storage import MediaMissing, read_method_map, read_png, read_word_map

MAP_PIXELS: Final = 384
SINGLE: Final = ("image", "map")
SIDES: Final = ("left", "right", "left-map", "right-map")
# What the page after a training item shows besides: the rater's mask and the expected one, over the image.
DRAWN: Final = "drawn"
EXPECTED: Final = "expected"
DARKENING: Final = 0.65
# What a file of the media folder can be besides whole.
UNREADABLE: Final = (MediaMissing, BrokenPicture)
# The route of each, by its name.
PICTURE_ROUTES: Final = {
    "image": "image",
    "map": "word_map",
    "left": "left",
    "right": "right",
    "left-map": "left_map",
    "right-map": "right_map",
}
# What `picture` follows from an item.
RELATED: Final = (
    "image__run",
    "other_image__run",
    "word_map__word",
    "word_map__image__run",
    "other_word_map__word",
    "other_word_map__image__run",
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What an item is about. word: characters of the prompt, end exclusive; None without one."""

    prompt: str
    word: tuple[int, int] | None
    image_hw: tuple[int, int]


def shown_by(item: Item) -> Shown:
    """The prompt, the word and the size of an item's image, the first one of a pair."""
    word = item.word_map.word if item.word_map else item.word
    image = item.word_map.image if item.word_map else item.image
    if image is None:
        raise ValueError("an item shows an image or a word map (item_shows_one_kind_of_thing)")
    return Shown(
        prompt=word.prompt.text if word else image.prompt.text,
        word=(word.start, word.end) if word else None,
        image_hw=(image.run.height, image.run.width),
    )


def picture(item: Item, *, name: str, swapped: bool) -> bytes | None:
    """The picture of that name as a bare PNG; None where the item has none. Raises UNREADABLE.

    swapped: of a pair, the second lies left.
    """
    is_pair = item.other_image is not None or item.other_word_map is not None
    if is_pair != (name in SIDES):
        return None
    second = is_pair and name.startswith("left") == swapped
    word_map = item.other_word_map if second else item.word_map
    if name.endswith("map"):
        method = item.other_method if second else item.method
        return None if word_map is None else map_png(word_map, method=method)
    image = item.other_image if second else item.image
    shown = image or (word_map.image if word_map else None)
    return None if shown is None else image_png(shown)


def image_png(image: Image) -> bytes:
    """The generated image without anything but its pixels."""
    return bare_png(read_png(image))


def map_png(word_map: WordMap, *, method: str = "") -> bytes:
    """The coloured map with the image's proportions, large enough to be smooth on a big screen.

    method: by which it was made; empty for the stored one.
    """
    run = word_map.image.run
    scale = max(1, round(MAP_PIXELS / max(run.height, run.width)))
    raw = read_method_map(word_map, method=method) if method else read_word_map(word_map)
    return heat_png(raw, size_hw=(run.height * scale, run.width * scale))


def masked_png(image: Image, rle: str) -> bytes:
    """The image with everything outside the mask darkened. rle: counts of the image's size."""
    inside = coco_rle.decode(rle, height=image.run.height, width=image.run.width)
    with Picture.open(io.BytesIO(read_png(image)), formats=["PNG"]) as picture:
        return bare_png(mask_png(picture.convert("RGB"), inside, opacity=DARKENING))
