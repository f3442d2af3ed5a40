"""The same numbers by other hands, on random data: statsmodels, scikit-learn, pingouin, crowd-kit, scipy."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from crowdkit.aggregation import DawidSkene, MajorityVote
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats import inter_rater, proportion
from statsmodels.stats.multitest import multipletests

from evaluation.metrics import label_models
from evaluation.metrics.icc import IccForm, intraclass_correlation
from evaluation.metrics.intervals import clopper_pearson, wilson
from evaluation.metrics.kappas import Weights, cohen_kappa, fleiss_kappa
from evaluation.metrics.overlap import count_pairs
from evaluation.metrics.screening import leave_one_out_correlations
from evaluation.metrics.tables import AnswerRow, RatingTable
from evaluation.metrics.tests import difference_of_shares, holm

# What the libraries warn of in their own code is theirs to mend.
pytestmark = pytest.mark.filterwarnings("ignore")
SEEDS = [pytest.param(seed, id=f"table {seed}") for seed in range(3)]


def scores_of(seed: int, *, n_items: int = 25, n_raters: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    latent = 3 + rng.standard_normal((n_items, 1)) + 0.8 * rng.standard_normal((n_items, n_raters))
    return np.clip(np.rint(latent), 1, 5)


def table_of(scores: np.ndarray) -> RatingTable:
    return RatingTable.from_rows(
        AnswerRow(item=f"i{i}", rater=f"r{r}", score=float(score)) for (i, r), score in np.ndenumerate(scores)
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("weights", "in_statsmodels", "in_sklearn"),
    [
        (Weights.IDENTITY, None, None),
        (Weights.LINEAR, "linear", "linear"),
        (Weights.QUADRATIC, "quadratic", "quadratic"),
    ],
)
def test_cohens_kappa(
    seed: int, weights: Weights, in_statsmodels: str | None, in_sklearn: str | None
) -> None:
    scores = scores_of(seed, n_raters=2)
    ours = cohen_kappa(table_of(scores), raters=("r0", "r1"), weights=weights)
    counts = sk.confusion_matrix(scores[:, 0], scores[:, 1])
    theirs = inter_rater.cohens_kappa(counts, wt=in_statsmodels)
    assert ours.estimate == pytest.approx(theirs.kappa, abs=1e-9)
    assert ours.standard_error == pytest.approx(theirs.std_kappa, abs=1e-9)
    assert ours.estimate == pytest.approx(
        sk.cohen_kappa_score(scores[:, 0], scores[:, 1], weights=in_sklearn), abs=1e-9
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_fleiss_kappa(seed: int) -> None:
    scores = scores_of(seed)
    counts = inter_rater.aggregate_raters(scores)[0]
    assert fleiss_kappa(table_of(scores)).estimate == pytest.approx(
        inter_rater.fleiss_kappa(counts), abs=1e-9
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_six_intraclass_correlations_and_their_intervals(seed: int) -> None:
    """pingouin rounds its bounds to two decimals."""
    scores = scores_of(seed)
    long = pd.DataFrame(
        [(i, r, score) for (i, r), score in np.ndenumerate(scores)], columns=["item", "rater", "score"]
    )
    theirs = pingouin.intraclass_corr(long, targets="item", raters="rater", ratings="score")
    bounds = next(name for name in theirs.columns if name.startswith("CI95"))
    for form, (_, row) in zip(IccForm, theirs.iterrows(), strict=True):
        ours = intraclass_correlation(table_of(scores), form=form)
        assert ours.estimate == pytest.approx(float(row["ICC"]), abs=1e-9)
        assert (ours.low, ours.high) == pytest.approx(tuple(row[bounds]), abs=0.0051)


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.9, 0.95, 0.99]))
def test_intervals_of_a_share(successes: int, total: int, confidence: float) -> None:
    successes = min(successes, total)
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        interval = ours(successes, total=total, confidence=confidence)
        low, high = proportion.proportion_confint(successes, total, alpha=1 - confidence, method=method)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


@settings(max_examples=60)
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_newcombes_interval_of_a_difference(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    ours = difference_of_shares((a, n), (b, m))
    low, high = proportion.confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_holms_correction(n: int) -> None:
    p_values = np.random.default_rng(n).random(n) ** 3
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_iou_dice_recall_precision_and_accuracy_of_masks(first: int, second: int) -> None:
    """scikit-learn's scores of the pixels; a ratio without a denominator is ours to leave empty."""
    a, b = (np.array([n >> bit & 1 for bit in range(24)], dtype=bool).reshape(4, 6) for n in (first, second))
    counts = count_pairs(a, b)
    for ours, theirs in (
        (counts.iou(), sk.jaccard_score(a.ravel(), b.ravel()) if (a | b).any() else np.nan),
        (counts.dice(), sk.f1_score(a.ravel(), b.ravel(), zero_division=np.nan)),
        (counts.inter_over_first(), sk.recall_score(a.ravel(), b.ravel(), zero_division=np.nan)),
        (counts.inter_over_second(), sk.precision_score(a.ravel(), b.ravel(), zero_division=np.nan)),
        (counts.pixel_accuracy(), sk.accuracy_score(a.ravel(), b.ravel())),
    ):
        np.testing.assert_allclose(ours[0], theirs, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_dawid_skene_after_as_many_iterations(seed: int) -> None:
    """crowd-kit starts from the same shares of votes; each of its iterations is one of ours."""
    scores = scores_of(seed, n_items=60, n_raters=5).astype(int) - 1
    item, rater = np.divmod(np.arange(scores.size), 5)
    votes = pd.DataFrame({"task": item, "worker": rater, "label": scores.ravel()})
    theirs = DawidSkene(n_iter=30, tol=-np.inf).fit_predict_proba(votes)
    ours = label_models.dawid_skene(
        item, rater_index=rater, label=scores.ravel(), n_items=60, n_raters=5, n_labels=5,
        tolerance=0.0, max_iterations=30,
    )  # fmt: skip
    expected = theirs.sort_index().reindex(columns=range(5), fill_value=0.0).to_numpy()
    np.testing.assert_allclose(ours.probability, expected, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_majority_where_it_is_one(seed: int) -> None:
    scores = scores_of(seed).astype(int) - 1
    item = np.repeat(np.arange(25), 4)
    votes = pd.DataFrame({"task": item, "worker": np.tile(np.arange(4), 25), "label": scores.ravel()})
    theirs = MajorityVote().fit_predict(votes).sort_index().to_numpy()
    ours = label_models.majority(item, label=scores.ravel(), n_items=25, n_labels=5)
    np.testing.assert_array_equal(ours.label[~ours.tied], theirs[~ours.tied])
    assert (ours.label[ours.tied] == label_models.NO_LABEL).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_correlation_of_a_rater_with_the_others(seed: int) -> None:
    scores = scores_of(seed)
    ours, _ = leave_one_out_correlations(table_of(scores))
    for rater in range(4):
        others = np.delete(scores, rater, axis=1).mean(axis=1)
        assert ours[rater] == pytest.approx(stats.pearsonr(scores[:, rater], others).statistic, abs=1e-9)
