"""Routes of the researcher's campaign pages."""

from django.urls import path

from annotation.views import campaigns, preview, supervision

app_name = "annotation"

urlpatterns = [
    path("", campaigns.campaigns, name="campaigns"),
    path("new/", campaigns.campaign_new, name="campaign_new"),
    path("effort/", campaigns.campaign_effort, name="campaign_effort"),
    path("<uuid:public_id>/", supervision.campaign, name="campaign"),
    path("<uuid:public_id>/edit/", campaigns.campaign_edit, name="campaign_edit"),
    path("<uuid:public_id>/progress/", supervision.campaign_progress, name="campaign_progress"),
    path("<uuid:public_id>/open/", supervision.campaign_open, name="campaign_open"),
    path("<uuid:public_id>/pause/", supervision.campaign_pause, name="campaign_pause"),
    path("<uuid:public_id>/resume/", supervision.campaign_resume, name="campaign_resume"),
    path("<uuid:public_id>/close/", supervision.campaign_close, name="campaign_close"),
    path("<uuid:public_id>/raters/<slug:pseudonym>/", supervision.rater, name="rater"),
    path(
        "<uuid:public_id>/raters/<slug:pseudonym>/include/", supervision.rater_include, name="rater_include"
    ),
    path("<uuid:public_id>/raters/<slug:pseudonym>/refill/", supervision.rater_refill, name="rater_refill"),
    path("<uuid:public_id>/preview/", preview.preview, name="preview"),
    path("<uuid:public_id>/preview/<int:item_id>/image.png", preview.image, name="preview_image"),
    path("<uuid:public_id>/preview/<int:item_id>/map.png", preview.word_map, name="preview_map"),
]
