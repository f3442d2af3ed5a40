"""Routes of a campaign's results. config includes them under campaigns/<uuid:public_id>/results/."""

from django.urls import path

from evaluation import views

app_name = "evaluation"

urlpatterns = [
    path("", views.results, name="results"),
    path("ratings.csv", views.ratings_csv, name="ratings_csv"),
    path("items.csv", views.items_csv, name="items_csv"),
    path("raters.csv", views.raters_csv, name="raters_csv"),
    path("groups.csv", views.groups_csv, name="groups_csv"),
    path("codebook.csv", views.codebook_csv, name="codebook_csv"),
    path("provenance.json", views.provenance_json, name="provenance_json"),
    path("mos.svg", views.mos_svg, name="mos_svg"),
    path("responses.svg", views.responses_svg, name="responses_svg"),
]
