"""Routes of a project's webhooks. config includes them under projects/<int:pk>/webhooks/."""

from django.urls import path

from annotation.views import webhooks

app_name = "webhooks"

urlpatterns = [
    path("", webhooks.webhooks, name="webhooks"),
    path("<int:hook>/<slug:act>/", webhooks.webhook_act, name="webhook_act"),
    path("deliveries/<int:delivery>/again/", webhooks.delivery_again, name="delivery_again"),
]
