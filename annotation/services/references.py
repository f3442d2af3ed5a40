"""The things of a draft that asks for masks, in the order in which a researcher draws their references."""

import random
from dataclasses import dataclass

from annotation.models import Campaign
from annotation.services.items import offered_things
from generation.models import Image, PromptWord


@dataclass(frozen=True, kw_only=True)
class Drawable:
    """One word in one image. key: the image's number and the word's position.  word: its characters.

    image_hw: pixels.
    """

    key: tuple[int, int]
    run_id: int
    prompt: str
    word: tuple[int, int]
    image_hw: tuple[int, int]


def drawable_things(draft: Campaign) -> list[Drawable]:
    """Every thing that the draft could ask about, by line of the prompt, seed and place of the word."""
    things = offered_things(draft, random.Random(0))
    images = Image.objects.select_related("run", "prompt").in_bulk({thing["image_id"] for thing in things})
    words = PromptWord.objects.in_bulk({thing["word_id"] for thing in things})
    found = []
    for thing in things:
        image, word = images[thing["image_id"]], words[thing["word_id"]]
        drawable = Drawable(
            key=(image.pk, word.position),
            run_id=image.run_id,
            prompt=image.prompt.text,
            word=(word.start, word.end),
            image_hw=(image.run.height, image.run.width),
        )
        found.append(((image.prompt.row_number, image.seed, word.position), drawable))
    return [drawable for _, drawable in sorted(found, key=lambda pair: pair[0])]
