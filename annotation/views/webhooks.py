"""A project's webhooks, and what became of each event."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation.choices import WebhookEvent
from annotation.forms.webhooks import WebhookForm
from annotation.models import Webhook, WebhookDelivery
from annotation.outgoing import AddressRefused
from annotation.services import webhooks as service
from generation.models import Project
from generation.views import scope

ON_A_PAGE = 30


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def webhooks(request: HttpRequest, pk: int) -> HttpResponse:
    """The list with the latest deliveries; POST adds one."""
    project: Project = scope.to_edit(request, Project.objects, pk=pk)
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        events = [WebhookEvent(value) for value in form.cleaned_data["events"]]
        try:
            service.add(project, url=form.cleaned_data["url"], events=events, actor=scope.user_of(request))
        except AddressRefused as refused:
            form.add_error("url", str(refused))
        else:
            messages.success(request, "Added. Send it a test to see whether it arrives.")
            return redirect("webhooks:webhooks", project.pk)
    deliveries = WebhookDelivery.objects.filter(webhook__project=project).select_related(
        "webhook", "campaign"
    )
    labels = dict(WebhookEvent.choices)
    context = {
        "section": "projects",
        "project": project,
        "form": form,
        "hooks": [
            (hook, service.secret_of(hook), [labels.get(event, event) for event in hook.events])
            for hook in Webhook.objects.filter(project=project)
        ],
        "page": Paginator(deliveries.select_related("webhook", "campaign"), ON_A_PAGE).get_page(
            request.GET.get("page")
        ),
        "most_attempts": service.MOST_ATTEMPTS,
    }
    return render(request, "annotation/webhooks.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def webhook_act(request: HttpRequest, pk: int, hook: int, act: str) -> HttpResponse:
    """on, off, test or remove."""
    found: Webhook = scope.one_of(request, Webhook.objects, pk=hook, project=pk)
    acts: dict[str, Any] = {
        "on": lambda: service.switch(found, on=True),
        "off": lambda: service.switch(found, on=False),
        "test": lambda: service.try_out(found),
        "remove": lambda: service.remove(found),
    }
    if act not in acts:
        raise Http404
    acts[act]()
    if act == "test":
        messages.success(request, "A test is on its way; within seconds the list says what came of it.")
    return redirect("webhooks:webhooks", pk)


@login_required
@require_POST
def delivery_again(request: HttpRequest, pk: int, delivery: int) -> HttpResponse:
    """A delivery that was given up is tried again."""
    scope.one_of(request, Project.objects, pk=pk)
    found = get_object_or_404(WebhookDelivery, pk=delivery, webhook__project=pk)
    if not service.try_again(found):
        messages.warning(request, "Nothing changed: it was not given up.")
    return redirect("webhooks:webhooks", pk)
