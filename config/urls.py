"""Every route of the project."""

from django.contrib import admin
from django.contrib.auth import views as sign_in
from django.urls import path

from config import health

urlpatterns = [
    path("health/", health.health, name="health"),
    path("login/", sign_in.LoginView.as_view(), name="login"),
    path("logout/", sign_in.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
