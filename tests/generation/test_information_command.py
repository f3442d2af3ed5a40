"""python manage.py information, with a model of random weights and a picture of another size."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

CAPTION = "a red cat"


def picture(folder: Path) -> Path:
    """80 x 48: red on the left, blue on the right."""
    made = Image.new("RGB", (80, 48), "blue")
    made.paste("red", (0, 0, 40, 48))
    made.save(folder / "mine.png")
    return folder / "mine.png"


def run(folder: Path, *more: str, image: Path | None = None, caption: str = CAPTION) -> Path:
    out = folder / "found"
    options: list[Any] = ["--caption", caption, "--model", "tiny", "--output", str(out), "--levels", "20"]
    call_command("information", str(image or picture(folder)), *options, *more)
    return out


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_word_gets_maps_and_bits_and_every_caption_bits(
    tiny_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control: one word's maps under another's name, or captions in another order."""
    out = run(tmp_path, "--against", "a red dog")
    words = rows_of(out / "words.csv")
    assert [(row["position"], row["word"], row["seen_by_model"]) for row in words] == [
        ("0", "a", "yes"),
        ("1", "red", "yes"),
        ("2", "cat", "yes"),
    ]
    for position in range(3):
        for kind in ("cmi", "mi", "attention"):
            word_map = np.load(out / f"{position:02}-{kind}.npy")
            assert word_map.shape == (12, 21)  # 80 x 48 read at 42 x 24
            assert word_map.min() >= (0 if kind != "attention" else -0.01)
            with Image.open(out / f"{position:02}-{kind}.png") as drawn:
                assert drawn.size == (80, 48)
    assert [row["caption"] for row in rows_of(out / "captions.csv")] == [CAPTION, "a red dog"]
    assert "Captions against none" in capsys.readouterr().out
    first = rows_of(out / "captions.csv")
    assert rows_of(run(tmp_path, "--against", "a red dog") / "captions.csv") == first  # seeded


def test_words_past_the_window_are_listed_as_not_read(tiny_model: str, tmp_path: Path) -> None:
    out = run(tmp_path, caption="a a a a a a a a a a cat")
    assert [row["seen_by_model"] for row in rows_of(out / "words.csv")] == ["yes"] * 10 + ["no"]
    assert not (out / "10-cmi.npy").exists()


@pytest.mark.parametrize(
    ("more", "caption", "message"),
    [
        (["--levels", "19"], CAPTION, "--levels must lie between 20"),
        ([], "  ", "--caption is empty"),
        (["--against", CAPTION], CAPTION, "repeats the caption"),
        (["--model", "nothing"], CAPTION, "not an allowed model"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(
    tiny_model: str, tmp_path: Path, more: list[str], caption: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run(tmp_path, *more, caption=caption)
    assert not (tmp_path / "found").exists()


def test_what_is_no_picture_is_refused(tiny_model: str, tmp_path: Path) -> None:
    """By its name, and with what to do. Control: hand on what the library says."""
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(CommandError, match=r"text\.png is no PNG, JPEG or WebP picture; convert"):
        run(tmp_path, image=tmp_path / "text.png")
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(whole, format="PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:900])
    with pytest.raises(CommandError, match=r"cut\.png: .*export it anew"):
        run(tmp_path, image=tmp_path / "cut.png")
    with pytest.raises(CommandError, match=r"none\.png: No such file"):
        run(tmp_path, image=tmp_path / "none.png")
