"""Who sees what a researcher owns. The rule is written here once; every page and every export asks it."""

from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows that belong to a researcher, directly or through a parent."""

    owner_path: ClassVar[str] = "owner"

    def visible_to(self, user: AbstractUser | AnonymousUser) -> Self:
        """Rows of this user; all rows for an active superuser; none for anybody not signed in."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(**{self.owner_path: user})
