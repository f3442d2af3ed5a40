"""Dry runs: a copy of a campaign for simulated raters, and throwing the copy away without a trace."""

from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from annotation.models import (
    Adjudication,
    Answer,
    AuditEntry,
    Campaign,
    Consent,
    LateAnswer,
    Mask,
    PaymentDecision,
    PracticeAnswer,
    Rater,
    Slot,
)
from annotation.services import audit, campaigns, items

# What makes a campaign this one and no copy of it.
OWN: Final = frozenset(
    {
        "id", "public_id", "dry_run_of", "state", "created_at", "opened_at", "closed_at", "archived_at",
        # Simulated raters cost nothing.
        "budget",
    }
)  # fmt: skip


class NoDryRun(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The campaign is real, or is itself a dry run; nothing was done."""


def start_dry_run(campaign: Campaign, actor: User | None) -> Campaign:
    """An open copy of the campaign, with the same rules, texts and items; an earlier dry run goes.

    Raises OpeningRefused with every obstacle that would keep the campaign itself from opening, and NoDryRun
    for a dry run of a dry run.
    """
    if campaign.dry_run_of_id is not None:
        raise NoDryRun("This is a dry run already.")
    with transaction.atomic():
        original: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        for earlier in original.dry_runs.all():
            _discard(earlier, actor)
        values = {
            field.attname: getattr(original, field.attname)
            for field in Campaign._meta.concrete_fields
            if field.name not in OWN
        }
        copy = Campaign.objects.create(**values, dry_run_of=original)
        campaigns.set_compared(copy, original.compared_run_ids)
        items.rebuild_items(copy)
        opened = campaigns.open_campaign(copy, actor)
        audit.record(original, actor=actor, act="start_dry_run")
    return opened


def discard_dry_run(campaign: Campaign, actor: User | None) -> Campaign:
    """Deletes a dry run with everything in it; returns the campaign that it rehearsed.

    Raises NoDryRun for a real campaign: nothing that a person answered is ever deleted here.
    """
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        original = locked.dry_run_of
        if original is None:
            raise NoDryRun("This campaign is real. Only a dry run can be thrown away.")
        _discard(locked, actor)
    return original


def _discard(dry_run: Campaign, actor: User | None) -> None:
    """Deletes it; the history of the campaign that it rehearsed says what went."""
    went: dict[str, Any] = {
        "opened_at": dry_run.opened_at.isoformat(timespec="seconds") if dry_run.opened_at else "",
        "raters": dry_run.raters.count(),
        "answers": Answer.objects.filter(slot__campaign=dry_run, undone_at__isnull=True).count(),
        "acts": dry_run.audit_entries.count(),
    }
    original = dry_run.dry_run_of
    _delete(dry_run)
    if original is not None:
        audit.record(original, actor=actor, act="discard_dry_run", **went)


def _delete(dry_run: Campaign) -> None:
    """Row by row kind, those first that others protect."""
    masks = Mask.objects.filter(
        Q(answer__slot__campaign=dry_run)
        | Q(lateanswer__slot__campaign=dry_run)
        | Q(practiceanswer__rater__campaign=dry_run)
        | Q(adjudication__item__campaign=dry_run)
    )
    drawn = list(masks.values_list("pk", flat=True))
    Adjudication.objects.filter(item__campaign=dry_run).delete()
    Answer.objects.filter(slot__campaign=dry_run).delete()
    LateAnswer.objects.filter(slot__campaign=dry_run).delete()
    PracticeAnswer.objects.filter(rater__campaign=dry_run).delete()
    Mask.objects.filter(pk__in=drawn).delete()
    PaymentDecision.objects.filter(rater__campaign=dry_run).delete()
    AuditEntry.objects.filter(Q(campaign=dry_run) | Q(rater__campaign=dry_run)).delete()
    Slot.objects.filter(campaign=dry_run).delete()
    Consent.objects.filter(rater__campaign=dry_run).delete()
    Rater.objects.filter(campaign=dry_run).delete()
    dry_run.delete()
