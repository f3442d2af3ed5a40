"""A rater sees the two pictures of the task in her hand, and no other picture, then or later."""

import io
import struct
import zlib
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture

from annotation.bare_png import SIGNATURE, bare_png
from annotation.models import Slot
from generation.attribution.rendering import heat_png
from generation.models import Image
from generation.storage import image_path, read_word_map
from tests import factories
from tests.annotation.rater_browser import RaterBrowser

GUESSED = "5b7e0c5e-8f4d-4f0a-9c3b-2a6d1e9f7b10"


@pytest.fixture
def browser(db: None) -> RaterBrowser:
    """A rater in an open campaign."""
    return RaterBrowser(factories.make_rater(factories.make_open_campaign()))


def in_hand(browser: RaterBrowser) -> UUID:
    """The slot of the current task."""
    return UUID(browser.open().hidden("slot"))


@pytest.mark.parametrize("name", ["image", "word_map"])
def test_the_pictures_of_the_task_in_hand_are_png_for_her_alone(browser: RaterBrowser, name: str) -> None:
    response = browser.open(name, in_hand(browser)).response
    assert response.status_code == 200
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    cache, age = response["Cache-Control"].split(", max-age=")
    assert cache == "private"
    assert 0 < int(age) <= browser.rater.campaign.lease_seconds
    assert Picture.open(io.BytesIO(response.content)).size[0] > 0


def test_the_map_is_that_of_the_target_word(browser: RaterBrowser) -> None:
    slot = in_hand(browser)
    content = browser.open("word_map", slot).response.content
    word_map = factories.map_of(Slot.objects.get(public_id=slot).item)
    shown = np.asarray(Picture.open(io.BytesIO(content)))
    expected = Picture.open(io.BytesIO(heat_png(read_word_map(word_map), size_hw=shown.shape[:2])))
    assert (shown == np.asarray(expected)).all()


@pytest.mark.parametrize("name", ["image", "word_map"])
def test_another_raters_picture_is_a_404(browser: RaterBrowser, name: str) -> None:
    """Control: leaving the rater out of `_shown_slot` gives 200."""
    other = RaterBrowser(factories.make_rater(browser.rater.campaign))
    assert browser.open(name, in_hand(other)).status == 404


@pytest.mark.parametrize("name", ["image", "word_map"])
def test_a_picture_is_gone_once_its_task_is_answered(browser: RaterBrowser, name: str) -> None:
    """Control: leaving the state out of `_shown_slot` gives 200."""
    slot = in_hand(browser)
    browser.answer()
    assert browser.open(name, slot).status == 404


@pytest.mark.parametrize("name", ["image", "word_map"])
def test_a_picture_is_gone_once_the_lease_has_run_out(browser: RaterBrowser, name: str) -> None:
    """Control: leaving the lease out of `_shown_slot` gives 200."""
    slot = in_hand(browser)
    Slot.objects.filter(public_id=slot).update(lease_until=Now() - timedelta(seconds=1))
    assert browser.open(name, slot).status == 404


@pytest.mark.parametrize("name", ["0", "1", str(2**63), "x", GUESSED, GUESSED.upper()])
def test_a_guessed_name_is_a_404(browser: RaterBrowser, name: str) -> None:
    in_hand(browser)
    assert browser.client.get(f"{browser.url('session')}image/{name}.png").status_code == 404


def test_no_text_of_the_stored_file_reaches_a_rater(browser: RaterBrowser) -> None:
    """Control: sending the stored bytes as they are shows the prompt."""
    slot = in_hand(browser)
    path = image_path(factories.map_of(Slot.objects.get(public_id=slot).item).image)
    content = path.read_bytes()
    end = content.index(b"IDAT") - 4
    written = content[:end] + chunk(b"tEXt", b"prompt\0a red ball") + content[end:]
    path.write_bytes(written)
    Image.objects.update(file_sha256=sha256(written).hexdigest())
    sent = browser.open("image", slot).response.content
    assert b"red ball" not in sent
    before, after = Picture.open(io.BytesIO(content)), Picture.open(io.BytesIO(sent))
    assert (np.asarray(before) == np.asarray(after)).all()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("image", "gone"),
        ("image", "changed"),
        ("image", "no picture"),
        ("word_map", "gone"),
        ("word_map", "changed"),
    ],
)
def test_a_picture_that_is_missing_or_damaged_is_a_page_and_no_server_error(
    browser: RaterBrowser, name: str, damage: str
) -> None:
    """Control: reading the file without its hash, or letting BrokenPicture pass."""
    slot = in_hand(browser)
    image = factories.map_of(Slot.objects.get(public_id=slot).item).image
    path = Path(settings.MEDIA_ROOT) / (image.file if name == "image" else image.maps_file)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"not what was stored")
    if damage == "no picture":
        Image.objects.update(file_sha256=sha256(b"not what was stored").hexdigest())
    shown = browser.open(name, slot)
    assert shown.status == 404
    assert "can&#x27;t be shown" in shown.response.content.decode()
    researcher = Client()
    researcher.force_login(browser.rater.campaign.owner)
    item = Slot.objects.get(public_id=slot).item
    picture = {"image": "image", "word_map": "map"}[name]
    preview = reverse("annotation:preview_picture", args=[item.campaign.public_id, item.pk, picture])
    assert researcher.get(preview).status_code == 404


@pytest.mark.parametrize("cut", [0, 4, 8, 20, -1, -13])
def test_a_png_cut_short_is_refused(cut: int) -> None:
    whole = SIGNATURE + chunk(b"IHDR", b"\0" * 13) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert bare_png(whole) == whole
    with pytest.raises(ValueError, match="PNG"):
        bare_png(whole[:cut])


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", checksum)
