"""Routes of dry runs. config includes them under campaigns/<uuid:public_id>/dry-run/."""

from django.urls import path

from studies import views

app_name = "studies"

urlpatterns = [
    path("", views.dry_run, name="dry_run"),
    path("start/", views.dry_run_start, name="dry_run_start"),
    path("advance/", views.dry_run_advance, name="dry_run_advance"),
    path("discard/", views.dry_run_discard, name="dry_run_discard"),
]
