"""Figures are read back as XML: what is drawn is measured, not compared with a stored picture."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import painting, svg
from evaluation.box_figure import box_figure
from evaluation.curve_figure import curve_figure
from evaluation.figures import (
    FEW_FILL,
    OpinionBar,
    ResponseBar,
    opinion_bars,
    opinion_figure,
    response_bars,
    response_figure,
)
from evaluation.metrics.ablation import ablation_curve
from evaluation.metrics.intensity import tukey_box
from evaluation.metrics.intervals import Interval, undefined, wilson
from evaluation.metrics.opinion import opinion_report
from evaluation.metrics.responses import response_shares
from evaluation.metrics.tables import AnswerRow, RatingTable
from evaluation.scatter_figures import RaterPoint, raters_figure

NAMESPACE = "{http://www.w3.org/2000/svg}"
OPTIONS = ("1", "2", "3", "4", "5", "word_too_abstract", "image_too_poor")


def score(estimate: float, low: float, high: float) -> Interval:
    return Interval(estimate=estimate, low=low, high=high, method="two_way", confidence=0.95)


def bar(label: str = "NOUN", value: Interval | None = None, few: bool = False) -> OpinionBar:
    return OpinionBar(
        label=label,
        score=value or score(4.0, 3.8, 4.2),
        fair=wilson(9, total=10),
        n_items=180,
        n_raters=42,
        few_items=few,
    )


def read(figure: str) -> ElementTree.Element:
    return ElementTree.fromstring(figure)  # noqa: S314 - our own text


def texts(figure: str) -> list[str]:
    return [element.text or "" for element in read(figure).iter(f"{NAMESPACE}text")]


def bars_of(figure: str) -> list[ElementTree.Element]:
    """The rectangles of the columns, without the paper."""
    return [r for g in read(figure).iter(f"{NAMESPACE}g") for r in g.iter(f"{NAMESPACE}rect")]


def test_the_height_of_a_bar_is_its_score_on_the_scale() -> None:
    """Control: bars drawn from 0 instead of the scale's lowest score give 4/5."""
    full, three_quarters = (
        float(bars_of(opinion_figure([bar(value=score(v, v - 0.1, v + 0.1))]))[0].get("height", ""))
        for v in (5, 4)
    )
    assert three_quarters / full == pytest.approx(3 / 4, abs=1e-3)


def test_every_number_of_a_bar_is_in_the_description() -> None:
    description = read(opinion_figure([bar()])).findtext(f"{NAMESPACE}desc")
    assert description is not None
    for part in ("NOUN", "4.00 (3.80 to 4.20)", "90 %", "180 items", "42 raters"):
        assert part in description


def test_the_figure_is_named_for_screen_readers() -> None:
    root = read(opinion_figure([bar()], figure_id="mos-7"))
    assert root.get("role") == "img"
    named = {root.get("aria-labelledby"), root.get("aria-describedby")}
    assert named == {element.get("id") for element in root if element.get("id")}


def test_small_groups_are_grey() -> None:
    assert {r.get("fill") for r in bars_of(opinion_figure([bar(few=True)]))} == {FEW_FILL}
    assert FEW_FILL not in {r.get("fill") for r in bars_of(opinion_figure([bar()]))}


def test_a_bar_without_an_interval_says_so_and_why() -> None:
    """Control: drawing NaN bounds would put "nan" into a coordinate."""
    flat = undefined("all 7 item scores are equal", method="two_way", confidence=0.95, estimate=4.0)
    figure = opinion_figure([bar(value=flat)])
    assert "no interval" in texts(figure)
    assert "all 7 item scores are equal" in figure
    assert "nan" not in figure


def test_an_end_outside_the_scale_gets_an_arrow_instead_of_a_cap() -> None:
    def level_caps(figure: str) -> int:
        lines = [e for g in read(figure).iter(f"{NAMESPACE}g") for e in g.iter(f"{NAMESPACE}line")]
        return sum(e.get("y1") == e.get("y2") for e in lines)

    assert (
        level_caps(opinion_figure([bar(value=score(3.0, 0.2, 5.8))]))
        == level_caps(opinion_figure([bar()])) - 4
    )


def test_a_cut_interval_is_told_as_cut_and_an_arrow_head_is_explained() -> None:
    figure = opinion_figure([bar(value=score(3.0, 0.2, 5.8))])
    assert "3.00 (1.00 to 5.00)" in figure
    assert "Arrow head: cut at the end of the scale." in texts(figure)
    assert "Arrow head" not in opinion_figure([bar()])


def test_groups_come_best_first_and_small_ones_last() -> None:
    rows = [
        AnswerRow(item=f"{g}{i}", rater=f"r{r}", group=g, score=s)
        for g, s, n in (("ADV", 3, 40), ("NOUN", 4, 40), ("INTJ", 5, 2))
        for i in range(n)
        for r in range(3)
    ]
    assert [b.label for b in opinion_bars(opinion_report(RatingTable.from_rows(rows)).groups)] == [
        "NOUN",
        "ADV",
        "INTJ",
    ]


def test_the_stack_of_shares_fills_the_row() -> None:
    row = ResponseBar(label="DET", shares=(0.1, 0, 0.2, 0, 0, 0.7, 0), n_answers=600)
    widths = [float(r.get("width", "")) for r in bars_of(response_figure([row], options=OPTIONS))]
    assert len(widths) == 3
    assert sum(widths) == pytest.approx(560, abs=0.05)
    assert widths[2] / sum(widths) == pytest.approx(0.7, abs=1e-3)


def test_response_bars_come_from_the_shares_and_skip_empty_groups() -> None:
    table = RatingTable.from_rows(
        [
            AnswerRow(item="a", rater="x", score=3, group="NOUN"),
            AnswerRow(item="b", rater="y", score=3, group="ADJ"),
        ]
    ).without_raters(["y"], reason="test")
    assert [b.label for b in response_bars(response_shares(table))] == ["NOUN"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="one share per option"):
        response_figure([ResponseBar(label="x", shares=(1.0,), n_answers=1)], options=OPTIONS)


def test_nothing_to_draw_says_so() -> None:
    assert "No item with a score yet." in texts(opinion_figure([]))
    assert "No answer yet." in texts(response_figure([], options=OPTIONS))


def test_no_style_sheet_and_no_script_is_needed() -> None:
    """A strict content policy drops inline styles: the figure must not need one."""
    for figure in (opinion_figure([bar()]), response_figure([], options=OPTIONS)):
        assert "<style" not in figure
        assert "style=" not in figure


def test_an_id_that_could_break_out_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be an id"):
        opinion_figure([], figure_id='x"><script>')


numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=False, width=32), st.floats(1, 5))


@given(label=st.text(max_size=30), estimate=numbers, low=numbers, high=numbers)
def test_any_label_and_any_number_give_well_formed_svg(
    label: str, estimate: float, low: float, high: float
) -> None:
    """Control: an unescaped label, or "nan" as a coordinate."""
    bad = any(math.isnan(v) for v in (estimate, low, high))
    value = (
        undefined("why", method="two_way", confidence=0.95, estimate=estimate)
        if bad
        else score(estimate, low, high)
    )
    root = read(opinion_figure([bar(label=label, value=value)]))
    for element in root.iter():
        for name, attribute in element.attrib.items():
            if name in {"x", "y", "x1", "x2", "y1", "y2", "width", "height"}:
                assert math.isfinite(float(attribute))


def test_long_words_are_cut_to_their_place() -> None:
    assert svg.fitted("coordinating conjunction", width=60).endswith("…")
    assert svg.fitted("NOUN", width=60) == "NOUN"


def test_of_many_raters_every_one_is_in_some_dot() -> None:
    """Control: draw the first MOST_DOTS raters alone."""
    rng = np.random.default_rng(5)
    points = [
        RaterPoint(rater=f"r{i}", bias=b, inconsistency=s, n_compared=9, kept=bool(i % 7))
        for i, (b, s) in enumerate(zip(rng.normal(0, 0.4, 5000), rng.uniform(0.2, 1.5, 5000), strict=True))
    ]
    drawing = raters_figure(points)
    tips = [g.findtext(f"{NAMESPACE}title") or "" for g in read(drawing).iter(f"{NAMESPACE}g")]
    shared = [int(tip.split("; and ")[1].split()[0]) for tip in tips if "; and " in tip]
    assert len(tips) < 5000
    assert len(tips) + sum(shared) == 5000


def test_a_curve_has_a_mean_for_every_setting_and_a_difference_for_all_but_the_reference() -> None:
    """Control: draw the reference's difference as 0."""
    values = np.array([[0.2, 0.5, 0.4], [0.3, 0.6, 0.2], [0.1, 0.55, 0.3]])
    points = ablation_curve(values, settings=["0.3", "0.4", "0.5"], reference="0.4")
    drawing = curve_figure(
        points, reference="0.4", axis="threshold", value="mIoU", figure_id="c", title="Curve"
    )
    discs = [c.attrib["fill"] for c in read(drawing).iter(f"{NAMESPACE}circle")]
    assert (discs.count("#2f6ea6"), discs.count("#b2453c")) == (3, 2)
    assert painting.png(drawing).startswith(b"\x89PNG")


def test_a_box_has_its_median_between_its_quartiles_and_its_outliers_beyond() -> None:
    """Control: let `_y` grow downwards."""
    values = np.array([0.1, 0.2, 0.3, 0.4, 0.95])
    drawing = box_figure([tukey_box(values, group="NOUN")], value="share", figure_id="b", title="Boxes")
    (box,) = bars_of(drawing)
    top, height = float(box.attrib["y"]), float(box.attrib["height"])
    (outlier,) = list(read(drawing).iter(f"{NAMESPACE}circle"))
    assert float(outlier.attrib["cy"]) < top < top + height
    medians = [line for line in read(drawing).iter(f"{NAMESPACE}line") if line.attrib["stroke-width"] == "2"]
    assert top < float(medians[0].attrib["y1"]) < top + height
