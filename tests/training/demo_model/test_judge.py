"""The judge finds what scenes really show, and does not see what is not there."""

import itertools

import numpy as np
import pytest

from training.demo_model import evaluate, judge
from training.demo_model.judge import Wanted
from training.demo_model.scenes import (
    CONTACTS,
    RELATIONS,
    TEXTURED_SHAPES,
    TRAINED_SHAPES,
    Scene,
    SceneObject,
    draw,
    masks,
    scenes,
)
from training.demo_model.shapes import BACKGROUNDS, COLOURS, IMAGE_SIZE, TEXTURES


def wanted_of(scene: Scene) -> list[Wanted]:
    return [Wanted(colour=o.colour, shape=o.shape, texture=o.texture) for o in scene.objects]


def one(shape: str, *, colour: str = "red", background: str = "white", texture: str | None = None) -> Scene:
    thing = SceneObject(shape=shape, colour=colour, centre=(32.0, 32.0), radius=19.0, texture=texture)
    return Scene(kind="single", caption="", objects=(thing,), background=background)


def test_real_scenes_are_read_without_a_mistake() -> None:
    """The judge's ceiling. Control: LARGEST_STEP = 256 lets rims count as colours and turns this red."""
    for scene in itertools.islice(scenes(21), 120):
        found = judge.find_objects(draw(scene))
        assert len(found) == len(scene.objects), scene.caption
        assert None not in judge.assign(found, wanted=wanted_of(scene)), scene.caption


def test_found_masks_cover_the_drawn_ones() -> None:
    for scene in itertools.islice(scenes(22), 40):
        found = judge.assign(judge.find_objects(draw(scene)), wanted=wanted_of(scene))
        union = np.logical_or.reduce([thing.mask for thing in found if thing is not None])
        truth = np.logical_or.reduce(masks(scene))
        assert (union & truth).sum() / (union | truth).sum() > 0.75


@pytest.mark.parametrize("asked", [shape for shape in TRAINED_SHAPES if shape != "circle"])
def test_a_circle_is_none_of_the_other_shapes(asked: str) -> None:
    found = judge.find_objects(draw(one("circle")))
    assert judge.assign(found, wanted=[Wanted(colour="red", shape=asked)]) == (None,)


def test_an_outline_of_no_known_shape_has_no_name() -> None:
    """Control: LEAST_OVERLAP = 0.2 turns this red."""
    picture = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 255, dtype=np.uint8)
    picture[20:44, 12:18] = picture[38:44, 12:52] = COLOURS["red"]  # the letter L
    assert [thing.shape for thing in judge.find_objects(picture)] == [None]


@pytest.mark.parametrize("texture", [None, *TEXTURES])
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_textures_are_told_apart_in_every_colour(texture: str | None, background: str) -> None:
    """Control: leaving white out of the palette of _colour_layers loses the dots in pink on gray."""
    for number, shape in enumerate(TEXTURED_SHAPES):
        for colour in list(COLOURS)[number % 2 :: 2]:
            picture = draw(one(shape, colour=colour, background=background, texture=texture))
            found = [(o.colour, o.shape, o.texture) for o in judge.find_objects(picture)]
            assert found == [(colour, shape, texture)]


def test_the_mask_of_a_textured_object_holds_its_texture() -> None:
    scene = one("circle", texture="striped")
    (found,) = judge.find_objects(draw(scene))
    (truth,) = masks(scene)
    assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.9


def test_a_ring_is_neither_striped_nor_dotted() -> None:
    (found,) = judge.find_objects(draw(one("ring")))
    assert (found.shape, found.texture) == ("ring", None)


@pytest.mark.parametrize("relation", CONTACTS)
def test_objects_that_meet_are_read_with_how_they_meet(relation: str) -> None:
    """Control: letting _describe count all pixels (silent = nothing) misreads covered objects."""
    drawn = (s for s in scenes(24, mixture={"contact": 1.0}) if evaluate.kind_of(s) == relation)
    for scene in itertools.islice(drawn, 25):
        found = judge.find_objects(draw(scene))
        shown = judge.assign(found, wanted=wanted_of(scene))
        assert len(found) == 2, scene.caption
        lower, upper = shown
        assert lower is not None, scene.caption
        assert upper is not None, scene.caption
        first, second = (lower, upper) if relation == "surrounding" else (upper, lower)
        assert judge.holds(relation, first=first, second=second), scene.caption
        opposite = {"inside": "surrounding", "surrounding": "inside"}.get(relation, "inside")
        assert not judge.holds(opposite, first=first, second=second), scene.caption


def test_objects_apart_do_not_meet() -> None:
    scene = next(s for s in scenes(23) if " left of " in s.caption)
    first, second = judge.find_objects(draw(scene))
    assert not any(judge.holds(relation, first=first, second=second) for relation in CONTACTS)


def test_one_object_cannot_stand_for_two() -> None:
    found = judge.find_objects(draw(one("star")))
    star = Wanted(colour="red", shape="star")
    first, second = judge.assign(found, wanted=[star, star])
    assert first is not None
    assert second is None


def test_an_empty_picture_shows_nothing() -> None:
    assert judge.find_objects(np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 255, dtype=np.uint8)) == ()


def test_noise_shows_no_shape() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3)).astype(np.uint8)
    assert all(thing.shape is None for thing in judge.find_objects(noise))


def test_a_red_shape_has_no_pink_rim() -> None:
    assert [thing.colour for thing in judge.find_objects(draw(one("circle")))] == ["red"]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("background", ["gray", "beige"])
def test_colours_are_read_on_every_background(colour: str, background: str) -> None:
    picture = draw(one("square", colour=colour, background=background))
    assert [thing.colour for thing in judge.find_objects(picture)] == [colour]
    assert judge.background_of(picture) == background


def test_a_relation_holds_one_way_only() -> None:
    scene = next(s for s in scenes(23) if " left of " in s.caption)
    first, second = judge.assign(judge.find_objects(draw(scene)), wanted=wanted_of(scene))
    assert first is not None
    assert second is not None
    verdicts = {relation: judge.holds(relation, first=first, second=second) for relation in RELATIONS}
    assert verdicts == {"left of": True, "right of": False, "above": False, "below": False}


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="64 x 64"):
        judge.find_objects(np.zeros((32, 32, 3), dtype=np.uint8))
