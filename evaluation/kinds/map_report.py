"""The maps themselves, without any rating: how much they cover, and how a head's overlaps its dependent's.

Intensity by part of speech: Tang et al. 2022 (first version), sec. 3.2, fig. 5. Overlap by dependency
relation: Tang et al. 2023, sec. 4, table 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from evaluation.box_figure import box_figure
from evaluation.forest_figure import ForestRow, forest_figure, mark
from evaluation.kinds.groups import only_facts, passing, words_of
from evaluation.kinds.report import (
    Block,
    Columns,
    Field,
    KindReport,
    Line,
    Shown,
    Table,
    Tile,
    decimals,
    interval_cells,
    interval_fields,
    p_words,
    shown_count,
    shown_interval,
    shown_number,
    shown_text,
    table_figure,
)
from evaluation.metrics.dependency_overlap import COREFERENT, UNRELATED, RelationOverlap, overlap_by_relation
from evaluation.metrics.intensity import TukeyBox, boxes_by_group
from evaluation.metrics.overlap import PairCounts
from evaluation.number_words import counted, grouped
from evaluation.settings import Only

KIND: Final = "word_maps"
PART_OF_SPEECH: Final = "part_of_speech"
FEWEST_PAIRS: Final = 2
MAP_FIELDS: Final = (
    Field("image", "Number of the image."),
    Field("image_sha256", "SHA-256 of the image file."),
    Field("maps_sha256", "SHA-256 of the file with the raw maps."),
    Field("prompt", "The prompt."),
    Field("seed", "Seed of the image's noise."),
    Field("position", "Place of the word in the prompt; 0 is the first."),
    Field("word", "The word."),
    Field("lemma", "Its dictionary form."),
    Field(PART_OF_SPEECH, "Universal part-of-speech tag."),
    Field("intensity", "Share of the map's pixels that reach tau of its peak; empty for a map without one."),
)
PAIR_FIELDS: Final = (
    Field("image", "Number of the image."),
    Field("head_position", "Place of the head in the prompt."),
    Field("dependent_position", "Place of the dependent."),
    Field(
        "relation",
        "Dependency relation; unrelated: a pair of words drawn by chance; coreferent: words that name one"
        " thing, the first for the head. Both are baselines.",
    ),
    Field("both", "Pixels that reach tau of the peak in both maps."),
    Field("head", "Pixels of the head's map."),
    Field("dependent", "Pixels of the dependent's map."),
)

BOX_FIELDS: Final = (
    Field("part_of_speech", "Universal part-of-speech tag."),
    Field("n", "Maps with an intensity."),
    Field("median", "Median share of pixels."),
    Field("first_quartile", "First quartile."),
    Field("third_quartile", "Third quartile."),
    Field("low_whisker", "Lowest value within 1.5 interquartile ranges of the box."),
    Field("high_whisker", "Highest value within them."),
    Field("mean", "Mean."),
    Field("n_undefined", "Maps without a peak, left out."),
    Field("n_outliers", "Values beyond the whiskers."),
)
RELATION_FIELDS: Final = (
    Field("relation", "Dependency relation; unrelated, coreferent and all pairs as baselines."),
    *interval_fields("miou", "Mean IoU of the two maps"),
    *interval_fields("miod", "Mean intersection over the dependent's pixels"),
    *interval_fields("mioh", "Mean intersection over the head's pixels"),
    *interval_fields("difference", "Mean of IoD - IoH over pairs where both maps have pixels"),
    Field("p_value", "Paired t, images as clusters."),
    Field("p_holm", "The same by Holm's correction over the relations; empty for a baseline."),
    Field("wilcoxon_p", "Signed-rank test on the same pairs."),
    Field("n_pairs", "Pairs."),
    Field("n_images", "Images that they are from."),
    Field("verdict", "What the test says, in words."),
)


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """tau: share of the peak at which maps are cut.  only: filters by group; a pair needs both its maps."""

    confidence: float = 0.95
    tau: float = 0.4
    only: tuple[Only, ...] = ()


def map_report(
    lines: Iterable[Line], *, pairs: Sequence[Line], facts: Mapping[str, Any], settings: MapSettings
) -> KindReport:
    """The report. lines: of maps.csv.  pairs: the lines of overlaps.csv, as texts."""
    measured = [dict(line) | {"intensity": float(line["intensity"] or "nan")} for line in lines]
    maps, told = _filtered(measured, only=settings.only)
    counting = _pairs_of(maps, pairs)
    boxes = sorted(
        boxes_by_group(
            np.array([line["intensity"] for line in maps], dtype=np.float64),
            groups=[line["part_of_speech"] for line in maps],
        ),
        key=lambda box: -box.median if box.n else 1.0,
    )
    relations = _relations(counting, settings=settings)
    n_images = len({line["image"] for line in maps})
    left_out, not_found = facts["images_left_out"], facts.get("coreferences_not_found", 0)
    return KindReport(
        kind=KIND,
        facts=facts,
        settings={
            "confidence": settings.confidence,
            "tau": settings.tau,
            "only": only_facts(settings.only),
        },
        tiles=(
            Tile(label="Maps", value=grouped(len(maps)), detail=f"of {counted(n_images, 'image')}"),
            Tile(label="Pairs of head and dependent", value=grouped(_n_related(counting))),
        ),
        blocks=(
            _boxes_block(boxes, settings=settings),
            *([_relations_block(relations)] if relations else []),
        ),
        files=(_pairs_table(pairs),),
        flow=(),
        n_answers=len(measured),
        n_simulated=0,
        methods=(
            *told,
            *(
                [f"{counted(of_others, 'image')} of other prompts not measured."]
                if (of_others := facts.get("images_of_other_prompts", 0))
                else []
            ),
            f"A map is cut at {settings.tau:g} of its own peak, at the size at which it is stored.",
            "Boxes are Tukey's: quartiles, and whiskers to the farthest values within 1.5 boxes.",
            "IoD and IoH are the intersection over the dependent's and over the head's pixels; their"
            " difference has a paired t interval with images as clusters, and Holm's correction over the"
            " relations.",
            *(
                [f"{counted(left_out, 'image')} left out here; `manage.py map_report` takes all."]
                if left_out
                else []
            ),
            *(
                [
                    f"{grouped(not_found)} times the column `coreferent` names a word that its prompt"
                    " hasn't; these pairs are left out."
                ]
                if not_found
                else []
            ),
        ),
    )


def _filtered(maps: Sequence[Line], *, only: Sequence[Only]) -> tuple[list[Line], list[str]]:
    """(the maps that pass every filter, what each lets through in words)."""
    kept, told = list(maps), []
    for filter_ in only:
        passes = passing(Columns.of(kept, names=[filter_.grouping]), [filter_])
        before, kept = len(kept), [line for line, wanted in zip(kept, passes, strict=True) if wanted]
        told.append(
            f"Only maps whose {words_of(filter_.grouping)} is {filter_.value or '(none)'}:"
            f" {grouped(len(kept))} of {grouped(before)}."
        )
    return kept, [*told, "A pair of words counts where both its maps do."] if told else []


def _pairs_of(maps: Sequence[Line], pairs: Sequence[Line]) -> list[Line]:
    """The pairs both of whose maps are there."""
    there = {(line["image"], line["position"]) for line in maps}
    return [
        pair
        for pair in pairs
        if {(pair["image"], pair["head_position"]), (pair["image"], pair["dependent_position"])} <= there
    ]


def _n_related(pairs: Sequence[Line]) -> int:
    return sum(line["relation"] not in (UNRELATED, COREFERENT) for line in pairs)


def _boxes_block(boxes: Sequence[TukeyBox], *, settings: MapSettings) -> Block:
    title = "Intensity of the maps by part of speech"
    names = ("n", "median", "first_quartile", "third_quartile", "low_whisker", "high_whisker", "mean",
             "n_undefined")  # fmt: skip
    lines = tuple(
        {"part_of_speech": box.group, "n_outliers": len(box.outliers)}
        | {name: getattr(box, name) for name in names}
        for box in boxes
    )
    table = Table(
        file="intensity.csv",
        caption="The figure in numbers",
        fields=BOX_FIELDS,
        lines=lines,
        shown=(
            shown_text("Part of speech", "part_of_speech"),
            shown_number("Median", "median", digits=3),
            Shown("Quartiles", _quartiles, number=False),
            shown_number("Mean", "mean", digits=3),
            shown_count("Maps", "n"),
        ),
    )
    drawing = box_figure(
        boxes,
        value=f"pixels from {settings.tau:g} of the peak up",
        figure_id="intensity",
        title=title,
    )
    figure = table_figure(
        "intensity", title, drawing, header=("part_of_speech", *names),
        rows=[(box.group, *(getattr(box, name) for name in names)) for box in boxes],
    )  # fmt: skip
    return Block(title=title, figure=figure if boxes else None, tables=(table,))


def _quartiles(line: Line) -> str:
    low, high = (decimals(line[name], digits=3) for name in ("first_quartile", "third_quartile"))
    return f"{low} to {high}" if low else "–"


def _relations(pairs: Sequence[Line], *, settings: MapSettings) -> list[RelationOverlap]:
    """Relations of at least two pairs, the largest first; then the baseline and all of them."""
    if not pairs:
        return []
    both, head, dependent = (
        np.array([int(line[name]) for line in pairs], dtype=np.int64)
        for name in ("both", "head", "dependent")
    )
    counts = PairCounts(both=both, first=head, second=dependent, pixels=0)
    found = overlap_by_relation(
        counts,
        relations=[line["relation"] for line in pairs],
        images=[line["image"] for line in pairs],
        confidence=settings.confidence,
    )
    kept = [row for row in found if row.n_pairs >= FEWEST_PAIRS]
    return sorted(kept, key=lambda row: (row.is_baseline, -row.n_pairs))


def _relations_block(relations: Sequence[RelationOverlap]) -> Block:
    title = "Does the head's map contain its dependent's?"
    tested = [row for row in relations if not row.is_baseline]
    drawing = forest_figure(
        [
            ForestRow(
                first=f"{row.relation}: IoD", second="IoH", difference=row.difference.effect,
                p_holm=row.p_holm, paired=True,
            )
            for row in tested
        ],
        figure_id="relations",
        title=title,
        axis="IoD − IoH; above 0 the head's map contains the dependent's",
    )  # fmt: skip
    figure = table_figure(
        "relations", title, drawing,
        header=("relation", "miou", "miod", "mioh", "difference", "low", "high", "p_holm", "n_pairs"),
        rows=[
            (r.relation, r.miou.estimate, r.miod.estimate, r.mioh.estimate, r.difference.effect.estimate,
             r.difference.effect.low, r.difference.effect.high, r.p_holm, r.n_pairs)
            for r in tested
        ],
    )  # fmt: skip
    return Block(
        title=title,
        figure=figure if tested else None,
        tables=(_relations_table(relations),),
        note="“unrelated” is a pair of words of the same prompt drawn by chance, “coreferent” are words that"
        " name one thing by the prompts' column of that name. Holm's p: * < 0.05, ** < 0.01, *** < 0.001.",
    )


def _relations_table(relations: Sequence[RelationOverlap]) -> Table:
    return Table(
        file="relations.csv",
        caption="Overlap by dependency relation",
        fields=RELATION_FIELDS,
        lines=tuple(
            {
                "relation": row.relation,
                **interval_cells("miou", row.miou),
                **interval_cells("miod", row.miod),
                **interval_cells("mioh", row.mioh),
                **interval_cells("difference", row.difference.effect),
                "p_value": row.difference.p_value,
                "p_holm": row.p_holm,
                "wilcoxon_p": row.wilcoxon.p_value,
                "n_pairs": row.n_pairs,
                "n_images": row.n_images,
                "verdict": row.verdict,
            }
            for row in relations
        ),
        shown=(
            shown_text("Relation", "relation"),
            shown_number("mIoU", "miou", digits=3),
            shown_number("mIoD", "miod", digits=3),
            shown_number("mIoH", "mioh", digits=3),
            *shown_interval("IoD − IoH", "difference", digits=3),
            Shown(
                "Holm's p", lambda line: f"{p_words(line['p_holm'])} {mark(line['p_holm'])}".strip() or "–"
            ),
            shown_count("Pairs", "n_pairs"),
            shown_text("In words", "verdict"),
        ),
    )


def _pairs_table(pairs: Sequence[Line]) -> Table:
    return Table(
        file="overlaps.csv",
        caption="Pairs",
        fields=PAIR_FIELDS,
        lines=tuple(pairs),
    )
