"""Projects: the list, one with its members, and moving prompts from one to another."""

from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from generation.choices import ProjectRole
from generation.forms import MemberForm, MoveForm, ProjectForm
from generation.models import Membership, Project, PromptSet
from generation.services import projects as service
from generation.views import scope

ACTS_SHOWN: Final = 30
SETS_SHOWN: Final = 100
ONLY_OWNERS: Final = "Only an owner decides about the members of a project. Ask one of them."


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def projects(request: HttpRequest) -> HttpResponse:
    """The user's projects; POST founds one."""
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        project = service.found_project(scope.user_of(request), name=form.cleaned_data["name"])
        messages.success(request, "Add the people you work with; they see what you bring in.")
        return redirect("generation:project", project.pk)
    visible = Project.objects.visible_to(request.user).annotate(
        set_count=Count("prompt_sets", distinct=True), member_count=Count("memberships", distinct=True)
    )
    own = Membership.objects.filter(user=scope.user_of(request))
    roles = {membership.project_id: membership.get_role_display() for membership in own}
    context = {
        "section": "projects",
        "form": form,
        "rows": [(project, roles.get(project.pk, "Administrator")) for project in visible],
    }
    return render(request, "generation/projects.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def project(request: HttpRequest, pk: int) -> HttpResponse:
    """One project with its members; POST with a name renames it."""
    found: Project = scope.one_of(request, Project.objects, pk=pk)
    form = ProjectForm(request.POST or None, initial={"name": found.name})
    if request.method == "POST":
        _only_owners(request, found)
        if form.is_valid():
            service.rename_project(found, name=form.cleaned_data["name"], actor=scope.user_of(request))
            return redirect("generation:project", found.pk)
    return _project_page(
        request, found, form=form, member_form=MemberForm(), status=400 if form.errors else 200
    )


@login_required
@require_POST
def member_add(request: HttpRequest, pk: int) -> HttpResponse:
    """A researcher who has an account, by name."""
    found = _owned(request, pk)
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            service.add_member(
                found,
                username=form.cleaned_data["username"],
                role=ProjectRole(form.cleaned_data["role"]),
                actor=scope.user_of(request),
            )
        except service.ProjectRefused as refused:
            form.add_error("username", str(refused))
        else:
            messages.success(request, f"{form.cleaned_data['username']} is a member now.")
            return redirect("generation:project", found.pk)
    return _project_page(request, found, form=ProjectForm({"name": found.name}), member_form=form, status=400)


@login_required
@require_POST
def member_change(request: HttpRequest, pk: int, member: int) -> HttpResponse:
    """Another role for a member, or role=remove."""
    found = _owned(request, pk)
    asked = request.POST.get("role", "")
    if asked == "remove":
        return _act(request, found, act=lambda user: service.remove_member(found, member=member, actor=user))
    if asked not in ProjectRole.values:
        raise Http404
    return _act(
        request,
        found,
        act=lambda user: service.change_role(found, member=member, role=ProjectRole(asked), actor=user),
    )


@login_required
@require_POST
def project_leave(request: HttpRequest, pk: int) -> HttpResponse:
    """The user is a member no more."""
    found: Project = scope.to_read(request, Project.objects, pk=pk)
    own = Membership.objects.filter(project=found, user=scope.user_of(request)).first()
    if own is None:
        raise Http404
    try:
        service.remove_member(found, member=own.pk, actor=scope.user_of(request))
    except service.ProjectRefused as refused:
        messages.error(request, str(refused))
        return redirect("generation:project", found.pk)
    messages.success(request, f"You have left {found.name}.")
    return redirect("generation:projects")


@login_required
@require_POST
def prompt_set_move(request: HttpRequest, pk: int) -> HttpResponse:
    """The prompts with everything made from them, into another project that the user may change."""
    found: PromptSet = scope.one_of(request, PromptSet.objects.select_related("project"), pk=pk)
    form = MoveForm(request.POST, user=request.user)
    if not form.is_valid():
        messages.error(request, "Nothing was moved. Choose one of the projects.")
    elif form.cleaned_data["project"] != found.project:
        service.move_prompt_set(found, to=form.cleaned_data["project"], actor=scope.user_of(request))
        messages.success(request, f"The prompts, their runs and campaigns are in {found.project.name} now.")
    return redirect("generation:prompt_set", found.pk)


def _owned(request: HttpRequest, pk: int) -> Project:
    found: Project = scope.one_of(request, Project.objects, pk=pk)
    _only_owners(request, found)
    return found


def _only_owners(request: HttpRequest, found: Project) -> None:
    if not _is_owner(request, found):
        raise PermissionDenied(ONLY_OWNERS)


def _is_owner(request: HttpRequest, found: Project) -> bool:
    return Project.objects.owned_by(request.user).filter(pk=found.pk).exists()


def _act(request: HttpRequest, found: Project, *, act: Callable[..., None]) -> HttpResponse:
    try:
        act(scope.user_of(request))
    except service.ProjectRefused as refused:
        messages.error(request, str(refused))
    if not Project.objects.visible_to(request.user).filter(pk=found.pk).exists():
        return redirect("generation:projects")
    return redirect("generation:project", found.pk)


def _project_page(
    request: HttpRequest, found: Project, *, form: ProjectForm, member_form: MemberForm, status: int
) -> HttpResponse:
    members = found.memberships.select_related("user")
    context = {
        "section": "projects",
        "project": found,
        "form": form,
        "member_form": member_form,
        "members": members,
        "is_member": members.filter(user=scope.user_of(request)).exists(),
        "is_owner": _is_owner(request, found),
        "can_edit": scope.can_edit(request, found),
        "roles": ProjectRole.choices,
        "prompt_sets": found.prompt_sets.all()[:SETS_SHOWN],
        "acts": found.acts.select_related("actor")[:ACTS_SHOWN],
    }
    return render(request, "generation/project.html", context, status=status)
