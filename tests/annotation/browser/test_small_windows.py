"""Raters' tasks on a phone, upright and on its side: every answer in reach, nothing over anything else."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from annotation.choices import PairOf, TaskKind
from annotation.models import Rater
from tests import factories
from tests.annotation.browser.raters_page import open_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]

KINDS = [
    (TaskKind.OPINION_SCORE, {}),
    (TaskKind.OBJECT_PRESENCE, {}),
    (TaskKind.PAIRWISE, {"pair_of": PairOf.IMAGES}),
    (TaskKind.PAIRWISE, {"pair_of": PairOf.WORD_MAPS}),
    (TaskKind.MASK, {}),
]
NAMES = ["score", "presence", "pair of images", "pair of maps", "mask"]
# Pairs of what is shown and what answers, one over the other.
OVER_ONE_ANOTHER = """() => {
    const boxes = (selector) => [...document.querySelectorAll(selector)]
        .filter((one) => one.checkVisibility())
        .map((one) => [one.outerHTML.slice(0, 60), one.getBoundingClientRect()]);
    const over = [];
    const controls = boxes("button[name=option], .prompt, .views, .tools__acts, .tools__ranges");
    for (const [shown, a] of boxes(".stage figure, .pair, .mask__frame, .presence__image")) {
        for (const [control, b] of controls) {
            const beside = a.left >= b.right || b.left >= a.right;
            if (!beside && a.top < b.bottom && b.top < a.bottom) over.push([shown, control]);
        }
    }
    return over;
}"""
# Words on buttons that are torn in two: one text in more lines than it has words.
TORN = """() => [...document.querySelectorAll("button[name=option] span")].filter((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
    return lines.size > one.textContent.trim().split(/\\s+/).length;
}).map((one) => one.textContent)"""


def rater_of(kind: TaskKind, changes: dict[str, object]) -> Rater:
    """A rater who has agreed, in a campaign of the kind."""
    return factories.make_rater(factories.make_campaign_of_kind(kind, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", ["phone on its side", "phone"])
@pytest.mark.parametrize(("kind", "changes"), KINDS, ids=NAMES)
def test_every_answer_is_in_reach_and_over_nothing(
    live_server: LiveServer, new_context: ContextMaker, kind: TaskKind, changes: dict[str, object], size: str
) -> None:
    """Control: without the style sheets' last blocks answers lie below the window of a phone on its side, the
    map's legend lies over the scores, and "Excellent" is torn."""
    page = new_context(size).new_page()
    open_task(page, live_server, rater_of(kind, changes))
    height = page.evaluate("innerHeight")
    for answer in page.locator("button[name=option]").all():
        box = answer.bounding_box()
        assert box
        assert box["y"] + box["height"] <= height
        assert min(box["width"], box["height"]) >= 44
    assert page.evaluate(OVER_ONE_ANOTHER) == []
    assert page.evaluate(TORN) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", ["phone on its side", "phone"])
def test_a_small_picture_beside_a_checklist_is_shown_large(
    live_server: LiveServer, new_context: ContextMaker, size: str
) -> None:
    """Control: a picture of no more than its own size (`max-height` in place of `height` on the phone)."""
    page = new_context(size).new_page()
    open_task(page, live_server, rater_of(TaskKind.OBJECT_PRESENCE, {}))
    picture = page.locator("[data-picture=image]")
    assert picture.evaluate("image => image.naturalWidth") == factories.SIDE
    box = picture.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 3 * factories.SIDE
