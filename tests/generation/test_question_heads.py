"""Maps of chosen heads in answers to questions about pictures, with head relevance vectors made up."""

import io

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from generation.models import MapRequest
from generation.worker import Worker
from tests.generation.questions import npy_of, question_form
from tests.generation.test_worker import tiny_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("with_vectors")
def test_chosen_heads_speak_for_words_of_one_s_own_picture(owner: User, page: Client, worker: Worker) -> None:
    """By the rule "red" is a colour and "a" nothing; "cat" is said to be a colour, whatever its list says.

    Controls: the concepts not handed on; a map for a word without a concept; heads of another concept.
    """
    page.post("/questions/new/", question_form(owner, concepts="Cat = Colours"))
    (asked,) = MapRequest.objects.all()
    assert asked.concepts == {"2": "colours"}
    worker.drain()
    asked.refresh_from_db()
    assert asked.failure == ""
    assert [word["concept"] for word in asked.result["words"]] == ["", "colours", "colours"]
    shown = [page.get(f"/questions/{asked.pk}/?word={place}").content.decode() for place in range(3)]
    assert [each.count("<figure>") for each in shown] == [5, 7, 7]
    assert "“a” has no concept" in shown[0]
    assert "<strong>colours</strong>" in shown[2]
    assert page.get(f"/questions/{asked.pk}/0/heads_most.npy").status_code == 404
    most, all_heads = (npy_of(page, asked, f"1/{kind}.npy") for kind in ("heads_most", "attention"))
    assert most.shape == all_heads.shape
    assert not np.allclose(most, all_heads, rtol=1e-2)
    with np.load(io.BytesIO(page.get(f"/questions/{asked.pk}/maps.npz").content)) as arrays:
        assert arrays["heads_most_positions"].tolist() == [1, 2]
        assert np.array_equal(arrays["heads_most"][0], most)


@pytest.mark.usefixtures("with_vectors")
def test_an_image_of_a_run_is_asked_about_with_the_lemmas_of_its_prompt(worker: Worker) -> None:
    """Control: only the words as they are written, and "stars" loses the heads that its run's page shows."""
    run = tiny_run("blue cats")
    run.prompt_set.prompts.get().words.filter(text="cats").update(lemma="cat")
    worker.drain()
    client = Client()
    client.force_login(run.owner)
    fields = {"caption": "cats", "model": "tiny", "levels": "20", "seed": "0"}
    client.post(f"/runs/{run.pk}/images/{run.images.get().pk}/question/", fields)
    worker.drain()
    (word,) = MapRequest.objects.get().result["words"]
    assert (word["text"], word["concept"]) == ("cats", "animals")


@pytest.mark.parametrize(
    ("lines", "remedy"),
    [
        ("red", "“red”: write word = concept"),
        ("frog = animals", "“frog” is no word of the caption"),
        ("red = colours\nRED =", "“RED” stands on two lines"),
        ("red = feelings", "“feelings” is none of the model’s concepts: colours, animals"),
    ],
)
@pytest.mark.usefixtures("with_vectors")
def test_a_line_of_heads_that_cannot_be_is_named(owner: User, page: Client, lines: str, remedy: str) -> None:
    """Control: an unknown concept left to the worker, which makes no maps and says nothing here."""
    answer = page.post("/questions/new/", question_form(owner, concepts=lines))
    assert (answer.status_code, remedy in answer.content.decode()) == (400, True)
    assert not MapRequest.objects.exists()


def test_heads_of_a_model_without_vectors_are_refused(owner: User, page: Client, tiny_model: str) -> None:
    answer = page.post("/questions/new/", question_form(owner, concepts="red = colours"))
    assert "tiny has no head relevance vectors" in answer.content.decode()
