"""Founding projects and deciding about their members. A project is never without an owner."""

from django.contrib.auth.models import User
from django.db import transaction

from generation.choices import ProjectRole
from generation.models import MapRequest, Membership, Project, ProjectAct, PromptSet


class ProjectRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was changed; the message says why and what to do instead."""


@transaction.atomic
def personal_project(user: User) -> Project:
    """The user's own project, made when it is first needed."""
    project, is_new = Project.objects.get_or_create(
        personal_of=user, defaults={"name": f"{user.get_username()}’s project"[:120]}
    )
    if is_new:
        Membership.objects.create(project=project, user=user, role=ProjectRole.OWNER)
    return project


@transaction.atomic
def found_project(user: User, *, name: str) -> Project:
    """A new project, owned by the user."""
    project = Project.objects.create(name=name)
    Membership.objects.create(project=project, user=user, role=ProjectRole.OWNER)
    _record(project, actor=user, act="founded the project")
    return project


@transaction.atomic
def rename_project(project: Project, *, name: str, actor: User) -> None:
    """The project by another name."""
    Project.objects.filter(pk=project.pk).update(name=name)
    _record(project, actor=actor, act=f"renamed it from “{project.name}” to “{name}”")


@transaction.atomic
def add_member(project: Project, *, username: str, role: ProjectRole, actor: User) -> Membership:
    """Another researcher in the project. Raises ProjectRefused for nobody's name and a member's."""
    _lock(project)
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise ProjectRefused(f"There is no active researcher named {username[:40]!r}. Check the spelling.")
    membership, is_new = Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
    if not is_new:
        raise ProjectRefused(f"{username} is a member already. Change the role in the list.")
    _record(project, actor=actor, act=f"added {username} as {role.value}")
    return membership


@transaction.atomic
def change_role(project: Project, *, member: int, role: ProjectRole, actor: User) -> None:
    """The member's role is this from now on. Raises ProjectRefused where no owner would be left."""
    found = _member(project, member=member)
    if role != ProjectRole.OWNER:
        _refuse_without_owner(project, leaving=found)
    Membership.objects.filter(pk=found.pk).update(role=role)
    _record(project, actor=actor, act=f"made {found.user.get_username()} {role.value}, who was {found.role}")


@transaction.atomic
def remove_member(project: Project, *, member: int, actor: User) -> None:
    """The member sees the project no more. Raises ProjectRefused where no owner would be left."""
    found = _member(project, member=member)
    _refuse_without_owner(project, leaving=found)
    found.delete()
    leaves = found.user_id == actor.pk
    _record(project, actor=actor, act="left" if leaves else f"removed {found.user.get_username()}")


@transaction.atomic
def move_prompt_set(prompt_set: PromptSet, *, to: Project, actor: User) -> None:
    """The prompts, with their runs and campaigns, belong to another project: its members see them."""
    before = prompt_set.project
    PromptSet.objects.filter(pk=prompt_set.pk).update(project=to)
    # Questions about its images go along; those about other pictures stay.
    MapRequest.objects.filter(image__run__prompt_set=prompt_set).update(project=to)
    prompt_set.project = to
    _record(before, actor=actor, act=f"moved the prompts “{prompt_set.name}” to “{to.name}”")
    _record(to, actor=actor, act=f"brought the prompts “{prompt_set.name}” from “{before.name}”")


def _lock(project: Project) -> None:
    """Two owners who remove each other at once must not both succeed."""
    Project.objects.select_for_update().get(pk=project.pk)


def _member(project: Project, *, member: int) -> Membership:
    _lock(project)
    found = Membership.objects.select_related("user").filter(project=project, pk=member).first()
    if found is None:
        raise ProjectRefused("Nothing changed: that member is gone already. Reload the page.")
    return found


def _refuse_without_owner(project: Project, *, leaving: Membership) -> None:
    owners = Membership.objects.filter(project=project, role=ProjectRole.OWNER, user__is_active=True)
    if leaving.role == ProjectRole.OWNER and not owners.exclude(pk=leaving.pk).exists():
        raise ProjectRefused("A project needs an owner. Make another member one first.")


def _record(project: Project, *, actor: User, act: str) -> None:
    ProjectAct.objects.create(project=project, actor=actor, act=act[:300])
