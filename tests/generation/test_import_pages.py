"""Importing prompts through the pages: all or nothing, previewed first, correctable after."""

import time
from hashlib import sha256

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from generation import examples
from generation.models import PromptSet, PromptWord
from tests import factories

CSV = b"prompt,kind\na red cat.,single\na dog and a bird.,pair\n"


@pytest.fixture(scope="module")
def parsed() -> float:
    """The most seconds that a page waits for the parser on a crowded machine."""
    return 120


def upload(page: Client, content: bytes, *, name: str = "p.csv") -> str:
    """Uploads a file; returns where the page led to."""
    response = page.post("/prompts/import/", {"file": SimpleUploadedFile(name, content)})
    assert response.status_code == 302, response.content.decode()
    return str(response.headers["Location"])


def wait_for_words(page: Client, preview: str, *, seconds: float) -> None:
    """Polls as the page's script does until it is told to load the page again."""
    deadline = time.monotonic() + seconds
    while "X-Poll-Reload" not in page.get(f"{preview}state/").headers:
        assert time.monotonic() < deadline, "the parser did not finish"
        time.sleep(0.1)


def test_a_file_is_previewed_and_then_imported_whole(page: Client, owner: User, parsed: float) -> None:
    preview = upload(page, CSV)
    assert not PromptSet.objects.exists()
    wait_for_words(page, preview, seconds=parsed)
    shown = page.get(preview).content.decode()
    for text in ("2 prompts", "10 words", "a red cat.", "noun", "single", "2 images"):
        assert text in shown
    response = page.post(preview, {"name": "Animals"})
    prompt_set = PromptSet.objects.get()
    assert response.headers["Location"] == f"/prompts/{prompt_set.pk}/"
    assert (prompt_set.owner, prompt_set.name, prompt_set.source_name) == (owner, "Animals", "p.csv")
    assert prompt_set.source_sha256 == sha256(CSV).hexdigest()
    first, second = prompt_set.prompts.all()
    assert (first.row_number, first.text, first.extra) == (2, "a red cat.", {"kind": "single"})
    assert [word.text for word in second.words.all()] == ["a", "dog", "and", "a", "bird", "."]
    tags = first.words.values_list("part_of_speech", flat=True)
    assert list(tags) == ["DET", "ADJ", "NOUN", "PUNCT"]


def test_the_draft_is_gone_once_it_is_imported(page: Client, parsed: float) -> None:
    preview = upload(page, CSV)
    wait_for_words(page, preview, seconds=parsed)
    page.post(preview, {"name": "Animals"})
    assert page.get(preview).status_code == 404
    assert page.post(preview, {"name": "Animals"}).status_code == 404
    assert PromptSet.objects.count() == 1


def test_a_preview_without_its_words_yet_imports_nothing(page: Client) -> None:
    """Control: an import that does not wait for the words stores prompts without any."""
    preview = upload(page, CSV)
    page.post(preview, {"name": "Animals"})
    for prompt_set in PromptSet.objects.all():  # only a parser faster than the page lets it through, whole
        assert PromptWord.objects.filter(prompt__prompt_set=prompt_set).count() == 10


def test_a_bad_file_is_answered_with_every_bad_line_and_nothing_is_kept(page: Client) -> None:
    content = b'prompt\na cat\n\n"open\na cat\nna\xc3\xafve <b>bold</b> <|endoftext|>\n'
    response = page.post("/prompts/import/", {"file": SimpleUploadedFile("p.csv", content)})
    shown = response.content.decode()
    assert response.status_code == 400
    assert "4 faults in 4 lines" in shown
    for text in ("never closed", "same prompt as in line 2", "blank", "endoftext", "&lt;b&gt;bold"):
        assert text in shown
    assert not PromptSet.objects.exists()


@pytest.mark.parametrize(
    ("posted", "word"),
    [
        ({}, "one of the two"),
        ({"text": "   "}, "one of the two"),
        ({"text": "prompt\n"}, "no prompts under it"),
    ],
)
def test_a_form_without_prompts_says_what_is_missing(page: Client, posted: dict[str, str], word: str) -> None:
    response = page.post("/prompts/import/", posted)
    assert response.status_code == 400
    assert word in response.content.decode()


def test_pasted_prompts_are_previewed_as_a_file_would_be(page: Client) -> None:
    response = page.post("/prompts/import/", {"text": "a cat\r\na dog\r\n"})
    assert response.status_code == 302
    assert "2 prompts" in page.get(response.headers["Location"]).content.decode()


def test_the_example_file_is_offered_and_good(page: Client) -> None:
    response = page.post("/prompts/import/example/")
    assert "12 prompts" in page.get(response.headers["Location"]).content.decode()
    assert page.get("/prompts/import/example.csv").content == examples.content()


def test_nobody_else_sees_a_draft(page: Client, stranger: User, admin: User) -> None:
    """Control: drafts found by their hash alone."""
    preview = upload(page, CSV)
    for user in (stranger, admin):
        other = Client()
        other.force_login(user)
        assert other.get(preview).status_code == 404
        assert other.post(preview, {"name": "Mine now"}).status_code == 404
    assert not PromptSet.objects.exists()


@pytest.mark.parametrize("digest", ["../../etc/passwd", "0" * 63, "g" * 64, "A" * 64])
def test_a_draft_s_address_is_a_hash_and_nothing_else(page: Client, digest: str) -> None:
    assert page.get(f"/prompts/import/{digest}/").status_code == 404


def test_parts_of_speech_are_corrected_by_hand_and_the_parser_s_stay_beside(
    page: Client, owner: User
) -> None:
    prompt_set = factories.make_prompt_set(["a cat"], owner=owner)
    prompt = prompt_set.prompts.get()
    a, cat = prompt.words.all()
    address = f"/prompts/{prompt_set.pk}/words/{prompt.pk}/"
    posted = {f"word-{a.pk}": "DET", f"word-{cat.pk}": "VERB"}
    assert page.get(address).status_code == 200
    response = page.post(address, posted)
    assert response.headers["Location"] == f"/prompts/{prompt_set.pk}/#prompt-{prompt.pk}"
    cat.refresh_from_db()
    assert (cat.part_of_speech, cat.part_of_speech_parsed) == ("VERB", "NOUN")
    assert "corrected by hand from noun" in page.get(f"/prompts/{prompt_set.pk}/").content.decode()


def test_a_script_gets_only_the_prompt_back(page: Client, owner: User) -> None:
    prompt_set = factories.make_prompt_set(["a cat"], owner=owner)
    prompt = prompt_set.prompts.get()
    address = f"/prompts/{prompt_set.pk}/words/{prompt.pk}/"
    posted = {f"word-{word.pk}": "X" for word in prompt.words.all()}
    shown = page.post(address, posted, headers={"X-Fragment": "1"}).content.decode()
    assert "<html" not in shown
    assert shown.count(">X*<") == 2


def test_an_unknown_part_of_speech_is_refused(page: Client, owner: User) -> None:
    prompt_set = factories.make_prompt_set(["a cat"], owner=owner)
    prompt = prompt_set.prompts.get()
    posted = {f"word-{word.pk}": "NOUNISH" for word in prompt.words.all()}
    assert page.post(f"/prompts/{prompt_set.pk}/words/{prompt.pk}/", posted).status_code == 400
    assert set(prompt.words.values_list("part_of_speech", flat=True)) == {"DET", "NOUN"}


def test_a_prompt_is_only_shown_under_its_own_set(page: Client, owner: User, stranger: User) -> None:
    """Control: a lookup by prompt alone shows a stranger's prompt under one's own set."""
    mine = factories.make_prompt_set(["a cat"], owner=owner)
    theirs = factories.make_prompt_set(["a dog"], owner=stranger)
    assert page.get(f"/prompts/{mine.pk}/words/{theirs.prompts.get().pk}/").status_code == 404


def test_a_long_set_comes_in_pages(page: Client, owner: User) -> None:
    prompt_set = factories.make_prompt_set([f"cat {number}" for number in range(31)], owner=owner)
    assert page.get(f"/prompts/{prompt_set.pk}/").content.decode().count('id="prompt-') == 30
    assert page.get(f"/prompts/{prompt_set.pk}/?page=2").content.decode().count('id="prompt-') == 1
