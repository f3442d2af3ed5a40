"""Where a rater stands in her session: read once per request, under her lock."""

from dataclasses import dataclass

from django.db.models import Count, Q

from annotation.choices import SlotState
from annotation.effort import ratings_per_rater_at_most
from annotation.models import Campaign, CampaignVersion, Consent, Rater, Slot


class ConsentMissing(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The rater has not agreed to the campaign's consent text as it stands. No task, no answer."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A rater with what decides about her next step.

    limit: most ratings she may give.  ratings, checks: those that stand.  checks_ahead: made for her, not
    answered and not in hand.
    """

    rater: Rater
    campaign: Campaign
    version: CampaignVersion
    consent: Consent
    limit: int
    ratings: int
    checks: int
    checks_ahead: int

    @property
    def given(self) -> int:
        """Answers that stand, attention checks included: what the rater sees as her place."""
        return self.ratings + self.checks


def take_seat(rater: Rater) -> Seat:
    """The rater's seat as it is in the database now. Call under the rater's lock. Raises ConsentMissing."""
    fresh = Rater.objects.select_related("campaign").get(pk=rater.pk)
    version, consent = current_consent(fresh)
    if version is None or consent is None:
        raise ConsentMissing
    mine = Slot.objects.filter(rater=fresh).aggregate(
        ratings=Count("pk", filter=Q(state=SlotState.ANSWERED, number__isnull=False)),
        checks=Count("pk", filter=Q(state=SlotState.ANSWERED, number__isnull=True)),
        checks_ahead=Count("pk", filter=Q(state=SlotState.FREE, number__isnull=True)),
    )
    return Seat(
        rater=fresh,
        campaign=fresh.campaign,
        version=version,
        consent=consent,
        limit=rating_limit(fresh.campaign, version=version),
        **mine,
    )


def current_consent(rater: Rater) -> tuple[CampaignVersion | None, Consent | None]:
    """The version that holds now, and the rater's consent to its text; a changed text needs a new one."""
    version = (
        CampaignVersion.objects.filter(campaign_id=rater.campaign_id)
        .defer("wording")
        .order_by("-number")
        .first()
    )
    if version is None:
        return None, None
    return version, Consent.objects.filter(rater=rater, text_sha256=version.consent_sha256).first()


def rating_limit(campaign: Campaign, *, version: CampaignVersion) -> int:
    """Most ratings of one rater: the session's limit, the share cap, and never an item twice."""
    return ratings_per_rater_at_most(
        items=version.ratings_wanted // campaign.raters_per_item,
        raters_per_item=campaign.raters_per_item,
        share_cap=campaign.share_cap,
        items_per_rater=campaign.items_per_rater,
    )
