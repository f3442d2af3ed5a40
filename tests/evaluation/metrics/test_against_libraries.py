"""The same numbers by other hands, on random data: statsmodels, scikit-learn, pingouin, crowd-kit, scipy."""

from itertools import combinations

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
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
from evaluation.metrics.kappas import Weights, cohen_kappa, fleiss_kappa, gwet_ac
from evaluation.metrics.overlap import count_pairs
from evaluation.metrics.pairwise import bradley_terry_of_counts
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
    """The scores that are there, NaN where nobody was asked."""
    return RatingTable.from_rows(
        AnswerRow(item=f"i{i}", rater=f"r{r}", score=float(score))
        for (i, r), score in np.ndenumerate(scores)
        if not np.isnan(score)
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
@pytest.mark.parametrize("weights", [Weights.LINEAR, Weights.QUADRATIC])
def test_a_score_that_nobody_gave_leaves_the_others_as_far_apart(seed: int, weights: Weights) -> None:
    """No 4 on the scale of 1 to 5. Control: weights by rank: 3 and 5 are then as near as 2 and 3."""
    scores = scores_of(seed, n_raters=2)
    scores[scores == 4] = 5
    ours = cohen_kappa(table_of(scores), raters=("r0", "r1"), weights=weights)
    theirs = sk.cohen_kappa_score(*scores.T, labels=[1, 2, 3, 4, 5], weights=weights.value)
    assert ours.estimate == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shown_twice", [False, True])
def test_the_error_of_fleiss_kappa_is_the_jackknife(seed: int, shown_twice: bool) -> None:
    """Of statsmodels' kappa without each item, or without both items of each thing. Control: drop (m-1)/m."""
    scores = scores_of(seed, n_items=24)
    thing = np.arange(24) // (2 if shown_twice else 1)
    counts = inter_rater.aggregate_raters(scores)[0]
    without = np.array([inter_rater.fleiss_kappa(counts[thing != one]) for one in np.unique(thing)])
    error = np.sqrt((1 - 1 / without.size) * ((without - without.mean()) ** 2).sum())
    ours = fleiss_kappa(table_of(scores), clusters=thing if shown_twice else None)
    assert ours.standard_error == pytest.approx(error, abs=1e-9)


# Recorded from irrCAC 0.4.4, CAC(frame, weights=..., categories=[1, 2, 3, 4, 5], digits=12).gwet()["est"], of
# the tables below: coefficient and standard error. It can't be installed beside our numpy and scipy for good.
GWET = {
    (0, Weights.IDENTITY): (0.186277421478, 0.110414039346),
    (0, Weights.LINEAR): (0.485509568054, 0.109484949157),
    (0, Weights.QUADRATIC): (0.693173029046, 0.113754221353),
    (1, Weights.IDENTITY): (0.116928480819, 0.117847701958),
    (1, Weights.LINEAR): (0.560043078979, 0.092086517227),
    (1, Weights.QUADRATIC): (0.814568995515, 0.092442541231),
    (2, Weights.IDENTITY): (0.203239440783, 0.117007059564),
    (2, Weights.LINEAR): (0.525044462409, 0.107713537078),
    (2, Weights.QUADRATIC): (0.740646745804, 0.106820921769),
}


@pytest.mark.parametrize(("seed", "weights"), GWET)
def test_gwets_coefficients_with_half_of_the_ratings_missing(seed: int, weights: Weights) -> None:
    """Control: take items with one rating for items that nobody rated."""
    rng = np.random.default_rng(seed)
    latent = 3 + rng.standard_normal((25, 1)) + 0.8 * rng.standard_normal((25, 4))
    scores = np.clip(np.rint(latent), 1, 5)
    scores[rng.random(scores.shape) < 0.5] = np.nan
    ours = gwet_ac(table_of(scores), weights=weights)
    assert (ours.estimate, ours.standard_error) == pytest.approx(GWET[seed, weights], abs=1e-11)


@pytest.mark.parametrize("seed", SEEDS)
def test_strengths_with_ties_are_a_poisson_regression(seed: int) -> None:
    """Davidson's model is log-linear in the counts of each pair (Fienberg and Larntz 1976): statsmodels' GLM.

    Control: give a tie the strength of one side alone in `pairwise._features`.
    """
    rng = np.random.default_rng(seed)
    pairs = list(combinations(range(5), 2))
    told = {}
    for i, j in pairs:
        won, tied, lost = rng.integers(1, 30, 3).tolist()
        told[f"s{i}", f"s{j}"] = (won, tied, lost)
    design, counts = [], []
    for number, (i, j) in enumerate(pairs):
        for outcome, n in zip((1.0, 0.5, 0.0), told[f"s{i}", f"s{j}"], strict=True):
            strengths = np.zeros(5)
            strengths[i], strengths[j] = outcome, 1 - outcome
            # The last strength is 0 here; a pair has an intercept of its own.
            design.append([*strengths[:4], float(outcome == 0.5), *np.eye(len(pairs))[number]])
            counts.append(n)
    theirs = sm.GLM(counts, np.array(design), family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    model = bradley_terry_of_counts(told)
    ours = np.array([strength.estimate for strength in model.strengths])
    np.testing.assert_allclose(ours[:4] - ours[4], theirs.params[:4], atol=1e-7)
    assert model.tie == pytest.approx(np.exp(theirs.params[4]), abs=1e-7)
    # Strengths add up to 0 with us: the errors are those of each less the mean of all.
    centre = np.eye(5)[:, :4] - 0.2
    errors = np.sqrt(np.diag(centre @ theirs.cov_params()[:4, :4] @ centre.T))
    np.testing.assert_allclose([s.standard_error for s in model.strengths], errors, rtol=1e-6)


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
