"""Personal links: which were used, by whom, and taking one back."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import RaterOutcome, SlotState
from annotation.models import Campaign, Rater, RevokedInvitation, Slot
from annotation.recruitment import personal_identity, pseudonym
from annotation.services import audit
from annotation.services.endings import EndReason, end_session
from annotation.services.locks import lock_invitation, lock_rater


class InvitationUnknown(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The campaign has no personal link of that number; the message says which there are."""


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """How one personal link was used. rater: her pseudonym, empty where nobody has come by it.

    outcome: of her visit; empty while it goes on, and without a rater.
    """

    number: int
    rater: str = ""
    outcome: str = ""
    revoked: bool = False


def invitations(campaign: Campaign, *, numbers: Sequence[int]) -> list[Invitation]:
    """The personal links of these numbers, in their order."""
    names = {number: _pseudonym(campaign, number) for number in numbers}
    raters = Rater.objects.filter(campaign=campaign, pseudonym__in=names.values())
    came = dict(raters.values_list("pseudonym", "outcome"))
    rows = RevokedInvitation.objects.filter(campaign=campaign, number__in=names)
    revoked = set(rows.values_list("number", flat=True))
    return [
        Invitation(
            number=number,
            rater=name if name in came else "",
            outcome=came.get(name, ""),
            revoked=number in revoked,
        )
        for number, name in names.items()
    ]


def revoke(campaign: Campaign, actor: User | None, *, number: int) -> bool:
    """Takes a personal link back for good; False where it was before, and nothing is recorded.

    Who came by it and has not ended gets no further task: her visit ends, the places kept for her are free, a
    task in hand is as if its time were up. Her answers stay, and who ended before keeps her last page.
    Raises InvitationUnknown.
    """
    made = Campaign.objects.values_list("invitations", flat=True).get(pk=campaign.pk)
    if not 1 <= number <= made:
        raise InvitationUnknown(
            f"There is no personal link {number}: {made:,} were made, numbered from 1."
            if made
            else "No personal links were made."
        )
    with transaction.atomic():
        lock_invitation(campaign.pk, number)
        _, fresh = RevokedInvitation.objects.get_or_create(campaign=campaign, number=number)
        if not fresh:
            return False
        came = Rater.objects.select_related("campaign").filter(
            campaign=campaign, pseudonym=_pseudonym(campaign, number)
        )
        for rater in came:
            _end(rater)
        # Without the rater: an entry with both would name her after her platform's id is deleted.
        audit.record(campaign, actor=actor, act="revoke_invitation", link=number)
    return True


def _end(rater: Rater) -> None:
    lock_rater(rater)
    end_session(rater, outcome=RaterOutcome.REVOKED, reason=EndReason.LINK_REVOKED)
    held = Slot.objects.filter(rater=rater, state=SlotState.LEASED, lease_until__gt=Now())
    held.update(lease_until=Now())


def _pseudonym(campaign: Campaign, number: int) -> str:
    identity = personal_identity(number)
    return pseudonym(identity, campaign_public_id=campaign.public_id, secret=settings.SECRET_KEY)
