"""Word maps come back as they were stored, and names come from the row alone."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generation import storage
from generation.models import Image, WordMap
from generation.services.images import ModelPin, claim_images
from tests import factories


def unpacked(content: bytes, *, position: int) -> np.ndarray:
    """A map out of a maps file, by numpy alone: the format is open to anybody."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        place = list(found["positions"]).index(position)
        return np.asarray(found["maps"][place].astype(np.float32) * found["scales"][place])


@given(
    arrays.arrays(np.float32, (3, 4), elements=st.floats(-0.125, 2.0**20, width=32)),
    arrays.arrays(np.float32, (3, 4), elements=st.floats(0, 2.0**-20, width=32)),
)
@settings(max_examples=50)
def test_maps_come_back_within_half_precision_of_their_own_peak(large: np.ndarray, small: np.ndarray) -> None:
    """Control: float16 without a scale gives infinity above 65504 and loses a map of small values."""
    content = storage.pack_word_maps({2: large, 5: small})
    for position, stored in ((2, large), (5, small)):
        peak = float(np.abs(stored).max())
        np.testing.assert_allclose(unpacked(content, position=position), stored, atol=peak * 2**-11 + 1e-38)


def test_equal_maps_give_equal_bytes() -> None:
    """Control: numpy.savez writes the time of day into the archive."""
    maps = {0: np.arange(6, dtype=np.float32).reshape(2, 3)}
    first = storage.pack_word_maps(maps)
    assert first == storage.pack_word_maps(maps)
    assert b"\x00\x00\x21\x00" in first[:20]  # the archive's date is 1 January 1980


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_maps_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        storage.pack_word_maps({0: np.full((2, 2), value, dtype=np.float32)})


def test_an_image_without_any_word_map_has_a_maps_file_too() -> None:
    with np.load(io.BytesIO(storage.pack_word_maps({}))) as found:
        assert found["maps"].shape[0] == 0


@pytest.mark.django_db
def test_a_stored_map_is_read_by_its_word() -> None:
    factories.make_finished_run(prompts=["a cat"])
    word_map = WordMap.objects.get(word__position=1)
    found = storage.read_word_map(word_map)
    assert found.dtype == np.float32
    assert found.shape == (factories.MAP_SIDE, factories.MAP_SIDE)
    assert found.max() == pytest.approx(word_map.peak)


@pytest.mark.django_db
def test_a_missing_file_is_named_with_a_remedy() -> None:
    factories.make_finished_run(prompts=["a cat"])
    image = Image.objects.get()
    storage.image_path(image).unlink()
    with pytest.raises(storage.MediaMissing, match="backup"):
        storage.read_png(image)


@pytest.mark.django_db
def test_an_image_that_is_not_done_has_no_file() -> None:
    factories.make_run(prompts=["a cat"])
    with pytest.raises(storage.MediaMissing, match="not generated"):
        storage.read_png(Image.objects.get())


@pytest.mark.django_db
def test_names_come_from_the_row_and_not_from_the_prompt() -> None:
    run = factories.make_run(prompts=["../../a cat"])
    pin = ModelPin(model_id=run.model_id, revision=run.model_revision)
    (claim,) = claim_images("worker", models=[pin], batch_size=1, lease_seconds=60)
    staged = storage.stage_image(claim.image_id, run_id=claim.run_id, png=b"x", word_maps={})
    assert staged.name == f"runs/{run.pk}/{claim.image_id}.png"
    storage.discard(staged)
