"""Training and qualification of one rater: what she is asked, what she answers, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from annotation import practice
from annotation.choices import OPTION_BY_CODE, CampaignState, RaterOutcome
from annotation.models import Campaign, Item, PracticeAnswer, Rater
from annotation.practice import PracticeItem, Practised, Standing
from annotation.services import reservations
from annotation.services.claims import Claimant
from annotation.services.endings import EndReason, SessionEnd, end_session, session_end
from annotation.services.locks import lock_rater


class PracticeRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The answer was not stored: its item is not the one that is asked. Nothing changed."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What the rater is told after her last answer. option: code of that answer."""

    item: Item
    option: str
    right: bool


def has_practice(campaign: Campaign) -> bool:
    """Whether raters of this campaign begin with training or qualification."""
    return campaign.items.filter(kind__in=practice.KINDS).exists()


def name_of(item: Item) -> UUID:
    """What names a practice item on pages and in addresses: the same for all raters of the campaign."""
    return uuid5(item.campaign.public_id, f"practice {item.pk}")


def item_named(campaign: Campaign, name: UUID) -> Item | None:
    """The practice item of that name; None where the campaign has none."""
    return next((item for item in practice_items(campaign) if name_of(item) == name), None)


def practice_items(campaign: Campaign) -> list[Item]:
    """Training first, then qualification, each in the researcher's order."""
    items = campaign.items.filter(kind__in=practice.KINDS).select_related(
        "campaign", "word_map__word__prompt", "word_map__image__run"
    )
    return sorted(items, key=lambda item: (practice.KINDS.index(item.kind), item.position))


def standing_of(rater: Rater) -> Standing:
    """Where the rater stands."""
    return _standing(practice_items(rater.campaign), rater=rater)


def pause_reason(rater: Rater) -> SessionEnd | None:
    """Why the practice can't go on now: the campaign is paused or closed; None where it can."""
    state = Campaign.objects.values_list("state", flat=True).get(pk=rater.campaign_id)
    if state == CampaignState.PAUSED:
        return session_end(rater, reason=EndReason.PAUSED)
    if state == CampaignState.CLOSED:
        return end_session(rater, outcome=RaterOutcome.COMPLETED, reason=EndReason.CAMPAIGN_CLOSED)
    return None


def record_practice(rater: Rater, *, name: UUID, option: str, idempotency_key: UUID) -> Standing:
    """Stores one answer to the item that is asked now; returns where the rater stands then.

    The same key again changes nothing. Who passes goes on to the questions, who fails for the last time is
    screened out and her places are free. Raises PracticeRefused.
    """
    if option not in OPTION_BY_CODE:
        raise PracticeRefused
    try:
        with transaction.atomic():
            lock_rater(rater)
            return _record(rater, name=name, option=option, key=idempotency_key)
    except IntegrityError:
        # The key came with another rater's answer.
        raise PracticeRefused from None


def last_feedback(rater: Rater) -> Feedback | None:
    """What the rater's last practice answer was worth; None before the first."""
    answers = PracticeAnswer.objects.filter(rater=rater).select_related(
        "item__campaign", "item__word_map__word__prompt", "item__word_map__image__run"
    )
    last = answers.order_by("-pk").first()
    if last is None:
        return None
    return Feedback(item=last.item, option=last.option, right=last.option in last.item.accepted_answers)


def _record(rater: Rater, *, name: UUID, option: str, key: UUID) -> Standing:
    items = practice_items(rater.campaign)
    now = _standing(items, rater=rater)
    if PracticeAnswer.objects.filter(rater=rater, idempotency_key=key).exists():
        return now
    fresh = Rater.objects.get(pk=rater.pk)
    asked = next((item for item in items if now.item is not None and item.pk == now.item.item_id), None)
    if asked is None or name_of(asked) != name or fresh.outcome or not fresh.practising:
        raise PracticeRefused
    PracticeAnswer.objects.create(
        rater=rater, item=asked, attempt=now.attempt, option=option, idempotency_key=key
    )
    if rater.campaign.places_kept:
        reservations.renew(Claimant.of(rater))
    then = _standing(items, rater=rater)
    if then.passed is not None:
        Rater.objects.filter(pk=rater.pk).update(practising=False)
    if then.passed is False:
        end_session(rater, outcome=RaterOutcome.SCREENED_OUT, reason=EndReason.SCREENED_OUT)
    return then


def _standing(items: Sequence[Item], *, rater: Rater) -> Standing:
    answers = PracticeAnswer.objects.filter(rater=rater).values_list("item_id", "attempt", "option")
    return practice.standing(
        [
            PracticeItem(item_id=item.pk, kind=item.kind, accepted=tuple(item.accepted_answers))
            for item in items
        ],
        [Practised(item_id=item, attempt=attempt, option=option) for item, attempt, option in answers],
        pass_mark_percent=rater.campaign.pass_mark_percent,
        attempts=rater.campaign.practice_attempts,
    )
