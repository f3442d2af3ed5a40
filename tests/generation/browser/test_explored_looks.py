"""The image page with its maps taken apart, in a real browser."""

from collections.abc import Callable

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from generation import storage
from generation.models import Image
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., Page]
LAYERS = tuple(f"up_blocks.{block}.attentions.{place}.0" for block in range(4) for place in range(3))
METHODS = ("paper", "castorini", "v1", "MI", "CMI", "attention + information")


def _explored_page(owner: User) -> str:
    """Its address. Thirty steps and twelve layers, as of a real model."""
    run = factories.make_finished_run(owner, prompts=["the red cat"])
    image = Image.objects.select_related("run").get()
    generator = np.random.default_rng(0)
    words = {
        word.word.position: storage.StoredExploration(
            layers=LAYERS,
            methods=METHODS,
            drift=0,
            **{
                name: generator.random((count, 8, 8), dtype=np.float32)
                for name, count in (("steps", 30), ("by_layer", 12), ("by_method", 6))
            },
        )
        for word in image.word_maps.select_related("word")
    }
    storage.write_exploration(image, words)
    return f"/runs/{run.pk}/images/{image.pk}/"


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_maps_taken_apart_are_shown_in_place_and_open_to_everybody(
    sign_in: SignIn, owner: User, size: str
) -> None:
    """axe, WCAG 2.2 A and AA. Control: a tile without alt, or labels at half their contrast."""
    window = sign_in(owner, size)
    window.goto(_explored_page(owner))
    window.evaluate("window.sameDocument = true")
    expect(window.locator(".tiles li")).to_have_count(30)
    window.get_by_role("link", name="Methods").click()
    expect(window.locator(".tiles li")).to_have_count(6)
    window.get_by_role("link", name="> 0.5 of the range").click()
    expect(window.get_by_text("Mask: > 0.5 of the range")).to_be_visible()
    expect(window.locator(".tiles li")).to_have_count(6)  # one choice keeps the other
    assert window.evaluate("window.sameDocument")
    for picture in window.locator("main img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(window, options={"runOnly": {"type": "tag", "values": tags}})
    assert found.violations_count == 0, found.generate_report()
