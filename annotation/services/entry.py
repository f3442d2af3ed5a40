"""Coming in: a rater by her link, her consent, and the attention checks drawn for her session."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now

from annotation import checks
from annotation.choices import CampaignState, CheckKind, RaterOutcome, SlotState, TaskKind
from annotation.effort import ratings_per_rater_at_most
from annotation.models import (
    Campaign,
    CampaignVersion,
    Consent,
    Item,
    Rater,
    RaterIdentity,
    RevokedInvitation,
    Slot,
)
from annotation.recruitment import RaterIdentityData, invitation_of, pseudonym
from annotation.services import budgets, claims, reservations
from annotation.services.answers import stop_session
from annotation.services.claims import Claimant, EndOfQueue
from annotation.services.endings import EndReason, SessionEnd, end_session, session_end
from annotation.services.locks import lock_invitation, lock_rater
from annotation.services.practice import has_practice
from annotation.services.seats import consent_to, current_version

IDENTITY_KEPT_FOR: Final = timedelta(days=90)
Keep = Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """What the page of consent noticed, for the researcher to look at; it decides nothing.

    device: keyed hash of the random number in her browser, empty without one.
    """

    trap_filled: bool = False
    device: str = ""


NOTHING_NOTICED: Final = Noticed()


class EntryRefusal(models.TextChoices):
    """Why somebody can't come in, or not any more."""

    NOT_OPEN = "not_open", "The campaign has not opened yet"
    PAUSED = "paused", "The campaign is paused"
    CLOSED = "closed", "The campaign is closed"
    FULL = "full", "Every place is taken"
    ALREADY_FINISHED = "already_finished", "The session is over"
    DECLINED = "declined", "Consent was declined"
    LINK_REVOKED = "link_revoked", "The personal link was revoked"


class EntryRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Not let in. rater: whoever has been here before, for showing her own last page again."""

    def __init__(self, reason: EntryRefusal, *, rater: Rater | None = None) -> None:
        super().__init__(reason.label)
        self.reason = reason
        self.rater = rater


def enter(campaign: Campaign, identity: RaterIdentityData, *, simulated: bool = False) -> Rater:
    """The rater of this identity; the same one however often and from wherever she comes.

    Raises EntryRefused. Whoever has begun is let in again in any state of the campaign, to end properly.
    """
    name = pseudonym(identity, campaign_public_id=campaign.public_id, secret=settings.SECRET_KEY)
    known = Rater.objects.select_related("campaign").filter(campaign=campaign, pseudonym=name).first()
    if known is not None:
        return _returning(known)
    _require_link(campaign, identity)
    fresh = Campaign.objects.get(pk=campaign.pk)
    require_open(fresh)
    if not (has_place(fresh) and budgets.covers_another(fresh)):
        raise EntryRefused(EntryRefusal.FULL)
    return _create(fresh, identity, name=name, simulated=simulated)


def give_consent(rater: Rater, *, noticed: Noticed = NOTHING_NOTICED) -> Consent:
    """The record that the rater agreed to the consent text as it stands; the first one also draws her checks.

    The places that she starts with are kept for her in the same transaction, so that whoever has agreed has
    something to rate. Repeating it changes nothing. Raises EntryRefused, also when the last place went, or
    the budget was taken, while she was reading: then no consent is stored.
    """
    try:
        return _give_consent(rater, keep=reservations.keep_first, noticed=noticed)
    except EndOfQueue:
        return _give_consent(rater, keep=reservations.keep_last, noticed=noticed)


def _give_consent(rater: Rater, *, keep: Keep, noticed: Noticed) -> Consent:
    with transaction.atomic():
        lock_rater(rater)
        fresh = Rater.objects.select_related("campaign").get(pk=rater.pk)
        version = current_version(fresh)
        if version is not None and (consent := consent_to(version, rater=fresh)) is not None:
            return consent
        _require_undecided(fresh)
        require_open(fresh.campaign, rater=fresh)
        if version is None:
            raise EntryRefused(EntryRefusal.NOT_OPEN, rater=fresh)
        if not fresh.consents.exists():
            if not budgets.covers_another_locked(fresh.campaign):
                raise EntryRefused(EntryRefusal.FULL, rater=fresh)
            _draw_checks(fresh, version=version, keep=keep)
            if has_practice(fresh.campaign):
                Rater.objects.filter(pk=fresh.pk).update(practising=True)
            if noticed != NOTHING_NOTICED:
                Rater.objects.filter(pk=fresh.pk).update(
                    trap_filled=noticed.trap_filled, device=noticed.device
                )
        return Consent.objects.create(rater=fresh, version=version, text_sha256=version.consent_sha256)


def decline_consent(rater: Rater) -> SessionEnd:
    """Ends the visit before it began and forgets the platform's id at once.

    After consent it is a stop. A second call changes nothing.
    """
    with transaction.atomic():
        lock_rater(rater)
        fresh = Rater.objects.select_related("campaign").get(pk=rater.pk)
        if fresh.outcome == RaterOutcome.DECLINED:
            return session_end(fresh, reason=EndReason.DECLINED)
        if fresh.consents.exists():
            return stop_session(fresh)
        RaterIdentity.objects.filter(rater=fresh).delete()
        return end_session(fresh, outcome=RaterOutcome.DECLINED, reason=EndReason.DECLINED)


def require_open(campaign: Campaign, *, rater: Rater | None = None) -> None:
    """Nothing changes. Raises EntryRefused unless the campaign takes raters now."""
    reason = {
        CampaignState.DRAFT: EntryRefusal.NOT_OPEN,
        CampaignState.PAUSED: EntryRefusal.PAUSED,
        CampaignState.CLOSED: EntryRefusal.CLOSED,
    }.get(CampaignState(campaign.state))
    if reason is not None:
        raise EntryRefused(reason, rater=rater)


def has_place(campaign: Campaign) -> bool:
    """Whether a newcomer would find a free place, or one whose lease or reservation has run out."""
    numbered = Slot.objects.filter(campaign=campaign, number__isnull=False)
    gone = Rater.objects.filter(campaign=campaign, places_kept_until__lt=Now())
    return (
        numbered.filter(state=SlotState.FREE).exists()
        or numbered.filter(state=SlotState.LEASED, lease_until__lt=Now()).exists()
        or Slot.objects.filter(rater__in=gone, state=SlotState.KEPT).exists()
    )


def draw_positions(*, ratings: int, checks: int, generator: random.Random) -> list[int]:
    """After how many answers each check of a session comes: distinct, every set of places equally likely.

    A session of `ratings` + `checks` places is drawn as a whole, so a check may come first and may come last.
    """
    return sorted(generator.sample(range(ratings + checks), checks))


def _returning(rater: Rater) -> Rater:
    _require_undecided(rater)
    if not rater.consents.exists():
        require_open(rater.campaign, rater=rater)
    return rater


def _require_undecided(rater: Rater) -> None:
    if rater.outcome == RaterOutcome.DECLINED:
        raise EntryRefused(EntryRefusal.DECLINED, rater=rater)
    if rater.outcome:
        raise EntryRefused(EntryRefusal.ALREADY_FINISHED, rater=rater)


def _require_link(campaign: Campaign, identity: RaterIdentityData) -> None:
    number = invitation_of(identity)
    if number and RevokedInvitation.objects.filter(campaign=campaign, number=number).exists():
        raise EntryRefused(EntryRefusal.LINK_REVOKED)


def _create(campaign: Campaign, identity: RaterIdentityData, *, name: str, simulated: bool) -> Rater:
    with transaction.atomic():
        if number := invitation_of(identity):
            # Whoever revokes it now waits, and ends the visit; or was first, and nobody is let in.
            lock_invitation(campaign.pk, number)
            _require_link(campaign, identity)
        # Of two simultaneous visits the second waits here for the first and then gets its row.
        rater, created = Rater.objects.get_or_create(
            campaign=campaign,
            pseudonym=name,
            defaults={"platform": identity.platform, "simulated": simulated},
        )
        if created:
            RaterIdentity.objects.create(
                rater=rater,
                platform_id=identity.platform_id,
                study_id=identity.study_id,
                session_id=identity.session_id,
                delete_after=Now() + IDENTITY_KEPT_FOR,
            )
    return rater


def _draw_checks(rater: Rater, *, version: CampaignVersion, keep: Keep) -> None:
    """Keeps the session's first places and makes its attention-check slots, as the campaign asks."""
    campaign = rater.campaign
    limit = ratings_per_rater_at_most(
        items=version.ratings_wanted // campaign.raters_per_item,
        raters_per_item=campaign.raters_per_item,
        share_cap=campaign.share_cap,
        items_per_rater=campaign.items_per_rater,
    )
    claimant = Claimant.of(rater)
    kept = keep(claimant, at_most=min(limit, campaign.places_kept)) if campaign.places_kept else 0
    ratings = kept + claims.items_ahead(claimant, at_most=limit - kept)
    if ratings == 0:
        raise EntryRefused(EntryRefusal.FULL, rater=rater)
    # Reproducible for the researcher, unknowable for the rater: the pseudonym comes from the server's secret.
    generator = random.Random(f"{campaign.order_seed} {rater.pseudonym}")
    chosen = _choose_checks(campaign, generator=generator)
    kinds = [item.check_kind for item in chosen] + [CheckKind.REPEAT.value] * campaign.repeats_per_rater
    places = draw_positions(ratings=ratings, checks=len(kinds), generator=generator)
    planned = checks.spread_over(kinds, places)
    due = [place for kind, place in planned if kind == CheckKind.REPEAT]
    if due:
        Rater.objects.filter(pk=rater.pk).update(repeats_due=due)
    is_pair = campaign.task_kind == TaskKind.PAIRWISE
    Slot.objects.bulk_create(
        Slot(
            campaign=campaign,
            item=item,
            number=None,
            order=item.position,
            due_after=due_after,
            state=SlotState.FREE,
            rater=rater,
            swapped=is_pair and generator.random() < 0.5,
        )
        for item, (_, due_after) in zip(chosen, planned, strict=False)
    )


def _choose_checks(campaign: Campaign, *, generator: random.Random) -> list[Item]:
    """As many items of each kind as a session asks, in random order; repeats are chosen while she rates."""
    quotas = {
        CheckKind.ABSTRACT: campaign.checks_per_rater,
        CheckKind.KNOWN: campaign.known_per_rater,
        CheckKind.INSTRUCTED: campaign.instructed_per_rater,
    }
    chosen: list[Item] = []
    for kind, quota in quotas.items():
        if quota:
            items = list(Item.objects.filter(campaign=campaign, check_kind=kind).order_by("position"))
            chosen += generator.sample(items, min(quota, len(items)))
    generator.shuffle(chosen)
    return chosen
