"""One sheet with everything the model draws for prompts fixed beforehand, and a page about it.

python -m training.demo_model.gallery --to docs/demo-model.png --page docs/demo-model-gallery.md

None is left out: a prompt that fails stays where it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from training.demo_model import evaluate
from training.demo_model.judge import Picture
from training.demo_model.reading import read_prompt
from training.demo_model.shapes import IMAGE_SIZE

SEEDS = (1, 2, 3, 4)
# One prompt after the other down the sheet, its seeds side by side.
PROMPTS = (
    "a red circle",
    "a blue square",
    "a green triangle",
    "a yellow star",
    "a red heart",
    "a purple cross",
    "a black ring",
    "a pink circle",
    "an orange square",
    "a small blue star",
    "a large orange circle",
    "a purple circle",
    "a red circle and a blue square",
    "a green star and a pink ring",
    "a yellow triangle left of a purple cross",
    "a black circle right of an orange star",
    "a red heart above a green square",
    "a blue ring below a yellow circle",
    "two red circles",
    "three blue squares",
    "four green stars",
    "a blue shape",
    "a star",
    "a dog under a tree",
    "a red ellipse",
    "a blue rectangle",
    "a purple diamond",
    "a small green diamond",
    "a green ellipse",
    "a striped red circle",
    "a striped blue square",
    "a dotted green triangle",
    "a dotted purple heart",
    "a striped yellow star",
    "a blue star on a gray background",
    "a red square on a beige background",
    "a yellow circle inside a blue square",
    "a red circle surrounding a green heart",
    "a red circle touching a blue square",
    "a green heart covering a purple rectangle",
)
COLUMNS = 3
_GAP = 2
_CELL = IMAGE_SIZE + _GAP
_LINE = 14  # pixels for the prompt above its pictures
_MARGIN = 6
_PAPER, _INK = (250, 250, 250), (30, 30, 30)


def sheet_size(*, prompts: int, per_prompt: int) -> tuple[int, int]:
    """(width, height) in pixels of a montage."""
    rows = -(-prompts // COLUMNS)
    return COLUMNS * (per_prompt * _CELL + _MARGIN), rows * (_CELL + _LINE)


def montage(drawn: Mapping[str, Sequence[Picture]]) -> Image.Image:
    """Every picture under its prompt, prompts running down the columns."""
    per_prompt = max(len(pictures) for pictures in drawn.values())
    sheet = Image.new("RGB", sheet_size(prompts=len(drawn), per_prompt=per_prompt), _PAPER)
    pen = ImageDraw.Draw(sheet)
    rows = -(-len(drawn) // COLUMNS)
    for number, (prompt, pictures) in enumerate(drawn.items()):
        column, row = divmod(number, rows)
        left, top = column * (per_prompt * _CELL + _MARGIN), row * (_CELL + _LINE)
        pen.text((left + 1, top), prompt, fill=_INK, font=ImageFont.load_default(size=10))
        for repeat, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (left + repeat * _CELL, top + _LINE))
    return sheet


def page(drawn: Mapping[str, Sequence[Picture]]) -> str:
    """The documentation page: the sheet, and for each prompt how many pictures show all it asks for."""
    rows = [f"| {prompt} | {_verdict(prompt, pictures=pictures)} |" for prompt, pictures in drawn.items()]
    return _PAGE.format(count=len(drawn), rows="\n".join(rows), seeds=", ".join(map(str, SEEDS)))


def _verdict(prompt: str, *, pictures: Sequence[Picture]) -> str:
    asked = read_prompt(prompt)
    if asked is None:
        return "–"
    marks = [evaluate.mark(picture, asked=asked) for picture in pictures]
    right = [m.exact and m.relation is not False and m.background is not False for m in marks]
    return f"{sum(right)} of {len(right)}"


_PAGE = """# Gallery of the bundled model

Everything that the shipped model drew for {count} prompts that were fixed beforehand, with the noise
seeds {seeds}. None is left out, good or bad. Made by

```
python -m training.demo_model.gallery --to docs/demo-model.png --page docs/demo-model-gallery.md
```

![Pictures of the bundled model, each under its prompt](demo-model.png)

The judge (`training/demo_model/judge.py`) counts a picture as right where every object that the prompt
asks for is there in the asked colour, outline and texture, nothing else is, and relation and background are
as asked. Sizes are not marked. It says nothing of prompts whose words the model was not trained on.

| prompt | right |
|---|---|
{rows}
"""


def main() -> None:
    """Read the options and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("generation/demo_model"))
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--page", type=Path, help="write the documentation page about it here")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pipeline = evaluate.load_pipeline(options.folder)
    drawn = {
        prompt: evaluate.generate(pipeline, prompts=[prompt] * len(SEEDS), seeds=SEEDS) for prompt in PROMPTS
    }
    montage(drawn).save(options.to, optimize=True)
    if options.page is not None:
        options.page.write_text(page(drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
