"""Scenes: the same for the same seed, as their captions say, and without the held-out pairs."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from training.demo_model.scenes import (
    CONTACTS,
    HELD_OUT,
    Scene,
    article,
    draw,
    masks,
    noun_phrase,
    plural,
    scenes,
)
from training.demo_model.shapes import (
    COLOURS,
    IMAGE_SIZE,
    SHAPES,
    TEXTURE_CELL,
    coverage,
    extent,
    texture_ink,
)


def some_scenes(count: int = 300, *, seed: int = 11) -> list[Scene]:
    return list(itertools.islice(scenes(seed), count))


def test_the_same_seed_gives_the_same_scenes_and_pictures() -> None:
    first, second = some_scenes(20), some_scenes(20)
    assert first == second
    assert all(np.array_equal(draw(a), draw(b)) for a, b in zip(first, second, strict=True))


def test_another_seed_gives_other_scenes() -> None:
    assert some_scenes(20) != some_scenes(20, seed=12)


def test_held_out_pairs_are_never_drawn() -> None:
    """Control: taking a pair out of ALLOWED's filter (`not in HELD_OUT`) turns this red."""
    drawn = {(thing.colour, thing.shape) for scene in some_scenes(3000) for thing in scene.objects}
    assert not drawn & HELD_OUT
    assert len(drawn) == 68


def test_each_mask_covers_its_own_colour_in_the_picture() -> None:
    """Control: shifting masks() by two pixels turns this red."""
    for scene in some_scenes(60):
        picture = draw(scene)
        for thing, mask in zip(scene.objects, masks(scene), strict=True):
            colour = np.asarray(COLOURS[thing.colour])
            near = np.abs(picture.astype(int) - colour).max(axis=-1) <= 130
            inside = np.abs(picture.astype(int) - colour).max(axis=-1) <= 1
            if thing.texture is not None:
                continue
            assert near[mask].all()
            # Every pixel of the pure colour belongs to an object of that colour.
            same = [m for o, m in zip(scene.objects, masks(scene), strict=True) if o.colour == thing.colour]
            assert np.logical_or.reduce(same)[inside].all()


def test_objects_lie_wholly_in_the_picture_and_share_no_pixel() -> None:
    for scene in some_scenes(300):
        covered = masks(scene)
        assert covered.sum(axis=0).max() == 1
        border = np.ones((IMAGE_SIZE, IMAGE_SIZE), dtype=bool)
        border[1:-1, 1:-1] = False
        assert not (covered & border).any()


def test_a_caption_names_its_objects_in_order() -> None:
    for scene in some_scenes(300):
        if scene.kind in ("pair", "relation"):
            first, second = (f"{thing.colour} {thing.shape}" for thing in scene.objects)
            assert -1 < scene.caption.index(first) < scene.caption.index(second)


def test_relations_hold_in_the_picture() -> None:
    for scene in some_scenes(300):
        if scene.kind == "relation":
            (x1, y1), (x2, y2) = (thing.centre for thing in scene.objects)
            across, down = x2 - x1, y2 - y1
            truth = {"left of": across, "right of": -across, "above": down, "below": -down}
            said = next(relation for relation in truth if f" {relation} " in scene.caption)
            assert truth[said] == max(truth.values())


def test_counts_show_as_many_objects_as_they_say() -> None:
    numbers = {"two": 2, "three": 3, "four": 4}
    counted = [scene for scene in some_scenes(300) if scene.kind == "count"]
    assert counted
    assert all(len(scene.objects) == numbers[scene.caption.split()[0]] for scene in counted)


@pytest.mark.parametrize("relation", CONTACTS)
def test_objects_that_meet_do_as_the_caption_says(relation: str) -> None:
    drawn = (s for s in scenes(13, mixture={"contact": 1.0}) if f" {relation} " in s.caption)
    for scene in itertools.islice(drawn, 30):
        lower, upper = scene.objects
        whole = coverage(lower.shape, centre=lower.centre, radius=lower.radius) > 0.5
        on_top = coverage(upper.shape, centre=upper.centre, radius=upper.radius) > 0.5
        shared = (whole & on_top).sum()
        if relation in ("inside", "surrounding"):
            assert shared == on_top.sum()
        elif relation == "touching":
            assert shared <= 0.03 * on_top.sum()
        else:
            assert 0.01 * whole.sum() < shared < 0.7 * whole.sum()


def test_a_texture_keeps_a_rim_of_plain_colour() -> None:
    """Control: a footprint of one pixel in texture_ink lets stripes reach the edge."""
    covered = coverage("circle", centre=(32.0, 32.0), radius=20.0)
    ink = texture_ink("striped", covered=covered)
    rim = (covered > 0.5) & ~ndimage.binary_erosion(covered > 0.5, iterations=2)
    assert ink.max() == 1.0
    assert ink[rim].max() < 0.5


def test_stripes_and_dots_lie_on_whole_latent_cells() -> None:
    ink = texture_ink("striped", covered=np.ones((IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32))
    rows = ink[:, IMAGE_SIZE // 2].reshape(-1, TEXTURE_CELL)
    assert set(rows.mean(axis=1)[1:-1]) == {0.0, 1.0}


def test_hearts_are_mostly_red_the_one_correlated_pair() -> None:
    hearts = [o.colour for scene in some_scenes(3000) for o in scene.objects if o.shape == "heart"]
    assert 0.4 < hearts.count("red") / len(hearts) < 0.7


@pytest.mark.parametrize("shape", SHAPES)
def test_every_outline_keeps_within_its_extent(shape: str) -> None:
    left, top, right, bottom = extent(shape)
    rows, columns = np.nonzero(coverage(shape, centre=(32.0, 32.0), radius=20.0) > 0.5)
    assert columns.min() == pytest.approx(32 + 20 * left, abs=1.5)
    assert columns.max() + 1 == pytest.approx(32 + 20 * right, abs=1.5)
    # The tips of a star and of a heart are thinner than half a pixel.
    assert rows.min() == pytest.approx(32 + 20 * top, abs=2.5)
    assert rows.max() + 1 == pytest.approx(32 + 20 * bottom, abs=2.5)


def test_articles_and_plurals_are_english() -> None:
    assert noun_phrase(None, "orange", "cross") == "an orange cross"
    assert article("red") == "a"
    assert plural("cross") == "crosses"
