"""Figures as PDF and PNG: the drawing is looked at, not compared with a stored picture."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import painting, svg

REPOSITORY = Path(__file__).resolve().parents[2]
BODY = (
    svg.rectangle(x=10, y=10, width=40, height=20, fill="#ff0000")
    + svg.group(svg.circle(x=80, y=20, radius=10, fill="#0000ff"), tooltip="a disc")
    + svg.line(x1=0, y1=45, x2=100, y2=45, stroke="#000000", width=2)
    + svg.curve([(0, 50), (50, 60), (100, 50)])
    + svg.text("Häuser ≥ Ελλάς − 3", x=50, y=80, anchor="middle", weight=600)
    + svg.sideways_text("up", x=95, y=80)
)


def drawing(body: str = BODY) -> str:
    return svg.document(body, width=100, height=100, figure_id="f", title="A title", description="d")


def pixels(figure: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(painting.png(figure))).convert("RGB"))


def test_a_png_has_two_pixels_for_one_and_the_drawing_s_colours() -> None:
    """Control: draw the rectangle at x + width instead of x."""
    seen = pixels(drawing())
    assert seen.shape == (200, 200, 3)
    assert tuple(seen[40, 60]) == (255, 0, 0)
    assert tuple(seen[40, 160]) == (0, 0, 255)
    assert tuple(seen[5, 5]) == (255, 255, 255)


def test_upright_and_lying_text_leave_ink_where_they_stand() -> None:
    """Control: leave `_text_on_image` without the part for turned text."""
    seen = pixels(drawing())
    assert (seen[140:165, 20:180] < 100).any()
    assert (seen[140:180, 176:196] < 100).any()


def test_a_pdf_is_one_page_of_the_drawing_s_size_with_its_fonts_inside() -> None:
    content = painting.pdf(drawing())
    assert content.startswith(b"%PDF-")
    assert b"/MediaBox [ 0 0 75 75 ]" in content
    assert content.count(b"/FontFile2") == 2
    assert b"A title" in content


@pytest.mark.parametrize("paint", [painting.pdf, painting.png])
def test_an_element_that_nobody_knows_is_refused(paint: object) -> None:
    """Control: skip unknown elements in `painting._shapes`; a part of a figure would be missing unseen."""
    with pytest.raises(ValueError, match="'path'"):
        paint(drawing('<path d="M0 0"/>'))  # type: ignore[operator]


def test_another_process_makes_the_same_bytes() -> None:
    """Control: take `invariant=1` from the canvas: the time of making gets into the file."""
    source = (
        "import hashlib, sys; from evaluation import painting; d = sys.stdin.read();"
        "print(hashlib.sha256(painting.pdf(d) + painting.png(d)).hexdigest())"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", source],
            input=drawing(),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert len(made[0]) == 65
    assert made[0] == made[1]
