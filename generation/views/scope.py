"""Whose rows a request is about: the first lines of every researcher's view.

To look at something takes a member of its project; to change it, one who may. So a request that is not safe
(POST) is answered only for those who may edit: the views need not ask.
"""

from typing import Any, Final, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from generation.models.owned import OwnedQuerySet

SAFE: Final = ("GET", "HEAD")
ONLY_VIEWER: Final = "You may look at this project, not change it. Ask one of its owners."


def user_of(request: HttpRequest) -> User:
    """The signed-in user; only for views behind login_required."""
    return cast(User, request.user)


def one_of(request: HttpRequest, rows: Any, **names: Any) -> Any:
    """The row so named, for a request that reads or, not being safe, changes it.

    For who may not see it, it does not exist: Http404. Raises PermissionDenied for a change by a viewer.
    """
    found = to_read(request, rows, **names)
    if request.method not in SAFE:
        may_edit(request, found)
    return found


def to_read(request: HttpRequest, rows: Any, **names: Any) -> Any:
    """The row so named, whatever the request's method: for acts that change nothing. Raises Http404."""
    visible: OwnedQuerySet = rows.visible_to(request.user)
    return get_object_or_404(visible, **names)


def to_edit(request: HttpRequest, rows: Any, **names: Any) -> Any:
    """The row so named, also to look at only for those who may change it: forms, secrets.

    Raises Http404, PermissionDenied.
    """
    found = to_read(request, rows, **names)
    may_edit(request, found)
    return found


def can_edit(request: HttpRequest, row: Any) -> bool:
    """Whether the user may change the row: whether its page shows the buttons."""
    rows: OwnedQuerySet = type(row)._default_manager.filter(pk=row.pk)
    return rows.editable_by(user_of(request)).exists()


def may_edit(request: HttpRequest, row: Any) -> None:
    """Raises PermissionDenied for a viewer."""
    if not can_edit(request, row):
        raise PermissionDenied(ONLY_VIEWER)
