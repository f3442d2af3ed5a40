"""A campaign's life as its people go through it: an owner makes it, a viewer watches, a manager ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation.choices import CampaignState
from annotation.models import Campaign, Rater
from annotation.services.tasks_for_raters import Task, next_task
from generation.choices import ProjectRole
from generation.models import Project
from generation.services import projects
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., Page]
PATIENCE_MILLISECONDS = 20_000
ITEMS, MARKS, RATERS = 13, 3, 2
expect.set_options(timeout=PATIENCE_MILLISECONDS)


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_a_campaign_is_made_watched_and_ended_by_its_people(sign_in: SignIn, owner: User, size: str) -> None:
    """Controls: `can_edit` true for everybody in _progress_context; no poll.js on the campaign's page; an
    exclusion that the analysis doesn't heed."""
    run = factories.make_finished_run(owner)
    own, manager, viewer = (
        sign_in(owner, size),
        *(sign_in(_member(owner, role), size) for role in (ProjectRole.MANAGER, ProjectRole.VIEWER)),
    )

    campaign = _make(own, of=run.name)
    own.get_by_role("link", name="Preview as a rater").click()
    own.wait_for_url("**/preview/")
    expect(own.locator(".prompt").first).to_be_visible()
    own.go_back()
    own.get_by_role("button", name="Open the campaign").click()
    expect(own.get_by_text("Open. Raters can come in")).to_be_visible()

    _visit(viewer, campaign)
    expect(viewer.get_by_role("heading", name="Progress")).to_be_visible()
    expect(viewer.get_by_role("link", name="Close…")).to_have_count(0)
    expect(viewer.get_by_role("button", name="Pause")).to_have_count(0)
    viewer.evaluate("window.sameDocument = true")
    for option in ("4", "1"):
        _rate(factories.make_rater(campaign), option)
    ratings = f"{ITEMS * RATERS} of {ITEMS * RATERS}"
    expect(viewer.locator(".tiles div").filter(has_text="Ratings").first).to_contain_text(ratings)
    assert viewer.evaluate("window.sameDocument")
    # Left, since a page that is watched loads itself anew when its campaign closes.
    viewer.goto("about:blank")

    careless = Rater.objects.latest("pk").pseudonym[:8]
    _visit(manager, campaign)
    manager.get_by_role("link", name=careless).click()
    manager.get_by_label("Reason", exact=True).fill("answered without looking")
    manager.get_by_role("button", name="Exclude").click()
    expect(manager.get_by_text("is left out of the analysis")).to_be_visible()
    manager.get_by_role("link", name=campaign.name).click()
    manager.get_by_role("link", name="Close…").click()
    manager.get_by_role("button", name="Close the campaign").click()
    expect(manager.get_by_text("Closed. Answers to tasks")).to_be_visible()
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.CLOSED

    _visit(viewer, campaign)
    viewer.get_by_role("link", name="Results", exact=True).click()
    expect(viewer.get_by_role("heading", name=f"Results: {campaign.name}")).to_be_visible()
    # Without the careless rater's 1 the mean of 4 and 1 is 4.
    expect(viewer.locator(".stat").first).to_have_text("4.00")
    _fits(viewer)
    _visit(viewer, campaign)
    with viewer.expect_download() as download:
        viewer.get_by_role("link", name="ratings.csv").click()
    lines = Path(download.value.path()).read_text().splitlines()
    # Both raters' answers to the words, and to the marks that served as attention checks.
    assert len(lines) == 1 + RATERS * (ITEMS + MARKS)


def _rate(rater: Rater, option: str) -> None:
    """Every word gets the option; marks the right answer, so that only the exclusion leaves anybody out."""
    while isinstance(task := next_task(rater), Task):
        is_word = factories.word_of(task).isalnum()
        factories.answer(rater, task, option if is_word else "word_too_abstract")


def _member(owner: User, role: ProjectRole) -> User:
    user = factories.make_user(role.value)
    projects.add_member(
        Project.objects.get(personal_of=owner), username=user.username, role=role, actor=owner
    )
    return user


def _make(window: Page, *, of: str) -> Campaign:
    """From the list of campaigns by way of a run and the form to the page of a draft."""
    window.goto("/campaigns/")
    window.get_by_role("link", name="New campaign").click()
    window.get_by_role("link", name=of).click()
    expect(window.get_by_role("button", name="Make the campaign")).to_be_visible()
    _fits(window)
    window.get_by_label("Contact", exact=True).fill("study@example.org")
    window.get_by_label("Raters per item").fill(str(RATERS))
    window.get_by_label("Largest share of one rater, in percent").fill("100")
    window.get_by_role("button", name="Make the campaign").click()
    expect(window.get_by_text("The campaign is a draft")).to_be_visible()
    _fits(window)
    return Campaign.objects.get()


def _visit(window: Page, campaign: Campaign) -> None:
    """The campaign from the list that its people share."""
    window.goto("/campaigns/")
    window.get_by_role("link", name=campaign.name).click()
    expect(window.get_by_role("heading", level=1)).to_have_text(campaign.name)
    _fits(window)


def _fits(window: Page) -> None:
    """Waits for the page: on the way from one to the next a window has no document to measure."""
    window.wait_for_load_state()
    wide = window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert (window.url, wide) == (window.url, 0)
