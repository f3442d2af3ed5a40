import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.coco_labels import COCO_80, coco_label
from evaluation.metrics.overlap import OverlapStatus
from evaluation.metrics.resizing import resize_bicubic
from evaluation.metrics.segmentation import (
    PUBLISHED_CODE,
    Baseline,
    compare,
    summarise,
    summarise_baseline,
    summarise_by_vocabulary,
)

SHARED = Path(os.environ.get("PERCEPT_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
LEFT = np.array([[True, False], [True, False]])
EMPTY = np.zeros((2, 2), dtype=bool)


@pytest.mark.parametrize("label", COCO_80)
def test_every_label_and_its_plural_name_themselves(label: str) -> None:
    assert len(COCO_80) == 80
    plural = label if label.endswith("s") else label + ("es" if label[-2:] in ("ch", "sh") else "s")
    assert coco_label(label.upper()) == label
    assert coco_label(plural) == label


@pytest.mark.parametrize(
    ("word", "lemma", "label"),
    [
        ("people", "", "person"),
        ("women", "woman", "person"),
        ("knives", "", "knife"),
        ("puppies", "", "dog"),
        ("sofas", "", "couch"),
        ("Traffic  Lights", "", "traffic light"),
        ("buses", "bus", "bus"),
        ("bikes", "", "bicycle"),
        ("mice", "", "mouse"),
        ("unicorn", "", None),
        ("grass", "", None),
        ("", "", None),
    ],
)
def test_words_name_labels_by_lemma_plural_and_synonym(word: str, lemma: str, label: str | None) -> None:
    assert coco_label(word, lemma=lemma) == label


def test_the_labels_are_the_published_ones() -> None:
    """Truth: the vocabulary of the published study, whose first 80 nouns are COCO's."""
    path = SHARED / "daam_vocab.tsv"
    if not path.exists():
        pytest.skip("the shared data are not here")
    nouns = [line.split("\t")[0] for line in path.read_text().splitlines()[1:] if line.endswith("noun")]
    assert tuple(nouns) == COCO_80


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_names_one_label_or_none(word: str, lemma: str) -> None:
    assert coco_label(word, lemma=lemma) in (None, *COCO_80)


def test_miou80_takes_the_words_that_name_a_label() -> None:
    pairs = [
        compare("a", truth=LEFT, prediction=LEFT),
        compare("b", truth=LEFT, prediction=~LEFT),
        compare("c", truth=LEFT, prediction=np.ones((2, 2), dtype=bool)),
    ]
    summary = summarise_by_vocabulary(
        pairs, words=["dogs", "smoke", "women"], lemmas=["dog", "smoke", "woman"]
    )
    assert summary.miou80.miou.estimate == 0.75
    assert summary.miou_all.miou.estimate == 0.5
    assert summary.label_of == {"dogs": "dog", "smoke": None, "women": "person"}


def test_the_published_rules_are_its_code() -> None:
    """Truth: its formulas: intersection / (union + 1e-8), what can't be loaded is skipped, 1.96 numpy.std."""
    truths = [LEFT, EMPTY, LEFT, LEFT]
    predictions = [LEFT, EMPTY, ~LEFT, None]
    pairs = [
        compare(str(i), truth=t, prediction=p)
        for i, (t, p) in enumerate(zip(truths, predictions, strict=True))
    ]
    published = [
        (t & p).sum() / ((t | p).sum() + 1e-8)
        for t, p in zip(truths, predictions, strict=True)
        if p is not None
    ]
    summary = summarise(pairs, rules=PUBLISHED_CODE)
    assert summary.miou.estimate == pytest.approx(np.mean(published), abs=1e-8)
    half = 1.96 * np.std(published) / np.sqrt(3)
    assert summary.miou.high - summary.miou.estimate == pytest.approx(half, abs=1e-7)
    assert summary.counts[OverlapStatus.MISSING] == 1
    ours = summarise(pairs)
    assert ours.miou.estimate == pytest.approx(1 / 3)
    assert ours.n_pairs == 3


def test_pairs_of_one_image_make_one_cluster() -> None:
    """Control: pairs taken as independent give the narrower interval."""
    rng = np.random.default_rng(0)
    truths = [rng.random((6, 6)) < share for share in np.repeat(rng.uniform(0.1, 0.9, 8), 6)]
    images = [f"i{p // 6}" for p in range(48)]
    whole = np.ones((6, 6), dtype=bool)
    named, unnamed = (
        summarise(
            [
                compare(str(i), truth=t, prediction=whole, image=image)
                for i, (t, image) in enumerate(zip(truths, names, strict=True))
            ]
        ).miou
        for names in (images, [""] * 48)
    )
    assert (named.method, unnamed.method) == ("t_clustered", "t_items")
    assert named.high - named.low > 1.5 * (unnamed.high - unnamed.low)


def test_baselines_score_what_knowing_nothing_is_worth() -> None:
    """The whole image scores the truth's share; a random half of n pixels about share / (1 + share)."""
    truths = [np.arange(10_000).reshape(100, 100) < 3_000] * 2
    whole, half = (
        summarise_baseline(truths, kind=kind, rng=np.random.default_rng(0))
        for kind in (Baseline.WHOLE_IMAGE, Baseline.RANDOM_HALF)
    )
    assert whole.miou.estimate == 0.3
    assert half.miou.estimate == pytest.approx(0.15 / 0.65, abs=0.01)


@pytest.mark.parametrize("shape", [(64, 64), (40, 24), (17, 33), (5, 3), (512, 512)])
def test_enlarging_is_torchs_bicubic(shape: tuple[int, int]) -> None:
    word_map = np.random.default_rng(1).random((16, 12))
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(word_map)[None, None], size=shape, mode="bicubic"
    )[0, 0].numpy()
    np.testing.assert_allclose(resize_bicubic(word_map, shape=shape), np.maximum(theirs, 0.0), atol=1e-12)


def test_a_map_that_can_not_be_resized_is_refused() -> None:
    with pytest.raises(ValueError, match="can't resize"):
        resize_bicubic(np.zeros((0, 3)), shape=(4, 4))
    with pytest.raises(ValueError, match="finite"):
        resize_bicubic(np.array([[np.nan]]), shape=(4, 4))
