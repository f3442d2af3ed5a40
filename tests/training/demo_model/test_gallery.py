"""The gallery leaves nothing out, and says of each prompt what the judge found."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.demo_model import gallery
from training.demo_model.judge import Wanted
from training.demo_model.prompts import asked_pictures
from training.demo_model.reading import read_prompt
from training.demo_model.scenes import draw, scenes

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_every_evaluation_prompt_is_read_as_what_it_asks_for() -> None:
    """Outside truth: prompts.py builds text and wish together. Control: reading "and" as a relation."""
    for asked in asked_pictures(of_each_kind=30, seed=9):
        got = read_prompt(asked.text)
        assert got is not None, asked.text
        assert (got.wanted, got.relation, got.background) == (asked.wanted, asked.relation, asked.background)


def test_every_training_caption_is_read() -> None:
    for scene in itertools.islice(scenes(41), 300):
        got = read_prompt(scene.caption)
        assert got is not None, scene.caption
        assert len(got.wanted) == len(scene.objects)


@pytest.mark.parametrize("text", ["", "a dog under a tree", "red", "a red circle on a blue background"])
def test_a_prompt_of_other_words_is_not_guessed_at(text: str) -> None:
    assert read_prompt(text) is None


def test_a_word_that_is_left_out_leaves_it_open() -> None:
    got = read_prompt("a small blue shape.")
    assert got is not None
    assert got.wanted == (Wanted(colour="blue", shape=None),)


def test_the_sheet_shows_every_picture_under_its_prompt() -> None:
    """Control: pasting at row * _CELL, without the line of text, turns this red."""
    pictures = [draw(scene) for scene in itertools.islice(scenes(6), 8)]
    drawn = {str(number): pictures[2 * number : 2 * number + 2] for number in range(4)}
    sheet = np.asarray(gallery.montage(drawn))
    assert sheet.shape[1::-1] == gallery.sheet_size(prompts=4, per_prompt=2)
    assert np.array_equal(sheet[14:78, :64], pictures[0])
    assert np.array_equal(sheet[14:78, 66:130], pictures[1])
    assert np.array_equal(sheet[94:158, :64], pictures[2])
    assert np.array_equal(sheet[14:78, 138:202], pictures[4])


def test_the_page_counts_what_the_judge_found() -> None:
    """Control: counting pictures instead of verdicts turns this red."""
    pictures = [draw(scene) for scene in itertools.islice(scenes(6), len(gallery.SEEDS))]
    page = gallery.page({"a dog under a tree": pictures, "a purple star": [np.full_like(pictures[0], 255)]})
    assert "| a dog under a tree | – |" in page
    assert "| a purple star | 0 of 1 |" in page


def test_the_shipped_page_names_every_fixed_prompt_in_order() -> None:
    page = (DOCS / "demo-model-gallery.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert rows == ["prompt", *gallery.PROMPTS]


def test_the_shipped_sheet_has_a_place_for_every_picture() -> None:
    with Image.open(DOCS / "demo-model.png") as sheet:
        assert sheet.size == gallery.sheet_size(prompts=len(gallery.PROMPTS), per_prompt=len(gallery.SEEDS))
