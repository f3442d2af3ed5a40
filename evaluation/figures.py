"""The figures of the rating study as SVG, drawn from plain rows: the same rows are the figure's table.

opinion_figure    mean opinion scores with intervals, fair-to-excellent shares beneath (Tang et al. 2023,
fig. 3) response_figure   stacked shares of all answers by option (fig. 13)

Founding paper: Tang et al. 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from evaluation import svg
from evaluation.metrics.intervals import Interval
from evaluation.metrics.opinion import GroupOpinion
from evaluation.metrics.responses import ResponseShares
from evaluation.number_words import counted, digits_of, end_of_scale, grouped, shown

SCORE_FILL, SHARE_FILL = "#6c9bd1", "#7fb8a4"
FEW_FILL, FEW_INK = "#cfcdc6", "#6b6962"
FAR_ABOVE = 60.0
MOST_STEPS = 10
FAIR_TITLE = "fair to excellent"
NO_GROUP = "(no group)"
# Scores diverge from red to blue around a pale middle (told apart also without red-green vision); opt-outs
# are greys.
SCORE_FILLS = ("#b2453c", "#e59a78", "#f3e6c4", "#93bfdc", "#2f6ea6")
OPT_OUT_FILLS = ("#54524d", "#a9a79f")
SCALE_WORDS = ("bad", "poor", "fair", "good", "excellent")
OPTION_WORDS = {str(i + 1): word for i, word in enumerate(SCALE_WORDS)} | {
    "word_too_abstract": "word too abstract",
    "image_too_poor": "image too poor",
}


@dataclass(frozen=True, kw_only=True)
class OpinionBar:
    """One group of the opinion figure. score, fair: intervals, with a reason where they are undefined.

    few_items: drawn grey.  n_raters: None where the study doesn't know its raters.
    """

    label: str
    score: Interval
    fair: Interval
    n_items: int
    n_raters: int | None
    few_items: bool


@dataclass(frozen=True, kw_only=True)
class ResponseBar:
    """One group of the response figure. shares: one per option, summing to 1; all NaN without answers."""

    label: str
    shares: tuple[float, ...]
    n_answers: int


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """A plotting area: top and bottom in pixels, and the values they stand for."""

    top: float
    bottom: float
    low: float
    high: float

    def y(self, value: float) -> float:
        """Pixel row of a value, kept inside the panel."""
        inside = min(max(value, self.low), self.high)
        return self.bottom - (inside - self.low) / (self.high - self.low) * (self.bottom - self.top)


def opinion_bars(groups: Sequence[GroupOpinion]) -> tuple[OpinionBar, ...]:
    """Bars of the groups with an item left, highest score first; groups with few items come last."""
    bars = [
        OpinionBar(
            label=g.group or NO_GROUP,
            score=g.mos,
            fair=g.fair_share,
            n_items=g.n_items,
            n_raters=g.n_raters,
            few_items=g.below_min_items,
        )
        for g in groups
        if g.n_items
    ]
    return tuple(sorted(bars, key=lambda bar: (bar.few_items, -bar.score.estimate, bar.label)))


def response_bars(rows: Sequence[ResponseShares]) -> tuple[ResponseBar, ...]:
    """Bars of the groups with an answer, in the order of the rows."""
    return tuple(
        ResponseBar(label=row.group or NO_GROUP, shares=row.shares, n_answers=row.n_answers)
        for row in rows
        if row.n_answers
    )


def opinion_figure(
    bars: Sequence[OpinionBar],
    *,
    figure_id: str = "opinion",
    title: str = "Mean opinion score by part of speech",
    scale: tuple[float, float] = (1.0, 5.0),
    share_title: str = FAIR_TITLE,
    step_words: Sequence[str] = SCALE_WORDS,
) -> str:
    """SVG: bars of the mean opinion scores with their intervals, bars of the fair-to-excellent shares
    beneath.

    share_title: what the lower bars are the share of, in a few words.  step_words: of a scale with so many
    marks; others go by their numbers.
    A bar without an interval says "no interval"; the reason is in its tooltip and in the description.
    """
    steps = scale_steps(scale)
    words = step_words if len(step_words) == len(steps) else [""] * len(steps)
    score_names = [f"{word} {end_of_scale(step)}".strip() for word, step in zip(words, steps, strict=True)]
    left, right = max(92.0, 48 + max(svg.text_width(name, size=12) for name in score_names)), 20.0
    numbers = [_score_words(bar, scale=scale)(bar.score.estimate) for bar in bars]
    longest = max([svg.text_width(number, size=12.5) for number in numbers], default=0.0)
    band = max(76.0, longest + 16, min(120.0, 620.0 / max(len(bars), 1)))
    width = max(left + right + band * len(bars), 480.0)
    scores = _Panel(top=56, bottom=316, low=scale[0], high=scale[1])
    shares = _Panel(top=352, bottom=472, low=0.0, high=1.0)
    body = svg.text(title, x=16, y=28, size=16, weight=600)
    body += _axis(scores, ticks=steps, names=score_names, left=left, right=width - right)
    body += _axis(shares, ticks=[0, 0.5, 1], names=["0 %", "50 %", "100 %"], left=left, right=width - right)
    body += svg.sideways_text("mean opinion score", x=20, y=186, fill=svg.SOFT_INK)
    body += svg.sideways_text(share_title, x=20, y=412, fill=svg.SOFT_INK)
    for i, bar in enumerate(bars):
        body += _opinion_column(
            bar, x=left + band * (i + 0.5), band=band, scores=scores, shares=shares, share_title=share_title
        )
    if not bars:
        body += svg.text("No item with a score yet.", x=(left + width - right) / 2, y=190, anchor="middle")
    for i, note in enumerate(_notes(bars, scale=scale)):
        body += svg.text(note, x=20, y=536 + 17 * i, size=12, fill=svg.SOFT_INK)
    words_of_bars = [_opinion_words(bar, scale=scale, share_title=share_title) for bar in bars]
    description = "; ".join(words_of_bars) or "No item with a score yet."
    return svg.document(
        body, width=width, height=566, figure_id=figure_id, title=title, description=description
    )


def response_figure(
    bars: Sequence[ResponseBar],
    *,
    options: Sequence[str],
    words: Mapping[str, str] | None = None,
    figure_id: str = "responses",
    title: str = "Answers by part of speech",
) -> str:
    """SVG: one stacked bar per group over all options, before any item is dropped.

    options: names as in ResponseShares.  words: what to call them; those of the five-point scale by default.
    Raises ValueError where a bar has another number of shares.
    """
    if any(len(bar.shares) != len(options) for bar in bars):
        raise ValueError("every bar needs one share per option")
    names = [(words or OPTION_WORDS).get(option, option) for option in options]
    fills = _option_fills(options)
    label_width = min(max([1.1 * svg.text_width(bar.label) for bar in bars] + [40]), 160)
    left, plot, count_width = label_width + 28, 560.0, 72.0
    legend, legend_height = _legend(names, fills=fills, x=16, y=46, width=left + plot + count_width - 16)
    top, row = 48 + legend_height + 18, 30.0
    body = svg.text(title, x=16, y=28, size=16, weight=600) + legend
    body += svg.text("answers", x=left + plot + 64, y=top - 4, anchor="end", size=12, fill=svg.SOFT_INK)
    for i, bar in enumerate(bars):
        body += _response_row(bar, y=top + i * row, left=left, plot=plot, names=names, fills=fills)
    end = top + max(len(bars), 1) * row
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + plot * share
        body += svg.line(x1=x, y1=end, x2=x, y2=end + 5, stroke=svg.SOFT_INK)
        body += svg.text(
            f"{share:.0%}".replace("%", " %"), x=x, y=end + 20, anchor="middle", size=12, fill=svg.SOFT_INK
        )
    if not bars:
        body += svg.text("No answer yet.", x=left + plot / 2, y=top + 20, anchor="middle")
    description = "; ".join(_response_words(bar, names=names) for bar in bars) or "No answer yet."
    return svg.document(
        body,
        width=left + plot + count_width + 8,
        height=end + 36,
        figure_id=figure_id,
        title=title,
        description=description,
    )


def scale_steps(scale: tuple[float, float]) -> list[float]:
    """Where an axis of the scale is marked: at every whole score, or at quarters of a long scale."""
    low, high = scale
    if low == int(low) and high == int(high) and high - low <= MOST_STEPS:
        return [low + step for step in range(int(high - low) + 1)]
    return [low + (high - low) * i / 4 for i in range(5)]


def _axis(panel: _Panel, *, ticks: Sequence[float], names: Sequence[str], left: float, right: float) -> str:
    body = ""
    for tick, name in zip(ticks, names, strict=True):
        y = panel.y(tick)
        stroke = svg.SOFT_INK if tick == panel.low else svg.GRID
        body += svg.line(x1=left, y1=y, x2=right, y2=y, stroke=stroke)
        body += svg.text(name, x=left - 8, y=y + 4, anchor="end", size=12, fill=svg.SOFT_INK)
    return body


def _opinion_column(
    bar: OpinionBar, *, x: float, band: float, scores: _Panel, shares: _Panel, share_title: str
) -> str:
    ink = FEW_INK if bar.few_items else svg.INK
    show = _score_words(bar, scale=(scores.low, scores.high))
    body = _bar(bar.score, x=x, band=band, panel=scores, few=bar.few_items, fill=SCORE_FILL, show=show)
    body += _bar(bar.fair, x=x, band=band, panel=shares, few=bar.few_items, fill=SHARE_FILL, show=_percent)
    name = svg.fitted(bar.label, width=band - 6)
    body += svg.text(name, x=x, y=shares.bottom + 20, anchor="middle", weight=600, fill=ink)
    body += svg.text(
        counted(bar.n_items, "item"), x=x, y=shares.bottom + 37, anchor="middle", size=12, fill=svg.SOFT_INK
    )
    return svg.group(
        body, tooltip=_opinion_words(bar, scale=(scores.low, scores.high), share_title=share_title)
    )


def _bar(
    value: Interval,
    *,
    x: float,
    band: float,
    panel: _Panel,
    few: bool,
    fill: str,
    show: Callable[[float], str],
) -> str:
    """A bar from the panel's foot, its interval as a whisker, its number above both."""
    if math.isnan(value.estimate):
        return svg.text("–", x=x, y=panel.bottom - 6, anchor="middle", fill=FEW_INK)
    half = min(band * 0.3, 30.0)
    top = panel.y(value.estimate)
    ink = FEW_INK if few else svg.INK
    body = svg.rectangle(
        x=x - half, y=top, width=2 * half, height=panel.bottom - top, fill=FEW_FILL if few else fill
    )
    body += _whisker(value, x=x, panel=panel, ink=ink)
    highest = panel.y(value.high) if value.is_defined else top
    wide = top - highest > FAR_ABOVE
    # Far above its bar a number would read as the value up there: beside the whisker, on the bar, it does
    # not.
    body += svg.text(
        show(value.estimate),
        x=x + 5 if wide else x,
        y=(top if wide else min(top, highest)) - 6,
        anchor="start" if wide else "middle",
        size=12.5,
        weight=600,
        fill=ink,
    )
    if not value.is_defined:
        y = max((top + panel.bottom) / 2 + 4, panel.bottom - 60)
        body += svg.text("no interval", x=x, y=min(y, panel.bottom - 6), anchor="middle", size=10.5)
    return body


def _whisker(value: Interval, *, x: float, panel: _Panel, ink: str) -> str:
    """The interval with caps; an end that leaves the panel gets an arrow head instead of a cap."""
    if not value.is_defined:
        return ""
    body = svg.line(x1=x, y1=panel.y(value.low), x2=x, y2=panel.y(value.high), stroke=ink, width=1.5)
    for end, inward in ((value.low, -5.0), (value.high, 5.0)):
        y = panel.y(end)
        beyond = not panel.low <= end <= panel.high
        for side in (-6, 6) if not beyond else (-4, 4):
            body += svg.line(x1=x, y1=y, x2=x + side, y2=y + (inward if beyond else 0), stroke=ink, width=1.5)
    return body


def _opinion_words(bar: OpinionBar, *, scale: tuple[float, float], share_title: str) -> str:
    few = ", few items" if bar.few_items else ""
    raters = "" if bar.n_raters is None else f", {counted(bar.n_raters, 'rater')}"
    return (
        f"{bar.label}: mean opinion score"
        f" {_in_words(bar.score.within(scale), _score_words(bar, scale=scale))},"
        f" {share_title} {_in_words(bar.fair, _percent)},"
        f" {counted(bar.n_items, 'item')}{raters}{few}"
    )


def _in_words(value: Interval, show: Callable[[float], str]) -> str:
    if math.isnan(value.estimate):
        return f"undefined ({value.reason})"
    if not value.is_defined:
        return f"{show(value.estimate)} (no interval: {value.reason})"
    return f"{show(value.estimate)} ({show(value.low)} to {show(value.high)})"


def _notes(bars: Sequence[OpinionBar], *, scale: tuple[float, float]) -> list[str]:
    """Lines under the figure, each short enough for the narrowest one."""
    if not bars:
        return []
    # A stand-in is flagged, and can have another level than the method that was asked for.
    score, fair = next((bar.score for bar in bars if not bar.score.flag), bars[0].score), bars[0].fair
    method = {"two_way": "two-way (items and raters)"}.get(score.method, score.method.replace("_", " "))
    beneath = fair.method.replace("_", "-").title()
    levels = [f"{100 * found.confidence:g} %" for found in (score, fair)]
    if levels[0] == levels[1]:
        note = f"Whiskers: {levels[0]} intervals; above {method}, below {beneath}."
    else:
        note = f"Whiskers: intervals, above {levels[0]} ({method}), below {levels[1]} ({beneath})."
    few = ["Grey: few items."] if any(bar.few_items for bar in bars) else []
    cut = ["Arrow head: cut at the end of the scale."] if any(bar.score.passes(scale) for bar in bars) else []
    return [note, *([" ".join([*few, *cut])] if few or cut else [])]


def _score_words(bar: OpinionBar, *, scale: tuple[float, float]) -> Callable[[float], str]:
    return partial(shown, digits=digits_of(scale, bar.score))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _option_fills(options: Sequence[str]) -> list[str]:
    scores = [option for option in options if option.replace("-", "").isdigit()]
    fills, opt_outs = [], 0
    for option in options:
        if option in scores:
            place = scores.index(option) / max(len(scores) - 1, 1) * (len(SCORE_FILLS) - 1)
            fills.append(SCORE_FILLS[round(place)])
        else:
            fills.append(OPT_OUT_FILLS[opt_outs % len(OPT_OUT_FILLS)])
            opt_outs += 1
    return fills


def _legend(
    names: Sequence[str], *, fills: Sequence[str], x: float, y: float, width: float
) -> tuple[str, float]:
    """Swatches with names, in as many rows as they need, and the height they took."""
    body, place, row = "", 0.0, 0
    for name, fill in zip(names, fills, strict=True):
        needed = 20 + svg.text_width(name, size=12) + 16
        if place and place + needed > width:
            place, row = 0.0, row + 1
        body += svg.rectangle(x=x + place, y=y + row * 20, width=13, height=13, fill=fill, edge="#8b8a83")
        body += svg.text(name, x=x + place + 19, y=y + row * 20 + 11, size=12)
        place += needed
    return body, 20.0 * (row + 1)


def _response_row(
    bar: ResponseBar, *, y: float, left: float, plot: float, names: Sequence[str], fills: Sequence[str]
) -> str:
    middle = y + 19
    body = svg.text(svg.fitted(bar.label, width=left - 24), x=left - 10, y=middle, anchor="end", weight=600)
    x = left
    for share, fill in zip(bar.shares, fills, strict=True):
        if math.isnan(share) or share <= 0:
            continue
        body += svg.rectangle(x=x, y=y + 3, width=share * plot, height=24, fill=fill, edge=svg.PAPER)
        if share * plot >= 26:
            body += svg.text(
                f"{100 * share:.0f}",
                x=x + share * plot / 2,
                y=middle,
                anchor="middle",
                size=12,
                fill=_ink_on(fill),
            )
        x += share * plot
    count = grouped(bar.n_answers)
    body += svg.text(count, x=left + plot + 64, y=middle, anchor="end", size=12, fill=svg.SOFT_INK)
    return svg.group(body, tooltip=_response_words(bar, names=names))


def _response_words(bar: ResponseBar, *, names: Sequence[str]) -> str:
    parts = ", ".join(
        f"{name} {_percent(share)}" for name, share in zip(names, bar.shares, strict=True) if share > 0
    )
    return f"{bar.label}: {parts or 'no answer'} of {counted(bar.n_answers, 'answer')}"


def _ink_on(fill: str) -> str:
    """Dark or light ink, whichever contrasts more with the fill (WCAG relative luminance)."""
    channels = [int(fill[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return svg.INK if luminance > 0.18 else svg.PAPER
