"""Every route of the project."""

from django.contrib import admin
from django.contrib.auth import views as sign_in
from django.urls import include, path

from config import account, api_page, health
from config.api import api
from config.home import home
from config.sign_in import LimitedLoginView, second_step

urlpatterns = [
    path("", home, name="home"),
    path("", include("generation.urls")),
    path("health/", health.health, name="health"),
    path("login/", LimitedLoginView.as_view(), name="login"),
    path("login/code/", second_step, name="second_step"),
    path("account/second-step/", account.second_step_act, name="second_step_act"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/api/", api_page.api_page, name="api_page"),
    path("account/tokens/<int:pk>/revoke/", account.token_revoke, name="token_revoke"),
    path("logout/", sign_in.LogoutView.as_view(), name="logout"),
    # The admin site has a form of its own, without the limit.
    path("admin/login/", LimitedLoginView.as_view()),
    path("admin/", admin.site.urls),
    path("campaigns/", include("annotation.urls")),
    path("projects/<int:pk>/webhooks/", include("annotation.webhook_urls")),
    path("api/v1/", api.urls),
    path("analyses/", include("evaluation.analysis_urls")),
    path("campaigns/<uuid:public_id>/results/", include("evaluation.urls")),
    path("campaigns/<uuid:public_id>/dry-run/", include("studies.urls")),
    path("plan/", include("evaluation.plan_urls")),
    path("", include("annotation.rating_urls")),
]
