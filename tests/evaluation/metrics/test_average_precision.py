import builtins
from typing import Any

import numpy as np
import pytest

from evaluation.metrics.average_precision import (
    AveragePrecision,
    Classes,
    MissingLibraryError,
    SegmentedWord,
    average_precision,
    mean_heat_inside,
)

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def rectangle(
    y: int | np.integer, x: int | np.integer, height: int | np.integer, width: int | np.integer
) -> np.ndarray:
    mask = np.zeros((30, 40), dtype=bool)
    mask[y : y + height, x : x + width] = True
    return mask


def study(*, seed: int = 0, n_images: int = 12) -> list[SegmentedWord]:
    """Three words an image; predictions are shifted truths, some missing, some of a word not there."""
    rng = np.random.default_rng(seed)
    words = []
    for image in range(n_images):
        for word in ("dog", "cat", "boat"):
            y, x, h, w = rng.integers(0, 12), rng.integers(0, 20), rng.integers(6, 14), rng.integers(6, 16)
            truth = rectangle(y, x, h, w) if rng.random() < 0.85 else None
            drawn = rectangle(y + rng.integers(0, 3), x + rng.integers(0, 3), h, w)
            words.append(
                SegmentedWord(
                    image=f"i{image}",
                    word=word,
                    truth=truth,
                    prediction=drawn if rng.random() < 0.9 else None,
                    score=float(rng.random()),
                )
            )
    return words


def by_hand(words: list[SegmentedWord], *, classes: Classes) -> float:
    """The published procedure as loops: best first, one truth each, 101-point interpolation."""
    labels = {w.word for w in words} if classes == Classes.MULTICLASS else {None}
    of_label = []
    for label in labels:
        own = [w for w in words if label is None or w.word == label]
        truths = [w for w in own if w.truth is not None]
        if truths:
            ranked = sorted((w for w in own if w.prediction is not None), key=lambda w: -w.score)
            of_label.append([one_threshold(ranked, truths=truths, at=t) for t in THRESHOLDS])
    return float(np.mean(of_label))


def one_threshold(ranked: list[SegmentedWord], *, truths: list[SegmentedWord], at: float) -> float:
    taken: set[int] = set()
    hits = []
    for prediction in ranked:
        best, best_iou = -1, float(min(at, 1 - 1e-10))
        for t, truth in enumerate(truths):
            if truth.image != prediction.image or t in taken:
                continue
            a, b = np.asarray(truth.truth), np.asarray(prediction.prediction)
            iou = float(np.sum(a & b) / np.sum(a | b))
            if iou >= best_iou:
                best, best_iou = t, iou
        taken |= {best} - {-1}
        hits.append(best >= 0)
    found = np.cumsum(hits)
    recall, precision = found / len(truths), found / np.arange(1, len(hits) + 1)
    return float(np.mean([precision[recall >= r].max(initial=0.0) for r in RECALLS]))


@pytest.mark.parametrize("classes", Classes)
@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_the_procedure_written_out(classes: Classes, seed: int) -> None:
    words = study(seed=seed)
    result = average_precision(words, classes=classes)
    assert result.ap == pytest.approx(by_hand(words, classes=classes), abs=1e-12)
    assert 0 < result.ap < result.ap50 < 1
    assert result.score_rule == "mean heat inside the mask"


def test_perfect_predictions_score_one_and_none_score_zero() -> None:
    truth = rectangle(2, 2, 8, 8)
    perfect = SegmentedWord(image="a", word="dog", truth=truth, prediction=truth, score=1.0)
    nothing = SegmentedWord(image="a", word="dog", truth=truth, prediction=None, score=float("nan"))
    assert average_precision([perfect]).ap == pytest.approx(1.0)
    assert average_precision([nothing]).ap == 0.0


def test_a_word_without_a_truth_costs_in_one_class_and_is_left_out_of_many() -> None:
    """Control: the library's -1 for such a word, averaged as a number, pulls the mean below zero."""
    truth = rectangle(2, 2, 8, 8)
    words = [
        SegmentedWord(image="a", word="dog", truth=truth, prediction=truth, score=0.5),
        SegmentedWord(image="a", word="cat", truth=None, prediction=rectangle(15, 20, 5, 5), score=0.9),
    ]
    multiclass, binary = (average_precision(words, classes=c) for c in (Classes.MULTICLASS, Classes.BINARY))
    assert multiclass.ap == pytest.approx(1.0)
    assert list(multiclass.by_word) == ["dog"]
    assert binary.ap == pytest.approx(0.5)


def test_without_a_truth_there_is_a_reason_and_no_number() -> None:
    for words in ([], [SegmentedWord(image="a", word="x", truth=None, prediction=None, score=0.0)]):
        result = average_precision(words)
        assert isinstance(result, AveragePrecision)
        assert np.isnan(result.ap)
        assert result.reason == "no truth mask"


def test_bad_pairs_are_refused() -> None:
    truth = rectangle(0, 0, 4, 4)
    one = SegmentedWord(image="a", word="dog", truth=truth, prediction=truth, score=1.0)
    with pytest.raises(ValueError, match="given twice"):
        average_precision([one, one])
    with pytest.raises(ValueError, match="no finite score"):
        average_precision([SegmentedWord(image="a", word="d", truth=truth, prediction=truth, score=np.nan)])
    with pytest.raises(ValueError, match="differ in shape"):
        average_precision(
            [one, SegmentedWord(image="a", word="cat", truth=truth[:5], prediction=None, score=0.0)]
        )


def test_the_score_is_the_mean_heat_inside_the_mask() -> None:
    word_map = np.arange(12.0).reshape(3, 4)
    mask = word_map >= 9
    assert mean_heat_inside(word_map, mask=mask) == 10.0
    assert np.isnan(mean_heat_inside(word_map, mask=np.zeros((3, 4), dtype=bool)))


def test_a_server_without_the_library_gets_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: an import at the top of the module breaks the whole evaluation there."""
    real = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return real(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingLibraryError, match="pip install"):
        average_precision(study(n_images=1))
