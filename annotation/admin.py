"""The admin's look at campaigns and the audit trail: to read, not to change.

Campaigns change through their pages alone, where every act is checked and audited. Platform identities are
shown nowhere.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from annotation.models import AuditEntry, Campaign


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and details without a button that writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Never: the pages show without it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Never."""
        return False


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    """Every campaign, whoever owns it."""

    list_display = ("name", "state", "owner", "run", "created_at", "opened_at", "closed_at")
    list_filter = ("state",)
    list_select_related = ("owner", "run")
    search_fields = ("name", "public_id", "owner__username")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, the latest first."""

    list_display = ("at", "act", "campaign", "rater", "actor")
    list_filter = ("act",)
    list_select_related = ("campaign", "rater", "actor")
    search_fields = ("campaign__name", "actor__username")
