"""The answer to a question about a picture, as its page shows it and as it is taken away."""

import io
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.http import Http404, QueryDict
from PIL import Image as Picture

from generation import picture_storage
from generation.attribution import rendering
from generation.attribution.level_intervals import FEWEST_LEVELS, half_width
from generation.models import MapRequest

OPACITY: Final = 0.75
# What a page shows: the shorter side at least so long, however small the picture; the longer one at most so
# long, so that a page of large pictures is drawn at once.
SHOWN_SIDE: Final = 256
LONGEST_SHOWN: Final = 768


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of map. has_unit: whether it is told in nats or bits.

    of_heads: only of words with a concept.
    """

    name: str
    title: str
    note: str
    has_unit: bool
    of_heads: bool = False


KINDS: Final = (
    Kind(
        name="cmi",
        title="Conditional information (CMI)",
        note="What the word adds to the rest of the caption.",
        has_unit=True,
    ),
    Kind(name="mi", title="Information (MI)", note="What the word tells by itself.", has_unit=True),
    Kind(
        name="attention",
        title="Attention + information",
        note="Where the model looks for the word, over the same noise levels.",
        has_unit=False,
    ),
    Kind(
        name="product",
        title="Attention × CMI",
        note="Where both agree: the two maps multiplied, place by place.",
        has_unit=True,
    ),
    Kind(
        name="heads_most",
        title="Attention, most relevant heads",
        note="Of the heads that answer most to the word’s concept, over the same noise levels.",
        has_unit=False,
        of_heads=True,
    ),
    Kind(
        name="heads_proportion",
        title="Attention, heads in proportion",
        note="Of all heads, each by how much it answers to the word’s concept.",
        has_unit=False,
        of_heads=True,
    ),
)
UNITS: Final = {"bits": math.log(2), "nats": 1.0}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A word or a caption with its total, in the unit that was asked for; None where it is not known.

    half_width: of the 95 % interval over noise levels; None also where these are too few.
    unread: words of a caption that the model doesn't read.  same_as: a caption that is the same to it.
    concept: whose heads speak for a word; empty where none do, and note says why.
    """

    text: str
    total: float | None
    half_width: float | None
    position: int | None = None
    unread: tuple[str, ...] = ()
    same_as: str | None = None
    concept: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One kind of map of the chosen word. peak: its largest value, in the unit."""

    kind: Kind
    peak: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What was found. unit: of everything that has one. chosen: position of the word shown, or None.

    given: the picture that the maps cover, of the size at which they are drawn.
    """

    stored: picture_storage.StoredInformation
    given: Picture.Image
    unit: str
    words: tuple[Row, ...]
    unread: tuple[str, ...]
    captions: tuple[Row, ...]
    chosen: int | None
    levels: int

    @property
    def fewest_levels(self) -> int:
        """Below which there are no intervals; 0 where there are."""
        return FEWEST_LEVELS if self.levels < FEWEST_LEVELS else 0

    @property
    def chosen_word(self) -> Row | None:
        """The word whose maps are shown."""
        return next((word for word in self.words if word.position == self.chosen), None)

    @property
    def side(self) -> int:
        """How wide a map is drawn."""
        return self._size_hw[1]

    @property
    def height(self) -> int:
        """How high a map is drawn."""
        return self._size_hw[0]

    @property
    def shown(self) -> list[Shown]:
        """Every kind of map of the chosen word."""
        if self.chosen is None:
            return []
        there = [kind for kind in KINDS if not kind.of_heads or self.chosen in self.stored.maps[kind.name]]
        return [Shown(kind=kind, peak=float(self.map_of(self.chosen, kind.name).max())) for kind in there]

    @property
    def read_hw(self) -> tuple[int, int]:
        """(height, width) at which the model read the picture."""
        height, width = self.stored.picture.shape[:2]
        return height, width

    def map_of(self, position: int, kind: str) -> picture_storage.Array:
        """(height, width), raw, in the unit. Raises Http404 for a word or a kind that isn't there."""
        known = {each.name: each for each in KINDS}
        maps = self.stored.maps
        if kind not in known or position not in maps["cmi" if kind == "product" else kind]:
            raise Http404(f"There is no map {kind!r} of word {position}.")
        found = (
            maps["attention"][position] * maps["cmi"][position] if kind == "product" else maps[kind][position]
        )
        return found / np.float32(UNITS[self.unit]) if known[kind].has_unit else found

    def png(self, position: int, kind: str, *, is_alone: bool, is_whole: bool) -> bytes:
        """The map over the picture that was given, or by itself. is_whole: at the picture's size."""
        word_map = self.map_of(position, kind)
        height, width = (self.given.height, self.given.width) if is_whole else self._size_hw
        if is_alone:
            return rendering.heat_png(word_map, size_hw=(height, width))
        # Small pictures are enlarged by a whole number: their pixels stay squares.
        enlarged = width >= self.given.width
        how = Picture.Resampling.NEAREST if enlarged else Picture.Resampling.LANCZOS
        picture = self.given.resize((width, height), how)
        return rendering.overlay_png(picture, word_map, opacity=OPACITY)

    def npy(self, position: int, kind: str, *, at: str = "latent") -> bytes:
        """The map as a NumPy file. at: "latent", as computed; "picture", enlarged to the picture's size."""
        found = self.map_of(position, kind)
        if at == "picture":
            found = rendering.at_size(found, size_hw=(self.given.height, self.given.width))
        buffer = io.BytesIO()
        np.save(buffer, found, allow_pickle=False)
        return buffer.getvalue()

    @property
    def _size_hw(self) -> tuple[int, int]:
        times = max(1, -(-SHOWN_SIDE // min(self.given.size)))
        height, width = self.given.height * times, self.given.width * times
        if (longest := max(height, width)) <= LONGEST_SHOWN:
            return height, width
        return max(1, height * LONGEST_SHOWN // longest), max(1, width * LONGEST_SHOWN // longest)


def open_answer(found: MapRequest, asked: QueryDict) -> Answer:
    """The answer with the word and the unit of the address. Raises Http404 where its file is gone."""
    try:
        stored = picture_storage.read(found.pk, digest=found.maps_sha256)
        given = _given(found, stored)
    except picture_storage.PictureMissing as missing:
        raise Http404(str(missing)) from missing
    unit = asked.get("unit", "bits")
    unit = unit if unit in UNITS else "bits"
    words = tuple(_row(word, unit=unit, levels=found.levels) for word in found.result["words"])
    chosen = next((word.position for word in words if str(word.position) == asked.get("word")), None)
    if chosen is None and words:
        chosen = max(words, key=lambda word: word.total or -math.inf).position
    return Answer(
        stored=stored,
        given=given,
        unit=unit,
        words=words,
        unread=tuple(word["text"] for word in found.result["unread"]),
        captions=tuple(_row(caption, unit=unit, levels=found.levels) for caption in found.result["captions"]),
        chosen=chosen,
        levels=found.levels,
    )


def unread_of(told: dict[str, Any]) -> tuple[str, ...]:
    """A caption's words that the model doesn't read; none where the answer is from before they were kept."""
    return tuple(word["text"] for word in told.get("unread", ()))


def _given(found: MapRequest, stored: picture_storage.StoredInformation) -> Picture.Image:
    """The picture that the maps cover: all of the one given; in old answers, what was cut out of it."""
    if "picture_hw" not in found.result:
        return Picture.fromarray(stored.picture)
    content = picture_storage.read_picture(found.pk, digest=found.picture_sha256)
    with Picture.open(io.BytesIO(content), formats=["PNG"]) as picture:
        return picture.convert("RGB")


def _row(told: dict[str, Any], *, unit: str, levels: int) -> Row:
    def in_unit(nats: float | None) -> float | None:
        return None if nats is None else nats / UNITS[unit]

    return Row(
        text=told["text"],
        total=in_unit(told["nats"]),
        half_width=half_width(in_unit(told["nats_error"]), levels=levels),
        position=told.get("position"),
        unread=unread_of(told),
        same_as=told.get("same_as"),
        concept=told.get("concept", ""),
        note=told.get("note", ""),
    )
