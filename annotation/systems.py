"""The systems that a campaign compares, what each has for a place, and what only some of them have.

A system is a run, or a run's maps by one method. A place is what all systems were given alike: a prompt with
the number of its picture, and the word where maps are judged. Only a place that every system has is put to
raters; the others are counted and named, never dropped in silence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, TypeVar

from django.db.models import QuerySet

from annotation.choices import Pairing, PairOf, ScoreOf, TaskKind
from annotation.models import Campaign
from annotation.sources import chosen_prompts, ratable_maps, showable_images
from generation import storage
from generation.choices import PartOfSpeech
from generation.models import Prompt, PromptWord, Run

ROWS_NAMED: Final = 20
# Prompt, number of the picture within the prompt from 0, and the word, 0 where pictures are judged.
Place = tuple[int, int, int]
# The columns of an item that one system fills.
Side = Mapping[str, Any]
# By image, the methods of each word position.
Explored = Mapping[int, Mapping[int, Sequence[str]]]
Rows = TypeVar("Rows", bound=QuerySet[Any])


@dataclass(frozen=True, kw_only=True)
class System:
    """One of the systems under comparison. method: of its maps; empty for the stored ones."""

    name: str
    run: Run
    method: str


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """What one system has not. rows: lines of the prompts, each once, in order.

    words: those that it lacks, each once, where the system is a method: a word may have no concept.
    """

    system: str
    rows: tuple[int, ...]
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.system} lacks {'line' if len(self.rows) == 1 else 'lines'} {_named(self.rows)}"
        return f"{told} ({_named(self.words)})." if self.words else f"{told}."


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Places by whether every system has them. sides: by place, in the order of the systems.

    left_out: places that some system lacks.  prompts_left_out: prompts with such a place.
    sizes: of the systems' pictures in words, where they differ.
    """

    systems: tuple[System, ...]
    sides: Mapping[Place, tuple[Side, ...]]
    left_out: int
    prompts_left_out: int
    lacking: tuple[Lacking, ...]
    sizes: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """What a researcher should know before the campaign opens; empty where all is even."""
        found = []
        if self.left_out:
            one = self.prompts_left_out == 1
            what = "1 prompt is" if one else f"{self.prompts_left_out:,} prompts are"
            found.append(
                f"{what} left out, wholly or in part, because not every system has "
                f"{'it' if one else 'them'}: {self.left_out:,} places in all, beside {len(self.sides):,} "
                "that every system has."
            )
            found += [str(lack) for lack in self.lacking]
        if self.sizes:
            found.append(
                f"The systems' pictures differ in size ({', '.join(self.sizes)}), so that raters can tell "
                "the systems apart without knowing their names."
            )
        return found

    def facts(self) -> dict[str, Any]:
        """The same as JSON values: names of the systems, and what each lacks."""
        return {
            "systems": [system.name for system in self.systems],
            "places": len(self.sides),
            "places_left_out": self.left_out,
            "prompts_left_out": self.prompts_left_out,
            "lacking": {lack.system: list(lack.rows) for lack in self.lacking},
            "lacking_words": {lack.system: list(lack.words) for lack in self.lacking if lack.words},
            "notes": self.notes,
        }


def compares(campaign: Campaign) -> bool:
    """Whether the campaign's items come from more than one system."""
    return bool(campaign.methods) or campaign.compared.exists()


def judges_images(campaign: Campaign) -> bool:
    """Whether whole pictures are judged, by a score or in pairs, and no word maps."""
    return campaign.score_of == ScoreOf.IMAGES or campaign.pair_of == PairOf.IMAGES


def systems_of(campaign: Campaign) -> tuple[System, ...]:
    """The systems in their order: the methods, or the campaign's run and those it is compared with."""
    if campaign.methods:
        return tuple(System(name=method, run=campaign.run, method=method) for method in campaign.methods)
    further = campaign.compared.select_related("run").order_by("place")
    runs = [campaign.run, *(compared.run for compared in further)]
    names = _told_apart([run.name for run in runs])
    return tuple(System(name=name, run=run, method="") for name, run in zip(names, runs, strict=True))


def matching_of(campaign: Campaign) -> Matching:
    """The places of the campaign's prompts, and what each system has for them."""
    systems = systems_of(campaign)
    explored = _explored(campaign.run) if campaign.methods else {}
    sides = [_sides(campaign, system, explored) for system in systems]
    # A map that was never taken apart is lacking by every method, so the stored maps count as places too.
    stored = [_sides(campaign, System(name="", run=campaign.run, method=""), {})] if campaign.methods else []
    places = dict.fromkeys(place for of_system in [*stored, *sides] for place in of_system)
    whole = {place: tuple(of[place] for of in sides) for place in places if all(place in of for of in sides)}
    rows = dict(Prompt.objects.filter(prompt_set=campaign.run.prompt_set_id).values_list("pk", "row_number"))
    texts = _texts_of_words(places) if campaign.methods else {}
    lacking = [
        Lacking(
            system=system.name,
            rows=tuple(sorted({rows[p[0]] for p in places if p not in of_system})),
            words=tuple(dict.fromkeys(texts[p[2]] for p in places if texts and p not in of_system)),
        )
        for system, of_system in zip(systems, sides, strict=True)
    ]
    sizes = dict.fromkeys(f"{system.run.width} × {system.run.height}" for system in systems)
    return Matching(
        systems=systems,
        sides=whole,
        left_out=len(places) - len(whole),
        prompts_left_out=len({place[0] for place in places if place not in whole}),
        lacking=tuple(lack for lack in lacking if lack.rows),
        sizes=tuple(sizes) if len(sizes) > 1 else (),
    )


def pairs_of_systems(campaign: Campaign, *, systems: int) -> list[tuple[int, int]]:
    """The pairs that meet, by the places of the systems, the earlier one first."""
    if campaign.pairing == Pairing.FIRST:
        return [(0, other) for other in range(1, systems)]
    return list(combinations(range(systems), 2))


def items_per_place(campaign: Campaign, *, systems: int) -> int:
    """How many items one place makes: one of each system, or the pairs that meet there."""
    if campaign.task_kind != TaskKind.PAIRWISE:
        return systems
    pairs = len(pairs_of_systems(campaign, systems=systems))
    return min(pairs, campaign.pairs_per_prompt or pairs)


def of_chosen_prompts(campaign: Campaign, rows: Rows, *, path: str) -> Rows:
    """Those of the rows whose prompt passes the campaign's filter. path: from a row to its prompt."""
    wanted: Mapping[str, list[str]] = campaign.prompt_filter
    if not wanted:
        return rows
    return rows.filter(**{f"{path}__in": chosen_prompts(campaign.run, wanted)})


def _sides(campaign: Campaign, system: System, explored: Explored) -> dict[Place, Side]:
    """What the system has, in the order of prompts, pictures and words."""
    run = system.run
    if judges_images(campaign):
        images = of_chosen_prompts(campaign, showable_images(run), path="prompt")
        found = images.order_by("prompt__row_number", "seed").values_list("pk", "prompt", "seed")
        return {(prompt, seed - run.first_seed, 0): {"image_id": pk} for pk, prompt, seed in found}
    wanted = set(campaign.parts_of_speech) - {PartOfSpeech.PUNCT.value}
    maps = of_chosen_prompts(campaign, ratable_maps(run), path="image__prompt")
    rows = (
        maps.filter(word__part_of_speech__in=wanted)
        .order_by("image__prompt__row_number", "image__seed", "word__position")
        .values_list("pk", "image__prompt", "image__seed", "word", "image", "word__position")
    )
    by_method: dict[str, Any] = {"method": system.method} if system.method else {}
    return {
        (prompt, seed - run.first_seed, word): {"word_map_id": pk} | by_method
        for pk, prompt, seed, word, image, position in rows
        if not system.method or system.method in explored[image].get(position, ())
    }


def _explored(run: Run) -> Explored:
    """By image and word position, the methods by which the word's map was taken apart."""
    return {image.pk: storage.explored_methods(image) for image in showable_images(run)}


def _texts_of_words(places: Iterable[Place]) -> dict[int, str]:
    words = {place[2] for place in places}
    return dict(PromptWord.objects.filter(pk__in=words).values_list("pk", "text"))


def _named(things: Sequence[object]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(things) - ROWS_NAMED:,} more" if len(things) > ROWS_NAMED else ""
    return ", ".join(map(str, things[:ROWS_NAMED])) + more


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that come twice."""
    found: list[str] = []
    for name in names:
        told, number = name, 2
        while told in found:
            told, number = f"{name} ({number})", number + 1
        found.append(told)
    return found
