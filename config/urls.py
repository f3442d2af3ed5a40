"""Every route of the project."""

from django.contrib import admin
from django.urls import path

from config import health

urlpatterns = [
    path("health/", health.health, name="health"),
    path("admin/", admin.site.urls),
]
