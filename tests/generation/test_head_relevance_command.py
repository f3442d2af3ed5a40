"""python manage.py head_relevance, with a model of random weights."""

from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from generation.attribution.relevance import load_relevance

LIST = '"animals" = ["cat", "dog"]\n"colours" = ["red", "blue"]\n'


def _run(model: str, folder: Path, *options: str, concepts: str = LIST) -> Path:
    (folder / "own.toml").write_text(concepts)
    (folder / "prompts.txt").write_text("a red cat\na blue dog\n")
    out = folder / "vectors.json"
    files = ["--concepts", str(folder / "own.toml"), "--prompts", str(folder / "prompts.txt")]
    call_command("head_relevance", model, str(out), *files, *options)
    return out


def test_it_writes_vectors_that_load_again_and_the_same_for_the_same_seed(
    tiny_model: str, tmp_path: Path
) -> None:
    first = load_relevance(_run(tiny_model, tmp_path, "--images", "2"))
    again = load_relevance(_run(tiny_model, tmp_path, "--images", "2"))
    assert first.concepts == ("animals", "colours")
    assert np.array_equal(first.scores, again.scores, equal_nan=True)
    assert all(path.endswith("attn2") for path, _ in first.heads)
    assert first.origin["seed"] == "0"


@pytest.mark.parametrize(
    ("model", "options", "concepts", "message"),
    [
        ("nothing", [], LIST, "not an allowed model"),
        ("tiny", [], '"one" = ["red"]', "at least two concepts"),
        ("tiny", [], '"a" = ["red"]\n"b" = ["unpronounceable"]', "does not read 'unpronounceable'"),
        ("tiny", ["--images", "0"], LIST, "at least 1"),
        ("tiny", ["--prompts", "nowhere.csv"], LIST, "nowhere.csv"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(
    tiny_model: str, tmp_path: Path, model: str, options: list[str], concepts: str, message: str
) -> None:
    del tiny_model
    with pytest.raises(CommandError, match=message.replace(".", r"\.")):
        _run(model, tmp_path, *options, concepts=concepts)
    assert not (tmp_path / "vectors.json").exists()
