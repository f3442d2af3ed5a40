"""A browser of the owner, and a model of random weights, allowed as an administrator would allow it."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def page(owner: User) -> Client:
    """The owner's browser."""
    browser = Client()
    browser.force_login(owner)
    return browser


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
