"""Platforms' ids: whose one is, and deleting them, past their date or on request. Answers stay.

The audit trail says how many were deleted, or whose by pseudonym, never an id.
"""

import re
from collections import Counter
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import Platform
from annotation.models import Campaign, Rater, RaterIdentity
from annotation.recruitment import LONGEST_ID, RaterIdentityData, personal_identity, pseudonym
from annotation.services import audit
from annotation.tokens import BadToken, invitation_number, rater_pk_from_token

# In the addresses that raters have: their own page's, and a personal link's.
_TOKEN: Final = re.compile(r"/r/([^/\s]+)")
_INVITATION: Final = re.compile(r"[?&]invitation=([^&\s]+)")


def rater_named(campaign: Campaign, name: str) -> Rater | None:
    """The campaign's rater whom a platform calls so, or whose address or pseudonym it is; None for nobody.

    Also after the platform's id was deleted: the pseudonym is made from it, and is made again.
    """
    raters = Rater.objects.filter(campaign=campaign)
    text = name.strip()
    try:
        if found := _TOKEN.search(text):
            return raters.filter(pk=rater_pk_from_token(found[1])).first()
        if found := _INVITATION.search(text):
            identity = personal_identity(invitation_number(found[1], campaign=campaign))
            return raters.filter(pseudonym=_pseudonym(campaign, identity)).first()
    except BadToken:
        return None
    if not 0 < len(text) <= LONGEST_ID or "\0" in text:
        return None
    ids = [RaterIdentityData(platform=platform, platform_id=text) for platform in Platform]
    return raters.filter(pseudonym__in=[text, *(_pseudonym(campaign, one) for one in ids)]).first()


def _pseudonym(campaign: Campaign, identity: RaterIdentityData) -> str:
    return pseudonym(identity, campaign_public_id=campaign.public_id, secret=settings.SECRET_KEY)


def identity_until(rater: Rater) -> datetime | None:
    """When the platform's id of this rater will be deleted by itself; None where it is gone."""
    return RaterIdentity.objects.filter(rater=rater).values_list("delete_after", flat=True).first()


@transaction.atomic
def forget_identity(rater: Rater, actor: User | None) -> bool:
    """Deletes what the platform calls this rater. False where it is gone already, and nothing is recorded."""
    deleted, _ = RaterIdentity.objects.filter(rater=rater).delete()
    if deleted:
        audit.record(rater.campaign, actor=actor, act="forget_identity", rater=rater)
    return bool(deleted)


@transaction.atomic
def forget_expired() -> int:
    """Deletes every platform id past its date, by the database's clock; returns how many.

    Rows that another process is deleting are left to it.
    """
    expired = list(
        RaterIdentity.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(delete_after__lte=Now())
        .values_list("pk", "rater__campaign_id")
    )
    RaterIdentity.objects.filter(pk__in=[pk for pk, _ in expired]).delete()
    counts = Counter(campaign for _, campaign in expired)
    for campaign in Campaign.objects.filter(pk__in=counts):
        audit.record(campaign, actor=None, act="forget_expired", identities=counts[campaign.pk])
    return len(expired)
