"""Webhooks: an event is a row written with the act itself, then sent until it is taken or given up."""

import hmac
import http.client
import json
import time
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from annotation import outgoing
from annotation.choices import CampaignState, DeliveryState, SlotState, WebhookEvent
from annotation.models import AuditEntry, Campaign, Slot, Webhook, WebhookDelivery
from generation.models import Project

EVENT_OF_ACT: Final = {
    "open": WebhookEvent.OPENED,
    "pause": WebhookEvent.PAUSED,
    "resume": WebhookEvent.RESUMED,
    "extend": WebhookEvent.EXTENDED,
    "close": WebhookEvent.CLOSED,
}
# The acts after which a campaign has places to fill: what is full after one of them is told once.
ACTS_THAT_MAKE_PLACES: Final = ("open", "extend", "reopen_places", "withdraw_rater")
MOST_ATTEMPTS: Final = 7
FIRST_WAIT_SECONDS: Final = 30
GROWTH: Final = 4
AT_ONCE: Final = 20
SIGNATURE: Final = "Percept-Signature"


def tell(campaign: Campaign, *, act: str) -> None:
    """Queues the act's event for every webhook of the project that wants it; in the act's transaction."""
    event = EVENT_OF_ACT.get(act)
    if event is not None and campaign.dry_run_of_id is None:
        hooks = Webhook.objects.filter(project__prompt_sets__runs__campaigns=campaign, is_on=True)
        _queue(event, campaign, hooks=list(hooks.filter(events__contains=[event.value]).distinct()))


def tell_filled() -> int:
    """Queues "filled" for each open campaign whose every place is answered; returns how many.

    Once for each time that it was filled: an act that makes places begins the next.
    """
    hooks = Webhook.objects.filter(is_on=True, events__contains=[WebhookEvent.FILLED.value])
    told = 0
    for hook in hooks:
        before = WebhookDelivery.objects.filter(webhook=hook, event=WebhookEvent.FILLED)
        filled = _filled().filter(run__prompt_set__project=hook.project_id)
        for campaign in filled.exclude(Exists(before.filter(campaign=OuterRef("pk"), fill=OuterRef("fill")))):
            told += _queue(WebhookEvent.FILLED, campaign, hooks=[hook], fill=campaign.fill)
    return told


def add(project: Project, *, url: str, events: list[WebhookEvent], actor: User) -> Webhook:
    """A new webhook. Raises AddressRefused."""
    outgoing.check(url, allow_private=settings.WEBHOOKS_TO_PRIVATE_ADDRESSES)
    return Webhook.objects.create(
        project=project, url=url, events=[event.value for event in events], created_by=actor
    )


def switch(hook: Webhook, *, on: bool) -> None:
    """Whether events are queued for it."""
    Webhook.objects.filter(pk=hook.pk).update(is_on=on)


def remove(hook: Webhook) -> None:
    """The webhook is gone, with its deliveries."""
    hook.delete()


def try_out(hook: Webhook) -> WebhookDelivery:
    """Queues an event that means nothing, to see whether it arrives."""
    body = _body(WebhookEvent.TEST, None)
    return WebhookDelivery.objects.create(webhook=hook, event=WebhookEvent.TEST, body=body)


def try_again(delivery: WebhookDelivery) -> bool:
    """A delivery that was given up is due again, with all its attempts. False if it was not."""
    dead = WebhookDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.DEAD)
    return dead.update(state=DeliveryState.WAITING, attempts=0, due_at=Now()) == 1


def deliver_due(*, most: int = AT_ONCE) -> int:
    """Sends what is due; returns how many were sent, taken or not. Several processes may do so at once."""
    sent = 0
    while sent < most and (delivery := _claim()) is not None:
        taken, answer = _attempt(delivery)
        _settle(delivery, taken=taken, answer=answer)
        sent += 1
    return sent


def secret_of(hook: Webhook) -> str:
    """What the signature is made with; the same as long as the server's key is."""
    key = f"percept.webhooks\x1f{settings.SECRET_KEY}".encode()
    return "whsec_" + hmac.new(key, hook.public_id.bytes, sha256).hexdigest()


def signature(secret: str, *, at: int, body: str) -> str:
    """HMAC-SHA256 of "<time>.<body>", in hexadecimal. at: seconds since 1970."""
    return hmac.new(secret.encode(), f"{at}.{body}".encode(), sha256).hexdigest()


def _filled() -> QuerySet[Any]:
    """Open campaigns without a place that waits for an answer. fill: the act that made their last places."""
    numbered = Slot.objects.filter(number__isnull=False)
    of_campaign = numbered.filter(campaign=OuterRef("pk"))
    made = AuditEntry.objects.filter(campaign=OuterRef("pk"), act__in=ACTS_THAT_MAKE_PLACES).order_by("-pk")
    # One index for each state; kept places are found by their raters.
    filled: QuerySet[Any] = Campaign.objects.filter(
        ~Exists(of_campaign.filter(state=SlotState.FREE)),
        ~Exists(of_campaign.filter(state=SlotState.LEASED)),
        ~Exists(numbered.filter(state=SlotState.KEPT, rater__campaign=OuterRef("pk"))),
        state=CampaignState.OPEN,
        dry_run_of=None,
    ).annotate(fill=Coalesce(Subquery(made.values("pk")[:1]), 0))
    return filled


def _queue(event: WebhookEvent, campaign: Campaign, *, hooks: list[Webhook], fill: int | None = None) -> int:
    if not hooks:
        return 0
    body = _body(event, campaign)
    rows = [
        WebhookDelivery(webhook=hook, campaign=campaign, event=event, body=body, fill=fill) for hook in hooks
    ]
    return len(WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=event == WebhookEvent.FILLED))


def _body(event: WebhookEvent, campaign: Campaign | None) -> str:
    told: dict[str, Any] = {"event": event.value}
    if campaign is not None:
        campaign.refresh_from_db(fields=["state"])
        told["campaign"] = {
            "id": str(campaign.public_id), "name": campaign.name, "state": campaign.state,
        }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


@transaction.atomic
def _claim() -> WebhookDelivery | None:
    """The next one due, put off by its next wait: who dies with it in hand has only spent an attempt."""
    due = WebhookDelivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=Now(), webhook__is_on=True)
    delivery = due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at").first()
    if delivery is None:
        return None
    wait = timedelta(seconds=FIRST_WAIT_SECONDS * GROWTH**delivery.attempts)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(attempts=delivery.attempts + 1, due_at=Now() + wait)
    return WebhookDelivery.objects.select_related("webhook").get(pk=delivery.pk)


def _attempt(delivery: WebhookDelivery) -> tuple[bool, str]:
    """Whether it was taken (any 2xx), and what to show of the answer."""
    at = int(time.time())
    signed = signature(secret_of(delivery.webhook), at=at, body=delivery.body)
    headers = {
        "Content-Type": "application/json",
        "Percept-Event": delivery.event,
        "Percept-Delivery": str(delivery.public_id),
        SIGNATURE: f"t={at},v1={signed}",
    }
    try:
        status, reason = outgoing.send(
            delivery.webhook.url,
            body=delivery.body.encode(),
            headers=headers,
            allow_private=settings.WEBHOOKS_TO_PRIVATE_ADDRESSES,
        )
    except outgoing.AddressRefused as refused:
        return False, str(refused)
    except (OSError, http.client.HTTPException) as fault:
        return False, f"No answer: {type(fault).__name__}."
    return 200 <= status < 300, f"{status} {reason}".strip()


def _settle(delivery: WebhookDelivery, *, taken: bool, answer: str) -> None:
    # The number of attempts is the fence: who was too slow changes nothing.
    mine = WebhookDelivery.objects.filter(
        pk=delivery.pk, attempts=delivery.attempts, state=DeliveryState.WAITING
    )
    if taken:
        mine.update(state=DeliveryState.DONE, delivered_at=Now(), answer=answer[:200])
    elif delivery.attempts >= MOST_ATTEMPTS:
        mine.update(state=DeliveryState.DEAD, answer=answer[:200])
    else:
        mine.update(answer=answer[:200])
