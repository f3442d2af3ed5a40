"""Routes of the planner. config includes them under plan/."""

from django.urls import path

from evaluation import planner_views

app_name = "plan"

urlpatterns = [
    path("", planner_views.planner, name="planner"),
    path("sums/", planner_views.planner_sums, name="planner_sums"),
]
