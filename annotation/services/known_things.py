"""The things of a draft whose answers are known: found among its runs, and what is expected of raters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation import known_answers, segmentations
from annotation.choices import PairOf, TaskKind
from annotation.known_answers import ALL_OTHERS, KnownAnswer, Sought
from annotation.models import Campaign
from annotation.segmentations import SegmentationRefused
from annotation.sources import ratable_maps, showable_images
from annotation.systems import judges_images, systems_of
from generation import storage
from generation.models import Image, PromptWord, Run, WordMap

# The columns of an item that say what it shows, with their primary keys and methods.
Thing = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class KnownThing:
    """What an item shows, and what is known about it. image_hw: pixels of its image."""

    thing: Thing
    answer: KnownAnswer
    image_hw: tuple[int, int]


def sought_of(campaign: Campaign) -> Sought:
    """What the campaign's known answers are about."""
    return Sought(
        task_kind=campaign.task_kind,
        pair_of=campaign.pair_of,
        score_of=campaign.score_of,
        vocabulary=tuple(campaign.vocabulary),
        methods=tuple(campaign.methods),
    )


def answers_of(campaign: Campaign) -> list[KnownAnswer]:
    """The campaign's known answers, in their order."""
    return [known_answers.of_line(line) for line in campaign.known_answers]


def known_things(campaign: Campaign) -> list[KnownThing]:
    """Those that the campaign's runs and checklist still bear out, in order; `faults` names the others."""
    found = found_things(campaign, answers_of(campaign))
    return [one for one in found if one is not None and not _fault(one, campaign)]


def found_things(campaign: Campaign, answers: Sequence[KnownAnswer]) -> list[KnownThing | None]:
    """The thing of each answer; None where the campaign's runs have it not."""
    if campaign.methods:
        return _maps_by_method(campaign, answers)
    maps = campaign.task_kind == TaskKind.OPINION_SCORE or campaign.pair_of == PairOf.WORD_MAPS
    return _maps(campaign, answers) if maps and not judges_images(campaign) else _images(campaign, answers)


def key_of(thing: Thing) -> frozenset[tuple[str, Any]]:
    """The same for a pair whichever of the two is first."""
    return frozenset((name.removeprefix("other_"), pk) for name, pk in thing.items())


def expectation(one: KnownThing, campaign: Campaign) -> dict[str, Any]:
    """An item's columns that say what is right. Raises SegmentationRefused for a mask of another size."""
    answer = one.answer
    others = [word for word in campaign.vocabulary if word not in answer.must_have]
    expected: dict[str, Any] = {
        "accepted_answers": list(answer.accepted),
        "must_have": list(answer.must_have),
        "must_not_have": others if answer.must_not_have == (ALL_OTHERS,) else list(answer.must_not_have),
    }
    if answer.segmentation is None:
        return expected
    height, width = one.image_hw
    reference = segmentations.counts(answer.segmentation, height=height, width=width)
    return expected | {"reference_rle": reference, "least_iou": answer.least_iou}


def faults(campaign: Campaign, answers: Sequence[KnownAnswer]) -> list[str]:
    """Why the campaign can't have these known answers, each with the number of its thing; empty if it can."""
    missing = "not of the campaign's run"
    if campaign.methods:
        missing += ", or not taken apart by what is compared"
    found = []
    for one, answer in zip(found_things(campaign, answers), answers, strict=True):
        if fault := missing if one is None else _fault(one, campaign):
            found.append(f"{answer.name}: {fault}")
    return found


def _fault(one: KnownThing, campaign: Campaign) -> str:
    """Why the campaign can't have it; empty if it can."""
    if strangers := [method for method in one.answer.methods if method not in campaign.methods]:
        return f"the campaign does not compare the method “{strangers[0]}”"
    named = (*one.answer.must_have, *one.answer.must_not_have)
    if strange := [word for word in named if word not in (*campaign.vocabulary, ALL_OTHERS)]:
        return f"the checklist has no word “{strange[0]}”"
    try:
        expectation(one, campaign)
    except SegmentationRefused as refused:
        return str(refused)
    return ""


def _maps(campaign: Campaign, answers: Sequence[KnownAnswer]) -> list[KnownThing | None]:
    """Maps of the campaign's runs; two of a pair are of one word."""
    wanted = _numbers((answer.word_map, answer.other_word_map) for answer in answers)
    there: dict[int, WordMap] = {
        found.pk: found
        for run in _runs(campaign)
        for found in ratable_maps(run).filter(pk__in=wanted).select_related("image__run")
    }
    things: list[KnownThing | None] = []
    for answer in answers:
        one, other = there.get(answer.word_map or 0), there.get(answer.other_word_map or 0)
        if one is None or (answer.other_word_map and (other is None or other.word_id != one.word_id)):
            things.append(None)
            continue
        thing = {"word_map_id": one.pk} | ({"other_word_map_id": other.pk} if other else {})
        things.append(KnownThing(thing=thing, answer=answer, image_hw=_hw(one.image)))
    return things


def _maps_by_method(campaign: Campaign, answers: Sequence[KnownAnswer]) -> list[KnownThing | None]:
    """Maps of the campaign's run by one of the methods, or the same map by two of them."""
    wanted = _numbers((answer.word_map,) for answer in answers)
    maps = ratable_maps(campaign.run).filter(pk__in=wanted).select_related("image__run", "word")
    there: dict[int, WordMap] = {found.pk: found for found in maps}
    explored = {image: storage.explored_methods(image) for image in {one.image for one in there.values()}}
    each = 2 if campaign.task_kind == TaskKind.PAIRWISE else 1
    things: list[KnownThing | None] = []
    for answer in answers:
        one = there.get(answer.word_map or 0)
        made = set(explored[one.image].get(one.word.position, ())) if one else set()
        if one is None or len(answer.methods) != each or not made.issuperset(answer.methods):
            things.append(None)
            continue
        thing: dict[str, Any] = {"word_map_id": one.pk, "method": answer.method}
        if answer.other_method:
            thing |= {"other_word_map_id": one.pk, "other_method": answer.other_method}
        things.append(KnownThing(thing=thing, answer=answer, image_hw=_hw(one.image)))
    return things


def _images(campaign: Campaign, answers: Sequence[KnownAnswer]) -> list[KnownThing | None]:
    """Images of the campaign's runs; two of a pair are of one prompt, a word is of the image's prompt."""
    wanted = _numbers((answer.image, answer.other_image) for answer in answers)
    there: dict[int, Image] = {
        found.pk: found
        for run in _runs(campaign)
        for found in showable_images(run).filter(pk__in=wanted).select_related("run")
    }
    words = _words(answers, there)
    things: list[KnownThing | None] = []
    for answer in answers:
        one, other = there.get(answer.image or 0), there.get(answer.other_image or 0)
        if one is None or (answer.other_image and (other is None or other.prompt_id != one.prompt_id)):
            things.append(None)
            continue
        thing = {"image_id": one.pk} | ({"other_image_id": other.pk} if other else {})
        if answer.word_position is not None:
            word = words.get((one.prompt_id, answer.word_position))
            if word is None:
                things.append(None)
                continue
            thing["word_id"] = word
        things.append(KnownThing(thing=thing, answer=answer, image_hw=_hw(one)))
    return things


def _words(answers: Iterable[KnownAnswer], images: Mapping[int, Image]) -> dict[tuple[int, int], int]:
    """Words by prompt and position, those that the answers name."""
    places = [
        (image.prompt_id, answer.word_position)
        for answer in answers
        if answer.word_position is not None and (image := images.get(answer.image or 0))
    ]
    if not places:
        return {}
    prompts, positions = ({place[side] for place in places} for side in (0, 1))
    named = PromptWord.objects.filter(prompt__in=prompts, position__in=positions)
    return {(prompt, place): pk for pk, prompt, place in named.values_list("pk", "prompt", "position")}


def _runs(campaign: Campaign) -> list[Run]:
    return [system.run for system in systems_of(campaign)]


def _hw(image: Image) -> tuple[int, int]:
    return image.run.height, image.run.width


def _numbers(pairs: Iterable[tuple[int | None, ...]]) -> set[int]:
    return {number for pair in pairs for number in pair if number is not None}
