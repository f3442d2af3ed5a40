"""Projects and who works in them. Prompt sets belong to one; runs and campaigns follow their prompts."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from generation.choices import ProjectRole
from generation.models.owned import OwnedQuerySet


class ProjectQuerySet(OwnedQuerySet):
    """Projects of a researcher."""

    project_path = "pk"


class Project(models.Model):
    """What a group of researchers works on together."""

    name = models.CharField(max_length=120)
    personal_of = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="personal_project",
        help_text="Whose own project it is, made by itself; empty for one that somebody founded.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="project_has_a_name")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One researcher's role in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=7, choices=ProjectRole)
    since = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["project", "user__username"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="member_once_per_project"),
            models.CheckConstraint(condition=Q(role__in=ProjectRole.values), name="member_has_a_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.project}"


class ProjectAct(models.Model):
    """Who changed a project's name or members, and when. Rows are added with the act, never changed."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="acts")
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="project_acts"
    )
    act = models.CharField(max_length=300, help_text="In words.")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.act} ({self.project})"
