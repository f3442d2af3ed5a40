"""The judge finds what scenes really show, and does not see what is not there."""

import itertools

import numpy as np
import pytest

from training.demo_model import judge
from training.demo_model.judge import Wanted
from training.demo_model.scenes import RELATIONS, Scene, SceneObject, draw, masks, scenes
from training.demo_model.shapes import COLOURS, IMAGE_SIZE


def wanted_of(scene: Scene) -> list[Wanted]:
    return [Wanted(colour=thing.colour, shape=thing.shape) for thing in scene.objects]


def one(shape: str, *, colour: str = "red", background: str = "white") -> Scene:
    thing = SceneObject(shape=shape, colour=colour, centre=(32.0, 32.0), radius=17.0)
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


@pytest.mark.parametrize("asked", ["square", "triangle", "star", "heart", "cross", "ring"])
def test_a_circle_is_none_of_the_other_shapes(asked: str) -> None:
    found = judge.find_objects(draw(one("circle")))
    assert judge.assign(found, wanted=[Wanted(colour="red", shape=asked)]) == (None,)


def test_a_shape_outside_the_trained_set_has_no_name() -> None:
    found = judge.find_objects(draw(one("rectangle")))
    assert [thing.shape for thing in found] == [None]


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
