"""Presence, pairs and masks in a Chromium, on a laptop and a phone: keys, taps, drafts, lost connections."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image as Picture
from playwright.sync_api import BrowserContext, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from annotation import coco_rle
from annotation.choices import PairOf, SlotState, TaskKind
from annotation.models import Answer, Draft, Rater, Slot
from annotation.services import campaigns
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.browser.raters_page import SETTLED, open_task, wait_for_place

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]

SIZES = ["laptop", "phone"]
COUNT_PIXELS = """
    window.painted = [];
    const put = CanvasRenderingContext2D.prototype.putImageData;
    CanvasRenderingContext2D.prototype.putImageData = function (picture, x, y, left, top, width, height) {
        window.painted.push((width ?? picture.width) * (height ?? picture.height));
        return put.apply(this, arguments);
    };
"""
# One stroke of fifty moves, all of them between two frames.
FIFTY_MOVES = """async () => {
    const frame = document.querySelector("[data-frame]");
    const place = document.querySelector("[data-canvas]").getBoundingClientRect();
    const nextFrame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    frame.setPointerCapture = () => {};
    await nextFrame();
    window.painted.length = 0;
    const send = (type, step) => frame.dispatchEvent(new PointerEvent(type, {
        pointerId: 1, bubbles: true, cancelable: true, clientY: place.top + place.height / 2,
        clientX: place.left + place.width * (0.5 + step / 400),
    }));
    send("pointerdown", 0);
    for (let step = 1; step <= 50; step += 1) send("pointermove", step);
    send("pointerup", 50);
    await nextFrame();
    return window.painted;
}"""
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def rater_of(kind: TaskKind, **changes: object) -> Rater:
    """A rater who has agreed, in a campaign of the kind."""
    return factories.make_rater(factories.make_campaign_of_kind(kind, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [*SIZES, "small phone"])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (TaskKind.OBJECT_PRESENCE, {"vocabulary": tuple(f"thing {number}" for number in range(40))}),
        (TaskKind.PAIRWISE, {"pair_of": PairOf.IMAGES}),
        (TaskKind.PAIRWISE, {"pair_of": PairOf.WORD_MAPS}),
        (TaskKind.MASK, {}),
    ],
    ids=["presence", "pair of images", "pair of maps", "mask"],
)
def test_every_kind_fits_its_window_and_breaks_no_rule_of_accessibility(
    live_server: LiveServer, new_context: ContextMaker, kind: TaskKind, changes: dict[str, object], size: str
) -> None:
    """Control: a button without a name, or a picture wider than the window."""
    page = new_context(size).new_page()
    open_task(page, live_server, rater_of(kind, **changes))
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", SIZES)
def test_words_are_sent_in_the_order_of_ticking(
    live_server: LiveServer, new_context: ContextMaker, size: str
) -> None:
    """Control: without rate-presence.js the order is that of the list."""
    page = new_context(size).new_page()
    open_task(page, live_server, rater_of(TaskKind.OBJECT_PRESENCE))
    labels = page.locator(".tick").all_inner_texts()
    for place in (3, 0, 5):
        page.get_by_label(labels[place], exact=True).check()
    page.get_by_label(labels[0], exact=True).uncheck()
    page.get_by_role("button", name="These are in the image").click()
    wait_for_place(page, 2)
    expect(page.locator(".tick input:checked")).to_have_count(0)
    assert Answer.objects.get().words == [labels[3].strip(), labels[5].strip()]


def test_a_checklist_is_filled_in_by_keys_alone(page: Page, live_server: LiveServer) -> None:
    words = tuple(f"thing {number}" for number in range(20))
    open_task(page, live_server, rater_of(TaskKind.OBJECT_PRESENCE, vocabulary=words))
    page.keyboard.press("Enter")
    expect(page.locator("[data-status]")).to_contain_text("Nothing is ticked")
    page.keyboard.press("2")
    labels = [label.strip() for label in page.locator(".tick").all_inner_texts()]
    # Each rater has an order of her own: no word is named here, lest it be the second.
    searched = next(label for label in labels[2:] if label[-2:].isdigit())
    page.keyboard.press("/")
    page.keyboard.type(searched.upper())
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("Enter")
    wait_for_place(page, 2)
    page.keyboard.press("0")
    expect(page.locator("[data-code]")).to_be_visible()
    first, last = Answer.objects.order_by("pk")
    assert first.words == [labels[1], searched]
    assert last.words == []


@pytest.mark.parametrize(("key", "choice"), [("1", "left"), ("ArrowDown", "tie"), ("ArrowRight", "right")])
def test_pairs_are_answered_by_keys(page: Page, live_server: LiveServer, key: str, choice: str) -> None:
    open_task(page, live_server, rater_of(TaskKind.PAIRWISE))
    page.keyboard.press(key)
    wait_for_place(page, 2)
    assert Answer.objects.get().choice == choice


def test_an_arrow_among_the_views_changes_the_view_and_answers_nothing(
    page: Page, live_server: LiveServer
) -> None:
    """Control: leaving radio buttons out of isForField."""
    open_task(page, live_server, rater_of(TaskKind.PAIRWISE, pair_of=PairOf.WORD_MAPS))
    page.locator("input[value=overlay]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("input[value=image]")).to_be_checked()
    page.wait_for_timeout(SETTLED)
    assert Answer.objects.count() == 0


def test_what_was_shown_of_a_pair_of_maps_is_stored_with_its_opacity(
    page: Page, live_server: LiveServer
) -> None:
    open_task(page, live_server, rater_of(TaskKind.PAIRWISE, pair_of=PairOf.WORD_MAPS))
    page.locator("[data-opacity]").fill("35")
    page.keyboard.down("h")
    expect(page.locator(".pair__map").first).to_be_hidden()
    page.keyboard.up("h")
    expect(page.locator(".pair__map").first).to_be_visible()
    page.keyboard.press("3")
    wait_for_place(page, 2)
    assert Answer.objects.get().view == "overlay-35"


def read_png(content: bytes) -> np.ndarray:
    """Which pixels are inside."""
    return np.asarray(Picture.open(io.BytesIO(content)).convert("1"))


def drag(page: Page, *points: tuple[float, float]) -> None:
    """One stroke through points given as shares of the image's sides."""
    box = page.locator("[data-canvas]").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("size", SIZES)
def test_a_drawing_survives_a_reload_and_is_stored_as_it_was_drawn(
    live_server: LiveServer, new_context: ContextMaker, size: str
) -> None:
    """Control: keep() without its request, or bringBack() without its pixels."""
    rater = rater_of(TaskKind.MASK)
    page = new_context(size).new_page()
    open_task(page, live_server, rater)
    expect(page.get_by_role("button", name="Done")).to_be_disabled()
    drag(page, (0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3))
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")
    page.locator("input[value=fill]").check(force=True)
    # The words on the page are those of the outline until the filling is kept too.
    with page.expect_response(lambda response: response.request.method == "POST"):
        drag(page, (0.5, 0.5))
    other_device = new_context("laptop").new_page()
    open_task(other_device, live_server, rater)
    other_device.get_by_role("button", name="Done").click()
    wait_for_place(other_device, 2)
    mask = Answer.objects.get().mask
    assert mask is not None
    inside = coco_rle.decode(mask.rle, height=mask.height, width=mask.width)
    assert inside[32, 32]
    assert inside[22:42, 22:42].all()
    assert not inside[:12].any()
    assert 0.16 < np.mean(inside) < 0.36
    assert Draft.objects.count() == 0


def test_strokes_are_taken_back_and_a_polygon_is_drawn_by_keys_alone(
    page: Page, live_server: LiveServer
) -> None:
    open_task(page, live_server, rater_of(TaskKind.MASK))
    drag(page, (0.1, 0.1), (0.2, 0.1))
    page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Done")).to_be_disabled()
    page.keyboard.press("p")
    page.locator("[data-frame]").focus()
    page.keyboard.press("Space")
    for key in ("ArrowRight", "ArrowDown"):
        for _ in range(4):
            page.keyboard.press(key)
        page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Done").click()
    wait_for_place(page, 2)
    mask = Answer.objects.get().mask
    assert mask is not None
    # Half of the square of four steps of four pixels.
    assert 100 <= mask.area <= 160


def test_a_draft_that_was_refused_is_not_called_kept(page: Page, live_server: LiveServer) -> None:
    """Control: take any answer below 500 for kept."""
    open_task(page, live_server, rater_of(TaskKind.MASK))
    page.route("**/draft/", lambda route: route.fulfill(status=400, body=""))
    drag(page, (0.1, 0.1), (0.2, 0.1))
    expect(page.locator("[data-draft-state]")).to_contain_text("Draft not kept")
    assert Draft.objects.count() == 0


def test_a_drawing_whose_task_went_to_others_leads_to_the_next(page: Page, live_server: LiveServer) -> None:
    """Control: answer a refused draft without the next task."""
    campaign = factories.make_campaign_of_kind(TaskKind.MASK, raters_per_item=1)
    rater, other = factories.make_rater(campaign), factories.make_rater(campaign)
    open_task(page, live_server, rater)
    first = page.locator("[data-rate] [name=slot]").input_value()
    factories.expire_lease(rater)
    while isinstance(task := next_task(other), Task) and str(task.public_id) != first:
        if Slot.objects.filter(public_id=first, state=SlotState.VOID).exists():
            break
        factories.answer(other, task)
    campaigns.extend(campaign, campaign.owner, raters_per_item=2)
    drag(page, (0.1, 0.1), (0.2, 0.1))
    expect(page.locator("[data-status]")).to_contain_text("no longer open for you")
    expect(page.locator("[data-rate] [name=slot]")).not_to_have_value(first)
    expect(page.get_by_role("button", name="Done")).to_be_disabled()


def test_strokes_made_before_the_draft_is_there_are_kept_with_it(
    page: Page, live_server: LiveServer, new_context: ContextMaker
) -> None:
    """Its first attempt fails, its second waits. Control: put the draft in place of what is drawn."""
    rater = rater_of(TaskKind.MASK)
    open_task(page, live_server, rater)
    drag(page, (0.1, 0.1), (0.3, 0.1))
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")
    other = new_context("laptop").new_page()
    attempts: list[Route] = []

    def answer_late(route: Route) -> None:
        attempts.append(route)
        if len(attempts) == 1:
            route.abort()

    other.route("**/draft/*.png", answer_late)
    open_task(other, live_server, rater)
    expect(other.locator("[data-draft-state]")).to_contain_text("earlier strokes are not here yet")
    drag(other, (0.7, 0.9), (0.9, 0.9))
    while len(attempts) < 2:
        other.wait_for_timeout(100)
    assert Draft.objects.get().number == 1
    attempts[1].continue_()
    expect(other.locator("[data-draft-state]")).to_have_text("Draft kept")
    inside = read_png(bytes(Draft.objects.get().png))
    assert inside[6, 12]
    assert inside[57, 51]
    # A draft that was still on its way would meet the end of the test.
    with other.expect_response(lambda response: response.request.method == "POST"):
        other.keyboard.press("Control+z")
    expect(other.get_by_role("button", name="Done")).to_be_enabled()


def test_a_stroke_paints_once_a_frame_and_only_where_it_is(page: Page, live_server: LiveServer) -> None:
    """Control: paint with every move of the pointer; paint the whole picture."""
    page.add_init_script(COUNT_PIXELS)
    open_task(page, live_server, rater_of(TaskKind.MASK))
    painted = page.evaluate(FIFTY_MOVES)
    assert 1 <= len(painted) <= 4
    # A line of 8 by 3 pixels with its surroundings, of 64 by 64.
    assert max(painted) <= 20 * 12


def test_an_answer_that_was_not_delivered_outlives_its_page(
    live_server: LiveServer, new_context: ContextMaker
) -> None:
    """Control: without the outbox the answer is gone with the tab."""
    context = new_context("phone")
    page = context.new_page()
    rater = rater_of(TaskKind.PAIRWISE)
    open_task(page, live_server, rater)
    context.set_offline(True)
    page.get_by_role("button", name="Left").tap()
    expect(page.locator("[data-status]")).to_contain_text("will be sent again")
    page.close()
    context.set_offline(False)
    later = context.new_page()
    open_task(later, live_server, rater)
    wait_for_place(later, 2)
    assert Answer.objects.get().choice == "left"
    assert later.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("kind", list(TaskKind))
def test_the_cold_page_is_within_60_kb_and_8_requests_besides_its_pictures(
    page: Page, live_server: LiveServer, kind: TaskKind
) -> None:
    sizes: dict[str, int] = {}

    def weigh(response: object) -> None:
        url = response.url  # type: ignore[attr-defined]
        if not url.endswith(".png"):
            sizes[url] = len(response.body())  # type: ignore[attr-defined]

    page.on("response", weigh)
    open_task(page, live_server, rater_of(kind))
    page.wait_for_load_state("networkidle")
    assert 3 <= len(sizes) <= 8
    assert sum(sizes.values()) <= 60_000
