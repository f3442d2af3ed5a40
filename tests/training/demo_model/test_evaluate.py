"""Marks and shares: what counts as a right picture, and how sure a share is."""

import numpy as np
import pytest

from training.demo_model import evaluate
from training.demo_model.judge import Wanted
from training.demo_model.prompts import KINDS, AskedPicture, asked_pictures
from training.demo_model.scenes import ALLOWED, HELD_OUT, Scene, draw, scenes


def asked_of(scene: Scene, *, relation: str | None = None) -> AskedPicture:
    wanted = tuple(Wanted(colour=o.colour, shape=o.shape, texture=o.texture) for o in scene.objects)
    return AskedPicture(kind=scene.kind, text=scene.caption, wanted=wanted, relation=relation)


def first_scene(words: str) -> Scene:
    return next(scene for scene in scenes(31) if words in scene.caption)


def test_a_real_scene_is_marked_right_in_every_respect() -> None:
    scene = first_scene(" above ")
    got = evaluate.mark(draw(scene), asked=asked_of(scene, relation="above"))
    assert (got.colours, got.complete, got.exact, got.relation) == (True, True, True, True)


def test_the_other_way_round_the_relation_is_wrong() -> None:
    """Control: dropping `along > other` from judge.holds turns this red."""
    scene = first_scene(" above ")
    got = evaluate.mark(draw(scene), asked=asked_of(scene, relation="below"))
    assert (got.complete, got.relation) == (True, False)


def test_the_right_colour_in_the_wrong_shape_is_not_complete() -> None:
    scene = first_scene("red heart")
    asked = AskedPicture(kind="single", text="", wanted=(Wanted(colour="red", shape="square"),))
    got = evaluate.mark(draw(scene), asked=asked)
    assert (got.colours, got.complete) == (True, False)


def test_too_many_objects_are_complete_but_not_exact() -> None:
    scene = first_scene("three ")
    one_of_them = AskedPicture(kind="single", text="", wanted=asked_of(scene).wanted[:1])
    got = evaluate.mark(draw(scene), asked=one_of_them)
    assert (got.complete, got.exact) == (True, False)


def test_too_few_objects_are_not_complete() -> None:
    scene = first_scene("two ")
    more = AskedPicture(kind="count", text="", wanted=asked_of(scene).wanted[:1] * 3)
    assert not evaluate.mark(draw(scene), asked=more).complete


def test_the_judges_ceiling_on_real_scenes_is_all_but_a_hair_of_cover() -> None:
    """Where the upper object hides a few pixels only, the judge cannot tell covering from touching."""
    shares = evaluate.ceilings(autoencoder=None, count=60, seed=5)
    assert {kind for kind, share in shares.items() if share.hits < share.pictures} <= {"all", "covering"}
    assert shares["all"].hits >= 59
    assert shares["all"].pictures == 60 == sum(s.pictures for kind, s in shares.items() if kind != "all")
    assert shares["all"].low < 1.0


def test_the_wrong_background_is_marked_wrong() -> None:
    """Control: leaving `background` out of mark turns this red."""
    scene = first_scene(" on a gray background")
    for background in ("gray", "beige"):
        asked = AskedPicture(kind="background", text="", wanted=(), background=background)
        assert evaluate.mark(draw(scene), asked=asked).background == (background == "gray")


def test_a_plain_object_where_a_striped_one_was_asked_is_not_complete() -> None:
    scene = first_scene("a red square")
    asked = AskedPicture(
        kind="texture", text="", wanted=(Wanted(colour="red", shape="square", texture="striped"),)
    )
    got = evaluate.mark(draw(scene), asked=asked)
    assert (got.colours, got.complete) == (True, False)


def test_objects_in_place_with_a_wrong_outline_are_placed_but_not_related() -> None:
    scene = first_scene(" inside ")
    lower, upper = scene.objects
    wrong = "star" if upper.shape != "star" else "ring"
    wanted = (
        Wanted(colour=upper.colour, shape=wrong),
        Wanted(colour=lower.colour, shape=lower.shape),
    )
    asked = AskedPicture(kind="inside", text="", wanted=wanted, relation="inside")
    got = evaluate.mark(draw(scene), asked=asked)
    assert (got.relation, got.placed) == (False, True)


def test_no_picture_has_no_share() -> None:
    assert np.isnan(evaluate.share_of([]).share)


def test_evaluation_prompts_are_the_same_for_the_same_seed_and_enough() -> None:
    first, second = (asked_pictures(of_each_kind=56, seed=1) for _ in range(2))
    assert first == second
    assert len({one.text for one in first}) == len(first) >= 200
    assert asked_pictures(of_each_kind=56, seed=2) != first


@pytest.mark.parametrize("kind", KINDS)
def test_only_unreal_prompts_ask_for_held_out_pairs(kind: str) -> None:
    """Control: drawing pairs from all combinations instead of ALLOWED turns this red."""
    wanted = {
        (want.colour, want.shape)
        for one in asked_pictures(of_each_kind=60, seed=3)
        if one.kind == kind
        for want in one.wanted
    }
    assert wanted <= (HELD_OUT if kind == "unreal" else set(ALLOWED))
