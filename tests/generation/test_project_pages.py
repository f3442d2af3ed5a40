"""The pages of projects: founding, members, moving prompts."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from generation.choices import ProjectRole
from generation.models import Membership, Project, PromptSet
from generation.services import projects
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_project_is_founded_and_a_colleague_added_by_name(
    client: Client, owner: User, stranger: User
) -> None:
    client.force_login(owner)
    client.post(reverse("generation:projects"), {"name": "Verbs"})
    project = Project.objects.get(name="Verbs")
    url = reverse("generation:member_add", args=[project.pk])
    missing = client.post(url, {"username": "nobody", "role": "viewer"})
    assert (missing.status_code, b"Check the spelling" in missing.content) == (400, True)
    client.post(url, {"username": stranger.username, "role": "viewer"})
    assert Membership.objects.get(project=project, user=stranger).role == ProjectRole.VIEWER
    assert stranger.username in client.get(reverse("generation:project", args=[project.pk])).content.decode()


def test_prompts_are_imported_into_a_project_and_moved_to_another(client: Client, owner: User) -> None:
    """A project that one may only look at takes nothing in. Control: Project.objects.all() in MoveForm."""
    prompt_set = factories.make_prompt_set(owner=owner)
    other = factories.make_user()
    theirs = projects.found_project(other, name="Theirs")
    projects.add_member(theirs, username=owner.username, role=ProjectRole.VIEWER, actor=other)
    mine = projects.found_project(owner, name="Second")
    client.force_login(owner)
    url = reverse("generation:prompt_set_move", args=[prompt_set.pk])
    client.post(url, {"project": theirs.pk})
    assert PromptSet.objects.get().project == Project.objects.get(personal_of=owner)
    client.post(url, {"project": mine.pk})
    assert PromptSet.objects.get().project == mine


def test_a_viewer_is_shown_no_button_that_would_be_refused(
    client: Client, owner: User, stranger: User
) -> None:
    """Control: take `if can_edit` off one of the templates."""
    campaign = factories.make_open_campaign(owner)
    rater = factories.make_rater(campaign)
    project = Project.objects.get(personal_of=owner)
    projects.add_member(project, username=stranger.username, role=ProjectRole.VIEWER, actor=owner)
    client.force_login(stranger)
    pages = [
        reverse("generation:prompt_set", args=[campaign.run.prompt_set_id]),
        reverse("generation:run", args=[campaign.run_id]),
        reverse("generation:project", args=[project.pk]),
        *(
            reverse(f"annotation:{name}", args=[campaign.public_id])
            for name in ("campaign", "review", "recruitment")
        ),
        reverse("annotation:rater", args=[campaign.public_id, rater.pseudonym]),
        reverse("studies:dry_run", args=[campaign.public_id]),
    ]
    leave = reverse("generation:project_leave", args=[project.pk])
    for page in pages:
        html = client.get(page).content.decode()
        forms = [part for part in html.split("<form")[1:] if 'method="post"' in part.split(">")[0]]
        offered = [form.split(">")[0] for form in forms if "/logout/" not in form.split(">")[0]]
        assert (page, [form for form in offered if leave not in form]) == (page, [])
