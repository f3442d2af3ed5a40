"""The vectors that belong to a model, and whose heads speak for a word."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diffusers import UNet2DConditionModel
from django.core.management import CommandError, call_command

from generation import head_vectors, registry
from generation.attribution.chosen_heads import IN_PROPORTION, MOST_RELEVANT, choose_heads, concept_of
from generation.attribution.concepts import load_concepts
from generation.attribution.relevance import HeadRelevance, load_relevance
from generation.attribution.relevance_counter import heads_in_call_order

RELEVANCE = HeadRelevance(
    concepts=("shapes", "relations", "never"),
    heads=(("a", 0), ("a", 1), ("b", 0), ("b", 1)),
    scores=np.array([[4.0, 0, 0, 0], [0, 1, 1, 2], [np.nan] * 4]),
    words={"shapes": ("star", "Ring"), "relations": ("left of",), "never": ("cat",)},
)


def test_the_bundled_model_s_vectors_are_of_its_weights_its_heads_and_its_list() -> None:
    """Control: train on, and ship the old file; or change the list of concepts."""
    demo = registry.get(registry.DEMO_ID)
    found = head_vectors.vectors_of(demo)
    assert found is not None
    assert found.words == load_concepts(registry.DEMO_FOLDER / "concepts.toml").words
    unet = UNet2DConditionModel.from_pretrained(demo.source, subfolder="unet", use_safetensors=True)
    assert list(found.heads) == heads_in_call_order(unet)
    for concept in found.concepts:
        assert len(choose_heads(found, word="x", concept=concept).weights[MOST_RELEVANT]) == 5


def test_vectors_of_other_weights_and_files_without_any_are_refused(tmp_path: Path) -> None:
    """Control: no comparison with the model's revision."""
    demo = registry.get(registry.DEMO_ID)
    content = json.loads(Path(str(demo.heads)).read_text())
    content["origin"][head_vectors.REVISION] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"counted over other weights.*head_relevance demo"):
        head_vectors.vectors_of(replace(demo, heads=str(tmp_path / "other.json")))
    (tmp_path / "none.json").write_text('{"format": "percept-head-relevance-1", "words": []}')
    with pytest.raises(ValueError, match="holds no head relevance vectors"):
        head_vectors.vectors_of(replace(demo, heads=str(tmp_path / "none.json")))
    with pytest.raises(ValueError, match="make it again"):
        head_vectors.vectors_of(replace(demo, heads=str(tmp_path / "gone.json")))
    assert head_vectors.vectors_of(replace(demo, heads=None)) is None


@pytest.mark.parametrize(
    ("word", "lemma", "concept"),
    [
        ("star", "", "shapes"), ("stars", "star", "shapes"), ("RING", "", "shapes"), ("left", "left", ""),
        ("starfish", "starfish", ""),
    ],
)  # fmt: skip
def test_a_word_s_concept_is_the_list_it_stands_in_and_none_is_guessed(
    word: str, lemma: str, concept: str
) -> None:
    """Control: `in` for ==, or the concept of a part of a phrase."""
    assert concept_of(RELEVANCE, word=word, lemma=lemma) == concept


def test_a_word_without_heads_says_why() -> None:
    chosen = choose_heads(RELEVANCE, word="star")
    assert chosen.weights == {MOST_RELEVANT: {("a", 0): 1.0}, IN_PROPORTION: {("a", 0): 4.0}}
    for note, asked in (
        ("no head relevance vectors", choose_heads(None, word="star")),
        ("“dog” has no concept", choose_heads(RELEVANCE, word="dog")),
        ("“star” has no concept", choose_heads(RELEVANCE, word="star", concept="")),
        ("none of the concepts: shapes", choose_heads(RELEVANCE, word="star", concept="moods")),
        ("No head was ever strongest", choose_heads(RELEVANCE, word="cat")),
    ):
        assert note in asked.note
        assert (asked.concept, asked.weights) == ("", {})


def test_published_vectors_are_taken_in_the_order_of_the_list_and_the_model(
    tiny_model: str, tmp_path: Path
) -> None:
    """Controls: columns in the order of named_modules; an array that doesn't fit."""
    (tmp_path / "list.toml").write_text('"one" = ["red"]\n"two" = ["cat"]\n')
    out = tmp_path / "vectors.json"
    options = ["--concepts", str(tmp_path / "list.toml"), "--published", str(tmp_path / "array.npy")]
    np.save(tmp_path / "array.npy", np.ones((2, 3)))
    with pytest.raises(CommandError, match="rows are concepts, columns are heads"):
        call_command("head_relevance", tiny_model, str(out), *options)
    np.save(tmp_path / "array.npy", np.array([np.arange(22), np.ones(22)]))
    call_command("head_relevance", tiny_model, str(out), *options)
    found = load_relevance(out)
    best = max(found.of("one").items(), key=lambda each: each[1])[0]
    assert found.heads[0][0].startswith("down_blocks")
    assert best[0].startswith("up_blocks")
    assert found.words == {"one": ("red",), "two": ("cat",)}
    assert found.origin["published"] == "array.npy"
