"""One picture with everything the model draws for prompts fixed beforehand; none is left out.

python -m training.demo_model.gallery --to docs/demo-model.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from training.demo_model import evaluate
from training.demo_model.judge import Picture

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
)
COLUMNS = 2
_GAP = 2


def montage(pictures: Sequence[Picture], *, per_prompt: int, columns: int) -> Image.Image:
    """All pictures in order, so many per prompt side by side, prompts running down the columns."""
    prompts = len(pictures) // per_prompt
    rows = -(-prompts // columns)
    cell = pictures[0].shape[0] + _GAP
    sheet = Image.new("RGB", (columns * (per_prompt * cell + 4 * _GAP), rows * cell), (90, 90, 90))
    for number, picture in enumerate(pictures):
        prompt, repeat = divmod(number, per_prompt)
        column, row = divmod(prompt, rows)
        left = column * (per_prompt * cell + 4 * _GAP) + repeat * cell
        sheet.paste(Image.fromarray(picture), (left, row * cell))
    return sheet


def main() -> None:
    """Read the options and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("generation/demo_model"))
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pipeline = evaluate.load_pipeline(options.folder)
    pictures: list[Picture] = []
    for prompt in PROMPTS:
        pictures += evaluate.generate(pipeline, prompts=[prompt] * len(SEEDS), seeds=SEEDS)
    montage(pictures, per_prompt=len(SEEDS), columns=COLUMNS).save(options.to, optimize=True)


if __name__ == "__main__":
    main()
