"""What a campaign can be made from: finished runs, and their word maps by part of speech."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from generation import storage
from generation.attribution.chosen_heads import HEAD_METHODS, METHODS
from generation.choices import ImageState, RunState, SafetyVerdict
from generation.models import Image, Prompt, Run, WordMap

IMAGES_LOOKED_THROUGH: Final = 200


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a run offers a campaign.

    word_counts: ratable maps by part of speech.  images: that can be shown.  comparable: other finished runs
    of the same prompts, as (number, name), the newest first.  columns: the other columns of the prompt file,
    with their values.  methods: by which some of its maps were taken apart.
    """

    word_counts: Mapping[str, int]
    images: int = 0
    comparable: tuple[tuple[int, str], ...] = ()
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    run: Run | None = None
    methods: tuple[str, ...] = ()


def material_of(run: Run, *, among: QuerySet[Run]) -> Material:
    """What the run offers. among: the runs that the researcher may see."""
    others = finished_runs(among).filter(prompt_set=run.prompt_set_id).exclude(pk=run.pk)
    return Material(
        word_counts=word_counts(run),
        images=showable_images(run).count(),
        comparable=tuple((other.pk, f"{other.name} ({other.model_id})") for other in others),
        columns=prompt_columns(run),
        run=run,
        methods=explored_methods(run),
    )


def narrowed(material: Material, wanted: Mapping[str, Sequence[str]]) -> Material:
    """What is left of the material with only the prompts that have these values in these columns."""
    if not wanted or material.run is None:
        return material
    run, prompts = material.run, chosen_prompts(material.run, wanted)
    maps = ratable_maps(run).filter(image__prompt__in=prompts)
    return replace(
        material,
        word_counts=_counted(maps),
        images=showable_images(run).filter(prompt__in=prompts).count(),
    )


def chosen_prompts(run: Run, wanted: Mapping[str, Sequence[str]]) -> list[int]:
    """The run's prompts that have one of the wanted values in every column named."""
    prompts = Prompt.objects.filter(prompt_set=run.prompt_set_id).values_list("pk", "extra")
    return [
        pk
        for pk, extra in prompts
        if all(str(extra.get(column, "")) in values for column, values in wanted.items())
    ]


def prompt_columns(run: Run) -> dict[str, frozenset[str]]:
    """The columns that came with the run's prompts, in the file's order, each with its values."""
    found: dict[str, set[str]] = {}
    prompts = Prompt.objects.filter(prompt_set=run.prompt_set_id).exclude(extra={}).order_by("row_number")
    for extra in prompts.values_list("extra", flat=True).iterator():
        for column, value in extra.items():
            found.setdefault(column, set()).add(str(value))
    return {column: frozenset(values) for column, values in found.items()}


def unfinished_images() -> QuerySet[Image]:
    """Images that may still be finished. In a cancelled run only those that a living worker holds."""
    cancelled = Q(run__state=RunState.CANCELLED)
    held = Q(state=ImageState.LEASED, lease_until__gte=Now())
    waiting = Q(state__in=[ImageState.READY, ImageState.LEASED])
    return Image.objects.filter((waiting & ~cancelled) | (held & cancelled))


def finished_runs(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Those of the runs with at least one image and none under way, the newest first, with `done_count`."""
    of_run = {"run": OuterRef("pk")}
    finished = runs.filter(
        Exists(Image.objects.filter(state=ImageState.DONE, **of_run)),
        ~Exists(unfinished_images().filter(**of_run)),
    )
    done = Count("images", filter=Q(images__state=ImageState.DONE))
    return finished.annotate(done_count=done).order_by("-created_at", "-pk")


def ratable_maps(run: Run) -> QuerySet[WordMap]:
    """Word maps that a rater can judge: the image is finished and not filtered, the model saw the word."""
    return WordMap.objects.filter(image__run=run, image__state=ImageState.DONE, seen_by_model=True).exclude(
        image__safety_verdict=SafetyVerdict.FILTERED
    )


def showable_images(run: Run) -> QuerySet[Image]:
    """Images that a rater can be shown: finished and not filtered."""
    done = Image.objects.filter(run=run, state=ImageState.DONE)
    return done.exclude(safety_verdict=SafetyVerdict.FILTERED)


def explored_methods(run: Run) -> tuple[str, ...]:
    """The methods by which some of the run's word maps were taken apart, in their order; empty for none.

    Only words with a concept have maps of chosen heads, so images are looked through until one has some; of
    large runs the first IMAGES_LOOKED_THROUGH that were taken apart.
    """
    found: set[str] = set()
    looked_through = 0
    for image in showable_images(run).order_by("pk").iterator(chunk_size=500):
        by_word = storage.explored_methods(image)
        found.update(method for methods in by_word.values() for method in methods)
        looked_through += bool(by_word)
        if found.issuperset(HEAD_METHODS) or looked_through == IMAGES_LOOKED_THROUGH:
            break
    return tuple(method for method in METHODS if method in found)


def word_counts(run: Run) -> dict[str, int]:
    """Ratable maps of the run by part of speech, the largest group first."""
    return _counted(ratable_maps(run))


def _counted(maps: QuerySet[WordMap]) -> dict[str, int]:
    part = "word__part_of_speech"
    counts = maps.values(part).annotate(n=Count("pk")).order_by("-n", part)
    return {row[part]: row["n"] for row in counts}
