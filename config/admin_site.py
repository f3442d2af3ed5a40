"""The admin site, which may ask for the second step of signing in."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest


class PerceptAdminSite(admin.AdminSite):
    """Django's, for administrators; with SECOND_FACTOR_FOR_ADMINS only those who gave a code."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this request may see the admin pages."""
        verified = getattr(request.user, "is_verified", None)
        has_code = verified is not None and bool(verified())
        return super().has_permission(request) and (has_code or not settings.SECOND_FACTOR_FOR_ADMINS)
