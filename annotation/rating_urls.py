"""Routes of the raters' pages. The token is the proof; there is nothing to sign in to."""

from django.urls import path

from annotation.views import entry, media, practice, rating
from annotation.views.pictures import PICTURE_ROUTES

app_name = "rate"
urlpatterns = [
    path("c/<uuid:public_id>/", entry.entry, name="entry"),
    path("r/<str:token>/", rating.session, name="session"),
    path("r/<str:token>/consent/", entry.consent, name="consent"),
    path("r/<str:token>/instructions/", entry.instructions, name="instructions"),
    path("r/<str:token>/answer/", rating.answer, name="answer"),
    path("r/<str:token>/practice/", practice.practice, name="practice"),
    path("r/<str:token>/practice/<uuid:slot>/<str:name>.png", practice.picture, name="practice_picture"),
    path("r/<str:token>/undo/", rating.undo, name="undo"),
    path("r/<str:token>/stop/", rating.stop, name="stop"),
    path("r/<str:token>/draft/", rating.draft, name="draft"),
    path("r/<str:token>/draft/<uuid:slot>.png", rating.draft, name="kept_draft"),
    *(
        path(f"r/<str:token>/{name}/<uuid:slot>.png", media.picture, {"name": name}, name=route)
        for name, route in PICTURE_ROUTES.items()
    ),
]
