"""What a draft puts to raters: the items of each kind of campaign, made anew from its runs."""

import random
from collections.abc import Callable, Collection, Mapping
from itertools import count
from typing import Any, Final

from django.db.models import Q, QuerySet

from annotation.choices import CheckKind, Choice, ItemKind, OptOut, ScoreOf, TaskKind
from annotation.known_answers import Use
from annotation.models import Campaign, Item
from annotation.services.drawing import Bundle, Thing, drawn
from annotation.services.instructions import instruction
from annotation.services.known_things import KnownThing, expectation, key_of, known_things
from annotation.sources import ratable_maps, showable_images
from annotation.systems import (
    compares,
    items_per_place,
    matching_of,
    of_chosen_prompts,
    pairs_of_systems,
    systems_of,
)
from generation.choices import PartOfSpeech
from generation.models import Image

# What is right for a punctuation mark, which no picture shows.
ACCEPTED_FOR_MARKS: Final = {
    TaskKind.OPINION_SCORE: list(OptOut.values),
    TaskKind.MASK: [Choice.NOT_IN_IMAGE.value],
}
ROWS_AT_ONCE: Final = 2_000
Offered = tuple[list[Bundle], list[Thing]]


def rebuild_items(campaign: Campaign) -> None:
    """The draft's items anew from its run: what is rated in seeded order, attention checks mixed in."""
    campaign.items.all().delete()
    generator = random.Random(f"items {campaign.order_seed}")
    bundles, checks = _THINGS[TaskKind(campaign.task_kind)](campaign, generator)
    known = known_things(campaign)
    marked = {key_of(one.thing) for one in known}
    rated = _rated(campaign, [each for each in bundles if not _holds_any(campaign, each, marked)])
    items = [Item(kind=ItemKind.RATING, **thing) for thing in rated]
    accepted = ACCEPTED_FOR_MARKS.get(TaskKind(campaign.task_kind), [])
    items += [_check(CheckKind.ABSTRACT, thing, accepted_answers=accepted) for thing in checks]
    items += [
        _check(CheckKind.KNOWN, one.thing, **expectation(one, campaign))
        for one in known
        if one.answer.use == Use.CHECK
    ]
    items += _instructed(campaign, rated)
    generator.shuffle(items)
    # Those of the practice in the order of the file, apart from the seeded order of all others.
    items += [_practised(one, campaign) for one in known if one.answer.use != Use.CHECK]
    for position, item in enumerate(items):
        item.campaign, item.position = campaign, position
    Item.objects.bulk_create(items, batch_size=ROWS_AT_ONCE)


def offered_things(campaign: Campaign, generator: random.Random) -> list[Thing]:
    """Everything that the campaign could put to raters, however many it does; in the generator's order."""
    bundles, _ = _THINGS[TaskKind(campaign.task_kind)](campaign, generator)
    return [thing for bundle in bundles for thing in _all_of(campaign, bundle)]


def runs_of(campaign: Campaign) -> list[int]:
    """The run of the items, and those that it is compared with."""
    return [campaign.run_id, *campaign.compared_run_ids]


def shown_images(campaign: Campaign) -> QuerySet[Image]:
    """Every image that an item of the campaign shows, alone, under a map or as one of a pair."""
    items = Item.objects.filter(campaign=campaign)
    # Subqueries: joins would multiply rows, and an OR over joins reads whole tables.
    paths = ("image", "word_map__image", "other_image", "other_word_map__image")
    shown = Q()
    for path in paths:
        shown |= Q(pk__in=items.filter(**{f"{path}__isnull": False}).values(path))
    return Image.objects.filter(shown)


def _check(kind: CheckKind, thing: Thing, **expected: Any) -> Item:
    return Item(kind=ItemKind.ATTENTION, check_kind=kind, **thing, **expected)


def _practised(one: KnownThing, campaign: Campaign) -> Item:
    explained = {"explanation": one.answer.explanation}
    return Item(kind=one.answer.use, **one.thing, **expectation(one, campaign), **explained)


def _instructed(campaign: Campaign, rated: list[Thing]) -> list[Item]:
    """Things from among the rated ones that are asked about once more, with the answer in the question.

    Twice as many as a session asks, so that raters can't tell each other which they are.
    """
    if not campaign.instructed_per_rater:
        return []
    generator = random.Random(f"instructed {campaign.order_seed}")
    things = generator.sample(rated, min(2 * campaign.instructed_per_rater, len(rated)))
    return [
        _check(CheckKind.INSTRUCTED, thing, **instruction(campaign, generator=generator)) for thing in things
    ]


def _holds_any(campaign: Campaign, bundle: Bundle, marked: Collection[Any]) -> bool:
    return bool(marked) and any(key_of(thing) in marked for thing in _all_of(campaign, bundle))


def _all_of(campaign: Campaign, bundle: Bundle) -> list[Thing]:
    """All that could be asked of a bundle, however much is: its things, or every pair that meets."""
    if campaign.task_kind != TaskKind.PAIRWISE:
        return list(bundle)
    meeting = pairs_of_systems(campaign, systems=len(bundle))
    return [_pair(bundle[first], bundle[second]) for first, second in meeting]


def _rated(campaign: Campaign, bundles: list[Bundle]) -> list[Thing]:
    """What is rated of the bundles: of those that are drawn each thing, or the pairs of systems in turn."""
    if campaign.task_kind != TaskKind.PAIRWISE:
        each = max((len(bundle) for bundle in bundles), default=1)
        return [thing for bundle in drawn(campaign, bundles, items_each=each) for thing in bundle]
    systems = len(systems_of(campaign))
    size = items_per_place(campaign, systems=systems)
    meeting = pairs_of_systems(campaign, systems=systems)
    random.Random(f"pairs of systems {campaign.order_seed}").shuffle(meeting)
    # Endlessly in turn, so that of all pairs of systems none meets more than once more than another.
    turns = (meeting[turn % len(meeting)] for turn in count())
    return [
        _pair(*(bundle[system] for system in next(turns)))
        for bundle in drawn(campaign, bundles, items_each=size)
        for _ in range(size)
    ]


def _pair(first: Thing, second: Thing) -> Thing:
    """Both as one item's columns."""
    return {**first, **{f"other_{name}": value for name, value in second.items()}}


def _scores(campaign: Campaign, generator: random.Random) -> Offered:
    """Word maps of the chosen parts of speech; maps of punctuation marks are the checks. Or images."""
    if campaign.score_of == ScoreOf.IMAGES or compares(campaign):
        bundles = _bundles(campaign, generator)
        return bundles, _marks(campaign, generator)
    maps = list(
        of_chosen_prompts(campaign, ratable_maps(campaign.run), path="image__prompt")
        .order_by("image__prompt__row_number", "image__seed", "word__position")
        .values_list("pk", "word__part_of_speech")
    )
    generator.shuffle(maps)
    wanted = _parts(campaign)
    rated: list[Bundle] = [({"word_map_id": pk},) for pk, part in maps if part in wanted]
    checks: list[Thing] = [{"word_map_id": pk} for pk, part in maps if part == PartOfSpeech.PUNCT]
    return rated, checks


def _bundles(campaign: Campaign, generator: random.Random) -> list[Bundle]:
    """What every system has for each place that all of them have."""
    bundles = list(matching_of(campaign).sides.values())
    generator.shuffle(bundles)
    return bundles


def _marks(campaign: Campaign, generator: random.Random) -> list[Thing]:
    """Maps of punctuation marks of all the systems: the checks must not tell them apart either."""
    if campaign.score_of != ScoreOf.WORD_MAPS:
        return []
    things: list[Thing] = []
    for system in systems_of(campaign):
        maps = of_chosen_prompts(campaign, ratable_maps(system.run), path="image__prompt")
        marks = maps.filter(word__part_of_speech=PartOfSpeech.PUNCT).order_by("pk")
        things += [{"word_map_id": pk} for pk in marks.values_list("pk", flat=True)]
    generator.shuffle(things)
    return things


def _presence(campaign: Campaign, generator: random.Random) -> Offered:
    """Every image of the run."""
    there = of_chosen_prompts(campaign, showable_images(campaign.run), path="prompt")
    images = there.order_by("prompt__row_number", "seed").values_list("pk", flat=True)
    things: list[Bundle] = [({"image_id": pk},) for pk in images]
    generator.shuffle(things)
    return things, []


def _masks(campaign: Campaign, generator: random.Random) -> Offered:
    """Words of the chosen parts of speech in every image of their prompt; punctuation marks are checks."""
    pairs = list(
        of_chosen_prompts(campaign, showable_images(campaign.run), path="prompt")
        .order_by("prompt__row_number", "seed", "prompt__words__position")
        .values_list("pk", "prompt__words__pk", "prompt__words__part_of_speech")
    )
    wanted = _parts(campaign)
    things: list[Bundle] = [
        ({"image_id": image, "word_id": word},) for image, word, part in pairs if part in wanted
    ]
    marks: list[Thing] = [
        {"image_id": image, "word_id": word} for image, word, part in pairs if part == PartOfSpeech.PUNCT
    ]
    generator.shuffle(things)
    return things, marks


def _pairs(campaign: Campaign, generator: random.Random) -> Offered:
    """What every system has for a place; which of them meet there is settled once places are drawn."""
    return _bundles(campaign, generator), []


def _parts(campaign: Campaign) -> set[str]:
    """The chosen parts of speech; punctuation is never rated."""
    return set(campaign.parts_of_speech) - {PartOfSpeech.PUNCT.value}


_THINGS: Final[Mapping[TaskKind, Callable[[Campaign, random.Random], Offered]]] = {
    TaskKind.OPINION_SCORE: _scores,
    TaskKind.OBJECT_PRESENCE: _presence,
    TaskKind.MASK: _masks,
    TaskKind.PAIRWISE: _pairs,
}
