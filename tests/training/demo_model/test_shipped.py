"""The weights in the repository are those that the card and the figures speak of, and draw what is asked."""

import json
from pathlib import Path

import pytest
import torch

from training.demo_model import evaluate, export
from training.demo_model.judge import Wanted, assign, find_objects

FOLDER = Path(__file__).resolve().parents[3] / "generation" / "demo_model"


def test_card_and_figures_name_the_weights_that_are_there() -> None:
    """Control: exporting other weights without measuring them again turns this red."""
    digest = export.weights_hash(FOLDER)
    figures = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["weights_sha256"] == digest
    assert digest in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_card_hides_no_missed_target() -> None:
    figures = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    missed = [target["name"] for target in figures["targets"] if not target["met"]]
    rows = [line for line in card.splitlines() if "**missed**" in line]
    assert [name for name in missed if not any(name in row for row in rows)] == []
    assert len(rows) == len(missed)


def test_the_shipped_model_keeps_to_its_size() -> None:
    assert export.weights_bytes(FOLDER) <= 25e6


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a red circle", [("red", "circle")]),
        ("a blue square left of a yellow star", [("blue", "square"), ("yellow", "star")]),
    ],
)
def test_the_shipped_model_draws_what_is_asked(prompt: str, wanted: list[tuple[str, str]]) -> None:
    torch.set_num_threads(1)
    pipeline = evaluate.load_pipeline(FOLDER)
    (picture,) = evaluate.generate(pipeline, prompts=[prompt], seeds=[1])
    found = assign(find_objects(picture), wanted=[Wanted(colour=c, shape=s) for c, s in wanted])
    assert None not in found


def test_a_prompt_of_unknown_words_runs() -> None:
    torch.set_num_threads(1)
    pipeline = evaluate.load_pipeline(FOLDER)
    (picture,) = evaluate.generate(pipeline, prompts=["Ünknown zebras 🦓 " * 20], seeds=[1], steps=2)
    assert picture.shape == (64, 64, 3)
