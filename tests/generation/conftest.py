"""A browser of the owner, and a model of random weights, allowed as an administrator would allow it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client

if TYPE_CHECKING:
    from generation.worker import Worker


@pytest.fixture
def page(owner: User) -> Client:
    """The owner's browser."""
    browser = Client()
    browser.force_login(owner)
    return browser


@pytest.fixture
def worker() -> "Worker":
    """On the processor, two images at a time."""
    from generation.worker import Worker

    return Worker(name="test", device="cpu", batch_size=2, lease_seconds=60)


@pytest.fixture(scope="session")
def _tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from benchmarks.models import tiny_pipeline

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_pipeline(window=12).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_model(_tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a model with random weights that reads ten words; 32 x 32 pixels, two steps."""
    listed = tmp_path / "models.toml"
    listed.write_text(
        f'[models.tiny]\nfolder = "{_tiny_folder}"\ndescription = "Random weights"\n'
        'steps = 2\nguidance = 2.0\nscheduler = "ddim"\nheight = 32\nwidth = 32\n'
    )
    monkeypatch.setenv("PERCEPT_MODELS", str(listed))
    return "tiny"


HEADS = """{"format": "percept-head-relevance-1", "origin": {}, "heads": %s,
"concepts": {"colours": %s, "animals": %s}, "words": {"colours": ["red", "blue"], "animals": ["cat"]}}"""


@pytest.fixture
def with_vectors(tiny_model: str, tmp_path: Path) -> None:
    """The tiny model with vectors: colours in the first heads, animals in the last."""
    del tiny_model
    from benchmarks.models import tiny_pipeline
    from generation.attribution.relevance_counter import heads_in_call_order

    heads = heads_in_call_order(tiny_pipeline().unet)
    levels = ["down_blocks.0", "down_blocks.1", "mid_block", "up_blocks.0", "up_blocks.1"]
    assert {path.split(".attentions")[0] for path, _ in heads} == set(levels)
    rising = [2 * place / (len(heads) - 1) for place in range(len(heads))]
    (tmp_path / "heads.json").write_text(HEADS % (json.dumps(heads), rising[::-1], rising))
    listed = tmp_path / "models.toml"
    listed.write_text(listed.read_text() + f'heads = "{tmp_path / "heads.json"}"\n')
