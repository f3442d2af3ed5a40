"""Questions about pictures, from the form to the maps taken away, with a model of random weights."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image as Picture
from pytest_django.fixtures import Settings

from generation import picture_storage
from generation.attribution import rendering
from generation.choices import MapRequestState, TokenScope
from generation.models import Image, MapRequest, Project
from generation.services import api_tokens, map_requests, projects
from generation.services.images import MAX_ATTEMPTS, ModelPin
from generation.worker import Worker
from tests import factories
from tests.generation.questions import CAPTION, npy_of, question_form
from tests.generation.test_worker import tiny_run

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_picture_of_one_s_own_goes_from_the_form_to_maps_and_bits(
    owner: User, page: Client, worker: Worker, tiny_model: str
) -> None:
    """Controls: maps in bits where nats are asked for; a product of other words; the picture cut to the
    model's square, so that the map covers a part of it.
    """
    answer = page.post("/questions/new/", question_form(owner))
    (asked,) = MapRequest.objects.all()
    assert answer.headers["Location"] == f"/questions/{asked.pk}/"
    assert "Waiting for a worker" in page.get(f"/questions/{asked.pk}/").content.decode()
    assert "X-Poll-Reload" not in page.get(f"/questions/{asked.pk}/state/").headers
    assert worker.drain() == 0  # a question is no image
    asked.refresh_from_db()
    assert (asked.state, asked.percent, asked.failure) == (MapRequestState.DONE, 100, "")
    assert page.get(f"/questions/{asked.pk}/state/").headers["X-Poll-Reload"] == "1"

    assert [word["text"] for word in asked.result["words"]] == CAPTION.split()
    assert [each["text"] for each in asked.result["captions"]] == [CAPTION, "a blue dog"]
    shown = page.get(f"/questions/{asked.pk}/?word=1&unit=nats").content.decode()
    assert shown.count("<figure>") == 5
    nats, bits = (npy_of(page, asked, f"1/cmi.npy?unit={unit}") for unit in ("nats", "bits"))
    assert nats.shape == (12, 21)
    assert nats == pytest.approx(bits * math.log(2), rel=1e-5)
    attention, product = (npy_of(page, asked, f"1/{kind}.npy") for kind in ("attention", "product"))
    assert product == pytest.approx(attention * bits, rel=1e-5)
    with np.load(io.BytesIO(page.get(f"/questions/{asked.pk}/maps.npz").content)) as arrays:
        assert arrays["picture"].shape == (24, 42, 3)
        assert (arrays["picture"][:, [0, -1]].argmax(axis=2) == [0, 2]).all()  # red to blue: all of it
        assert np.array_equal(arrays["cmi"][1], nats)
    for name, size in (
        ("1/mi.png", (480, 288)), ("1/mi.png?whole=1", (80, 48)), ("1/mi.png?alone=1&whole=1", (80, 48)),
        ("picture.png", (80, 48)),
    ):  # fmt: skip
        with Picture.open(io.BytesIO(page.get(f"/questions/{asked.pk}/{name}").content)) as drawn:
            assert drawn.size == size
    assert npy_of(page, asked, "1/cmi.npy?unit=nats&at=picture") == pytest.approx(
        rendering.at_size(nats, size_hw=(48, 80)), rel=1e-5
    )
    for name in ("9/cmi.png", "1/colours.png", "9/cmi.npy", "letters.csv"):
        assert page.get(f"/questions/{asked.pk}/{name}").status_code == 404


def test_tables_give_both_units_and_say_what_is_not_known(owner: User, page: Client) -> None:
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    text = page.get(f"/questions/{asked.pk}/words.csv").content.decode()
    red, ball = csv.DictReader(io.StringIO(text))
    assert float(red["bits"]) == pytest.approx(float(red["nats"]) / math.log(2), rel=1e-5)
    assert (ball["nats"], ball["nats_standard_error"], ball["bits_standard_error"]) == ("-0.5", "", "")
    assert "red ball,2,0.5," in page.get(f"/questions/{asked.pk}/captions.csv").content.decode()


def test_numbers_below_nothing_have_a_minus_sign_on_the_page_and_a_hyphen_in_files(
    owner: User, page: Client
) -> None:
    """Control: floatformat alone: a hyphen here, a minus sign on the pages of results."""
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    shown = page.get(f"/questions/{asked.pk}/?unit=nats").content.decode()
    assert '<td class="number">−0.50</td>' in shown
    assert "−0.5 nats" in shown
    assert ",-0.5," in page.get(f"/questions/{asked.pk}/words.csv").content.decode()


def test_a_few_noise_levels_give_no_interval_and_many_one_for_this_picture_only(
    owner: User, page: Client
) -> None:
    """Control: 1.96 standard errors whatever the number of levels."""
    project = projects.personal_project(owner)
    few, many = (factories.make_answered_question(owner, project, levels=levels) for levels in (19, 20))
    shown = [page.get(f"/questions/{asked.pk}/?unit=nats").content.decode() for asked in (few, many)]
    assert "No intervals: 19 noise levels" in shown[0]
    assert "0.54" not in shown[0]
    assert '<td class="number">0.54</td>' in shown[1]  # 2.16 times 0.25
    assert "It says nothing about other pictures" in shown[1]


def test_what_the_model_does_not_read_of_a_caption_stands_beside_it(owner: User, page: Client) -> None:
    """Control: leave the words out of the page or of the table."""
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    unread = [{"position": 1, "text": "balloon", "start": 4, "end": 11}]
    other = {"text": "red balloon", "nats": 2.0, "nats_error": 0.5, "unread": unread, "same_as": "red ball"}
    asked.result["captions"].append(other)
    asked.save()
    shown = page.get(f"/questions/{asked.pk}/").content.decode()
    assert "Not read by the model: balloon" in shown
    assert "The same to the model as “red ball”" in shown
    text = page.get(f"/questions/{asked.pk}/captions.csv").content.decode()
    first, second = csv.DictReader(io.StringIO(text))
    assert [first[name] for name in ("words_not_read", "same_to_the_model_as")] == ["", ""]
    assert [second[name] for name in ("words_not_read", "same_to_the_model_as")] == ["balloon", "red ball"]


def test_an_image_of_a_run_is_asked_about_and_the_question_moves_with_its_prompts(
    worker: Worker, tiny_model: str
) -> None:
    """Controls: the question stays in the project that its image has left; it is read at the model's size."""
    run = tiny_run("a red cat", width=48)
    worker.drain()
    (image,) = Image.objects.all()
    client = Client()
    client.force_login(run.owner)
    address = f"/runs/{run.pk}/images/{image.pk}/question/"
    assert 'value="a red cat"' in client.get(address).content.decode()
    fields = {"caption": "a cat", "model": "tiny", "levels": "20", "seed": "0"}
    answer = client.post(address, fields)
    (asked,) = MapRequest.objects.all()
    assert answer.headers["Location"] == f"/questions/{asked.pk}/"
    worker.drain()
    asked.refresh_from_db()
    assert asked.state == MapRequestState.DONE
    assert asked.image_id == image.pk
    read = picture_storage.read(asked.pk, digest=asked.maps_sha256).picture
    assert read.shape == (run.height, 48, 3)
    elsewhere = projects.found_project(run.owner, name="Elsewhere")
    projects.move_prompt_set(run.prompt_set, to=elsewhere, actor=run.owner)
    asked.refresh_from_db()
    assert asked.project == elsewhere


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"caption": "  "}, "This field is required"),
        ({"caption": "<|endoftext|> cat"}, "mark with which the model ends"),
        ({"caption": "a " * 41}, "at most 40 can be asked about"),
        ({"others": "a red  cat"}, "stands twice"),
        ({"others": "1\n2\n3\n4\n5"}, "at most 4"),
        ({"levels": "19"}, "greater than or equal to 20"),
        ({"levels": "201"}, "less than or equal to 200"),
        ({"model": "sd3"}, "Select a valid choice"),
        ({"content": b"no picture"}, "no whole picture in PNG, JPEG or WebP. Save"),
        ({"content": factories.picture_png(width=8, height=8)}, "Sides may have 16 to 2048"),
        ({"content": b"\x89PNG" + bytes(8 * 1024 * 1024)}, "larger than 8 MB"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy_and_nothing_is_kept(
    owner: User, page: Client, tiny_model: str, changes: dict[str, object], remedy: str
) -> None:
    answer = page.post("/questions/new/", question_form(owner, **changes))  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert remedy in answer.content.decode()
    assert not MapRequest.objects.exists()


def test_another_project_s_name_in_the_form_opens_nothing(
    owner: User, page: Client, stranger: User, tiny_model: str
) -> None:
    """Control: Project.objects.all() in the form."""
    other = projects.personal_project(stranger)
    assert page.post("/questions/new/", question_form(owner, project=str(other.pk))).status_code == 400


def test_a_deleted_question_takes_its_files_along_and_refuses_a_late_answer(
    owner: User, page: Client
) -> None:
    """Control: files left behind; an answer that brings the maps file back."""
    project = projects.personal_project(owner)
    asked = factories.make_answered_question(owner, project)
    files = [picture_storage.picture_path(asked.pk), picture_storage.maps_path(asked.pk)]
    assert all(path.is_file() for path in files)
    late = map_requests.MapClaim(request_id=asked.pk, fence=asked.fence)
    assert page.post(f"/questions/{asked.pk}/delete/").headers["Location"] == "/questions/"
    assert not any(path.exists() for path in files)
    assert not map_requests.answer_information(late, content=b"late", result={}, seconds=1)
    assert not any(path.exists() for path in files)


def test_a_question_that_killed_its_workers_fails_and_can_be_asked_again(
    owner: User, page: Client, tiny_model: str
) -> None:
    """Control: bury nothing, and it kills one worker after the other."""
    page.post("/questions/new/", question_form(owner))
    (asked,) = MapRequest.objects.all()
    pins = [ModelPin(model_id=asked.model_id, revision=asked.model_revision)]
    for _ in range(MAX_ATTEMPTS):
        assert map_requests.claim_request("doomed", models=pins, lease_seconds=60) is not None
        MapRequest.objects.update(lease_until="2000-01-01T00:00Z")
    assert map_requests.claim_request("next", models=pins, lease_seconds=60) is None
    shown = page.get(f"/questions/{asked.pk}/").content.decode()
    assert "The worker stopped without a result" in shown
    page.post(f"/questions/{asked.pk}/again/")
    asked.refresh_from_db()
    assert (asked.state, asked.attempts) == (MapRequestState.READY, 0)
    assert map_requests.claim_request("next", models=pins, lease_seconds=60) is not None


def test_a_fault_of_the_question_s_own_is_told_at_once(
    owner: User, page: Client, worker: Worker, tiny_model: str
) -> None:
    """Control: three tries at what can't work."""
    page.post("/questions/new/", question_form(owner))
    (asked,) = MapRequest.objects.all()
    picture_storage.picture_path(asked.pk).unlink()
    worker.drain()
    asked.refresh_from_db()
    assert (asked.state, asked.attempts) == (MapRequestState.DEAD, 1)
    assert "missing from the media folder" in page.get(f"/questions/{asked.pk}/").content.decode()


def test_questions_of_others_are_not_found(owner: User, stranger: User) -> None:
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    client = Client()
    client.force_login(stranger)
    for name in ("", "state/", "picture.png", "maps.npz", "words.csv", "0/cmi.png", "0/cmi.npy"):
        assert client.get(f"/questions/{asked.pk}/{name}").status_code == 404
    assert client.post(f"/questions/{asked.pk}/delete/").status_code == 404
    assert Project.objects.filter(map_requests=asked).exists()


def test_a_program_asks_waits_and_reads_and_is_told_what_to_mend(
    owner: User, worker: Worker, tiny_model: str
) -> None:
    """Controls: a form of the API's own, which takes what the page refuses; `project or` for `is None`; no
    look at the names of the parts; maps that aren't made yet told as lost.
    """
    _, secret = api_tokens.issue(owner, name="tests", scopes=list(TokenScope), days=1)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    fields = {"caption": CAPTION, "model": "tiny", "levels": "20"}

    def ask(**changes: str) -> Any:
        picture = SimpleUploadedFile("mine.png", factories.picture_png(), content_type="image/png")
        return client.post("/api/v1/questions", fields | changes | {"picture": picture})

    wrong = {"levels": 999, "project": 0, "colour": "red"}
    answers = [ask(**{field: str(value)}).json() for field, value in wrong.items()]
    faults = [(fault["field"], fault["value"]) for answer in answers for fault in answer.get("errors", ())]
    assert faults == list(wrong.items())
    asked = ask()
    assert asked.status_code == 201, asked.content
    number = asked.json()["id"]
    assert asked.json()["state"] == "ready"
    early = client.get(f"/api/v1/questions/{number}/maps.npz")
    assert (early.status_code, "not answered yet" in early.content.decode()) == (409, True)
    worker.drain()
    answer = client.get(f"/api/v1/questions/{number}").json()
    assert (answer["state"], [word["text"] for word in answer["words"]]) == ("done", CAPTION.split())
    assert [row["id"] for row in client.get("/api/v1/questions").json()] == [number]
    with np.load(io.BytesIO(client.get(f"/api/v1/questions/{number}/maps.npz").content)) as arrays:
        assert arrays["mi"].shape == (3, 12, 21)
    assert (answer["picture_hw"], answer["read_hw"]) == ([48, 80], [24, 42])
    one = client.get(f"/api/v1/questions/{number}/words/1/mi.npy?at=picture")
    assert np.load(io.BytesIO(one.content)).shape == (48, 80)
    for name, status in (("9/mi.npy", 404), ("1/heads_most.npy", 404), ("1/mi.npy?at=moon", 400)):
        assert client.get(f"/api/v1/questions/{number}/words/{name}").status_code == status, name


def test_a_full_disk_is_told_to_programs_as_to_people(
    owner: User, page: Client, tiny_model: str, settings: Settings, tmp_path: Path
) -> None:
    """A file stands where the folder should be. Control: no catch of OSError, and a page of HTML answers."""
    _, secret = api_tokens.issue(owner, name="tests", scopes=list(TokenScope), days=1)
    client = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)
    (tmp_path / "blocked").write_text("")
    settings.MEDIA_ROOT = tmp_path / "blocked"
    answer = client.post("/api/v1/questions", question_form(owner))
    assert (answer.status_code, answer.headers["Content-Type"][:16]) == (507, "application/json")
    assert "no space is left" in answer.json()["errors"][0]["remedy"]
    assert "no space is left" in page.post("/questions/new/", question_form(owner)).content.decode()
    assert not MapRequest.objects.exists()


def test_the_maps_of_a_question_that_waits_are_not_told_as_lost(
    owner: User, page: Client, tiny_model: str
) -> None:
    """Control: the file read whatever the state is."""
    page.post("/questions/new/", question_form(owner))
    (asked,) = MapRequest.objects.all()
    for name in ("maps.npz", "words.csv"):
        early = page.get(f"/questions/{asked.pk}/{name}")
        assert (early.status_code, "Waiting for a worker" in early.content.decode()) == (409, True)


def test_an_old_answer_shows_its_maps_over_what_was_cut_out_of_the_picture(owner: User, page: Client) -> None:
    """Control: a map of the middle drawn over the whole picture."""
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    drawn = page.get(f"/questions/{asked.pk}/0/mi.png?whole=1").content
    with Picture.open(io.BytesIO(drawn)) as picture:
        assert picture.size == (factories.SIDE, factories.SIDE)


def test_a_large_picture_is_drawn_small_on_its_page_and_whole_to_take_away(owner: User, page: Client) -> None:
    """Control: every map of a page drawn over millions of pixels by a web process."""
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    png = factories.picture_png(width=1600, height=800)
    asked.picture_sha256 = picture_storage.write_picture(asked.pk, png)
    asked.result["picture_hw"] = (800, 1600)
    asked.save()
    for name, size in (("0/mi.png", (768, 384)), ("0/mi.png?whole=1", (1600, 800))):
        with Picture.open(io.BytesIO(page.get(f"/questions/{asked.pk}/{name}").content)) as drawn:
            assert drawn.size == size
