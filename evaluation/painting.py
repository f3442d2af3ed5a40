"""The figures as PDF and PNG: the same drawing as the SVG, read element by element.

Only what `evaluation.svg` writes is known here; anything else raises ValueError, so that no part of a figure
goes
missing unseen. Both formats carry their own fonts and no time of making: the same drawing gives the same
bytes.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from evaluation import svg

FONTS: Final = {False: "DejaVuSans-subset.ttf", True: "DejaVuSans-Bold-subset.ttf"}
FOLDER: Final = Path(__file__).resolve().parent / "fonts"
SEMIBOLD: Final = 600
POINTS_PER_PIXEL: Final = 0.75
# A PNG has two pixels for one of the SVG, and is drawn larger still, then reduced: lines have no anti-
# aliasing.
PNG_SCALE: Final = 2
OVERSAMPLING: Final = 2
MOST_PIXELS: Final = 60_000_000
UPRIGHT: Final = re.compile(r"translate\(([-\d.]+) ([-\d.]+)\) rotate\(-90\)")


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """One element of the drawing: its kind and its attributes, and the words of a text."""

    kind: str
    attributes: dict[str, str]
    words: str = ""

    def number(self, name: str, default: float = 0.0) -> float:
        return float(self.attributes.get(name, default))

    @property
    def bold(self) -> bool:
        return self.number("font-weight", 400) >= SEMIBOLD

    @property
    def points(self) -> list[tuple[float, float]]:
        pairs = (pair.split(",") for pair in self.attributes["points"].split())
        return [(float(x), float(y)) for x, y in pairs]


def pdf(drawing: str) -> bytes:
    """The drawing as a PDF page of its size, text as text. Raises ValueError for an unknown element."""
    from reportlab.pdfgen.canvas import Canvas

    width, height, title, shapes = _read(drawing)
    out = io.BytesIO()
    names = _pdf_fonts()
    canvas = Canvas(out, pagesize=(width * POINTS_PER_PIXEL, height * POINTS_PER_PIXEL), invariant=1)
    canvas.setTitle(title)
    canvas.setCreator("Percept")
    # y grows downwards, as in the SVG; texts are turned back upright one by one.
    canvas.transform(POINTS_PER_PIXEL, 0, 0, -POINTS_PER_PIXEL, 0, height * POINTS_PER_PIXEL)
    for shape in shapes:
        _on_canvas(canvas, shape, fonts=names)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def png(drawing: str) -> bytes:
    """The drawing as a PNG with two pixels for one. Raises ValueError for an unknown element."""
    from PIL import Image, ImageDraw

    width, height, _, shapes = _read(drawing)
    factor = PNG_SCALE * OVERSAMPLING
    if width * height * factor**2 > MOST_PIXELS:
        factor = PNG_SCALE
    image = Image.new("RGB", (round(width * factor), round(height * factor)), svg.PAPER)
    pen = ImageDraw.Draw(image, "RGBA")
    for shape in shapes:
        _on_image(image, pen, shape, factor=factor)
    size = (round(width * PNG_SCALE), round(height * PNG_SCALE))
    out = io.BytesIO()
    image.resize(size, Image.Resampling.BOX).save(out, format="PNG", dpi=(96 * PNG_SCALE, 96 * PNG_SCALE))
    return out.getvalue()


def _read(drawing: str) -> tuple[float, float, str, list[_Shape]]:
    """Width, height, title and shapes of a drawing of ours."""
    root = ElementTree.fromstring(drawing)  # noqa: S314 (our own text)
    title = next((element.text or "" for element in root if _kind(element) == "title"), "")
    return float(root.attrib["width"]), float(root.attrib["height"]), title, list(_shapes(root))


def _shapes(parent: ElementTree.Element) -> Iterator[_Shape]:
    for element in parent:
        kind = _kind(element)
        if kind in ("title", "desc"):
            continue
        if kind == "g" and not element.attrib:
            yield from _shapes(element)
        elif kind in ("rect", "line", "circle", "polyline", "text"):
            yield _Shape(kind=kind, attributes=dict(element.attrib), words=element.text or "")
        else:
            raise ValueError(f"a figure holds {kind!r}, which has no PDF and no PNG form")


def _kind(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


@cache
def _pdf_fonts() -> dict[bool, str]:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for bold, file in FONTS.items():
        pdfmetrics.registerFont(TTFont(f"percept-{bold}", str(FOLDER / file)))
    return {bold: f"percept-{bold}" for bold in FONTS}


def _on_canvas(canvas: Any, shape: _Shape, *, fonts: dict[bool, str]) -> None:
    canvas.saveState()
    opacity = shape.number("opacity", 1)
    if opacity < 1:
        canvas.setFillAlpha(opacity)
    fill, stroke = shape.attributes.get("fill", svg.INK), shape.attributes.get("stroke", "none")
    if fill != "none":
        canvas.setFillColor(fill)
    if stroke != "none":
        canvas.setStrokeColor(stroke)
        canvas.setLineWidth(shape.number("stroke-width", 1))
    drawn = {"fill": int(fill != "none"), "stroke": int(stroke != "none")}
    if shape.kind == "rect":
        canvas.rect(
            shape.number("x"), shape.number("y"), shape.number("width"), shape.number("height"), **drawn
        )
    elif shape.kind == "circle":
        canvas.circle(shape.number("cx"), shape.number("cy"), shape.number("r"), **drawn)
    elif shape.kind == "line":
        canvas.line(shape.number("x1"), shape.number("y1"), shape.number("x2"), shape.number("y2"))
    elif shape.kind == "polyline":
        canvas.setLineJoin(1)
        path = canvas.beginPath()
        path.moveTo(*shape.points[0])
        for point in shape.points[1:]:
            path.lineTo(*point)
        canvas.drawPath(path, stroke=1, fill=0)
    else:
        _text_on_canvas(canvas, shape, font=fonts[shape.bold])
    canvas.restoreState()


def _text_on_canvas(canvas: Any, shape: _Shape, *, font: str) -> None:
    canvas.setFont(font, shape.number("font-size", 13))
    if "transform" in shape.attributes:
        x, y = _turned(shape)
        canvas.translate(x, y)
        canvas.rotate(-90)
    else:
        canvas.translate(shape.number("x"), shape.number("y"))
    canvas.scale(1, -1)
    draw = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}
    draw[shape.attributes.get("text-anchor", "start")](0, 0, shape.words)


def _on_image(image: Any, pen: Any, shape: _Shape, *, factor: int) -> None:
    fill, stroke = shape.attributes.get("fill", svg.INK), shape.attributes.get("stroke", "none")
    edge = None if stroke == "none" else stroke
    inside = None if fill == "none" else _with_opacity(fill, shape.number("opacity", 1))
    width = max(1, round(shape.number("stroke-width", 1) * factor))
    if shape.kind == "rect":
        x, y = shape.number("x") * factor, shape.number("y") * factor
        box = (x, y, x + shape.number("width") * factor, y + shape.number("height") * factor)
        if box[2] > box[0] and box[3] > box[1]:
            pen.rectangle(box, fill=inside, outline=edge, width=width if edge else 0)
    elif shape.kind == "circle":
        x, y, radius = (shape.number(name) * factor for name in ("cx", "cy", "r"))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=inside, outline=edge, width=width)
    elif shape.kind == "line":
        ends = [shape.number(name) * factor for name in ("x1", "y1", "x2", "y2")]
        pen.line(ends, fill=edge, width=width)
    elif shape.kind == "polyline":
        pen.line([(x * factor, y * factor) for x, y in shape.points], fill=edge, width=width, joint="curve")
    else:
        _text_on_image(image, pen, shape, factor=factor)


def _text_on_image(image: Any, pen: Any, shape: _Shape, *, factor: int) -> None:
    from PIL import Image, ImageDraw

    font = _png_font(shape.bold, size=shape.number("font-size", 13) * factor)
    ink = shape.attributes.get("fill", svg.INK)
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.attributes.get("text-anchor", "start")]
    if "transform" not in shape.attributes:
        place = (shape.number("x") * factor, shape.number("y") * factor)
        pen.text(place, shape.words, font=font, fill=ink, anchor=anchor)
        return
    x, y = _turned(shape)
    long, high = round(font.getlength(shape.words)) + 2 * factor, round(2 * font.size)
    lying = Image.new("L", (long, high), 0)
    ImageDraw.Draw(lying).text((long / 2, high * 0.75), shape.words, font=font, fill=255, anchor="ms")
    upright = lying.rotate(90, expand=True)
    image.paste(ink, (round(x * factor - high * 0.75), round(y * factor - long / 2)), upright)


@cache
def _png_font(bold: bool, *, size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(FOLDER / FONTS[bold]), size=size, layout_engine=ImageFont.Layout.BASIC)


def _turned(shape: _Shape) -> tuple[float, float]:
    found = UPRIGHT.fullmatch(shape.attributes["transform"])
    if not found:
        raise ValueError(f"a figure's text is turned by {shape.attributes['transform']!r}")
    return float(found[1]), float(found[2])


def _with_opacity(colour: str, opacity: float) -> tuple[int, int, int, int]:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue, round(255 * opacity)
