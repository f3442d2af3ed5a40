"""Cases of arbitrary input: agreement, label models, screening, planning."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from evaluation.metrics import (
    alpha,
    alpha_bootstrap,
    checklist,
    icc,
    item_scores,
    kappas,
    label_models,
    outlier_rules,
    planning,
    running,
    screening,
    subjective_model,
    worlds,
)
from tests.evaluation.metrics import arbitrary as any_
from tests.evaluation.metrics.arbitrary import Draw, case, rng


@case(alpha_bootstrap.alpha_with_interval)
def _(draw: Draw) -> Any:
    level = draw(st.sampled_from(alpha.Level))
    return alpha_bootstrap.alpha_with_interval(draw(any_.tables()), rng=rng(), level=level, n_resamples=20)


@case(alpha_bootstrap.alphas_with_intervals)
def _(draw: Draw) -> Any:
    table = draw(any_.tables())
    things = np.arange(table.n_items) // draw(st.integers(1, 3))
    return alpha_bootstrap.alphas_with_intervals(table, rng=rng(), clusters=things, n_resamples=20)


@case(icc.complete_scores)
def _(draw: Draw) -> Any:
    return icc.complete_scores(draw(any_.tables()), one_way=draw(st.booleans()))


@case(icc.correlation_of)
def _(draw: Draw) -> Any:
    form = draw(st.sampled_from(icc.IccForm))
    complete = icc.complete_scores(draw(any_.tables()), one_way=form in icc.ONE_WAY_FORMS)
    return icc.correlation_of(complete, form=form)


@case(checklist.checklist_alpha)
def _(draw: Draw) -> Any:
    sizes = draw(st.lists(st.integers(0, 4), max_size=6))
    told = st.tuples(st.integers(0, max(len(sizes) - 1, 0)), st.integers(0, 4))
    rows = draw(st.lists(told, max_size=6)) if sizes else []
    n_raters = np.array(sizes, dtype=np.int64)
    item, votes = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    n_words = draw(st.integers(0, 4))
    return checklist.checklist_alpha(
        n_raters, item=item, votes=votes, n_words=n_words, rng=rng(), n_resamples=20
    )  # fmt: skip


@case(kappas.counted_scores)
def _(draw: Draw) -> Any:
    return kappas.counted_scores(draw(any_.tables()))


@case(kappas.fleiss_of)
def _(draw: Draw) -> Any:
    return kappas.fleiss_of(kappas.counted_scores(draw(any_.tables())))


@case(kappas.gwet_of)
def _(draw: Draw) -> Any:
    weights = draw(st.sampled_from(kappas.Weights))
    return kappas.gwet_of(kappas.counted_scores(draw(any_.tables())), weights=weights)


@case(kappas.cohen_kappa)
def _(draw: Draw) -> Any:
    weights = draw(st.sampled_from(kappas.Weights))
    table = draw(any_.tables())
    known = [*table.rater_ids, "r0", "r1"][:2]
    raters = draw(any_.mostly(st.just(known), st.just(["r0", "r1"])))
    return kappas.cohen_kappa(table, raters=(raters[0], raters[1]), weights=weights)


@case(kappas.gwet_ac)
def _(draw: Draw) -> Any:
    return kappas.gwet_ac(draw(any_.tables()), weights=draw(st.sampled_from(kappas.Weights)))


@case(kappas.credit)
def _(draw: Draw) -> Any:
    categories = np.unique(draw(any_.arrays(values=st.floats(-1e6, 1e6))))
    return kappas.credit(categories, weights=draw(st.sampled_from(kappas.Weights)))


@case(label_models.majority)
def _(draw: Draw) -> Any:
    table = draw(any_.tables())
    label = np.arange(table.n_answers) % 3
    return label_models.majority(table.item_index, label=label, n_items=table.n_items, n_labels=3)


@case(label_models.dawid_skene)
def _(draw: Draw) -> Any:
    table = draw(any_.tables())
    labels = draw(st.lists(st.integers(0, 2), min_size=table.n_answers, max_size=table.n_answers))
    return label_models.dawid_skene(
        table.item_index,
        rater_index=table.rater_index,
        label=np.array(labels, dtype=np.int64),
        n_items=table.n_items,
        n_raters=table.n_raters,
        n_labels=3,
        max_iterations=20,
    )


@case(subjective_model.subjective_model)
def _(draw: Draw) -> Any:
    return subjective_model.subjective_model(
        draw(any_.tables()),
        floor=draw(st.sampled_from([0.1, 1e-6, 0.0])),
        least_ratings=draw(st.integers(0, 4)),
        most_iterations=draw(st.sampled_from([0, 1, 60])),
    )


@case(outlier_rules.least_votes)
def _(draw: Draw) -> Any:
    return outlier_rules.least_votes(draw(st.floats(0.1, 9)), strict=draw(st.booleans()))


@case(screening.attention_outcomes)
def _(draw: Draw) -> Any:
    answers = st.builds(screening.AttentionAnswer, rater=any_.names, passed=st.booleans())
    return screening.attention_outcomes(draw(st.lists(answers, max_size=6)))


@case(screening.reject_rates)
def _(draw: Draw) -> Any:
    table = draw(any_.tables())
    known = draw(st.sampled_from([30, 30, 30, 1, 0]))
    handed_in = dict.fromkeys(table.rater_ids[:known], 2)
    return screening.reject_rates(table, excluded=["r0"], assignments=handed_in)


@case(running.RunningOpinion)
def _(draw: Draw) -> Any:
    sums = running.RunningOpinion.from_table(draw(any_.tables()))
    return [sums.group(), *sums.groups()]


@case(planning.half_width)
def _(draw: Draw) -> Any:
    return planning.half_width(
        planning.variance_components(draw(any_.tables())),
        n_items=draw(any_.counts),
        n_raters=draw(any_.counts),
        raters_per_item=draw(any_.counts),
    )


@case(planning.items_needed)
def _(draw: Draw) -> Any:
    return planning.items_needed(
        planning.variance_components(draw(any_.tables())),
        target=draw(any_.numbers),
        n_raters=draw(st.integers(2, 9)),
        raters_per_item=draw(st.integers(1, 2)),
    )


@case(planning.per_group_for_shares)
def _(draw: Draw) -> Any:
    return planning.per_group_for_shares(draw(any_.shares), draw(any_.shares), power=draw(any_.shares))


@case(planning.power_of_difference)
def _(draw: Draw) -> Any:
    return planning.power_of_difference(
        planning.variance_components(draw(any_.tables())),
        difference=draw(any_.numbers),
        n_items=draw(any_.counts),
        raters_per_item=draw(any_.counts),
    )


small_worlds = st.builds(
    worlds.World,
    name=st.just("w"),
    n_items=st.integers(1, 5),
    n_raters=st.integers(3, 5),
    conditions=st.integers(1, 3),
)


@case(worlds.simulate)
def _(draw: Draw) -> Any:
    return worlds.simulate(draw(small_worlds), rng=rng())


@case(worlds.parts_of)
def _(draw: Draw) -> Any:
    world = draw(small_worlds)
    score = draw(st.sampled_from(item_scores.ItemScore))
    return worlds.parts_of(worlds.simulate(world, rng=rng()), item_score=score)


@case(worlds.studies)
def _(draw: Draw) -> Any:
    score = draw(st.sampled_from(item_scores.ItemScore))
    return worlds.studies(draw(small_worlds), item_score=score, n_studies=2, rng=rng())
