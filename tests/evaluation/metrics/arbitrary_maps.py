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
    return tests.compare_shares(draw(any_.hits), draw(any_.hits), test=test)


@case(tests.difference_of_shares)
def _(draw: Draw) -> Any:
    return tests.difference_of_shares(draw(any_.hits), draw(any_.hits))


@case(tests.paired_t)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 6))
    clusters = draw(st.one_of(st.none(), any_.given_names(least=n, most=n)))
    return tests.paired_t(draw(any_.arrays(size=n)), draw(any_.arrays(size=n)), clusters=clusters)


@case(tests.welch_t)
def _(draw: Draw) -> Any:
    return tests.welch_t(draw(any_.arrays()), draw(any_.arrays()))


@case(tests.welch_t_clustered)
def _(draw: Draw) -> Any:
    sizes = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    first, second = (draw(any_.given_names(least=n, most=n)) for n in sizes)
    return tests.welch_t_clustered(
        draw(any_.arrays(size=sizes[0])), draw(any_.arrays(size=sizes[1])),
        first_things=first, second_things=second,
    )  # fmt: skip


@case(tests.wilcoxon)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 6))
    return tests.wilcoxon(draw(any_.arrays(size=n)), draw(any_.arrays(size=n)))


@case(tests.holm)
def _(draw: Draw) -> Any:
    return tests.holm(draw(any_.arrays(values=any_.shares)))


@case(overlap.count_pairs)
def _(draw: Draw) -> Any:
    one, other = draw(any_.shapes())
    counts = overlap.count_pairs(draw(any_.masks(shape=one)), draw(any_.masks(shape=other)))
    return [counts, counts.iou(), counts.dice(), counts.pixel_accuracy(), counts.statuses()]


@case(overlap.binarise)
def _(draw: Draw) -> Any:
    return overlap.binarise(draw(any_.word_maps()), tau=draw(any_.shares))


@case(resizing.resize_bicubic)
def _(draw: Draw) -> Any:
    side = st.integers(1, 12)
    shape = draw(any_.mostly(st.tuples(side, side), st.tuples(any_.counts, any_.counts)))
    held = draw(any_.mostly(st.tuples(side, side), st.tuples(st.integers(0, 3), st.integers(0, 3))))
    return resizing.resize_bicubic(draw(any_.matrices(values=st.floats(0, 1e6), shape=held)), shape=shape)


@case(segmentation.union_of_instances)
def _(draw: Draw) -> Any:
    shapes = draw(any_.shapes(n=draw(st.integers(0, 3))))
    return segmentation.union_of_instances([draw(any_.masks(shape=shape)) for shape in shapes])


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
    n = draw(any_.mostly(st.just(len(pairs)), st.integers(0, 6)))
    words = draw(st.lists(st.sampled_from(["dogs", "fog", ""]), min_size=n, max_size=n))
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
    taus, (one, other) = draw(st.lists(any_.shares, max_size=3)), draw(any_.shapes())
    word_map = draw(any_.word_maps(shape=one))
    return segmentation.iou_by_threshold(word_map, truth=draw(any_.masks(shape=other)), taus=taus)


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
    one, other = draw(any_.shapes())
    word = st.builds(
        average_precision.SegmentedWord,
        image=any_.names, word=any_.names, truth=st.one_of(st.none(), any_.masks(shape=one)),
        prediction=st.one_of(st.none(), any_.masks(shape=other)), score=any_.mostly(any_.tame, any_.numbers),
    )  # fmt: skip
    classes = draw(st.sampled_from(average_precision.Classes))
    return average_precision.average_precision(draw(st.lists(word, max_size=4)), classes=classes)


@case(average_precision.mean_heat_inside)
def _(draw: Draw) -> Any:
    one, other = draw(any_.shapes())
    word_map = draw(any_.matrices(values=st.floats(0, 9), shape=one))
    return average_precision.mean_heat_inside(word_map, mask=draw(any_.masks(shape=other)))


@case(coco_labels.coco_label)
def _(draw: Draw) -> Any:
    return coco_labels.coco_label(draw(st.text(max_size=9)), lemma=draw(st.text(max_size=9)))


@case(dependency_overlap.overlap_by_relation)
def _(draw: Draw) -> Any:
    counts = draw(any_.pair_counts())
    n = counts.both.size
    size = draw(any_.mostly(st.just(n), st.just(n + 1)))
    relations = draw(st.lists(st.sampled_from(["nsubj", "det", "unrelated"]), min_size=size, max_size=size))
    images = draw(st.lists(any_.names, min_size=n, max_size=n))
    return dependency_overlap.overlap_by_relation(counts, relations=relations, images=images)


@case(ablation.ablation_curve)
def _(draw: Draw) -> Any:
    values = draw(any_.arrays(size=12)).reshape(6, 2)
    clusters = draw(st.one_of(st.none(), st.lists(any_.names, min_size=6, max_size=6)))
    return ablation.ablation_curve(values, settings=["x", "y"], reference="x", clusters=clusters)


@case(intensity.intensity)
def _(draw: Draw) -> Any:
    return intensity.intensity(draw(any_.word_maps()), tau=draw(any_.shares))


@case(intensity.boxes_by_group)
def _(draw: Draw) -> Any:
    groups = draw(any_.mostly(st.lists(any_.names, min_size=5, max_size=5), st.lists(any_.names, max_size=5)))
    return intensity.boxes_by_group(draw(any_.arrays(size=5)), groups=groups)


@case(correlations.pearson)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 7))
    return correlations.pearson(draw(any_.arrays(size=n)), draw(any_.arrays(size=n)))


@case(correlations.pixel_correlations)
def _(draw: Draw) -> Any:
    n, (one, other) = draw(st.integers(0, 2)), draw(any_.shapes())
    maps = draw(st.lists(any_.matrices(shape=one), min_size=n, max_size=n))
    changes = draw(st.lists(any_.matrices(shape=other), min_size=n, max_size=draw(st.integers(n, n + 1))))
    return correlations.pixel_correlations(maps, changes)


@case(correlations.mean_correlation)
def _(draw: Draw) -> Any:
    return correlations.mean_correlation(draw(any_.arrays()), rng=rng(), n_resamples=20)


@case(correlations.mean_correlation_difference)
def _(draw: Draw) -> Any:
    n = draw(st.integers(0, 7))
    first, second = draw(any_.arrays(size=n)), draw(any_.mostly(any_.arrays(size=n), any_.arrays()))
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


@case(pairwise.bradley_terry_of_counts)
def _(draw: Draw) -> Any:
    names = st.sampled_from(["a", "b", "c"])
    least = draw(any_.mostly(st.just(0), st.just(-1)))
    told = st.tuples(*[st.integers(least, 5)] * 3)
    two = st.permutations("abc").map(lambda order: (order[0], order[1]))
    pairs = draw(any_.mostly(st.just(two), st.just(st.tuples(names, names))))
    return pairwise.bradley_terry_of_counts(draw(st.dictionaries(pairs, told, max_size=6)))


@case(pairwise.bradley_terry)
def _(draw: Draw) -> Any:
    return pairwise.bradley_terry(draw(any_.comparisons))
