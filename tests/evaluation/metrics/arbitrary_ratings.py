"""Cases of arbitrary input: ratings, intervals, agreement, planning."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from evaluation.metrics import (
    alpha,
    bootstrap,
    bootstrap_two_way,
    bounded,
    clustered,
    icc,
    intensity,
    intervals,
    item_scores,
    kappas,
    label_models,
    mean_intervals,
    methods,
    opinion,
    outlier_rules,
    planning,
    rater_bias,
    responses,
    running,
    screening,
    shares,
    subjective_model,
    two_way,
    worlds,
)
from tests.evaluation.metrics import arbitrary as any_
from tests.evaluation.metrics.arbitrary import Draw, case, rng

for of_table in (
    alpha.krippendorff_alpha, kappas.fleiss_kappa, icc.intraclass_correlation, responses.response_shares,
    shares.rater_shares, screening.screen_raters, screening.leave_one_out_correlations,
    screening.longest_runs, rater_bias.rater_biases, rater_bias.without_bias, outlier_rules.bt500_screen,
    outlier_rules.z_filter, bounded.sos_model, bounded.item_intervals, planning.variance_components,
):  # fmt: skip
    case(of_table)(lambda draw, of_table=of_table: of_table(draw(any_.tables())))  # type: ignore[misc]


@case(opinion.opinion_report)
def _(draw: Draw) -> Any:
    return opinion.opinion_report(
        draw(any_.tables()),
        protocol=opinion.Protocol(
            drop_rule=draw(st.sampled_from(opinion.DropRule)),
            item_score=draw(st.sampled_from(item_scores.ItemScore)),
            interval=draw(st.sampled_from(intervals.IntervalMethod)),
            zero_width=draw(st.sampled_from(bounded.ZeroWidth)),
            confidence=draw(any_.confidences),
            n_resamples=draw(st.sampled_from([0, 1, 40])),
        ),
    )


@case(mean_intervals.mean_intervals)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    return mean_intervals.mean_intervals(
        study,
        groupings=(grouping,),
        method=draw(st.sampled_from(intervals.IntervalMethod)),
        resampling=mean_intervals.Resampling(n_resamples=30),
    )


@case(mean_intervals.parts_of_groups)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    return mean_intervals.parts_of_groups(study, grouping=grouping)


@case(two_way.two_way_parts)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    return two_way.two_way_parts(
        study.item_scores,
        item_index=study.item_index,
        rater_index=study.rater_index,
        left_out=study.left_out,
        group_index=grouping.index,
        n_groups=grouping.n,
    )


@case(two_way.two_way)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    method = draw(st.sampled_from(["two_way", "two_way_satterthwaite", "other"]))
    parts = mean_intervals.parts_of_groups(study, grouping=grouping)
    return [two_way.two_way(part, method=method, confidence=draw(any_.confidences)) for part in parts]


@case(two_way.rater_variance)
def _(draw: Draw) -> Any:
    cross = draw(st.floats(-1e9, 1e9))
    return two_way.rater_variance(cross, n_items=draw(any_.counts), n_raters=draw(any_.counts))


@case(two_way.ratings_two_way)
def _(draw: Draw) -> Any:
    study, _ = draw(any_.studies())
    return two_way.ratings_two_way(study.scores, item_index=study.item_index, rater_index=study.rater_index)


@case(bootstrap_two_way.resample_two_way)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    return bootstrap_two_way.resample_two_way(
        study.scores,
        item_index=study.item_index,
        rater_index=study.rater_index,
        n_items=study.item_scores.size,
        groupings=(grouping,),
        rng=rng(),
        item_score=study.item_score,
        n_resamples=draw(st.integers(-1, 20)),
    )


@case(bootstrap_two_way.interval_of_resamples)
def _(draw: Draw) -> Any:
    return bootstrap_two_way.interval_of_resamples(
        draw(any_.arrays(values=st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))))),
        estimate=draw(st.floats(-1e6, 1e6)),
        n_items=draw(any_.counts),
        n_raters=draw(any_.counts),
        method=draw(st.sampled_from(["bootstrap_two_way", "bootstrap_two_way_bca"])),
        acceleration=draw(st.floats(-0.2, 0.2)),
    )


@case(bootstrap_two_way.two_way_acceleration)
def _(draw: Draw) -> Any:
    sides = [draw(any_.arrays(values=st.floats(-1e6, 1e6))) for _ in range(2)]
    return bootstrap_two_way.two_way_acceleration(sides[0], rater_influence=sides[1])


@case(bootstrap.bootstrap_items)
def _(draw: Draw) -> Any:
    return bootstrap.bootstrap_items(
        draw(any_.arrays()),
        rng=rng(),
        n_resamples=draw(st.integers(-1, 30)),
        confidence=draw(any_.confidences),
        method=draw(st.sampled_from(["bootstrap_items", "bootstrap_items_bca", "z"])),
    )


@case(bootstrap.resampled_means)
def _(draw: Draw) -> Any:
    values = draw(any_.arrays(values=st.floats(-1e6, 1e6)))
    return bootstrap.resampled_means(values, rng=rng(), n_resamples=5)


for of_values in (intervals.t_items, intervals.z196, clustered.t_clustered, intensity.tukey_box):
    case(of_values)(lambda draw, of_values=of_values: of_values(draw(any_.arrays())))  # type: ignore[misc]


@case(intervals.interval_from_moments)
def _(draw: Draw) -> Any:
    return intervals.interval_from_moments(
        draw(st.floats(-1e6, 1e6)),
        standard_deviation=draw(st.floats(0, 1e6)),
        n=draw(st.integers(0, 9)),
        method=draw(st.sampled_from(["t_items", "z1.96", "z1.96_population"])),
    )


@case(intervals.wilson)
def _(draw: Draw) -> Any:
    return intervals.wilson(draw(any_.counts), total=draw(any_.counts), confidence=draw(any_.confidences))


@case(intervals.clopper_pearson)
def _(draw: Draw) -> Any:
    return intervals.clopper_pearson(draw(any_.counts), total=draw(st.sampled_from([0, 5, 10**9])))


@case(intervals.share_interval)
def _(draw: Draw) -> Any:
    method = draw(st.sampled_from(["wilson", "clopper_pearson", "t_items"]))
    return intervals.share_interval(draw(any_.counts), total=draw(any_.counts), method=method)


@case(intervals.check_size)
def _(draw: Draw) -> Any:
    return intervals.check_size(draw(any_.arrays()))


@case(intervals.check_confidence)
def _(draw: Draw) -> Any:
    return intervals.check_confidence(draw(any_.confidences))


@case(bounded.sos_interval)
def _(draw: Draw) -> Any:
    model = bounded.sos_model(draw(any_.tables()))
    return bounded.sos_interval(draw(any_.numbers), n=draw(any_.counts), model=model)


@case(bounded.binomial_bounded)
def _(draw: Draw) -> Any:
    scale = (draw(any_.numbers), draw(any_.numbers))
    return bounded.binomial_bounded(draw(any_.numbers), n=draw(any_.counts), scale=scale)


@case(methods.method_card)
def _(draw: Draw) -> Any:
    return methods.method_card(draw(st.text(max_size=5)))


@case(methods.methods_for_means)
def _(draw: Draw) -> Any:
    return methods.methods_for_means()


@case(clustered.cluster_codes)
def _(draw: Draw) -> Any:
    return clustered.cluster_codes(draw(st.lists(any_.names)))


@case(item_scores.medians)
def _(draw: Draw) -> Any:
    table = draw(any_.tables()).only_scores()
    return item_scores.medians(table.score, item_index=table.item_index, n_items=table.n_items)


@case(item_scores.means)
def _(draw: Draw) -> Any:
    table = draw(any_.tables()).only_scores()
    return item_scores.means(table.score, item_index=table.item_index, n_items=table.n_items)


@case(alpha.alpha_with_interval)
def _(draw: Draw) -> Any:
    level = draw(st.sampled_from(alpha.Level))
    return alpha.alpha_with_interval(draw(any_.tables()), rng=rng(), level=level, n_resamples=20)


@case(kappas.cohen_kappa)
def _(draw: Draw) -> Any:
    weights = draw(st.sampled_from(kappas.Weights))
    return kappas.cohen_kappa(draw(any_.tables()), raters=("r0", "r1"), weights=weights)


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
    handed_in = dict.fromkeys(table.rater_ids[: draw(st.integers(0, 30))], 2)
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
    worlds.World, name=st.just("w"), n_items=st.integers(1, 5), n_raters=st.integers(3, 5)
)


@case(worlds.simulate)
def _(draw: Draw) -> Any:
    return worlds.simulate(draw(small_worlds), rng=rng())


@case(worlds.parts_of)
def _(draw: Draw) -> Any:
    world = draw(small_worlds)
    score = draw(st.sampled_from(item_scores.ItemScore))
    return worlds.parts_of(worlds.simulate(world, rng=rng()), item_score=score, n_items=world.n_items)


@case(worlds.studies)
def _(draw: Draw) -> Any:
    score = draw(st.sampled_from(item_scores.ItemScore))
    return worlds.studies(draw(small_worlds), item_score=score, n_studies=2, rng=rng())
