"""A word's maps taken apart: tiles for the page, whole strips and raw arrays to take away."""

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from generation import registry, storage
from generation.attribution import rendering, strips
from generation.choices import ImageState, MapRequestKind
from generation.fingerprints import FingerprintError
from generation.head_vectors import vectors_of
from generation.models import Image, MapRequest, WordMap
from generation.question_forms import ConceptsForm
from generation.services import map_requests
from generation.tasks import wake_worker
from generation.views import scope
from generation.views.fragments import reload_page

# Tiles of a strip to take away: no smaller than this, however small the model's images are.
STRIP_TILE: Final = 128
STRIP_COLUMNS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One way of taking maps apart. on_one_scale: whether the brightness of its tiles compares."""

    name: str
    title: str
    note: str
    on_one_scale: bool


AXES: Final = (
    Axis(name="steps", title="Steps", note="Every denoising step alone, on one scale.", on_one_scale=True),
    Axis(
        name="layers",
        title="Layers",
        note="Every attention layer alone, over all steps, on one scale.",
        on_one_scale=True,
    ),
    Axis(
        name="methods",
        title="Methods",
        note="Each method in its own unit, stretched by itself: compare places, not brightness.",
        on_one_scale=False,
    ),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """The maps of one word along one axis, (maps, height, width), with a label for each.

    concept: whose heads the maps of chosen heads are; empty where there are none, and note says why.
    """

    axis: Axis
    maps: storage.Array
    labels: tuple[str, ...]
    drift: int
    concept: str
    note: str

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Of all tiles, where they share a scale."""
        return strips.shared_range(list(self.maps)) if self.axis.on_one_scale else None


def open_axis(word_map: WordMap, name: str) -> Opened:
    """Raises Http404 for an unknown axis and storage.MediaMissing where nothing was explored."""
    axis = next((each for each in AXES if each.name == name), None)
    if axis is None:
        raise Http404(f"Maps are not taken apart by {name!r}.")
    found = storage.read_exploration(word_map)
    maps, labels = {
        "steps": (found.steps, tuple(f"step {step}" for step in range(1, len(found.steps) + 1))),
        "layers": (found.by_layer, tuple(_short(path) for path in found.layers)),
        "methods": (found.by_method, found.methods),
    }[name]
    return Opened(
        axis=axis, maps=maps, labels=labels, drift=found.drift, concept=found.concept, note=found.note
    )


@login_required
@require_POST
def explore(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """The image's maps will be taken apart by a worker, with the concepts that were chosen."""
    image = _image(request, pk, image_pk)
    form = concepts_form(image, request.POST)
    if form.is_valid():
        try:
            asked = map_requests.ask_exploration(image, user=scope.user_of(request), concepts=form.chosen)
        except map_requests.MapRequestRefused as refused:
            messages.warning(request, str(refused))
        else:
            wake_worker.delay_on_commit(asked.pk)
    else:
        messages.warning(request, "Nothing was asked: choose each concept from its list.")
    return redirect("generation:image", pk, image_pk)


@login_required
@never_cache
@require_safe
def explore_state(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """How far the taking apart is; tells the page to load again once it is over."""
    image = _image(request, pk, image_pk)
    asked = exploration_of(image)
    context = {"run": image.run, "image": image, "exploration": asked}
    response = render(request, "generation/partials/explore_state.html", context)
    return response if asked is not None and asked.is_open else reload_page(response)


def exploration_of(image: Image) -> MapRequest | None:
    """The latest wish to take the image's maps apart."""
    return MapRequest.objects.filter(image=image, kind=MapRequestKind.EXPLORE).first()


def concepts_form(image: Image, data: Any = None) -> ConceptsForm:
    """Whose heads speak for each word; without fields where the model has no vectors that can be used."""
    words = [word_map.word for word_map in image.word_maps.filter(seen_by_model=True).select_related("word")]
    relevance, fault = None, ""
    try:
        relevance = vectors_of(registry.get(image.run.model_id))
    except (LookupError, ValueError, FingerprintError) as problem:
        fault = str(problem)
    return ConceptsForm(words, relevance, data, fault=fault)


@login_required
@never_cache
@require_safe
def tile_png(request: HttpRequest, pk: int, map_pk: int, axis: str, place: int) -> HttpResponse:
    """One of the maps, at the image's size."""
    word_map, opened = _opened(request, pk, map_pk, axis)
    if place >= len(opened.maps):
        raise Http404(f"There are {len(opened.maps)} maps.")
    run = word_map.image.run
    content = rendering.heat_png(
        opened.maps[place], size_hw=(run.height, run.width), value_range=opened.value_range
    )
    return HttpResponse(content, content_type="image/png")


@login_required
@never_cache
@require_safe
def strip_png(request: HttpRequest, pk: int, map_pk: int, axis: str) -> HttpResponse:
    """All maps with their labels as one picture, to take away."""
    word_map, opened = _opened(request, pk, map_pk, axis)
    run = word_map.image.run
    enlarged = max(1, -(-STRIP_TILE // min(run.height, run.width)))
    content = strips.strip_png(
        list(opened.maps),
        labels=opened.labels,
        tile_hw=(run.height * enlarged, run.width * enlarged),
        columns=STRIP_COLUMNS,
        value_range=opened.value_range,
    )
    return _download(content, word_map, name=f"{axis}.png", content_type="image/png")


@login_required
@never_cache
@require_safe
def raw_npy(request: HttpRequest, pk: int, map_pk: int, axis: str) -> HttpResponse:
    """All maps, raw: (maps, height, width) float32 at latent size."""
    word_map, opened = _opened(request, pk, map_pk, axis)
    return npy(opened.maps, word_map, name=f"{axis}.npy")


def npy(array: storage.Array, word_map: WordMap, *, name: str) -> HttpResponse:
    """The array as a NumPy file to take away."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return _download(buffer.getvalue(), word_map, name=name, content_type="application/octet-stream")


def _download(content: bytes, word_map: WordMap, *, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    # Numbers, not the word: a file name is no place for whatever a prompt may hold.
    file_name = f"image-{word_map.image_id}-word-{word_map.word.position}-{name}"
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def _image(request: HttpRequest, pk: int, image_pk: int) -> Image:
    rows = Image.objects.select_related("run", "prompt")
    found: Image = scope.one_of(request, rows, pk=image_pk, run=pk, state=ImageState.DONE)
    return found


def _opened(request: HttpRequest, pk: int, map_pk: int, axis: str) -> tuple[WordMap, Opened]:
    rows = WordMap.objects.select_related("word", "image__run")
    word_map: WordMap = scope.one_of(request, rows, pk=map_pk, image__run=pk, seen_by_model=True)
    try:
        return word_map, open_axis(word_map, axis)
    except storage.MediaMissing as missing:
        raise Http404(str(missing)) from missing


def _short(path: str) -> str:
    """A module path without what all of them share."""
    return path.replace(".transformer_blocks", "").removesuffix(".attn2")
