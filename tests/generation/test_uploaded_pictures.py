"""Pictures of another system: a run like any other, within bounds, without what else the files held."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture
from PIL import PngImagePlugin

from annotation.choices import PairOf, TaskKind
from generation import storage, uploaded_pictures
from generation.models import Image, PromptSet, Run
from generation.queries import run_progress
from generation.uploaded_pictures import PicturesRefused, UploadedFile
from tests import factories

pytestmark = pytest.mark.django_db
ROWS = {2, 3}


def encoded(kind: str = "PNG", *, size: tuple[int, int] = (64, 64), mode: str = "RGB", **how: Any) -> bytes:
    buffer = io.BytesIO()
    Picture.new(mode, size, how.pop("colour", None)).save(buffer, format=kind, **how)
    return buffer.getvalue()


def file(name: str, content: bytes) -> UploadedFile:
    return UploadedFile(name=name, content=content)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixel_flood(side: int) -> bytes:
    """A PNG of a few bytes whose header says so many pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64))


def test_pictures_become_a_finished_run_of_the_prompts(client: Client, owner: User) -> None:
    prompt_set = factories.make_prompt_set(owner=owner)
    client.force_login(owner)
    files = [SimpleUploadedFile(f"{row}-{n}.png", encoded()) for row in (2, 3) for n in (0, 1)]
    url = reverse("generation:prompt_pictures", args=[prompt_set.pk])
    response = client.post(url, {"name": "Other model", "pictures": files})
    run = Run.objects.get()
    assert response.headers["Location"] == reverse("generation:run", args=[run.pk])
    assert run_progress(run).is_finished
    assert [(image.prompt.row_number, image.seed) for image in Image.objects.order_by("prompt", "seed")] == [
        (2, 0), (2, 1), (3, 0), (3, 1),
    ]  # fmt: skip
    assert all(storage.has_files(image) and storage.read_png(image) for image in Image.objects.all())


@pytest.mark.parametrize("kind", [TaskKind.OBJECT_PRESENCE, TaskKind.MASK, TaskKind.PAIRWISE])
def test_campaigns_show_them_alone_or_against_a_run_of_ours(
    client: Client, owner: User, kind: TaskKind
) -> None:
    ours = factories.make_finished_run(owner)
    client.force_login(owner)
    files = [SimpleUploadedFile(f"{row}.png", encoded()) for row in (2, 3)]
    client.post(
        reverse("generation:prompt_pictures", args=[ours.prompt_set_id]), {"name": "Other", "pictures": files}
    )
    theirs = Run.objects.get(model_id="uploaded")
    of_kind: dict[TaskKind, dict[str, Any]] = {
        TaskKind.OBJECT_PRESENCE: {"vocabulary": factories.VOCABULARY},
        TaskKind.MASK: {"parts_of_speech": ("NOUN",)},
        TaskKind.PAIRWISE: {"compared_run_ids": (ours.pk,), "pair_of": PairOf.IMAGES.value},
    }
    campaign = factories.make_open_campaign(owner, run=theirs, task_kind=kind.value, **of_kind[kind])
    assert campaign.items.count() >= 2
    rated = campaign.items.filter(kind="rating").count()
    assert factories.rate_all(factories.make_rater(campaign)) == rated


def test_nothing_of_a_file_but_its_pixels_is_kept() -> None:
    """Control: keep the uploaded bytes."""
    told = PngImagePlugin.PngInfo()
    told.add_text("Model", "secret-model")
    content = encoded(pnginfo=told, mode="RGBA", colour=(255, 0, 0, 0)) + b"trailing secret-model"
    (picture,) = uploaded_pictures.read([file("2.png", content)], rows=ROWS)
    assert b"secret-model" not in picture.png
    again = Picture.open(io.BytesIO(picture.png))
    assert (again.format, again.mode, again.info, again.getpixel((0, 0))) == (
        "PNG",
        "RGB",
        {},
        (255, 255, 255),
    )


def test_a_picture_lying_on_its_side_is_put_upright() -> None:
    exif = Picture.Exif()
    exif[0x0112] = 6
    (picture,) = uploaded_pictures.read([file("2.jpg", encoded("JPEG", size=(64, 32), exif=exif))], rows=ROWS)
    assert (picture.width, picture.height) == (32, 64)


def test_a_grey_picture_of_16_bits_keeps_its_shades() -> None:
    """Truth: value / 257, white where transparent. Control: convert("RGBA") alone, which cuts off at 255."""
    ramp = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    buffer = io.BytesIO()
    Picture.fromarray(ramp).save(buffer, format="PNG")
    content = buffer.getvalue()
    after_header = 8 + 25
    see_through = content[:after_header] + chunk(b"tRNS", struct.pack(">H", 0)) + content[after_header:]
    for given, darkest in ((content, 0), (see_through, 255)):
        picture = uploaded_pictures.read_one(file("2.png", given))
        shades = np.asarray(Picture.open(io.BytesIO(picture.png)))
        assert shades[0, 0].tolist() == [darkest] * 3
        expected = np.repeat(np.rint(ramp / 257)[..., None], 3, axis=2)
        assert np.array_equal(shades.reshape(-1, 3)[1:], expected.reshape(-1, 3)[1:])


def test_a_flood_of_pixels_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: check the size after convert()."""

    def decoded(*_: Any, **__: Any) -> None:
        pytest.fail("a pixel was decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", decoded)
    for side in (2049, 20_000, 2**31 - 1):
        with pytest.raises(PicturesRefused):
            uploaded_pictures.read([file("2.png", pixel_flood(side))], rows=ROWS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("2.png", b"", "no whole"),
        ("2.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no whole"),
        ("2.png", encoded("GIF"), "no whole"),
        ("2.png", encoded()[:60], "no whole"),
        ("2.png", pixel_flood(64), "no whole"),
        ("2.png", encoded(size=(8, 64)), "pixels"),
        ("9.png", encoded(), "line 9"),
        ("cat.png", encoded(), "Name it"),
        ("../2.png.exe", encoded(), "Name it"),
    ],
    ids=["empty", "svg", "gif", "cut", "header lies", "tiny", "no such line", "no line", "path"],
)  # fmt: skip
def test_a_file_that_is_no_such_picture_is_refused_with_the_reason(
    name: str, content: bytes, said: str
) -> None:
    with pytest.raises(PicturesRefused, match=said):
        uploaded_pictures.read([file(name, content)], rows=ROWS)


def test_all_faults_are_named_at_once_and_nothing_is_stored(client: Client, owner: User) -> None:
    prompt_set: PromptSet = factories.make_prompt_set(owner=owner)
    client.force_login(owner)
    files = [
        SimpleUploadedFile("2.png", encoded()), SimpleUploadedFile("3.png", encoded(size=(32, 64))),
        SimpleUploadedFile("2-0.png", encoded()), SimpleUploadedFile("x.png", encoded()),
    ]  # fmt: skip
    url = reverse("generation:prompt_pictures", args=[prompt_set.pk])
    response = client.post(url, {"name": "Other", "pictures": files})
    assert response.status_code == 400
    assert [fault.field for fault in response.context["faults"]] == ["2-0.png", "x.png", ""]
    assert not Run.objects.exists()
