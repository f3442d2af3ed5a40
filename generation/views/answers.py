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
# What is shown is at least so wide, however small the model's images are.
SHOWN_SIDE: Final = 256


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of map. has_unit: whether it is told in nats or bits."""

    name: str
    title: str
    note: str
    has_unit: bool


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
)
UNITS: Final = {"bits": math.log(2), "nats": 1.0}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A word or a caption with its total, in the unit that was asked for; None where it is not known.

    half_width: of the 95 % interval over noise levels; None also where these are too few.
    unread: words of a caption that the model doesn't read.  same_as: a caption that is the same to it.
    """

    text: str
    total: float | None
    half_width: float | None
    position: int | None = None
    unread: tuple[str, ...] = ()
    same_as: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One kind of map of the chosen word. peak: its largest value, in the unit."""

    kind: Kind
    peak: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What was found. unit: of everything that has one. chosen: position of the word shown, or None."""

    stored: picture_storage.StoredInformation
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
        return [Shown(kind=kind, peak=float(self.map_of(self.chosen, kind.name).max())) for kind in KINDS]

    def map_of(self, position: int, kind: str) -> picture_storage.Array:
        """(height, width), raw, in the unit. Raises Http404 for a word or a kind that isn't there."""
        known = {each.name: each for each in KINDS}
        if kind not in known or position not in self.stored.maps["cmi"]:
            raise Http404(f"There is no map {kind!r} of word {position}.")
        maps = self.stored.maps
        found = (
            maps["attention"][position] * maps["cmi"][position] if kind == "product" else maps[kind][position]
        )
        return found / np.float32(UNITS[self.unit]) if known[kind].has_unit else found

    def png(self, position: int, kind: str, *, is_alone: bool) -> bytes:
        """The map over the picture as the model saw it, or by itself."""
        word_map = self.map_of(position, kind)
        if is_alone:
            return rendering.heat_png(word_map, size_hw=self._size_hw)
        height, width = self._size_hw
        picture = Picture.fromarray(self.stored.picture).resize((width, height), Picture.Resampling.NEAREST)
        return rendering.overlay_png(picture, word_map, opacity=OPACITY)

    def npy(self, position: int, kind: str) -> bytes:
        """The map as a NumPy file."""
        buffer = io.BytesIO()
        np.save(buffer, self.map_of(position, kind), allow_pickle=False)
        return buffer.getvalue()

    @property
    def _size_hw(self) -> tuple[int, int]:
        height, width = self.stored.picture.shape[:2]
        times = max(1, -(-SHOWN_SIDE // min(height, width)))
        return height * times, width * times


def open_answer(found: MapRequest, asked: QueryDict) -> Answer:
    """The answer with the word and the unit of the address. Raises Http404 where its file is gone."""
    try:
        stored = picture_storage.read(found.pk, digest=found.maps_sha256)
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
    )
