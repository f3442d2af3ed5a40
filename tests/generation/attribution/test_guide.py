"""docs/attribution.md does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


def test_the_five_lines_of_the_guide_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bundled model. Control: renaming anything that the guide mentions."""
    guide = (ROOT / "docs" / "attribution.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "generation").mkdir()
    (tmp_path / "generation" / "demo_model").symlink_to(ROOT / "generation" / "demo_model")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "docs/attribution.md", "exec"), names)  # noqa: S102  (our own documentation)
    word_map, image = names["word_map"], names["image"]
    assert isinstance(word_map, np.ndarray)
    assert isinstance(image, Image.Image)
    assert word_map.dtype == np.float32
    assert 0 < word_map.mean() < 1
    with Image.open("circle.png") as drawn:
        assert drawn.size == image.size
