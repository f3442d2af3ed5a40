"""What a researcher's pages do in a real browser, with their scripts and without."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from generation.models import Image, PromptWord, Run
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., Page]
PATIENCE_MILLISECONDS = 60_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)


def test_a_part_of_speech_is_corrected_without_leaving_the_page(sign_in: SignIn, owner: User) -> None:
    prompt_set = factories.make_prompt_set(["a cat", "a dog"], owner=owner)
    window = sign_in(owner)
    window.goto(f"/prompts/{prompt_set.pk}/")
    window.evaluate("window.sameDocument = true")
    row = window.locator("[data-swap]").first
    row.get_by_role("link", name="Correct").click()
    row.get_by_label("cat").select_option("VERB")
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("VERB*")
    assert window.evaluate("window.sameDocument")
    assert PromptWord.objects.get(text="cat").part_of_speech == "VERB"


def test_a_part_of_speech_is_corrected_without_scripts_too(sign_in: SignIn, owner: User) -> None:
    prompt_set = factories.make_prompt_set(["a cat"], owner=owner)
    window = sign_in(owner, java_script_enabled=False)
    window.goto(f"/prompts/{prompt_set.pk}/")
    window.get_by_role("link", name="Correct").click()
    window.get_by_label("cat").select_option("VERB")
    window.get_by_role("button", name="Save").click()
    expect(window.locator(".prompt-row")).to_contain_text("VERB*")


def test_a_word_s_map_is_shown_in_place(sign_in: SignIn, owner: User) -> None:
    run = factories.make_finished_run(owner, prompts=["the red cat"])
    window = sign_in(owner)
    window.goto(f"/runs/{run.pk}/images/{Image.objects.get().pk}/")
    window.evaluate("window.sameDocument = true")
    window.get_by_role("link", name="red").click()
    expect(window.locator("figcaption .target-word")).to_have_text("red")
    expect(window.locator(":focus")).to_contain_text("red")
    assert window.evaluate("window.sameDocument")
    pictures = window.get_by_role("img")
    expect(pictures).to_have_count(4)
    for picture in pictures.all():
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)


def test_a_run_s_page_follows_its_images_by_itself(sign_in: SignIn, owner: User) -> None:
    """Control: a page without its poll.js stays at 0."""
    run = factories.make_run(owner, prompts=["a cat", "a dog"])
    window = sign_in(owner)
    window.goto(f"/runs/{run.pk}/")
    expect(window.locator(".run-progress")).to_contain_text("0 of 2 images")
    factories.finish_images(run)
    expect(window.locator(".run-progress")).to_contain_text("2 of 2 images")
    expect(window.locator(".gallery img")).to_have_count(2)


def test_the_price_follows_the_form(sign_in: SignIn, owner: User, tiny_model: str) -> None:
    factories.make_prompt_set(["a cat", "a dog"], owner=owner)
    window = sign_in(owner)
    window.goto("/runs/new/?model=tiny")
    window.get_by_label("Images per prompt").fill("5")
    expect(window.locator("[data-price]")).to_contain_text("10 images")


def test_choosing_a_model_fills_in_its_own_settings(sign_in: SignIn, owner: User, tiny_model: str) -> None:
    factories.make_prompt_set(["a cat"], owner=owner)
    window = sign_in(owner)
    window.goto("/runs/new/")
    window.get_by_label("Images per prompt").fill("5")
    window.get_by_label("Model").select_option("tiny")
    expect(window.get_by_label("Width, pixels")).to_have_value("32")
    expect(window.get_by_label("Images per prompt")).to_have_value("5")
    assert not Run.objects.exists()


@pytest.mark.parametrize("size", ["laptop", "phone", "small phone"])
def test_no_page_is_wider_than_its_window(sign_in: SignIn, owner: User, size: str) -> None:
    long = "a supercalifragilisticexpialidocious-hippopotomonstrosesquippedaliophobic circle " * 3
    run = factories.make_finished_run(owner, prompts=[long.strip(), "a cat"])
    image = Image.objects.first()
    assert image is not None
    window = sign_in(owner, size)
    for address in (
        "/",
        "/prompts/",
        "/prompts/import/",
        f"/prompts/{run.prompt_set_id}/",
        "/runs/",
        "/runs/new/",
        f"/runs/{run.pk}/",
        f"/runs/{run.pk}/images/{image.pk}/",
    ):
        window.goto(address)
        assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address


def test_faults_of_a_file_are_not_cut_off_on_a_phone(sign_in: SignIn, owner: User) -> None:
    """Control: as a table of four columns its last one lies beyond the frame."""
    window = sign_in(owner, "phone")
    window.goto("/prompts/import/")
    window.locator("textarea").fill("prompt,kind\na red circle, a blue square,pair\n,single")
    window.get_by_role("button", name="Check and preview").click()
    expect(window.locator(".table td").first).to_be_visible()
    window.wait_for_load_state()
    hidden = "(frame) => frame.scrollWidth - frame.clientWidth"
    assert window.locator(".table").evaluate(hidden) == 0
    assert window.locator("pre").evaluate(hidden) == 0
