"""The API of a project's webhooks, by the form and the services of their page (docs/webhooks.md)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from annotation.choices import WebhookEvent
from annotation.forms.webhooks import WebhookForm
from annotation.models import Webhook, WebhookDelivery
from annotation.outgoing import AddressRefused
from annotation.services import webhooks as service
from generation.api import Page, Refusal, StrictSchema, key
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.models import Project
from generation.problems import ApiRefused, of_form, refused
from generation.views import scope

router = Router()


class WebhookOut(Schema):
    """A webhook. secret: its signatures are made with it, so only those see it who may change the project."""

    id: int
    url: str
    events: list[str]
    is_on: bool
    secret: str
    created_at: datetime


class WebhookIn(StrictSchema):
    """Where to, and which events."""

    url: str
    events: list[str]


class DeliveryOut(Schema):
    """One event for one address. state: waiting, done or dead.  answer: what came of the last attempt."""

    id: int
    webhook: int
    event: str
    state: str
    attempts: int
    answer: str
    created_at: datetime
    delivered_at: datetime | None


@router.get("/projects/{number}/webhooks", response=list[WebhookOut], tags=["webhooks"])
@needs(TokenScope.CAMPAIGNS)
def list_webhooks(request: HttpRequest, number: int) -> Any:
    """The project's webhooks with their secrets: for its managers and owners."""
    return [_webhook(hook) for hook in Webhook.objects.filter(project=_project(request, number))]


@router.post("/projects/{number}/webhooks", response={201: WebhookOut, 400: Refusal}, tags=["webhooks"])
@needs(TokenScope.CAMPAIGNS)
def add_webhook(request: HttpRequest, number: int, webhook: WebhookIn) -> Any:
    """A new webhook; send it a test to see whether it arrives."""
    project = _project(request, number)
    given = webhook.model_dump()
    form = WebhookForm(given)
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=given))
    events = [WebhookEvent(value) for value in form.cleaned_data["events"]]
    url = form.cleaned_data["url"]
    try:
        made = service.add(project, url=url, events=events, actor=scope.user_of(request))
    except AddressRefused as refusal:
        raise refused(400, str(refusal), field="url", value=url) from refusal
    return Status(201, _webhook(made))


@router.post(
    "/projects/{number}/webhooks/{webhook}/{act}",
    response={200: list[WebhookOut]},
    tags=["webhooks"],
)
@needs(TokenScope.CAMPAIGNS)
def steer_webhook(request: HttpRequest, number: int, webhook: int, act: str) -> Any:
    """act: on, off, test or remove. The webhooks that the project then has."""
    project = _project(request, number)
    found: Webhook = scope.one_of(request, Webhook.objects, pk=key(webhook), project=project)
    acts: dict[str, Callable[[], object]] = {
        "on": lambda: service.switch(found, on=True),
        "off": lambda: service.switch(found, on=False),
        "test": lambda: service.try_out(found),
        "remove": lambda: service.remove(found),
    }
    if act not in acts:
        raise refused(404, f"Give one of {', '.join(acts)}.", field="act", value=act)
    acts[act]()
    return [_webhook(hook) for hook in Webhook.objects.filter(project=project)]


@router.get("/projects/{number}/webhook-deliveries", response=list[DeliveryOut], tags=["webhooks"])
@needs(TokenScope.CAMPAIGNS)
def list_deliveries(request: HttpRequest, number: int, page: Query[Page]) -> Any:
    """Events that were or are to be sent, the newest first."""
    rows = WebhookDelivery.objects.filter(webhook__project=_project(request, number))
    return [_delivery(row) for row in rows[page.offset : page.offset + page.limit]]


@router.post(
    "/projects/{number}/webhook-deliveries/{delivery}/again",
    response={200: DeliveryOut, 409: Refusal},
    tags=["webhooks"],
)
@needs(TokenScope.CAMPAIGNS)
def send_again(request: HttpRequest, number: int, delivery: int) -> Any:
    """A delivery that was given up is due again. 409 for any other."""
    project = _project(request, number)
    found: WebhookDelivery | None = WebhookDelivery.objects.filter(
        pk=key(delivery), webhook__project=project
    ).first()
    if found is None:
        raise refused(404, "There is no such delivery.", field="delivery", value=delivery)
    if not service.try_again(found):
        raise refused(409, "Nothing changed: it was not given up.")
    found.refresh_from_db()
    return _delivery(found)


def _project(request: HttpRequest, number: int) -> Project:
    """The project, for who may change it: secrets are no reading. Raises Http404, PermissionDenied."""
    found: Project = scope.to_edit(request, Project.objects, pk=key(number))
    return found


def _webhook(hook: Webhook) -> dict[str, Any]:
    same = {name: getattr(hook, name) for name in ("id", "url", "events", "is_on", "created_at")}
    return same | {"secret": service.secret_of(hook)}


def _delivery(row: WebhookDelivery) -> dict[str, Any]:
    same = ("id", "event", "state", "attempts", "answer", "created_at", "delivered_at")
    return {name: getattr(row, name) for name in same} | {"webhook": row.webhook_id}
