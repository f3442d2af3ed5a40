"""The few SVG elements that the figures are drawn with: plain strings, attributes only, no style sheet.

Attributes instead of CSS, so that a figure looks the same inside a page with a strict content policy, as a
file of its own, and in a paper. Every figure paints its own light ground, so its dark ink is legible in dark
mode too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

PAPER = "#ffffff"
INK = "#1c1b19"
SOFT_INK = "#5a5852"
GRID = "#e2e1dc"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', Arial, sans-serif"
# Average width of a character in those faces, as a share of the font size: for fitting labels.
CHARACTER_WIDTH = 0.58

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(body: str, *, width: float, height: float, figure_id: str, title: str, description: str) -> str:
    """A whole figure: named and described for screen readers, on its own paper.

    figure_id: unique on the page; letters, digits, "-" and "_".  Raises ValueError otherwise.
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*", figure_id, flags=re.ASCII):
        raise ValueError(f"{figure_id!r} can't be an id")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}"'
        f' width="{number(width)}" height="{number(height)}" role="img"'
        f' aria-labelledby="{figure_id}-title" aria-describedby="{figure_id}-description"'
        f' font-family="{FONT}" font-size="13" fill="{INK}">'
        f'<title id="{figure_id}-title">{clean(title)}</title>'
        f'<desc id="{figure_id}-description">{clean(description)}</desc>'
        f'<rect width="{number(width)}" height="{number(height)}" rx="8" fill="{PAPER}"/>'
        f"{body}</svg>\n"
    )


def clean(words: str) -> str:
    """Text for SVG: escaped, without the characters that XML forbids."""
    return escape(_NOT_XML.sub("\ufffd", words))


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text(
    words: str,
    *,
    x: float,
    y: float,
    anchor: str = "start",
    size: float = 13,
    fill: str = INK,
    weight: int = 400,
) -> str:
    """One line of text; y is its baseline. anchor: start, middle or end."""
    return (
        f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" font-size="{number(size)}"'
        f' font-weight="{weight}" fill="{fill}">{clean(words)}</text>'
    )


def sideways_text(words: str, *, x: float, y: float, size: float = 13, fill: str = INK) -> str:
    """One line read from bottom to top, centred on (x, y): the title of an upright axis."""
    return (
        f'<text transform="translate({number(x)} {number(y)}) rotate(-90)" text-anchor="middle"'
        f' font-size="{number(size)}" fill="{fill}">{clean(words)}</text>'
    )


def rectangle(*, x: float, y: float, width: float, height: float, fill: str, edge: str = "none") -> str:
    """A filled box; sizes below 0 become 0. edge: colour of its outline."""
    outline = "" if edge == "none" else f' stroke="{edge}" stroke-width="1"'
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(width, 0))}"'
        f' height="{number(max(height, 0))}" fill="{fill}"{outline}/>'
    )


def line(*, x1: float, y1: float, x2: float, y2: float, stroke: str = INK, width: float = 1) -> str:
    """A straight line."""
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
        f' stroke="{stroke}" stroke-width="{number(width)}"/>'
    )


def circle(*, x: float, y: float, radius: float, fill: str, edge: str = "none", opacity: float = 1) -> str:
    """A filled disc. opacity: of fill and edge, 0 to 1."""
    outline = "" if edge == "none" else f' stroke="{edge}" stroke-width="1"'
    seen = "" if opacity == 1 else f' opacity="{number(opacity)}"'
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}"{outline}{seen}/>'


def curve(points: Sequence[tuple[float, float]], *, stroke: str = INK, width: float = 1.5) -> str:
    """A line through points, in order."""
    places = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return (
        f'<polyline points="{places}" fill="none" stroke="{stroke}" stroke-width="{number(width)}"'
        ' stroke-linejoin="round"/>'
    )


def group(body: str, *, tooltip: str) -> str:
    """Elements that share a tooltip."""
    return f"<g><title>{clean(tooltip)}</title>{body}</g>"


def text_width(words: str, *, size: float = 13) -> float:
    """Estimated width in pixels; wide scripts count double."""
    return sum(2.0 if ord(c) > 0x2E7F else 1.0 for c in words) * size * CHARACTER_WIDTH


def fitted(words: str, *, width: float, size: float = 13) -> str:
    """The words, cut with an ellipsis where they would be wider than `width`."""
    if text_width(words, size=size) <= width:
        return words
    kept = words
    while kept and text_width(kept + "…", size=size) > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"
