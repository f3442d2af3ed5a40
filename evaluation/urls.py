"""Routes of a campaign's results. config includes them under campaigns/<uuid:public_id>/results/."""

from django.urls import path

from evaluation.views import kinds, live, results

app_name = "evaluation"

urlpatterns = [
    path("", results.results, name="results"),
    path("live", live.live, name="live"),
    path("maps", kinds.maps, name="maps"),
    path("maps/<path:name>", kinds.maps_file, name="maps_file"),
    path("<path:name>", results.file, name="file"),
]
