"""The pictures of an item by the names in addresses: a name says where a picture lies, never whose it is."""

from dataclasses import dataclass
from typing import Final

from annotation.bare_png import BrokenPicture, bare_png
from annotation.models import Item
from generation.attribution.rendering import heat_png
from generation.models import Image, WordMap
from generation.storage import MediaMissing, read_png, read_word_map

MAP_PIXELS: Final = 384
SINGLE: Final = ("image", "map")
SIDES: Final = ("left", "right", "left-map", "right-map")
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
        return None if word_map is None else map_png(word_map)
    image = item.other_image if second else item.image
    shown = image or (word_map.image if word_map else None)
    return None if shown is None else image_png(shown)


def image_png(image: Image) -> bytes:
    """The generated image without anything but its pixels."""
    return bare_png(read_png(image))


def map_png(word_map: WordMap) -> bytes:
    """The coloured map with the image's proportions, large enough to be smooth on a big screen."""
    run = word_map.image.run
    scale = max(1, round(MAP_PIXELS / max(run.height, run.width)))
    return heat_png(read_word_map(word_map), size_hw=(run.height * scale, run.width * scale))
