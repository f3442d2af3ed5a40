"""The figures of benchmarks.map_validity as tables of its page in the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: python -m benchmarks.map_validity --write -->", "<!-- end of figures -->"
BASELINES = ("whole image", "random half")
BAR_WIDTH = 20
NAMES = {"noun": "shape words", "adjective": "colour words"}


def write_figures(page: Path, figures: dict[str, Any]) -> None:
    """Replaces what stands between the page's two marks. Raises ValueError where a mark is missing."""
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page} needs each of the lines {BEGIN!r} and {END!r} once")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{chr(10).join(tables(figures))}\n\n{END}{after}", encoding="utf-8")


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown."""
    words = figures["words"]
    counted = " and ".join(f"{count} {NAMES[part]}" for part, count in words.items())
    yield f"Weights `{figures['weights_sha256'][:12]}`; {figures['prompts']} pictures with {counted} whose"
    yield f"object was found; {figures['levels']} noise levels for the maps of information."
    for part in words:
        yield from _variants(figures["variants"], part=part)
    yield from _sweep(figures["sweeps"], title="Denoising steps", first="step", prefix="step ")
    yield from _sweep(figures["sweeps"], title="The first steps together", first="steps", prefix="steps ")
    yield from _sweep(figures["sweeps"], title="One layer or grid alone", first="layer", prefix="only ")
    yield from _sweep(figures["sweeps"], title="All layers but one", first="without", prefix="all but ")
    relations = figures["relations"]
    right = relations["right"]
    yield from (
        "",
        "### Relations",
        "",
        f"Of {relations['scenes']} drawn pairs, the right caption scored above the one with exchanged",
        f"colours in {right['standard']} by the standard estimate (i^s) and in {right['orthogonal']} by the",
        "orthogonal one (i^o).",
    )


def _variants(rows: Sequence[dict[str, Any]], *, part: str) -> Iterator[str]:
    own = [row for row in rows if row["part"] == part]
    yield from (
        "",
        f"### {NAMES[part].capitalize()}",
        "",
        "| map | max ≥ 0.3 | ≥ 0.4 | ≥ 0.5 | minmax > 0.3 | > 0.4 | > 0.5 |",
        "|---|---|---|---|---|---|---|",
    )
    for name in dict.fromkeys(row["variant"] for row in own):
        cells = [
            f"{row['iou']:.3f} ± {row['half_width']:.3f}"
            for rule in ("max", "minmax")
            for row in own
            if row["variant"] == name and row["rule"] == rule
        ]
        shown = f"*{name}*" if name in BASELINES else name
        yield f"| {shown} | {' | '.join(cells)} |"


def _sweep(rows: Sequence[dict[str, Any]], *, title: str, first: str, prefix: str) -> Iterator[str]:
    own = [row for row in rows if row["variant"].startswith(prefix) and row["rule"] == "max"]
    parts = list(dict.fromkeys(row["part"] for row in own))
    yield from (
        "",
        f"### {title}",
        "",
        f"| {first} | " + " | ".join(f"{NAMES[part]} | " for part in parts) + " |",
    )
    yield "|---|" + "---|---|" * len(parts)
    for name in dict.fromkeys(row["variant"] for row in own):
        found = {row["part"]: row["iou"] for row in own if row["variant"] == name}
        cells = " | ".join(f"{found[part]:.3f} | `{_bar(found[part])}`" for part in parts)
        yield f"| {_short(name.removeprefix(prefix))} | {cells} |"


def _bar(share: float) -> str:
    """The curve, readable as text."""
    return "█" * round(share * BAR_WIDTH) or "▏"


def _short(path: str) -> str:
    return path.replace(".transformer_blocks.0.attn2", "")
