"""One image with the maps of its words, and the pictures themselves, each only for members of its project."""

import io
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe
from PIL import Image as Picture

from generation import queries, storage
from generation.attribution import hard, rendering
from generation.choices import ImageState
from generation.models import Image, WordMap
from generation.views import scope
from generation.views.explored import AXES, Opened, concepts_form, exploration_of, npy, open_axis
from generation.views.fragments import wants_fragment

OVERLAY_OPACITY = 0.7


@dataclass(frozen=True, kw_only=True)
class HardRule:
    """One way of cutting a map into a mask; see attribution.hard."""

    norm: hard.Norm
    tau: float
    op: hard.Comparison

    @property
    def name(self) -> str:
        """As it stands in addresses."""
        return f"{self.norm}-{self.tau}"

    @property
    def words(self) -> str:
        """As it stands on the page."""
        of = "the peak" if self.norm == "max" else "the range"
        return f"{self.op.replace('>=', '≥')} {self.tau} of {of}"


RULES = (
    *(HardRule(norm="max", tau=tau, op=">=") for tau in (0.3, 0.4, 0.5)),
    *(HardRule(norm="minmax", tau=tau, op=">") for tau in (0.3, 0.4, 0.5)),
)
# Equation 7 of the founding paper.
DEFAULT_RULE = RULES[1]
# A finished image never changes; only its readers' browsers may keep it.
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
    shown = _explored(chosen, request.GET.get("by", ""))
    run_images = queries.finished_images(found.run)
    before, after = queries.neighbours(found)
    context = {
        "section": "runs",
        "run": found.run,
        "image": found,
        "word_maps": word_maps,
        "chosen": chosen,
        "rule": _rule(request),
        "rules": RULES,
        "axes": AXES,
        "explored": shown,
        "exploration": exploration_of(found) if chosen else None,
        "concepts": concepts_form(found) if chosen else None,
        "can_edit": scope.can_edit(request, found),
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


@login_required
@kept_an_hour
@require_safe
def mask_png(request: HttpRequest, pk: int, map_pk: int) -> HttpResponse:
    """The image with everything but the word's hard map darkened; ?rule= says by which rule."""
    word_map, rule = _word_map(request, pk, map_pk), _rule(request)
    with Picture.open(io.BytesIO(_read(word_map.image)), formats=["PNG"]) as picture:
        at_size = rendering.at_size(_read_map(word_map), size_hw=(picture.height, picture.width))
        found = hard.hard(at_size, norm=rule.norm, tau=rule.tau, op=rule.op)
        return _png(rendering.mask_png(picture, found.mask, opacity=OVERLAY_OPACITY))


@login_required
@kept_an_hour
@require_safe
def legend_png(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """The colour ramp, from the least value to the greatest."""
    _image(request, pk, image_pk)
    return _png(rendering.legend_png(size_hw=(12, 256)))


@login_required
@kept_an_hour
@require_safe
def raw_npy(request: HttpRequest, pk: int, map_pk: int) -> HttpResponse:
    """A word's map, raw: (height, width) float32 at latent size."""
    word_map = _word_map(request, pk, map_pk)
    return npy(_read_map(word_map), word_map, name="map.npy")


def _rule(request: HttpRequest) -> HardRule:
    return next((rule for rule in RULES if rule.name == request.GET.get("rule")), DEFAULT_RULE)


def _explored(chosen: WordMap | None, axis: str) -> Opened | None:
    """The chosen word's maps taken apart, where they were."""
    if chosen is None:
        return None
    known = [each.name for each in AXES]
    try:
        return open_axis(chosen, axis if axis in known else known[0])
    except storage.MediaMissing:
        return None


def _image(request: HttpRequest, pk: int, image_pk: int) -> Image:
    rows = Image.objects.select_related("run", "prompt")
    found: Image = scope.one_of(request, rows, pk=image_pk, run=pk, state=ImageState.DONE)
    return found


def _word_map(request: HttpRequest, pk: int, map_pk: int) -> WordMap:
    rows = WordMap.objects.select_related("word", "image__run")
    found: WordMap = scope.one_of(request, rows, pk=map_pk, image__run=pk, seen_by_model=True)
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
