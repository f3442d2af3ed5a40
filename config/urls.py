"""Every route of the project."""

from django.contrib import admin
from django.contrib.auth import views as sign_in
from django.urls import include, path

from config import health
from config.home import home

urlpatterns = [
    path("", home, name="home"),
    path("", include("generation.urls")),
    path("health/", health.health, name="health"),
    path("login/", sign_in.LoginView.as_view(), name="login"),
    path("logout/", sign_in.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("campaigns/", include("annotation.urls")),
    path("campaigns/<uuid:public_id>/results/", include("evaluation.urls")),
    path("", include("annotation.rating_urls")),
]
