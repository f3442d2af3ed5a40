"""Cases of arbitrary input: tables of ratings, opinion scores, intervals."""

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
    mean_intervals,
    methods,
    opinion,
    outlier_rules,
    planning,
    rater_bias,
    responses,
    screening,
    shares,
    two_way,
)
from tests.evaluation.metrics import arbitrary as any_
from tests.evaluation.metrics.arbitrary import Draw, case, rng

for of_table in (
    alpha.krippendorff_alpha, kappas.fleiss_kappa, icc.intraclass_correlation,
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
            n_resamples=draw(any_.mostly(st.sampled_from([1, 40]), st.just(0))),
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
        things=grouping.things,
    )


@case(two_way.too_few)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    return [two_way.too_few(part) for part in mean_intervals.parts_of_groups(study, grouping=grouping)]


@case(mean_intervals.over_items)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    method = draw(st.sampled_from(mean_intervals.OVER_ITEMS))
    confidence = draw(any_.confidences)
    parts = mean_intervals.parts_of_groups(study, grouping=grouping)
    return [mean_intervals.over_items(part, method=method, confidence=confidence) for part in parts]


@case(two_way.two_way)
def _(draw: Draw) -> Any:
    study, grouping = draw(any_.studies())
    method = draw(st.sampled_from(["two_way", "two_way_satterthwaite", "other"]))
    parts = mean_intervals.parts_of_groups(study, grouping=grouping)
    return [two_way.two_way(part, method=method, confidence=draw(any_.confidences)) for part in parts]


@case(two_way.rater_variance)
def _(draw: Draw) -> Any:
    cross = draw(st.floats(-1e9, 1e9))
    return two_way.rater_variance(cross, n_pairs=draw(any_.counts), n_raters=draw(any_.counts))


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


@case(bootstrap_two_way.grouping_of)
def _(draw: Draw) -> Any:
    index = draw(any_.arrays(values=st.integers(0, 3))).astype(np.int64)
    return bootstrap_two_way.grouping_of(index, n=4, same_thing=index[::-1])


@case(bootstrap.bootstrap_items)
def _(draw: Draw) -> Any:
    values = draw(any_.arrays())
    return bootstrap.bootstrap_items(
        values,
        rng=rng(),
        n_resamples=draw(any_.mostly(st.integers(1, 30), st.integers(-1, 0))),
        confidence=draw(any_.confidences),
        method=draw(any_.mostly(st.sampled_from(["bootstrap_items", "bootstrap_items_bca"]), st.just("z"))),
        things=draw(st.sampled_from([None, np.arange(values.size) // 2])),
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


@case(responses.response_shares)
def _(draw: Draw) -> Any:
    return responses.response_shares(draw(any_.tables(few_steps=True)))


@case(intervals.wilson)
def _(draw: Draw) -> Any:
    found, total = draw(any_.hits)
    return intervals.wilson(found, total=total, confidence=draw(any_.confidences))


@case(intervals.clopper_pearson)
def _(draw: Draw) -> Any:
    return intervals.clopper_pearson(draw(any_.counts), total=draw(st.sampled_from([0, 5, 10**9])))


@case(intervals.share_interval)
def _(draw: Draw) -> Any:
    method = draw(any_.mostly(st.sampled_from(["wilson", "clopper_pearson"]), st.just("t_items")))
    found, total = draw(any_.hits)
    return intervals.share_interval(found, total=total, method=method)


@case(intervals.real_numbers)
def _(draw: Draw) -> Any:
    good = st.one_of(st.floats(), st.none(), st.integers(0, 5))
    bad = st.one_of(good, st.text(max_size=1), st.complex_numbers())
    found = draw(any_.mostly(st.lists(good), st.lists(bad)))
    finite = intervals.real_numbers(found)
    return finite[np.isfinite(finite)]


@case(intervals.check_share)
def _(draw: Draw) -> Any:
    found, total = draw(any_.mostly(any_.hits, st.tuples(any_.numbers, any_.counts)))
    return intervals.check_share(found, total=total)


@case(intervals.deviation)
def _(draw: Draw) -> Any:
    return intervals.deviation(draw(any_.arrays(values=st.floats(-1e60, 1e60), least=2)))


@case(clustered.clustered_error)
def _(draw: Draw) -> Any:
    values = draw(any_.arrays(values=st.floats(-1e60, 1e60), least=2))
    return clustered.clustered_error(values, group=np.arange(values.size) % 2, n_groups=2)


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
    scale = draw(
        any_.mostly(
            st.sampled_from([(1.0, 5.0), (-1e9, 1e9), (0.0, 1e-9)]), st.tuples(any_.numbers, any_.numbers)
        )
    )
    return bounded.binomial_bounded(draw(any_.numbers), n=draw(any_.counts), scale=scale)


@case(methods.method_card)
def _(draw: Draw) -> Any:
    names = st.sampled_from([method.value for method in intervals.IntervalMethod])
    return methods.method_card(draw(any_.mostly(names, st.text(max_size=5))))


@case(methods.methods_for_means)
def _(draw: Draw) -> Any:
    return methods.methods_for_means()


@case(clustered.cluster_codes)
def _(draw: Draw) -> Any:
    return clustered.cluster_codes(draw(any_.given_names(least=0, most=6)))


@case(item_scores.medians)
def _(draw: Draw) -> Any:
    table = draw(any_.tables()).only_scores()
    return item_scores.medians(table.score, item_index=table.item_index, n_items=table.n_items)


@case(item_scores.means)
def _(draw: Draw) -> Any:
    table = draw(any_.tables()).only_scores()
    return item_scores.means(table.score, item_index=table.item_index, n_items=table.n_items)
