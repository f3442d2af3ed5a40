"""Maps taken apart: the command, the page, tiles, strips and raw arrays."""

import io
from pathlib import Path

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
from generation.models import Image, MapRequest, Run, WordMap
from generation.queries import explorations
from generation.worker import Worker
from tests.generation.test_worker import tiny_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


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
    assert "Take the maps apart" in browser.get(page).content.decode()
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


@pytest.mark.usefixtures("with_vectors")
def test_chosen_heads_speak_for_words_with_a_concept_and_the_page_says_so(run: Run, browser: Client) -> None:
    """By the rule "red" is a colour and "dog" nothing; asked again, "dog" is an animal and "red" nothing.

    Controls: the same heads for every concept; a guess for a word without one; zeros shown as a map, also to
    a campaign that compares methods.
    """
    (image,) = run.images.all()
    page = f"/runs/{run.pk}/images/{image.pk}/"
    red, dog = _word(run, "red"), _word(run, "dog")
    assert browser.post(f"{page}explore/").headers["Location"] == page
    assert "wait for a worker" in browser.get(page).content.decode()
    worker = Worker(name="test", device="cpu", batch_size=2, lease_seconds=60)
    worker.drain()
    assert browser.get(f"{page}explore/state/").headers["X-Poll-Reload"] == "1"
    found = storage.read_exploration(red)
    assert (found.concept, len(found.methods)) == ("colours", 8)
    of = dict(zip(found.methods, found.by_method, strict=True))
    assert not np.allclose(of["heads, most relevant"], of["heads, in proportion"], rtol=1e-2)
    assert not np.allclose(of["heads, in proportion"], of["paper"], rtol=1e-2)
    without = storage.read_exploration(dog)
    assert (without.concept, len(without.methods)) == ("", 6)
    # A rater is never shown a word's zeros for a map.
    offered = storage.explored_methods(image)
    assert offered[red.word.position] == found.methods
    assert offered[dog.word.position] == without.methods
    with pytest.raises(storage.MediaMissing, match="no map by 'heads, most relevant'"):
        storage.read_method_map(dog, method="heads, most relevant")
    assert storage.read_method_map(red, method="heads, most relevant") == pytest.approx(
        of["heads, most relevant"]
    )
    assert (
        "“dog” has no concept" in browser.get(f"{page}?word={dog.word.position}&by=methods").content.decode()
    )

    fields = {f"concept-{red.word.position}": "", f"concept-{dog.word.position}": "animals"}
    browser.post(f"{page}explore/", fields)
    worker.drain()
    assert storage.read_exploration(dog).concept == "animals"
    assert storage.read_exploration(red).concept == ""
    assert MapRequest.objects.count() == 1
    shown = browser.get(f"{page}?word={dog.word.position}&by=methods").content.decode()
    assert "<strong>animals</strong>" in shown


@pytest.mark.usefixtures("with_vectors")
def test_vectors_of_other_weights_cost_only_the_maps_of_chosen_heads_and_the_page_says_why(
    run: Run, browser: Client, tmp_path: Path
) -> None:
    """Controls: a page that says there are no vectors; a worker that fails the whole exploration."""
    file = tmp_path / "heads.json"
    file.write_text(file.read_text().replace('"origin": {}', '"origin": {"model_revision": "0123"}'))
    (image,) = run.images.all()
    page = f"/runs/{run.pk}/images/{image.pk}/"
    before = browser.get(page).content.decode()
    assert ("other weights" in before, "no head relevance vectors" in before) == (True, False)
    browser.post(f"{page}explore/")
    Worker(name="test", device="cpu", batch_size=2, lease_seconds=60).drain()
    found = storage.read_exploration(_word(run, "red"))
    assert (len(found.methods), found.concept) == (6, "")
    assert "other weights" in found.note


def test_a_run_can_take_all_its_images_apart(tiny_model: str) -> None:
    """Control: complete_image without the request."""
    made = tiny_run("a red cat", images_per_prompt=2)
    Run.objects.update(explored=True)
    Worker(name="test", device="cpu", batch_size=2, lease_seconds=60).drain()
    for image in made.images.all():
        word_map = image.word_maps.select_related("word", "image").first()
        assert word_map is not None
        assert "no head relevance vectors" in storage.read_exploration(word_map).note
    assert explorations(made) == {"done": 2, "open": 0, "dead": 0}


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
