"""One image with the maps of its words, and the pictures themselves, each only for its owner."""

import io

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe
from PIL import Image as Picture

from generation import queries, storage
from generation.attribution import rendering
from generation.choices import ImageState
from generation.models import Image, WordMap
from generation.views.fragments import wants_fragment

OVERLAY_OPACITY = 0.7
# A finished image never changes; only its owner's browser may keep it.
kept_an_hour = cache_control(private=True, max_age=3600)


@login_required
@never_cache
@require_safe
def image(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """The image, its prompt with one link per word, and the map of the chosen word."""
    found = _image(request, pk, image_pk)
    word_maps = list(found.word_maps.select_related("word"))
    seen = [word_map for word_map in word_maps if word_map.seen_by_model]
    asked = request.GET.get("word", "")
    chosen = next((each for each in seen if str(each.word.position) == asked), None)
    if chosen is None and seen:
        chosen = next((each for each in seen if each.word.part_of_speech == "NOUN"), seen[0])
    run_images = queries.finished_images(found.run)
    before, after = queries.neighbours(found)
    context = {
        "section": "runs",
        "run": found.run,
        "image": found,
        "word_maps": word_maps,
        "chosen": chosen,
        "siblings": run_images.filter(prompt=found.prompt_id),
        "before": before,
        "after": after,
    }
    template = "partials/image_maps.html" if wants_fragment(request) else "image.html"
    return render(request, f"generation/{template}", context)


@login_required
@kept_an_hour
@require_safe
def image_png(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """The image as it was generated."""
    return _png(_read(_image(request, pk, image_pk)))


@login_required
@kept_an_hour
@require_safe
def heat_png(request: HttpRequest, pk: int, map_pk: int) -> HttpResponse:
    """A word's map alone, at the image's size."""
    word_map = _word_map(request, pk, map_pk)
    size_hw = (word_map.image.run.height, word_map.image.run.width)
    return _png(rendering.heat_png(_read_map(word_map), size_hw=size_hw))


@login_required
@kept_an_hour
@require_safe
def overlay_png(request: HttpRequest, pk: int, map_pk: int) -> HttpResponse:
    """A word's map over its image."""
    word_map = _word_map(request, pk, map_pk)
    with Picture.open(io.BytesIO(_read(word_map.image)), formats=["PNG"]) as picture:
        return _png(rendering.overlay_png(picture, _read_map(word_map), opacity=OVERLAY_OPACITY))


def _image(request: HttpRequest, pk: int, image_pk: int) -> Image:
    visible = Image.objects.visible_to(request.user).select_related("run", "prompt")
    found: Image = get_object_or_404(visible, pk=image_pk, run=pk, state=ImageState.DONE)
    return found


def _word_map(request: HttpRequest, pk: int, map_pk: int) -> WordMap:
    visible = WordMap.objects.visible_to(request.user).select_related("word", "image__run")
    found: WordMap = get_object_or_404(visible, pk=map_pk, image__run=pk, seen_by_model=True)
    return found


def _read(found: Image) -> bytes:
    try:
        return storage.read_png(found)
    except storage.MediaMissing as missing:
        raise Http404(str(missing)) from missing


def _read_map(word_map: WordMap) -> storage.Array:
    try:
        return storage.read_word_map(word_map)
    except storage.MediaMissing as missing:
        raise Http404(str(missing)) from missing


def _png(content: bytes) -> HttpResponse:
    return HttpResponse(content, content_type="image/png")
