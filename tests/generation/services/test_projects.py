"""Projects: who sees what follows the prompts, and an owner always stays."""

import pytest
from django.contrib.auth.models import User

from annotation.models import Campaign
from generation.choices import ProjectRole
from generation.models import Image, Membership, Project, PromptSet, Run, WordMap
from generation.services import projects
from tests import factories

pytestmark = pytest.mark.django_db

ROWS = (Project, PromptSet, Run, Image, WordMap, Campaign)


@pytest.fixture
def project(owner: User) -> Project:
    """A project of the owner's with prompts, a run, images, maps and a campaign."""
    factories.make_open_campaign(owner)
    found: Project = Project.objects.get(personal_of=owner)
    return found


def join(project: Project, user: User, role: ProjectRole) -> Membership:
    return projects.add_member(project, username=user.username, role=role, actor=project.personal_of or user)


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: rows.__name__)
def test_members_see_everything_of_a_project_and_strangers_nothing(
    project: Project, owner: User, stranger: User, rows: type[Project]
) -> None:
    """Control: owner_path in place of project_path; READERS without viewers."""
    assert rows.objects.visible_to(owner).exists()
    assert not rows.objects.visible_to(stranger).exists()
    join(project, stranger, ProjectRole.VIEWER)
    assert rows.objects.visible_to(stranger).count() == rows.objects.visible_to(owner).count()
    assert not rows.objects.editable_by(stranger).exists()


def test_a_manager_changes_and_only_an_owner_decides_about_members(project: Project, stranger: User) -> None:
    """Control: EDITORS with viewers; OWNERS with managers."""
    join(project, stranger, ProjectRole.MANAGER)
    assert Run.objects.editable_by(stranger).exists()
    assert not Project.objects.owned_by(stranger).exists()


def test_who_is_no_longer_active_sees_nothing(project: Project, owner: User) -> None:
    owner.is_active = False
    owner.save()
    assert not Run.objects.visible_to(owner).exists()


def test_the_last_owner_can_not_go_or_be_made_less(project: Project, owner: User, stranger: User) -> None:
    """Control: leave _refuse_without_owner out."""
    own = Membership.objects.get(project=project, user=owner)
    join(project, stranger, ProjectRole.MANAGER)
    with pytest.raises(projects.ProjectRefused):
        projects.remove_member(project, member=own.pk, actor=owner)
    with pytest.raises(projects.ProjectRefused):
        projects.change_role(project, member=own.pk, role=ProjectRole.VIEWER, actor=owner)
    other = Membership.objects.get(project=project, user=stranger)
    projects.change_role(project, member=other.pk, role=ProjectRole.OWNER, actor=owner)
    projects.remove_member(project, member=own.pk, actor=owner)
    assert not Run.objects.visible_to(owner).exists()


def test_members_have_accounts_and_are_so_once(project: Project, owner: User, stranger: User) -> None:
    join(project, stranger, ProjectRole.VIEWER)
    with pytest.raises(projects.ProjectRefused, match="already"):
        join(project, stranger, ProjectRole.OWNER)
    with pytest.raises(projects.ProjectRefused, match="spelling"):
        projects.add_member(project, username="nobody", role=ProjectRole.VIEWER, actor=owner)


def test_runs_and_campaigns_go_with_their_prompts(project: Project, owner: User, stranger: User) -> None:
    """Control: a project column on runs, forgotten in the move."""
    target = projects.found_project(stranger, name="Theirs")
    projects.move_prompt_set(PromptSet.objects.get(), to=target, actor=owner)
    assert Campaign.objects.visible_to(stranger).exists()
    assert not Campaign.objects.visible_to(owner).exists()


def test_a_campaign_can_not_be_made_from_a_run_that_one_may_only_look_at(
    project: Project, stranger: User
) -> None:
    """Control: Run.objects.visible_to in create_campaign."""
    join(project, stranger, ProjectRole.VIEWER)
    with pytest.raises(Run.DoesNotExist):
        factories.make_draft(stranger, run=Run.objects.get())
