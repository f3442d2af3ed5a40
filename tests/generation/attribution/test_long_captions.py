"""Captions longer than the model's window: what it doesn't read changes no number, and is told."""

import logging
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.models import tiny_pipeline
from generation.attribution.denoisers import PipelineDenoiser, encode_image
from generation.attribution.exploring import picture_maps
from generation.attribution.interventions import intervene, omitted, swapped
from generation.attribution.own_image import PictureInformation, picture_information
from generation.attribution.reading import read_part
from generation.attribution.relations import score_captions
from generation.attribution.words import split_words

READ = "a red cat and the blue dog with"  # eight tokens: all that the window takes
TAILS = [" red circle", " zyx"]
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def short() -> Any:
    """Stable Diffusion that reads eight tokens beside the marks."""
    pipeline = tiny_pipeline(window=10)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _asked(pipeline: Any, caption: str, *others: str) -> PictureInformation:
    return picture_information(
        pipeline, picture=PICTURE, caption=caption, words=split_words(caption), others=others,
        levels=2, seed=0,
    )  # fmt: skip


@pytest.mark.parametrize("tail", TAILS)
def test_an_unread_tail_changes_no_number_and_brings_no_warning(
    short: Any, tail: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Control: words taken out of the whole caption, so that the tail moves up into the window."""
    diffusers_log = logging.getLogger("diffusers")
    diffusers_log.addHandler(caplog.handler)
    try:
        plain, long = _asked(short, READ), _asked(short, READ + tail)
    finally:
        diffusers_log.removeHandler(caplog.handler)
    assert len(plain.words) == len(long.words) == 8
    for one, other in zip(plain.words, long.words, strict=True):
        assert one.word == other.word
        assert (one.bits, one.error) == pytest.approx((other.bits, other.error), rel=1e-4)
        for kind in ("mi", "cmi", "attention"):
            assert getattr(one, kind) == pytest.approx(getattr(other, kind), rel=1e-4, abs=1e-6)
    assert plain.captions[0].bits == pytest.approx(long.captions[0].bits, rel=1e-4)
    assert [word.text for word in long.unseen] == tail.split()
    assert not [record for record in caplog.records if "truncated" in record.getMessage()]


def test_an_unread_tail_changes_no_map_of_an_image_taken_apart(short: Any) -> None:
    """Control: picture_maps given the whole caption."""
    latents = encode_image(short, PICTURE)
    plain, long = (
        picture_maps(short, latents=latents, caption=caption, words=split_words(READ), levels=2, seed=0)
        for caption in (READ, READ + " red circle")
    )
    for position, maps in plain.items():
        for name, word_map in maps.items():
            assert word_map == pytest.approx(long[position][name], rel=1e-4, abs=1e-6), (position, name)


def test_captions_that_differ_past_the_window_are_said_to_be_the_same(short: Any) -> None:
    """Controls: an exact tie without a word; captions compared as they are written."""
    found = _asked(short, READ + " red", READ + " blue", READ.upper(), "a dog")
    first, second, third, other = found.captions
    assert [word.text for word in second.unread] == ["blue"]
    assert [each.same_as for each in found.captions] == [None, first.text, first.text, None]
    assert first.bits == second.bits == third.bits != other.bits
    assert other.unread == ()


def test_a_word_cut_in_two_by_the_window_is_left_out(short: Any) -> None:
    read = read_part(short, "a red cat and the blue zyx")  # zyx is spelled in three tokens
    assert (read.text, [word.text for word in read.unread]) == ("a red cat and the blue", ["zyx"])
    assert read_part(short, "zyxwvutsrq").text == ""


def test_an_intervention_in_a_caption_that_is_not_read_whole_is_refused_by_name(short: Any) -> None:
    """Control: the tail moves up into the window, and the change counts as that of the word left out."""
    caption, words = READ + " red circle", split_words(READ)
    with pytest.raises(ValueError, match=f"a part of '{caption}': 'red', 'circle' lie past its window"):
        intervene(
            short, image=PICTURE, caption=caption, changed_captions=[omitted(caption, words[1])], steps=2
        )
    longer = swapped(READ, words[1], "zyx")  # three tokens in place of one: "blue dog with" moves out
    with pytest.raises(ValueError, match=f"a part of '{longer}'"):
        intervene(short, image=PICTURE, caption=READ, changed_captions=[longer], steps=2)
    cut = read_part(short, caption).text
    (done,) = intervene(short, image=PICTURE, caption=cut, changed_captions=[omitted(cut, words[1])], steps=2)
    assert done.changed_caption == "a cat and the blue dog with"


def test_captions_that_differ_past_the_window_are_no_test_of_relations(short: Any) -> None:
    """Control: a tie of two captions that are the same to the model, told as a failure of the model."""
    latents = encode_image(short, PICTURE)
    for caption, perturbed in ((READ, READ + " red"), (READ + " red", READ)):
        with pytest.raises(ValueError, match=f"a part of '{READ} red': 'red' lie"):
            score_captions(
                PipelineDenoiser(short), latents=latents, caption=caption, perturbed=[perturbed], levels=2,
                seed=0,
            )  # fmt: skip
