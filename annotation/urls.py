"""Routes of the researcher's campaign pages."""

from django.urls import path

from annotation.views import (
    adjudication,
    answer_files,
    campaigns,
    history,
    invitations,
    known,
    preview,
    prolific,
    rater_requests,
    recruiting,
    references,
    review,
    running,
    supervision,
)

app_name = "annotation"

urlpatterns = [
    path("", campaigns.campaigns, name="campaigns"),
    path("new/", campaigns.campaign_new, name="campaign_new"),
    path("upload/", campaigns.campaign_upload, name="campaign_upload"),
    path("effort/", campaigns.campaign_effort, name="campaign_effort"),
    path("<uuid:public_id>/", supervision.campaign, name="campaign"),
    path("<uuid:public_id>/edit/", campaigns.campaign_edit, name="campaign_edit"),
    path("<uuid:public_id>/progress/", supervision.campaign_progress, name="campaign_progress"),
    path("<uuid:public_id>/open/", supervision.campaign_open, name="campaign_open"),
    path("<uuid:public_id>/pause/", supervision.campaign_pause, name="campaign_pause"),
    path("<uuid:public_id>/resume/", supervision.campaign_resume, name="campaign_resume"),
    path("<uuid:public_id>/archive/", running.campaign_archive, name="campaign_archive"),
    path("<uuid:public_id>/restore/", running.campaign_restore, name="campaign_restore"),
    path("<uuid:public_id>/budget/", running.campaign_budget, name="campaign_budget"),
    path("<uuid:public_id>/payments.csv", running.payment_list, name="payment_list"),
    path("<uuid:public_id>/close/", supervision.campaign_close, name="campaign_close"),
    path("<uuid:public_id>/campaign.toml", campaigns.campaign_specification, name="campaign_specification"),
    path("<uuid:public_id>/known-answers/", known.known_answers, name="known_answers"),
    path("<uuid:public_id>/known-answers/draw/", references.known_draw, name="known_draw"),
    path("<uuid:public_id>/known-answers/drawn.png", references.known_drawn, name="known_drawn"),
    path("<uuid:public_id>/known-answers.csv", known.known_answers_csv, name="known_answers_csv"),
    path("<uuid:public_id>/back-fill/", supervision.campaign_back_fill, name="campaign_back_fill"),
    path("<uuid:public_id>/back-fill/automatic/", running.automatic_back_fill, name="automatic_back_fill"),
    path("<uuid:public_id>/extend/", supervision.campaign_extend, name="campaign_extend"),
    path("<uuid:public_id>/recruitment/", recruiting.recruitment, name="recruitment"),
    path("<uuid:public_id>/outcomes/", recruiting.outcomes, name="outcomes"),
    path(
        "<uuid:public_id>/recruitment/links/<int:number>/revoke/",
        invitations.invitation_revoke,
        name="invitation_revoke",
    ),
    path("<uuid:public_id>/recruitment/links.csv", recruiting.links_csv, name="links_csv"),
    path("<uuid:public_id>/prolific/", prolific.prolific, name="prolific"),
    path("<uuid:public_id>/history/", history.history, name="history"),
    path("<uuid:public_id>/history.csv", history.history_csv, name="history_csv"),
    path("<uuid:public_id>/review/", review.review, name="review"),
    path("<uuid:public_id>/raters/", rater_requests.rater_find, name="rater_find"),
    path("<uuid:public_id>/adjudication/", adjudication.adjudication, name="adjudication"),
    path(
        "<uuid:public_id>/adjudication/<int:item_id>/",
        adjudication.adjudication_item,
        name="adjudication_item",
    ),
    path(
        "<uuid:public_id>/adjudication/<int:item_id>/undo/",
        adjudication.adjudication_undo,
        name="adjudication_undo",
    ),
    path(
        "<uuid:public_id>/adjudication/masks/<int:answer_id>.png",
        adjudication.adjudication_mask,
        name="adjudication_mask",
    ),
    path("<uuid:public_id>/raters/<slug:pseudonym>/", supervision.rater, name="rater"),
    path(
        "<uuid:public_id>/raters/<slug:pseudonym>/withdraw/",
        rater_requests.rater_withdraw,
        name="rater_withdraw",
    ),
    path(
        "<uuid:public_id>/raters/<slug:pseudonym>/include/", supervision.rater_include, name="rater_include"
    ),
    path("<uuid:public_id>/raters/<slug:pseudonym>/forget/", supervision.rater_forget, name="rater_forget"),
    path("<uuid:public_id>/raters/<slug:pseudonym>/refill/", supervision.rater_refill, name="rater_refill"),
    path("<uuid:public_id>/raters/<slug:pseudonym>/approve/", review.rater_approve, name="rater_approve"),
    path("<uuid:public_id>/raters/<slug:pseudonym>/reject/", review.rater_reject, name="rater_reject"),
    path(
        "<uuid:public_id>/raters/<slug:pseudonym>/take-back/", review.rater_take_back, name="rater_take_back"
    ),
    path("<uuid:public_id>/preview/", preview.preview, name="preview"),
    path("<uuid:public_id>/preview/<int:item_id>/<slug:name>.png", preview.picture, name="preview_picture"),
    path("<uuid:public_id>/answers/presence.csv", answer_files.presence_csv, name="presence_csv"),
    path("<uuid:public_id>/answers/pairs.csv", answer_files.pairs_csv, name="pairs_csv"),
    path("<uuid:public_id>/answers/masks.jsonl", answer_files.masks_jsonl, name="masks_jsonl"),
    path("<uuid:public_id>/answers/masks.zip", answer_files.masks_zip, name="masks_zip"),
]
