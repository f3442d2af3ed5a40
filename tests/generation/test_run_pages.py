"""Runs through the pages: started within limits, steered, watched; each only by its owner."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from generation import registry
from generation.choices import ImageState, RunState, SafetyVerdict
from generation.models import Image, Run, RunAct, WordMap
from generation.services import runs
from tests import factories


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def posted(owner: User, tiny_model: str) -> dict[str, Any]:
    """A form filled in as it is first shown."""
    prompt_set = factories.make_prompt_set(["a cat", "a dog"], owner=owner)
    response = browser(owner).get(f"/runs/new/?model=tiny&prompt_set={prompt_set.pk}")
    return dict(response.context["form"].initial)


def test_the_form_is_filled_with_the_chosen_model_s_own_settings(posted: dict[str, Any]) -> None:
    defaults = registry.get("tiny").defaults
    assert (posted["steps"], posted["guidance"]) == (defaults.steps, defaults.guidance)
    assert (posted["width"], posted["height"], posted["scheduler"]) == (32, 32, "ddim")


def test_starting_a_run_makes_one_waiting_image_per_prompt_and_seed(
    page: Client, owner: User, posted: dict[str, Any]
) -> None:
    response = page.post("/runs/new/", posted | {"images_per_prompt": 3, "first_seed": 7, "name": "First"})
    run = Run.objects.get()
    assert response.headers["Location"] == f"/runs/{run.pk}/"
    assert (run.owner, run.state, run.model_id, len(run.model_revision)) == (owner, "queued", "tiny", 64)
    images = Image.objects.values_list("prompt__text", "seed", "state")
    assert set(images) == {(text, seed, "ready") for text in ("a cat", "a dog") for seed in (7, 8, 9)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0), ("steps", 201), ("steps", "1_0"), ("steps", "１０"), ("guidance", "1e1"),
        ("guidance", "nan"), ("guidance", "inf"), ("guidance", -1),
        ("width", 33), ("height", 0), ("width", 10**9), ("first_seed", -1), ("first_seed", 2**64),
        ("images_per_prompt", 0), ("images_per_prompt", 10**6), ("scheduler", "magic"),
        ("model", "../../evil"),
        ("model", "stabilityai/anything"), ("prompt_set", 10**9), ("prompt_set", "x"), ("name", ""),
        ("negative_prompt", "x" * 1001),
    ],
)  # fmt: skip
def test_a_setting_outside_its_range_is_refused_at_its_field(
    page: Client, posted: dict[str, Any], field: str, value: object
) -> None:
    response = page.post("/runs/new/", posted | {field: value})
    assert response.status_code == 400
    assert field in response.context["form"].errors
    assert not Run.objects.exists()


def test_settings_that_are_too_much_together_are_refused_with_the_factor(
    page: Client, posted: dict[str, Any]
) -> None:
    """Control: ranges per field alone let 2000 images of 2048 x 2048 pixels in 200 steps through."""
    large = {"images_per_prompt": 1000, "width": 2048, "height": 2048, "steps": 200}
    response = page.post("/runs/new/", posted | large)
    assert response.status_code == 400
    assert "10.7 times what one run may ask for" in response.content.decode()
    assert not Run.objects.exists()


def test_a_stranger_s_prompts_can_t_be_chosen(page: Client, stranger: User, posted: dict[str, Any]) -> None:
    theirs = factories.make_prompt_set(["a secret"], owner=stranger)
    assert page.post("/runs/new/", posted | {"prompt_set": theirs.pk}).status_code == 400
    assert not Run.objects.exists()


def test_the_price_is_images_and_once_known_their_time(page: Client, posted: dict[str, Any]) -> None:
    before = page.get("/runs/new/price/", posted | {"images_per_prompt": 2}).content.decode()
    assert "4 images" in before
    assert "not been run here yet" in before
    page.post("/runs/new/", posted)
    Run.objects.update(model_revision="x")
    factories.finish_images(Run.objects.get())
    Image.objects.update(seconds=2.5)
    after = page.get("/runs/new/price/", posted | {"images_per_prompt": 2}).content.decode()
    assert "about 10 s of one worker, at 2.5 s an image" in after
    double = page.get("/runs/new/price/", posted | {"steps": 4}).content.decode()
    assert "at 5.0 s an image" in double


def test_the_form_names_the_words_that_the_chosen_model_will_not_see(page: Client, owner: User) -> None:
    """Control: a window of 77 tokens for every model warns of nothing here."""
    long = "a red circle, " * 8 + "a blue star."
    prompt_set = factories.make_prompt_set(["a cat", long], owner=owner)
    form = dict(page.get(f"/runs/new/?model=demo&prompt_set={prompt_set.pk}").context["form"].initial)
    shown = page.get("/runs/new/price/", form).content.decode()
    assert "reads 30 tokens" in shown
    assert "the end of 1 prompt," in shown
    assert "line 3: “circle, a blue star.”" in shown
    short = factories.make_prompt_set(["a cat"], owner=owner)
    assert (
        "will not see" not in page.get("/runs/new/price/", form | {"prompt_set": short.pk}).content.decode()
    )


def test_an_unfinished_form_has_no_price_and_no_fault(page: Client, posted: dict[str, Any]) -> None:
    response = page.get("/runs/new/price/", posted | {"steps": ""})
    assert response.status_code == 200
    assert "Fill in" in response.content.decode()


def test_a_model_whose_folder_is_missing_is_refused_with_its_name(
    page: Client, posted: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(registry, "DEMO_FOLDER", tmp_path / "nowhere")
    response = page.post("/runs/new/", posted | {"model": "demo"})
    assert response.status_code == 400
    assert "There is no model in nowhere" in response.content.decode()


def test_progress_counts_images_by_state(page: Client, owner: User) -> None:
    run = factories.make_run(owner, prompts=["a", "b", "c", "d"])
    done, leased, dead, _ = Image.objects.filter(run=run)
    leased_until = {"state": ImageState.LEASED, "lease_until": Now() + timedelta(seconds=60), "worker": "w"}
    Image.objects.filter(pk=leased.pk).update(**leased_until)
    Image.objects.filter(pk=dead.pk).update(state=ImageState.DEAD, failure="no reason <b>given</b>")
    shown = page.get(f"/runs/{run.pk}/progress/").content.decode()
    assert done.state == ImageState.READY
    for text in (
        "<strong>0</strong> of 4 images",
        "1 in work",
        "1 failed",
        "no reason &lt;b&gt;given",
        "Try the 1",
    ):
        assert text in shown


def test_time_left_is_told_from_this_model_s_images_and_the_live_workers(page: Client, owner: User) -> None:
    factories.make_finished_run(owner, prompts=["x"])
    Image.objects.update(seconds=10)
    run = factories.make_run(owner, prompts=["a", "b", "c", "d"])
    assert "about 40 s left" in page.get(f"/runs/{run.pk}/progress/").content.decode()
    for number, image in enumerate(Image.objects.filter(run=run)[:2]):
        lease = {"state": ImageState.LEASED, "lease_until": Now() + timedelta(seconds=60)}
        Image.objects.filter(pk=image.pk).update(worker=f"worker {number}", **lease)
    assert "about 20 s left with 2 workers" in page.get(f"/runs/{run.pk}/progress/").content.decode()


def test_time_left_counts_what_waits_ahead_in_other_runs(page: Client, owner: User, stranger: User) -> None:
    """Control: only this run's own images, which makes the last of ten runs look like the first."""
    factories.make_finished_run(owner, prompts=["x"])
    Image.objects.update(seconds=10)
    earlier = factories.make_run(stranger, prompts=["a", "b", "c"])
    run = factories.make_run(owner, prompts=["d", "e"])
    later = factories.make_run(stranger, prompts=["f"])
    shown = page.get(f"/runs/{run.pk}/progress/").content.decode()
    assert "about 50 s left" in shown
    assert "after 3 images of other runs" in shown
    assert earlier.name not in shown
    runs.pause_run(earlier)
    assert later.pk > run.pk
    shown = page.get(f"/runs/{run.pk}/progress/").content.decode()
    assert "about 20 s left" in shown
    assert "other runs" not in shown


def test_time_left_is_not_told_while_a_model_ahead_is_unknown(page: Client, owner: User) -> None:
    factories.make_finished_run(owner, prompts=["x"])
    Image.objects.update(seconds=10)
    earlier = factories.make_run(owner, prompts=["a"])
    run = factories.make_run(owner, prompts=["b"])
    Run.objects.filter(pk=earlier.pk).update(model_id="never-run-here")
    shown = page.get(f"/runs/{run.pk}/progress/").content.decode()
    assert " left" not in shown
    assert "after 1 image of other runs" in shown


def test_a_finished_run_can_not_be_cancelled_and_its_failures_still_be_retried(
    page: Client, owner: User
) -> None:
    """Control: a cancel that looks at the run's state alone."""
    run = factories.make_run(owner, prompts=["a"])
    Image.objects.update(state=ImageState.DEAD, failure="poison", attempts=3)
    response = page.post(f"/runs/{run.pk}/cancel/", follow=True)
    assert "Nothing changed: the run is finished already" in response.content.decode()
    page.post(f"/runs/{run.pk}/retry/")
    assert Image.objects.get().state == ImageState.READY


def test_every_act_on_a_run_is_recorded_with_who_did_it(page: Client, owner: User) -> None:
    """Control: a move without its record."""
    run = factories.make_run(owner, prompts=["a", "b"])
    for act in ("pause", "pause", "resume"):
        page.post(f"/runs/{run.pk}/{act}/")
    Image.objects.update(state=ImageState.DEAD, failure="poison", attempts=3)
    for act in ("retry", "retry", "cancel", "cancel"):
        page.post(f"/runs/{run.pk}/{act}/")
    recorded = list(RunAct.objects.order_by("pk").values_list("act", "actor", "images"))
    assert recorded == [
        ("started", owner.pk, None),
        ("paused", owner.pk, None),
        ("resumed", owner.pk, None),
        ("retried", owner.pk, 2),
        ("cancelled", owner.pk, None),
    ]
    assert (
        f"failed images tried again (2), by {owner.get_username()}"
        in page.get(f"/runs/{run.pk}/").content.decode()
    )


def test_polling_ends_with_the_run(page: Client, owner: User) -> None:
    run = factories.make_run(owner, prompts=["a"])
    assert "X-Poll-Stop" not in page.get(f"/runs/{run.pk}/progress/").headers
    factories.finish_images(run)
    assert page.get(f"/runs/{run.pk}/progress/").headers["X-Poll-Stop"] == "1"


@pytest.mark.parametrize(("waited", "warned"), [(5, False), (60, True)])
def test_a_run_that_no_worker_serves_says_so_with_the_remedy(
    page: Client, owner: User, waited: int, warned: bool
) -> None:
    run = factories.make_run(owner, prompts=["a"])
    Image.objects.update(ready_at=Now() - timedelta(seconds=waited))
    assert ("make worker" in page.get(f"/runs/{run.pk}/").content.decode()) is warned


def test_a_worker_busy_elsewhere_is_a_worker(page: Client, owner: User) -> None:
    """Control: looking at this run's leases alone cries wolf on every run in the queue."""
    other = factories.make_run(owner, prompts=["b"])
    run = factories.make_run(owner, prompts=["a"])
    Image.objects.update(ready_at=Now() - timedelta(seconds=60))
    lease = {"state": ImageState.LEASED, "lease_until": Now() + timedelta(seconds=60), "worker": "w"}
    Image.objects.filter(run=other).update(**lease)
    assert "make worker" not in page.get(f"/runs/{run.pk}/").content.decode()


def test_pause_resume_and_cancel_move_the_run_once(page: Client, owner: User) -> None:
    run = factories.make_run(owner, prompts=["a"])
    for act, state in (
        ("pause", "paused"),
        ("resume", "queued"),
        ("pause", "paused"),
        ("cancel", "cancelled"),
    ):
        assert page.post(f"/runs/{run.pk}/{act}/").status_code == 302
        run.refresh_from_db()
        assert run.state == state
    for act in ("pause", "resume", "cancel"):
        response = page.post(f"/runs/{run.pk}/{act}/", follow=True)
        assert "Nothing changed: the run is cancelled already" in response.content.decode()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_failed_images_are_tried_again_with_all_their_attempts(page: Client, owner: User) -> None:
    run = factories.make_run(owner, prompts=["a", "b"])
    Image.objects.update(state=ImageState.DEAD, failure="poison", attempts=3)
    page.post(f"/runs/{run.pk}/retry/")
    assert set(Image.objects.values_list("state", "attempts", "failure")) == {(ImageState.READY, 0, "")}


def test_a_click_on_a_link_steers_nothing(page: Client, owner: User) -> None:
    run = factories.make_run(owner, prompts=["a"])
    assert page.get(f"/runs/{run.pk}/cancel/").status_code == 405
    assert page.post(f"/runs/{run.pk}/explode/").status_code == 404


def test_an_image_s_page_shows_the_map_of_the_chosen_word(page: Client, owner: User) -> None:
    run = factories.make_finished_run(owner, prompts=["the red cat"])
    image = Image.objects.get()
    maps = {word_map.word.text: word_map.pk for word_map in WordMap.objects.select_related("word")}
    shown = page.get(f"/runs/{run.pk}/images/{image.pk}/").content.decode()
    assert f"/maps/{maps['cat']}/overlay.png" in shown
    chosen = page.get(
        f"/runs/{run.pk}/images/{image.pk}/?word=1", headers={"X-Fragment": "1"}
    ).content.decode()
    assert f"/maps/{maps['red']}/overlay.png" in chosen
    assert "<html" not in chosen


def test_pictures_are_pngs_that_only_the_owner_s_browser_keeps(page: Client, owner: User) -> None:
    run = factories.make_finished_run(owner, prompts=["cat"])
    image, word_map = Image.objects.get(), WordMap.objects.get()
    for address in (
        f"images/{image.pk}/image.png",
        f"maps/{word_map.pk}/heat.png",
        f"maps/{word_map.pk}/overlay.png",
    ):
        response = page.get(f"/runs/{run.pk}/{address}")
        assert response.headers["Content-Type"] == "image/png"
        assert response.content.startswith(b"\x89PNG")
        assert "private" in response.headers["Cache-Control"]


def test_a_missing_file_is_not_found_and_no_server_error(page: Client, owner: User) -> None:
    from generation import storage

    run = factories.make_finished_run(owner, prompts=["cat"])
    image = Image.objects.get()
    storage.image_path(image).unlink()
    assert page.get(f"/runs/{run.pk}/images/{image.pk}/image.png").status_code == 404


def test_a_filtered_image_is_marked(page: Client, owner: User) -> None:
    run = factories.make_finished_run(owner, prompts=["cat"], verdict=SafetyVerdict.FILTERED)
    assert "1 filtered" in page.get(f"/runs/{run.pk}/").content.decode()
    assert "safety filter" in page.get(f"/runs/{run.pk}/images/{Image.objects.get().pk}/").content.decode()


def test_empty_lists_say_what_comes_first(page: Client) -> None:
    assert "No prompts yet" in page.get("/prompts/").content.decode()
    assert "It needs prompts first" in page.get("/runs/").content.decode()
    assert "A run needs prompts" in page.get("/runs/new/").content.decode()


def test_the_start_page_is_for_everybody_and_shows_researchers_their_own(page: Client, owner: User) -> None:
    factories.make_run(owner, prompts=["a"])
    factories.make_run(prompts=["b"])
    assert "Sign in" in Client().get("/").content.decode()
    shown = page.get("/").content.decode()
    assert shown.count("of 1 images") == 1


@pytest.fixture
def addresses(owner: User) -> list[tuple[str, str]]:
    """Every address of the owner's objects, with its method."""
    run = factories.make_finished_run(owner, prompts=["a cat"])
    prompt, image = run.prompt_set.prompts.get(), Image.objects.get()
    word_map = WordMap.objects.first()
    assert word_map is not None
    return [
        ("get", f"/prompts/{run.prompt_set_id}/"),
        ("get", f"/prompts/{run.prompt_set_id}/words/{prompt.pk}/"),
        ("post", f"/prompts/{run.prompt_set_id}/words/{prompt.pk}/"),
        ("get", f"/runs/{run.pk}/"),
        ("get", f"/runs/{run.pk}/progress/"),
        ("post", f"/runs/{run.pk}/pause/"),
        ("post", f"/runs/{run.pk}/resume/"),
        ("post", f"/runs/{run.pk}/cancel/"),
        ("post", f"/runs/{run.pk}/retry/"),
        ("get", f"/runs/{run.pk}/images/{image.pk}/"),
        ("get", f"/runs/{run.pk}/images/{image.pk}/image.png"),
        ("get", f"/runs/{run.pk}/maps/{word_map.pk}/heat.png"),
        ("get", f"/runs/{run.pk}/maps/{word_map.pk}/overlay.png"),
    ]


def test_a_stranger_finds_nothing_of_the_owner_s(addresses: list[tuple[str, str]], stranger: User) -> None:
    """Control: any view without visible_to answers 200 or 302."""
    client = browser(stranger)
    answers = {address: getattr(client, method)(address).status_code for method, address in addresses}
    assert set(answers.values()) == {404}, answers
    for name in ("/prompts/", "/runs/", "/"):
        assert "Run " not in client.get(name).content.decode()


def test_nobody_is_let_in_without_signing_in(addresses: list[tuple[str, str]]) -> None:
    client = Client()
    for method, address in [*addresses, ("get", "/prompts/"), ("get", "/runs/"), ("get", "/runs/new/")]:
        response = getattr(client, method)(address)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/login/?next=")


def test_an_admin_sees_everything(addresses: list[tuple[str, str]], admin: User) -> None:
    client: Callable[..., Any] = browser(admin).get
    answers = {address: client(address).status_code for method, address in addresses if method == "get"}
    assert set(answers.values()) == {200}, answers


def test_an_image_is_only_shown_under_its_own_run(page: Client, owner: User) -> None:
    run = factories.make_finished_run(owner, prompts=["a cat"])
    other = factories.make_run(owner, prompts=["a dog"])
    image = Image.objects.filter(run=run).get()
    assert page.get(f"/runs/{other.pk}/images/{image.pk}/").status_code == 404
