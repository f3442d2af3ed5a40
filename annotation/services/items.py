"""What a draft puts to raters: the items of each kind of campaign, made anew from its runs."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db.models import Q, QuerySet

from annotation import wording
from annotation.choices import CheckKind, ItemKind, OpinionScore, OptOut, PairOf, TaskKind
from annotation.known_answers import Use
from annotation.models import Campaign, Item
from annotation.services.drawing import drawn, of_chosen_prompts
from annotation.sources import ratable_maps, showable_images
from generation.choices import PartOfSpeech
from generation.models import Image, Run

ACCEPTED_BY_CHECKS: Final = list(OptOut.values)
ROWS_AT_ONCE: Final = 2_000

# The columns of an item that say what it shows, with their primary keys.
Thing = Mapping[str, int]


def rebuild_items(campaign: Campaign) -> None:
    """The draft's items anew from its run: what is rated in seeded order, attention checks mixed in."""
    campaign.items.all().delete()
    generator = random.Random(f"items {campaign.order_seed}")
    rated, checks = _THINGS[TaskKind(campaign.task_kind)](campaign, generator)
    known = known_things(campaign)
    checks_known = {pk: line for pk, line in known.items() if line["use"] == Use.CHECK}
    rated = drawn(campaign, [thing for thing in rated if thing.get("word_map_id") not in known])
    items = [Item(kind=ItemKind.RATING, **thing) for thing in rated]
    items += [_check(CheckKind.ABSTRACT, thing, accepted=ACCEPTED_BY_CHECKS) for thing in checks]
    items += [
        _check(CheckKind.KNOWN, {"word_map_id": word_map}, accepted=line["accepted"])
        for word_map, line in checks_known.items()
    ]
    items += _instructed(campaign, rated)
    generator.shuffle(items)
    # Those of the practice in the order of the file, apart from the seeded order of all others.
    items += [
        Item(
            kind=line["use"],
            word_map_id=word_map,
            accepted_answers=line["accepted"],
            explanation=line["explanation"],
        )
        for word_map, line in known.items()
        if word_map not in checks_known
    ]
    for position, item in enumerate(items):
        item.campaign, item.position = campaign, position
    Item.objects.bulk_create(items, batch_size=ROWS_AT_ONCE)


def known_things(campaign: Campaign) -> dict[int, dict[str, Any]]:
    """The lines of the word maps that are marked as known, those that the run still has, in their order."""
    unsaid = {"use": Use.CHECK.value, "explanation": ""}
    marked = {line["word_map"]: unsaid | line for line in campaign.known_answers}
    if not marked:
        return {}
    there = set(ratable_maps(campaign.run).filter(pk__in=marked).values_list("pk", flat=True))
    return {word_map: line for word_map, line in marked.items() if word_map in there}


def runs_of(campaign: Campaign) -> list[int]:
    """The run of the items, and the one it is compared with."""
    return [run for run in (campaign.run_id, campaign.compared_run_id) if run is not None]


def shown_images(campaign: Campaign) -> QuerySet[Image]:
    """Every image that an item of the campaign shows, alone, under a map or as one of a pair."""
    items = Item.objects.filter(campaign=campaign)
    # Subqueries: joins would multiply rows, and an OR over joins reads whole tables.
    paths = ("image", "word_map__image", "other_image", "other_word_map__image")
    shown = Q()
    for path in paths:
        shown |= Q(pk__in=items.filter(**{f"{path}__isnull": False}).values(path))
    return Image.objects.filter(shown)


def _check(kind: CheckKind, thing: Thing, *, accepted: list[str], instruction: str = "") -> Item:
    return Item(
        kind=ItemKind.ATTENTION,
        check_kind=kind,
        accepted_answers=accepted,
        instruction=instruction,
        **thing,
    )


def _instructed(campaign: Campaign, rated: list[Thing]) -> list[Item]:
    """Pictures from among the rated ones that are asked about once more, with the answer in the question.

    Twice as many as a session asks, so that raters can't tell each other which they are.
    """
    if not campaign.instructed_per_rater:
        return []
    generator = random.Random(f"instructed {campaign.order_seed}")
    pictures = generator.sample(rated, min(2 * campaign.instructed_per_rater, len(rated)))
    scores = [generator.choice(list(OpinionScore)) for _ in pictures]
    return [
        _check(
            CheckKind.INSTRUCTED,
            picture,
            accepted=[str(score.value)],
            instruction=wording.INSTRUCTED.format(answer=score.label),
        )
        for picture, score in zip(pictures, scores, strict=True)
    ]


def _scores(campaign: Campaign, generator: random.Random) -> tuple[list[Thing], list[Thing]]:
    """Word maps of the chosen parts of speech; maps of punctuation marks are the checks."""
    maps = list(
        of_chosen_prompts(campaign, ratable_maps(campaign.run), path="image__prompt")
        .order_by("image__prompt__row_number", "image__seed", "word__position")
        .values_list("pk", "word__part_of_speech")
    )
    generator.shuffle(maps)
    wanted = _parts(campaign)
    rated: list[Thing] = [{"word_map_id": pk} for pk, part in maps if part in wanted]
    checks: list[Thing] = [{"word_map_id": pk} for pk, part in maps if part == PartOfSpeech.PUNCT]
    return rated, checks


def _presence(campaign: Campaign, generator: random.Random) -> tuple[list[Thing], list[Thing]]:
    """Every image of the run."""
    there = of_chosen_prompts(campaign, showable_images(campaign.run), path="prompt")
    images = there.order_by("prompt__row_number", "seed").values_list("pk", flat=True)
    things: list[Thing] = [{"image_id": pk} for pk in images]
    generator.shuffle(things)
    return things, []


def _masks(campaign: Campaign, generator: random.Random) -> tuple[list[Thing], list[Thing]]:
    """Every word of the chosen parts of speech, in every image of its prompt."""
    pairs = (
        of_chosen_prompts(campaign, showable_images(campaign.run), path="prompt")
        .filter(prompt__words__part_of_speech__in=_parts(campaign))
        .order_by("prompt__row_number", "seed", "prompt__words__position")
        .values_list("pk", "prompt__words__pk")
    )
    things: list[Thing] = [{"image_id": image, "word_id": word} for image, word in pairs]
    generator.shuffle(things)
    return things, []


def _pairs(campaign: Campaign, generator: random.Random) -> tuple[list[Thing], list[Thing]]:
    """What both runs made of one prompt: its i-th image there and here, or a word's maps in the two."""
    if campaign.compared_run is None:
        raise ValueError("a pairwise campaign has a run to compare with (campaign_compares_iff_pairwise)")
    of_maps = campaign.pair_of == PairOf.WORD_MAPS
    column, side = ("word_map_id", _maps_by_place) if of_maps else ("image_id", _images_by_place)
    first, second = side(campaign, campaign.run), side(campaign, campaign.compared_run)
    things: list[Thing] = [
        {column: pk, f"other_{column}": second[place]} for place, pk in first.items() if place in second
    ]
    generator.shuffle(things)
    return things, []


def _images_by_place(campaign: Campaign, run: Run) -> dict[tuple[int, int], int]:
    """Images of the run by prompt and number within the prompt, from 0."""
    there = of_chosen_prompts(campaign, showable_images(run), path="prompt")
    images = there.order_by("prompt__row_number", "seed")
    return {
        (prompt, seed - run.first_seed): pk for pk, prompt, seed in images.values_list("pk", "prompt", "seed")
    }


def _maps_by_place(campaign: Campaign, run: Run) -> dict[tuple[int, int], int]:
    """Maps of the run's rated words by word and number of the image within its prompt, from 0."""
    maps = (
        of_chosen_prompts(campaign, ratable_maps(run), path="image__prompt")
        .filter(word__part_of_speech__in=_parts(campaign))
        .order_by("image__prompt__row_number", "image__seed", "word__position")
    )
    return {
        (word, seed - run.first_seed): pk for pk, word, seed in maps.values_list("pk", "word", "image__seed")
    }


def _parts(campaign: Campaign) -> set[str]:
    """The chosen parts of speech; punctuation is never rated."""
    return set(campaign.parts_of_speech) - {PartOfSpeech.PUNCT.value}


_THINGS: Final[Mapping[TaskKind, Callable[[Campaign, random.Random], tuple[list[Thing], list[Thing]]]]] = {
    TaskKind.OPINION_SCORE: _scores,
    TaskKind.OBJECT_PRESENCE: _presence,
    TaskKind.MASK: _masks,
    TaskKind.PAIRWISE: _pairs,
}
