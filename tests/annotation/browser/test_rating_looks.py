"""The rater's pages fit a phone, stand still, and break no accessibility rule."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from annotation.choices import PageLanguage, TaskKind
from annotation.models import Rater
from annotation.services import entry
from annotation.tokens import rater_token
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
LONG_PROMPT = "a very long description of a red ball that lies beside a blue box on the green grass of a park"


@pytest.fixture
def rater() -> Rater:
    """A rater with a long prompt before her."""
    run = factories.make_finished_run(prompts=[LONG_PROMPT])
    return factories.make_rater(factories.make_open_campaign(run=run, question=QUESTION))


# Words nearer than 3 pixels to the left or right edge of what is pressed, or beyond it, and torn ones: in two
# lines without a space or a soft hyphen.
NEAR = """() => [...document.querySelectorAll(".answer span, .views span")].filter((words) => {
    if (!words.checkVisibility()) return false;
    const range = document.createRange();
    range.selectNodeContents(words);
    const text = range.getBoundingClientRect();
    const button = words.closest("button, label").getBoundingClientRect();
    const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
    const torn = lines > 1 && !/[ \u00ad]/.test(words.textContent.trim());
    return torn || text.left - button.left < 3 || button.right - text.right < 3;
}).map((words) => words.textContent.trim())"""


QUESTION = "How well do the highlighted parts of the image reflect the meaning of the red word?"


def own_address(server: LiveServer, rater: Rater) -> str:
    """The rater's own address."""
    return f"{server.url}/r/{rater_token(rater)}/"


def box(page: Page, selector: str) -> dict[str, float]:
    """Where an element is, in pixels of the window."""
    found = page.locator(selector).bounding_box()
    assert found, f"{selector} is not shown"
    return dict(found)


def violations(page: Page) -> list[str]:
    """The A and AA rules the page breaks, with the elements that do."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("size", ["phone", "small phone"])
def test_every_answer_is_in_reach_without_scrolling(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker, size: str
) -> None:
    """Control: a stage of fixed 20rem height pushes the opt-outs below the window."""
    page = new_context(size).new_page()
    page.goto(own_address(live_server, rater))
    height = page.viewport_size["height"] if page.viewport_size else 0
    for answer in page.locator("button[name=option]").all():
        found = answer.bounding_box()
        assert found
        assert found["y"] + found["height"] <= height
        assert found["height"] >= 44
        assert found["width"] >= 44


@pytest.mark.parametrize("size", ["laptop", "phone", "small phone", "phone on its side"])
@pytest.mark.parametrize("language", PageLanguage.values)
def test_points_of_the_scale_are_equally_large_and_their_words_clear_of_the_edge(
    live_server: LiveServer, new_context: ContextMaker, size: str, language: str
) -> None:
    """Controls: columns as wide as their words; no soft hyphen in a translation; letters as large as before;
    the views in equal columns."""
    page = new_context(size).new_page()
    rater = factories.make_rater(factories.make_open_campaign(language=language))
    page.goto(own_address(live_server, rater))
    widths = page.evaluate(
        "() => [...document.querySelectorAll('.answers__scores .answer')].map((one) => one.offsetWidth)"
    )
    assert len(widths) == 5
    assert max(widths) - min(widths) <= 1
    assert page.evaluate(NEAR) == []


@pytest.mark.parametrize("size", ["phone", "small phone"])
@pytest.mark.parametrize("kind", [TaskKind.MASK, TaskKind.PAIRWISE])
def test_words_of_pairs_and_tools_are_clear_of_the_edge_in_the_longer_language(
    live_server: LiveServer, new_context: ContextMaker, size: str, kind: TaskKind
) -> None:
    """Control: letters of pairs, or of tools, on a small phone as large as on others."""
    page = new_context(size).new_page()
    rater = factories.make_rater(factories.make_campaign_of_kind(kind, language="de"))
    page.goto(own_address(live_server, rater))
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.evaluate(NEAR) == []


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_the_page_does_not_scroll_once_an_answer_is_saved(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker, size: str
) -> None:
    """Control: a stage one line of text higher."""
    page = new_context(size).new_page()
    page.goto(own_address(live_server, rater))
    page.locator("button[name=option]").first.click()
    page.locator("[data-status]").filter(has_text="Saved.").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0


def test_a_full_stop_never_stands_on_a_line_of_its_own(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker
) -> None:
    """Whatever the width. Control: without the joiners in prompt.html it does at some widths."""
    page = new_context("phone").new_page()
    page.goto(own_address(live_server, rater))
    apart = page.evaluate("""() => {
        const find = (part) => document.querySelector(`[data-${part}]`);
        const [before, word] = [find("before"), find("word")];
        before.textContent = "an orange star and a green ring";
        word.textContent = ".";
        find("after").textContent = "";
        const prompt = document.querySelector("[data-prompt]");
        const widths = [];
        for (let width = 180; width < 360; width += 1) {
            prompt.style.width = `${width}px`;
            const lines = [...before.getClientRects()];
            const stops = [...word.getClientRects()];
            if (stops.at(-1).top - lines.at(-1).top > 8) widths.push(width);
        }
        return widths;
    }""")
    assert apart == []


@pytest.mark.parametrize("size", ["laptop", "phone", "small phone"])
@pytest.mark.parametrize("name", ["", "instructions/", "stop/"])
def test_no_page_scrolls_sideways(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker, size: str, name: str
) -> None:
    page = new_context(size).new_page()
    page.goto(own_address(live_server, rater) + name)
    wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_the_answers_stay_where_they_are_in_every_view(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker, size: str
) -> None:
    """Control: a stage without a height of its own moves them."""
    page = new_context(size).new_page()
    page.goto(own_address(live_server, rater))
    places = set()
    for view in ("both", "image", "map", "overlay"):
        page.locator(f"input[value={view}]").check(force=True)
        places.add(box(page, "[data-answers]")["y"])
    assert len(places) == 1


def test_nothing_moves_while_the_pictures_arrive(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker
) -> None:
    """Control: pictures without width and height move the answers' neighbours."""
    page = new_context("phone").new_page()
    page.route("**/*.png", lambda _route: None)
    page.goto(own_address(live_server, rater), wait_until="domcontentloaded")
    page.locator("[data-answers]").wait_for()
    before = [
        box(page, selector) for selector in ("[data-picture=image]", "[data-picture=map]", "[data-answers]")
    ]
    page.unroute_all()
    page.goto(own_address(live_server, rater))
    after = [
        box(page, selector) for selector in ("[data-picture=image]", "[data-picture=map]", "[data-answers]")
    ]
    assert before == after


def test_the_overlay_lays_the_map_exactly_over_the_image(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker
) -> None:
    page = new_context("phone").new_page()
    page.goto(own_address(live_server, rater))
    page.locator("input[value=overlay]").check(force=True)
    image, word_map = box(page, "[data-picture=image]"), box(page, "[data-picture=map]")
    assert image == word_map
    assert image["width"] >= 200


def test_a_small_picture_is_shown_large(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker
) -> None:
    page = new_context("laptop").new_page()
    page.goto(own_address(live_server, rater))
    assert page.locator("[data-picture=image]").evaluate("image => image.naturalWidth") == factories.SIDE
    assert box(page, "[data-picture=image]")["width"] >= 300


@pytest.mark.parametrize(
    ("size", "scheme"), [("laptop", "dark"), ("phone", "light"), ("small phone", "dark")]
)
def test_no_rater_page_breaks_an_accessibility_rule(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker, size: str, scheme: Any
) -> None:
    """axe, WCAG 2.2 A and AA. Control: an image without alt, or --ink-soft at half its contrast."""
    page = new_context(size, color_scheme=scheme).new_page()
    newcomer = entry.enter(rater.campaign, factories.identity())
    addresses = [
        f"{live_server.url}/c/{rater.campaign.public_id}/",
        f"{live_server.url}/c/{rater.campaign.public_id}/?PROLIFIC_PID=",
        own_address(live_server, newcomer),
        own_address(live_server, rater),
        own_address(live_server, rater) + "instructions/",
        own_address(live_server, rater) + "stop/",
        f"{live_server.url}/r/no-such-rater/",
    ]
    for address in addresses:
        page.goto(address)
        assert violations(page) == [], address
    page.goto(own_address(live_server, rater))
    page.get_by_role("link", name="Instructions").click()
    expect(page.get_by_role("button", name="Back to the question")).to_be_visible()
    assert violations(page) == []
    factories.rate_all(rater)
    page.goto(own_address(live_server, rater))
    expect(page.locator("[data-code]")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("query", ["", "?page=consent", "?page=end"])
def test_no_preview_page_breaks_an_accessibility_rule(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker, query: str
) -> None:
    client = Client()
    client.force_login(rater.campaign.owner)
    context = new_context("phone")
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    page.goto(f"{live_server.url}/campaigns/{rater.campaign.public_id}/preview/{query}")
    expect(page.locator("body")).to_contain_text("Preview")
    assert violations(page) == []
