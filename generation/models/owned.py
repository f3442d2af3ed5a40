"""Who sees and who changes what a project owns. The rules are written here once; every page, the API and
every export ask them.
"""

from typing import Any, ClassVar, Final, Self

from django.apps import apps
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models

from generation.choices import ProjectRole

READERS: Final = (ProjectRole.OWNER, ProjectRole.MANAGER, ProjectRole.VIEWER)
EDITORS: Final = (ProjectRole.OWNER, ProjectRole.MANAGER)
OWNERS: Final = (ProjectRole.OWNER,)


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows that belong to a project, directly or through a parent."""

    project_path: ClassVar[str] = "project"

    def visible_to(self, user: AbstractUser | AnonymousUser) -> Self:
        """Rows of the user's projects; all rows for an active superuser; none for anybody not signed in."""
        return self._of_members(user, roles=READERS)

    def editable_by(self, user: AbstractUser | AnonymousUser) -> Self:
        """Those of them that the user may also change: of projects that she owns or manages."""
        return self._of_members(user, roles=EDITORS)

    def owned_by(self, user: AbstractUser | AnonymousUser) -> Self:
        """Those whose project the user owns: she decides about its members."""
        return self._of_members(user, roles=OWNERS)

    def _of_members(self, user: AbstractUser | AnonymousUser, *, roles: tuple[ProjectRole, ...]) -> Self:
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        # A subquery: a join would multiply what is counted later.
        memberships = apps.get_model("generation", "Membership").objects.filter(user=user.pk, role__in=roles)
        return self.filter(**{f"{self.project_path}__in": memberships.values("project")})
