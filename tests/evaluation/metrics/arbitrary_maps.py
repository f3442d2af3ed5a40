"""Cases of arbitrary input: tests, masks, maps, presence, pairs, systems."""

from typing import Any

from hypothesis import strategies as st

from evaluation.metrics import (
    ablation,
    average_precision,
    coco_labels,
    correlations,
    dependency_overlap,
    intensity,
    intervals,
    overlap,
    pairwise,
    presence,
    presence_overlap,
    resizing,
    segmentation,
    system_comparison,
    tests,
)
from tests.evaluation.metrics import arbitrary as any_
from tests.evaluation.metrics.arbitrary import Draw, case, rng


@case(tests.compare_shares)
def _(draw: Draw) -> Any:
    test = draw(st.sampled_from(tests.ExactTest))
    first, second = ((draw(any_.counts), draw(any_.counts)) for _ in range(2))
    return tests.compare_shares(first, second, test=test)


@case(tests.difference_of_shares)
def _(draw: Draw) -> Any:
    first, second = ((draw(any_.counts), draw(any_.counts)) for _ in range(2))
    return tests.difference_of_shares(first, second)


@case(tests.paired_t)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 6))
    clusters = draw(st.one_of(st.none(), st.lists(any_.names, min_size=n, max_size=n)))
    return tests.paired_t(draw(any_.arrays(size=n)), draw(any_.arrays(size=n)), clusters=clusters)


@case(tests.welch_t)
def _(draw: Draw) -> Any:
    return tests.welch_t(draw(any_.arrays()), draw(any_.arrays()))


@case(tests.wilcoxon)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 6))
    return tests.wilcoxon(draw(any_.arrays(size=n)), draw(any_.arrays(size=n)))


@case(tests.holm)
def _(draw: Draw) -> Any:
    return tests.holm(draw(any_.arrays(values=any_.shares)))


@case(overlap.count_pairs)
def _(draw: Draw) -> Any:
    counts = overlap.count_pairs(draw(any_.masks()), draw(any_.masks()))
    return [counts, counts.iou(), counts.dice(), counts.pixel_accuracy(), counts.statuses()]


@case(overlap.binarise)
def _(draw: Draw) -> Any:
    return overlap.binarise(draw(any_.matrices()), tau=draw(any_.shares))


@case(resizing.resize_bicubic)
def _(draw: Draw) -> Any:
    shape = (draw(any_.counts), draw(any_.counts))
    return resizing.resize_bicubic(draw(any_.matrices(values=st.floats(0, 1e6))), shape=shape)


@case(segmentation.union_of_instances)
def _(draw: Draw) -> Any:
    return segmentation.union_of_instances(draw(st.lists(any_.masks(), max_size=3)))


@case(segmentation.compare)
def _(draw: Draw) -> Any:
    missing = draw(st.sampled_from(segmentation.MissingRule))
    prediction = draw(st.one_of(st.none(), any_.masks()))
    return segmentation.compare("p", truth=draw(any_.masks()), prediction=prediction, missing=missing)


@case(segmentation.summarise)
def _(draw: Draw) -> Any:
    rules = draw(st.sampled_from([segmentation.OUR_RULES, segmentation.PUBLISHED_CODE]))
    return segmentation.summarise(draw(any_.segmentation_pairs()), rules=rules)


@case(segmentation.summarise_by_vocabulary)
def _(draw: Draw) -> Any:
    pairs = draw(any_.segmentation_pairs())
    words = draw(st.lists(st.sampled_from(["dogs", "fog", ""]), max_size=6))[: len(pairs)]
    return segmentation.summarise_by_vocabulary(pairs, words=words)


@case(segmentation.summarise_baseline)
def _(draw: Draw) -> Any:
    kind = draw(st.sampled_from(segmentation.Baseline))
    return segmentation.summarise_baseline(draw(st.lists(any_.masks(), max_size=4)), kind=kind, rng=rng())


@case(segmentation.baseline)
def _(draw: Draw) -> Any:
    shape = (draw(st.integers(0, 4)), draw(st.integers(0, 4)))
    return segmentation.baseline(shape, kind=draw(st.sampled_from(segmentation.Baseline)), rng=rng())


@case(segmentation.iou_by_threshold)
def _(draw: Draw) -> Any:
    taus = draw(st.lists(any_.shares, max_size=3))
    return segmentation.iou_by_threshold(draw(any_.matrices()), truth=draw(any_.masks()), taus=taus)


@case(segmentation.choose_threshold)
def _(draw: Draw) -> Any:
    ious = draw(any_.arrays(size=12, values=st.one_of(st.floats(0, 1), st.just(float("nan")))))
    return segmentation.choose_threshold(
        ious.reshape(6, 2),
        taus=[0.3, 0.4],
        rng=rng(),
        folds=draw(st.integers(1, 7)),
        images=draw(st.one_of(st.none(), st.lists(any_.names, min_size=6, max_size=6))),
    )


@case(average_precision.average_precision)
def _(draw: Draw) -> Any:
    word = st.builds(
        average_precision.SegmentedWord,
        image=any_.names, word=any_.names, truth=st.one_of(st.none(), any_.masks()),
        prediction=st.one_of(st.none(), any_.masks()), score=any_.numbers,
    )  # fmt: skip
    classes = draw(st.sampled_from(average_precision.Classes))
    return average_precision.average_precision(draw(st.lists(word, max_size=4)), classes=classes)


@case(average_precision.mean_heat_inside)
def _(draw: Draw) -> Any:
    word_map = draw(any_.matrices(values=st.floats(0, 9)))
    return average_precision.mean_heat_inside(word_map, mask=draw(any_.masks()))


@case(coco_labels.coco_label)
def _(draw: Draw) -> Any:
    return coco_labels.coco_label(draw(st.text(max_size=9)), lemma=draw(st.text(max_size=9)))


@case(dependency_overlap.overlap_by_relation)
def _(draw: Draw) -> Any:
    counts = draw(any_.pair_counts())
    n = counts.both.size
    relations = draw(st.lists(st.sampled_from(["nsubj", "det", "unrelated"]), min_size=n, max_size=n + 1))
    images = draw(st.lists(any_.names, min_size=n, max_size=n))
    return dependency_overlap.overlap_by_relation(counts, relations=relations, images=images)


@case(ablation.ablation_curve)
def _(draw: Draw) -> Any:
    values = draw(any_.arrays(size=12)).reshape(6, 2)
    clusters = draw(st.one_of(st.none(), st.lists(any_.names, min_size=6, max_size=6)))
    return ablation.ablation_curve(values, settings=["x", "y"], reference="x", clusters=clusters)


@case(intensity.intensity)
def _(draw: Draw) -> Any:
    return intensity.intensity(draw(any_.matrices()), tau=draw(any_.shares))


@case(intensity.boxes_by_group)
def _(draw: Draw) -> Any:
    groups = draw(st.lists(any_.names, max_size=5))
    return intensity.boxes_by_group(draw(any_.arrays(size=5)), groups=groups)


@case(correlations.pearson)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 7))
    return correlations.pearson(draw(any_.arrays(size=n)), draw(any_.arrays(size=n)))


@case(correlations.pixel_correlations)
def _(draw: Draw) -> Any:
    maps, changes = (draw(st.lists(any_.matrices(), max_size=2)) for _ in range(2))
    return correlations.pixel_correlations(maps, changes)


@case(correlations.mean_correlation)
def _(draw: Draw) -> Any:
    return correlations.mean_correlation(draw(any_.arrays()), rng=rng(), n_resamples=20)


@case(correlations.mean_correlation_difference)
def _(draw: Draw) -> Any:
    first, second = draw(any_.arrays()), draw(any_.arrays())
    return correlations.mean_correlation_difference(first, second, rng=rng(), n_resamples=20)


@case(correlations.correlation_difference)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 7))
    target, first, second = (draw(any_.arrays(size=n)) for _ in range(3))
    return correlations.correlation_difference(target, first=first, second=second, rng=rng(), n_resamples=20)


@case(correlations.as_percent)
def _(draw: Draw) -> Any:
    return correlations.as_percent(intervals.t_items(draw(any_.arrays(values=st.floats(-9, 9)))))


@case(system_comparison.compare_systems)
def _(draw: Draw) -> Any:
    design = draw(st.sampled_from(system_comparison.Design))
    return system_comparison.compare_systems(draw(any_.scored_items), draw(any_.scored_items), design=design)


@case(presence.top_two_labels)
def _(draw: Draw) -> Any:
    return presence.top_two_labels(draw(any_.submissions))


@case(presence.is_correct)
def _(draw: Draw) -> Any:
    label = presence.top_two_labels(draw(any_.submissions))
    return presence.is_correct(label, prompt_words=(draw(any_.names), draw(any_.names)))


@case(presence.accuracy_by_relation)
def _(draw: Draw) -> Any:
    return presence.accuracy_by_relation(draw(any_.presence_outcomes))


@case(presence.compare_relations)
def _(draw: Draw) -> Any:
    return presence.compare_relations(draw(any_.relation_accuracies()), draw(any_.relation_accuracies()))


@case(presence.overlap_group)
def _(draw: Draw) -> Any:
    return presence.overlap_group(draw(any_.numbers))


@case(presence_overlap.accuracy_by_overlap)
def _(draw: Draw) -> Any:
    return presence_overlap.accuracy_by_overlap(draw(any_.joined_outcomes))


@case(presence_overlap.overlap_by_correctness)
def _(draw: Draw) -> Any:
    return presence_overlap.overlap_by_correctness(draw(any_.joined_outcomes))


@case(presence_overlap.overlap_effects)
def _(draw: Draw) -> Any:
    return presence_overlap.overlap_effects(draw(any_.joined_outcomes))


@case(pairwise.bradley_terry)
def _(draw: Draw) -> Any:
    return pairwise.bradley_terry(draw(any_.comparisons))
