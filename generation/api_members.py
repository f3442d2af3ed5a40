"""The API of a project's members, by the services of its page. Only owners decide; docs/api.md says how."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Router, Schema, Status

from generation.api import ProjectIn, ProjectOut, Refusal, StrictSchema, key
from generation.api_scopes import needs
from generation.choices import ProjectRole, TokenScope
from generation.forms import MemberForm, ProjectForm
from generation.models import Membership, Project
from generation.problems import ApiRefused, of_form, refused
from generation.services import projects as service
from generation.views import scope
from generation.views.projects import ONLY_OWNERS

router = Router()


class MemberOut(Schema):
    """A member of a project. id: of the membership."""

    id: int
    username: str
    role: str


class MemberIn(StrictSchema):
    """Who is to be a member, as owner, manager or viewer."""

    username: str
    role: str


class RoleIn(StrictSchema):
    """What a member is to be from now on."""

    role: str


@router.get("/projects/{number}/members", response=list[MemberOut], tags=["projects"])
@needs(TokenScope.READ)
def list_members(request: HttpRequest, number: int) -> Any:
    """Everybody in the project."""
    project: Project = scope.to_read(request, Project.objects, pk=key(number))
    return _members(project)


@router.post(
    "/projects/{number}/members", response={201: MemberOut, 400: Refusal, 409: Refusal}, tags=["projects"]
)
@needs(TokenScope.MEMBERS)
def add_member(request: HttpRequest, number: int, member: MemberIn) -> Any:
    """Another researcher who has an account here. 409 for a member's name."""
    project = _owned(request, number)
    given = member.model_dump()
    form = MemberForm(given)
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=given))
    role = ProjectRole(form.cleaned_data["role"])
    name = form.cleaned_data["username"]
    try:
        made = service.add_member(project, username=name, role=role, actor=scope.user_of(request))
    except service.ProjectRefused as refusal:
        raise refused(409, str(refusal), field="username", value=name) from refusal
    return Status(201, _member(made))


@router.post(
    "/projects/{number}/members/{member}",
    response={200: list[MemberOut], 400: Refusal, 409: Refusal},
    tags=["projects"],
)
@needs(TokenScope.MEMBERS)
def change_member(request: HttpRequest, number: int, member: int, role: RoleIn) -> Any:
    """Another role for a member. 409 where the project would be left without an owner."""
    project = _owned(request, number)
    if role.role not in ProjectRole.values:
        raise refused(400, f"Give one of {', '.join(ProjectRole.values)}.", field="role", value=role.role)
    actor = scope.user_of(request)
    try:
        service.change_role(project, member=key(member), role=ProjectRole(role.role), actor=actor)
    except service.ProjectRefused as refusal:
        raise refused(409, str(refusal)) from refusal
    return _members(project)


@router.post(
    "/projects/{number}/members/{member}/remove",
    response={200: list[MemberOut], 409: Refusal},
    tags=["projects"],
)
@needs(TokenScope.MEMBERS)
def remove_member(request: HttpRequest, number: int, member: int) -> Any:
    """The member sees the project no more. 409 where it would be left without an owner."""
    project = _owned(request, number)
    try:
        service.remove_member(project, member=key(member), actor=scope.user_of(request))
    except service.ProjectRefused as refusal:
        raise refused(409, str(refusal)) from refusal
    return _members(project)


@router.post("/projects/{number}/rename", response={200: ProjectOut, 400: Refusal}, tags=["projects"])
@needs(TokenScope.MEMBERS)
def rename_project(request: HttpRequest, number: int, project: ProjectIn) -> Any:
    """The project by another name; by its owners."""
    owned = _owned(request, number)
    given = project.model_dump()
    form = ProjectForm(given)
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=given))
    name = form.cleaned_data["name"]
    service.rename_project(owned, name=name, actor=scope.user_of(request))
    return {"id": owned.pk, "name": name, "may_edit": True}


@router.post(
    "/projects/{number}/leave", response={200: list[MemberOut], 404: Refusal, 409: Refusal}, tags=["projects"]
)
@needs(TokenScope.MEMBERS)
def leave_project(request: HttpRequest, number: int) -> Any:
    """You are a member no more; who stays. 409 for its last owner."""
    project: Project = scope.to_read(request, Project.objects, pk=key(number))
    own = Membership.objects.filter(project=project, user=scope.user_of(request)).first()
    if own is None:
        raise refused(404, "You are no member of this project, so there is nothing to leave.")
    try:
        service.remove_member(project, member=own.pk, actor=scope.user_of(request))
    except service.ProjectRefused as refusal:
        raise refused(409, str(refusal)) from refusal
    return _members(project)


def _owned(request: HttpRequest, number: int) -> Project:
    """The project, for one of its owners. Raises Http404, PermissionDenied."""
    found: Project = scope.one_of(request, Project.objects, pk=key(number))
    if not Project.objects.owned_by(request.user).filter(pk=found.pk).exists():
        raise PermissionDenied(ONLY_OWNERS)
    return found


def _members(project: Project) -> list[dict[str, Any]]:
    return [_member(row) for row in project.memberships.select_related("user")]


def _member(row: Membership) -> dict[str, Any]:
    return {"id": row.pk, "username": row.user.get_username(), "role": row.role}
