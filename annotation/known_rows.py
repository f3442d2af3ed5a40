"""The file of known answers to fill in: every thing of a campaign, with what is marked so far."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from annotation import known_answers as known
from annotation.known_answers import KnownAnswer, Sought, as_line
from annotation.models import Campaign
from annotation.services.items import offered_things
from annotation.services.known_things import Thing, key_of, known_things, sought_of
from common.csv_stream import Column
from generation.models import Image, PromptWord, WordMap

Row = dict[str, Any]
_MEANINGS: Final = {
    known.MAP: "Number of the word map; of a pair the first.",
    known.OTHER_MAP: "Number of the second word map.",
    known.IMAGE: "Number of the image; of a pair the first.",
    known.OTHER_IMAGE: "Number of the second image.",
    known.WORD_POSITION: "Place of the word in the prompt; 0 is the first.",
    known.METHOD: "Method of the map; of a pair of the first.",
    known.OTHER_METHOD: "Method of the second map.",
    "prompt_row": "Line of the prompt in the imported file.",
    "prompt": "The prompt.",
    "word": "The word.",
    "part_of_speech": "Its part of speech.",
    "seed": "Seed of the image; of a pair of the first.",
    known.ACCEPTED: "Answers that pass; empty for what is not known.",
    known.MUST_HAVE: "Words that have to be ticked, with semicolons between.",
    known.MUST_NOT_HAVE: "Words that must not be ticked; * for all others.",
    known.SEGMENTATION: "A right mask as COCO writes it: run lengths or polygons.",
    known.LEAST_IOU: "Least intersection over union with it; empty is 0.5.",
    known.USE: "check, training or qualification; empty is a check.",
    known.EXPLANATION: "Of a training item: shown with the right answer.",
}
_OF_WORDS: Final = ("word", "part_of_speech")


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What people read about an image, and about a word of its prompt."""

    prompt_row: int
    prompt: str
    seed: int
    word: str = ""
    part_of_speech: str = ""
    word_position: int | None = None


def columns(campaign: Campaign) -> tuple[Column[Row], ...]:
    """The columns of the campaign's kind."""
    sought = sought_of(campaign)
    words = () if sought.thing[0] == known.IMAGE and known.WORD_POSITION not in sought.thing else _OF_WORDS
    names = (
        *sought.thing,
        "prompt_row",
        "prompt",
        *words,
        "seed",
        *sought.right,
        known.USE,
        known.EXPLANATION,
    )
    return tuple(Column(name, _MEANINGS[name], itemgetter(name)) for name in names)


def rows(campaign: Campaign) -> Iterator[Row]:
    """One row for each thing that the campaign could ask about, by prompt, seed and word."""
    sought = sought_of(campaign)
    # A pair that is marked the other way round is the same pair.
    marked = {key_of(one.thing): one for one in known_things(campaign)}
    things = {key_of(thing): thing for thing in offered_things(campaign, random.Random(0))}
    things |= {key: one.thing for key, one in marked.items()}
    sources = _sources(things.values(), sought)
    blank = dict.fromkeys((*sought.right, known.USE, known.EXPLANATION), "")
    for thing in sorted(things.values(), key=lambda thing: _place(sources[_first(thing)])):
        source = sources[_first(thing)]
        one = marked.get(key_of(thing))
        said = _said(one.answer) if one else {}
        yield (
            blank
            | vars(source)
            | {name: thing.get(name, thing.get(f"{name}_id", "")) for name in sought.thing}
            | {name: source.word_position for name in sought.thing if name == known.WORD_POSITION}
            | said
        )


def _said(answer: KnownAnswer) -> Row:
    """What is marked, as the file takes it back."""
    line = as_line(answer)
    separators = {known.ACCEPTED: " ", known.MUST_HAVE: "; ", known.MUST_NOT_HAVE: "; "}
    cells = {name: between.join(line[name]) for name, between in separators.items() if name in line}
    if known.SEGMENTATION in line:
        cells[known.SEGMENTATION] = json.dumps(line[known.SEGMENTATION])
    plain = {name: line[name] for name in (known.LEAST_IOU, known.USE, known.EXPLANATION) if name in line}
    return plain | cells


def _sources(things: Iterable[Thing], sought: Sought) -> dict[tuple[str, int, int], _Source]:
    """By what `_first` says of a thing."""
    listed = list(things)
    if sought.thing[0] == known.MAP:
        wanted = {thing["word_map_id"] for thing in listed}
        maps = WordMap.objects.filter(pk__in=wanted).values_list(
            "pk", "image__prompt__row_number", "word__prompt__text", "image__seed", "word__text",
            "word__part_of_speech", "word__position",
        )  # fmt: skip
        return {
            ("word_map_id", pk, 0): _Source(
                prompt_row=row, prompt=text, seed=seed, word=word, part_of_speech=part, word_position=place
            )
            for pk, row, text, seed, word, part, place in maps
        }
    images = {
        pk: _Source(prompt_row=row, prompt=text, seed=seed)
        for pk, row, text, seed in Image.objects.filter(
            pk__in={thing["image_id"] for thing in listed}
        ).values_list("pk", "prompt__row_number", "prompt__text", "seed")
    }
    words = PromptWord.objects.in_bulk({thing["word_id"] for thing in listed if "word_id" in thing})
    found = {}
    for thing in listed:
        source, word = images[thing["image_id"]], words.get(thing.get("word_id", 0))
        if word is not None:
            named = {"word": word.text, "part_of_speech": word.part_of_speech, "word_position": word.position}
            source = _Source(**(vars(source) | named))
        found[_first(thing)] = source
    return found


def _first(thing: Thing) -> tuple[str, int, int]:
    name = "word_map_id" if "word_map_id" in thing else "image_id"
    return name, thing[name], thing.get("word_id", 0)


def _place(source: _Source) -> tuple[int, int, int]:
    return source.prompt_row, source.seed, source.word_position or 0
