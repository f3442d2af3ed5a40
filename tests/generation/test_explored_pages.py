"""Maps taken apart: the command, the page, tiles, strips and raw arrays."""

import io

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image as Picture

from generation import storage
from generation.attribution.hard import Comparison, Norm, hard
from generation.attribution.rendering import at_size
from generation.choices import ImageState
from generation.models import Image, Run, WordMap
from generation.worker import Worker
from tests.generation.test_worker import tiny_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(tiny_model: str) -> Run:
    """One image of a model with random weights; its last words lie past the model's window."""
    del tiny_model
    made = tiny_run("a red cat, a blue dog and a hot square circle")
    Worker(name="test", device="cpu", batch_size=2, lease_seconds=60).drain()
    return made


@pytest.fixture
def browser(run: Run) -> Client:
    client = Client()
    client.force_login(run.owner)
    return client


def _word(run: Run, text: str) -> WordMap:
    found: WordMap = WordMap.objects.select_related("word", "image__run").get(
        image__run=run, word__text=text, seen_by_model=True
    )
    return found


def test_an_explored_image_gives_the_same_pixels_and_its_parts_add_up(run: Run, browser: Client) -> None:
    """The mean over steps, and the mean over layers weighted by heads, is the stored map."""
    (image,) = run.images.all()
    page = f"/runs/{run.pk}/images/{image.pk}/"
    assert f"explore_maps {image.pk}" in browser.get(page).content.decode()
    call_command("explore_maps", str(image.pk), "--levels", "2", stdout=(said := io.StringIO()))
    assert "the same pixels" in said.getvalue()

    found, stored = storage.read_exploration(_word(run, "red")), storage.read_word_map(_word(run, "red"))
    assert found.drift == 0
    assert found.steps.shape == (2, 16, 16)
    assert found.steps.mean(axis=0) == pytest.approx(stored, abs=2e-4)
    assert len(found.layers) == len(found.by_layer)
    assert dict(zip(found.methods, found.by_method, strict=True))["paper"] == pytest.approx(stored, abs=2e-4)
    assert (found.by_method[found.methods.index("CMI")] >= 0).all()
    unread = WordMap.objects.filter(image=image, seen_by_model=False).select_related("word", "image")[0]
    with pytest.raises(storage.MediaMissing, match="has no maps for word"):
        storage.read_exploration(unread)

    _check_pages(run, browser, page, steps=found.steps)


def _check_pages(run: Run, browser: Client, page: str, *, steps: np.ndarray) -> None:
    red = _word(run, "red")
    base = f"/runs/{run.pk}/maps/{red.pk}/explored"
    for axis, count in (("steps", 2), ("layers", None), ("methods", 6)):
        shown = browser.get(f"{page}?word={red.word.position}&by={axis}").content.decode()
        tiles = shown.count(f"{base}/{axis}/")
        assert tiles == (count or tiles) > 0
        strip = browser.get(f"{base}/{axis}.png")
        assert strip["Content-Disposition"].startswith("attachment;")
        with Picture.open(io.BytesIO(strip.content)) as picture:
            assert picture.width > 128
        raw = np.load(io.BytesIO(browser.get(f"{base}/{axis}.npy").content), allow_pickle=False)
        assert raw.shape[0] == tiles
    raw_steps = np.load(io.BytesIO(browser.get(f"{base}/steps.npy").content))
    assert np.array_equal(raw_steps, steps)
    with Picture.open(io.BytesIO(browser.get(f"{base}/steps/0.png").content)) as tile:
        assert tile.size == (32, 32)
    assert browser.get(f"{base}/steps/2.png").status_code == 404
    assert browser.get(f"{base}/colours.png").status_code == 404


def test_the_page_without_exploration_offers_no_tiles_and_raw_maps_are_the_stored_ones(
    run: Run, browser: Client
) -> None:
    cat = _word(run, "cat")
    raw = browser.get(f"/runs/{run.pk}/maps/{cat.pk}/raw.npy")
    assert raw["Content-Disposition"] == (
        f'attachment; filename="image-{cat.image_id}-word-{cat.word.position}-map.npy"'
    )
    assert np.array_equal(np.load(io.BytesIO(raw.content)), storage.read_word_map(cat))
    assert browser.get(f"/runs/{run.pk}/maps/{cat.pk}/explored/steps.png").status_code == 404


@pytest.mark.parametrize(("rule", "norm", "op", "tau"), [("max-0.5", "max", ">=", 0.5),
                                                        ("minmax-0.3", "minmax", ">", 0.3),
                                                        ("nonsense", "max", ">=", 0.4)])  # fmt: skip
def test_the_mask_follows_its_rule(
    run: Run, browser: Client, rule: str, norm: Norm, op: Comparison, tau: float
) -> None:
    """Inside the mask the image is as it was; outside it is darker. Control: another rule."""
    cat = _word(run, "cat")
    wanted = hard(
        at_size(storage.read_word_map(cat), size_hw=(32, 32)),
        norm=norm,
        op=op,
        tau=tau,
    ).mask
    answer = browser.get(f"/runs/{run.pk}/maps/{cat.pk}/mask.png", {"rule": rule})
    drawn = np.asarray(Picture.open(io.BytesIO(answer.content)).convert("RGB"), dtype=int)
    own = np.asarray(Picture.open(io.BytesIO(storage.read_png(cat.image))).convert("RGB"), dtype=int)
    bright = own.sum(axis=2) > 60
    edge = np.array([[_at_edge(wanted, y, x) for x in range(32)] for y in range(32)])
    inside, outside = wanted & ~edge, ~wanted & ~edge & bright
    assert (drawn[inside] == own[inside]).all()
    assert (drawn[outside].sum(axis=1) < own[outside].sum(axis=1)).all()


def _at_edge(mask: np.ndarray, y: int, x: int) -> bool:
    near = mask[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    return bool(near.any() and not near.all())


def test_maps_of_others_are_not_found(run: Run, stranger: User) -> None:
    client = Client()
    client.force_login(stranger)
    cat = _word(run, "cat")
    for name in ("raw.npy", "mask.png", "explored/steps.png", "explored/steps.npy", "explored/steps/0.png"):
        assert client.get(f"/runs/{run.pk}/maps/{cat.pk}/{name}").status_code == 404
    assert client.get(f"/runs/{run.pk}/images/{cat.image_id}/legend.png").status_code == 404


def test_what_cannot_be_explored_is_refused_with_its_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = run.images.all()
    with pytest.raises(CommandError, match="no finished image has the number 999"):
        call_command("explore_maps", str(image.pk), "999")
    with pytest.raises(CommandError, match="at least 1"):
        call_command("explore_maps", str(image.pk), "--levels", "0")
    monkeypatch.setenv("PERCEPT_MODELS", "")
    with pytest.raises(CommandError, match="model tiny is not here"):
        call_command("explore_maps", str(image.pk))
    assert Image.objects.get().state == ImageState.DONE
