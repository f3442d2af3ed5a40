"""The API's projects, prompts, pictures and questions: what else a researcher does before a campaign."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from generation.services.projects import personal_project
from tests import factories
from tests.program import ROOT, Program, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program(owner: User) -> Program:
    return Program(owner)


def test_projects_are_founded_renamed_and_left(program: Program, owner: User) -> None:
    """Control: let a viewer rename; leave the last owner unasked for."""
    made = program.post("/projects", {"name": "Together"})
    assert (made.status_code, made.json()["may_edit"]) == (201, True)
    path = f"/projects/{made.json()['id']}"
    assert program.post(f"{path}/rename", {"name": "Apart"}).json()["name"] == "Apart"
    assert "name" in errors(program.post(f"{path}/rename", {"name": ""}), status=400)
    assert errors(program.post(f"{path}/leave"), status=409)
    viewer = factories.make_user("viewer")
    program.post(f"{path}/members", {"username": "viewer", "role": "viewer"})
    hers = Program(viewer)
    assert errors(hers.post(f"{path}/rename", {"name": "Hers"}), status=403)
    assert [row["username"] for row in hers.post(f"{path}/leave").json()] == ["owner"]
    assert errors(hers.get(f"{path}/members"), status=404)


def test_prompts_are_read_corrected_and_moved(program: Program, owner: User) -> None:
    """Control: correct the words before all of them are looked at."""
    found = factories.make_prompt_set(owner=owner)
    path = f"/prompt-sets/{found.pk}"
    first = program.get(f"{path}/prompts").json()[0]
    assert first["text"] == factories.PROMPTS[0]
    assert [word["position"] for word in first["words"]] == list(range(len(first["words"])))
    wrong = [{"position": 2, "part_of_speech": "VERB"}, {"position": 99, "part_of_speech": "TREE"}]
    said = errors(program.post(f"{path}/prompts/2", {"words": wrong}), status=400)
    assert set(said) == {"position", "part_of_speech"}
    assert program.get(f"{path}/prompts").json()[0] == first
    corrected = program.post(f"{path}/prompts/2", {"words": wrong[:1]}).json()
    assert (corrected["words"][2]["part_of_speech"], corrected["words"][2]["parsed"]) == ("VERB", "NOUN")
    assert errors(program.post(f"{path}/prompts/1", {"words": []}), status=404)
    target = program.post("/projects", {"name": "Together"}).json()["id"]
    assert program.post(f"{path}/move", {"project": target}).json()["project"] == target
    assert "project" in errors(program.post(f"{path}/move", {"project": target + 9}), status=400)


def test_pictures_of_another_system_are_a_run(program: Program, owner: User) -> None:
    found = factories.make_prompt_set(owner=owner)

    def upload(**names: bytes) -> Any:
        files = [SimpleUploadedFile(f"{name[1:]}.png", content) for name, content in names.items()]
        body = {"pictures": files, "name": "Theirs"}
        return program.client.post(f"{ROOT}/prompt-sets/{found.pk}/pictures", body, headers=program.headers)

    assert "9.png" in errors(upload(_9=factories.picture_png()), status=400)
    made = upload(_2=factories.picture_png(), _3=factories.picture_png())
    assert (made.status_code, made.json()["done"], made.json()["finished"]) == (201, 2, True)


def test_a_question_is_deleted_and_only_a_failed_one_asked_again(program: Program, owner: User) -> None:
    factories.make_answered_question(owner, personal_project(owner))
    number = program.get("/questions").json()[0]["id"]
    assert errors(program.post(f"/questions/{number}/again"), status=409)
    assert program.post(f"/questions/{number}/delete").json() == {"deleted": number}
    assert program.get(f"/questions/{number}").status_code == 404
