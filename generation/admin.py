"""Generation's tables for administrators: to look at, not to edit. Rows change through services only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from generation.models import Image, PromptSet, Run, RunAct


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and shows rows; adds, changes and deletes none, since images and ratings hang on them."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django calls it so)
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (Django calls it so)
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (Django calls it so)
        """Never."""
        return False


@admin.register(PromptSet)
class PromptSetAdmin(ReadOnlyAdmin):
    """Prompt sets of all researchers."""

    list_display = ("name", "owner", "source_name", "parser", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "source_name")


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Runs of all researchers."""

    list_display = ("name", "owner", "state", "model_id", "model_revision", "created_at")
    list_filter = ("state", "model_id")
    list_select_related = ("owner",)
    search_fields = ("name",)


@admin.register(RunAct)
class RunActAdmin(ReadOnlyAdmin):
    """Who started, paused, resumed, cancelled or retried what, the latest first."""

    list_display = ("at", "act", "run", "actor", "images")
    list_filter = ("act",)
    list_select_related = ("run", "actor")


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    """The job table: who holds what until when, and why something failed."""

    list_display = ("id", "run", "seed", "state", "attempts", "worker", "lease_until", "failure")
    list_filter = ("state",)
    list_select_related = ("run",)
    show_full_result_count = False
