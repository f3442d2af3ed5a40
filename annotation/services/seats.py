"""Where a rater stands in her session: one statement per request, under her lock."""

from dataclasses import dataclass, replace
from typing import Final, Self

from django.db import connection

from annotation.choices import CampaignState
from annotation.effort import ratings_per_rater_at_most
from annotation.models import CampaignVersion, Consent, Rater
from annotation.services.claims import Claimant

# Every page of a session begins with this; one statement in place of a dozen is most of the pages' speed.
_SEAT: Final = """
    SELECT r.campaign_id, r.outcome, r.practising, r.excluded_at IS NOT NULL, c.state, c.lease_seconds,
        c.raters_per_item, c.share_cap, c.items_per_rater, c.seconds_per_item, c.places_kept, v.id,
        v.ratings_wanted, agreed.id, mine.ratings, mine.checks, mine.kept, mine.checks_ahead, mine.check_due,
        r.repeats_due, mine.in_hand, mine.in_hand_is_live, coalesce(last.stands, false)
    FROM annotation_rater r
    JOIN annotation_campaign c ON c.id = r.campaign_id
    LEFT JOIN LATERAL (
        SELECT id, ratings_wanted, consent_sha256 FROM annotation_campaignversion
        WHERE campaign_id = c.id ORDER BY number DESC LIMIT 1
    ) v ON true
    LEFT JOIN annotation_consent agreed ON agreed.rater_id = r.id AND agreed.text_sha256 = v.consent_sha256
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'answered' AND number IS NOT NULL) AS ratings,
            count(*) FILTER (WHERE state = 'answered' AND number IS NULL) AS checks,
            count(*) FILTER (WHERE state = 'kept') AS kept,
            count(*) FILTER (WHERE state = 'free') AS checks_ahead,
            min(due_after) FILTER (WHERE state = 'free') AS check_due,
            max(id) FILTER (WHERE state = 'leased') AS in_hand,
            coalesce(bool_or(lease_until > statement_timestamp()), false) AS in_hand_is_live
        FROM annotation_slot WHERE rater_id = r.id
    ) mine
    LEFT JOIN LATERAL (
        SELECT a.undone_at IS NULL AND s.state = 'answered' AS stands
        FROM annotation_answer a JOIN annotation_slot s ON s.id = a.slot_id
        WHERE a.rater_id = r.id ORDER BY a.id DESC LIMIT 1
    ) last ON true
    WHERE r.id = %s
"""


class ConsentMissing(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The rater has not agreed to the campaign's consent text as it stands. No task, no answer."""


class PracticePending(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The rater has training or qualification before her. No task that counts until then."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """What decides about a rater's next step, as the database had it when her lock was taken.

    limit: most ratings she may give.  ratings, checks: answers that stand.  places_kept: the campaign's rule.
    kept: places that are kept for her.  checks_ahead: attention checks
    of hers that are neither answered nor in hand, repeats included.  check_due: after how many answers the
    next one comes.  repeats_due: after how many answers an item is asked again, the first first.
    in_hand: her leased slot; in_hand_is_live: its lease runs.  can_undo: her very last answer stands.
    """

    claimant: Claimant
    outcome: str
    practising: bool
    excluded: bool
    campaign_state: CampaignState
    items_per_rater: int
    seconds_per_item: float
    places_kept: int
    version_id: int
    consent_id: int
    items: int
    limit: int
    ratings: int
    checks: int
    kept: int
    checks_ahead: int
    check_due: int | None
    repeats_due: tuple[int, ...]
    in_hand: int | None
    in_hand_is_live: bool
    can_undo: bool

    @property
    def given(self) -> int:
        """Answers that stand, attention checks included: what the rater sees as her place."""
        return self.ratings + self.checks

    def answered(self, *, is_check: bool) -> Self:
        """The seat once the task in hand is answered, without asking the database again.

        Under the rater's lock nobody else changes what it holds of her.
        """
        return replace(
            self,
            ratings=self.ratings + (not is_check),
            checks=self.checks + is_check,
            in_hand=None,
            in_hand_is_live=False,
            can_undo=True,
        )


def take_seat(rater: Rater) -> Seat:
    """The rater's seat as it is in the database now. Call under the rater's lock. Raises ConsentMissing."""
    with connection.cursor() as cursor:
        cursor.execute(_SEAT, [rater.pk])
        row = cursor.fetchone()
    if row is None:
        raise ConsentMissing  # withdrawn meanwhile, with her consent
    (
        campaign, outcome, practising, excluded, state, lease_seconds, k, share_cap, items_per_rater,
        seconds_per_item, places_kept, version, wanted, consent, ratings, checks, kept, checks_ahead,
        check_due, repeats_due, in_hand, in_hand_is_live, can_undo,
    ) = row  # fmt: skip
    if version is None or consent is None:
        raise ConsentMissing
    items = wanted // k
    return Seat(
        claimant=Claimant(
            rater_id=rater.pk, campaign_id=campaign, lease_seconds=lease_seconds, raters_per_item=k
        ),
        outcome=outcome,
        practising=practising,
        excluded=excluded,
        campaign_state=CampaignState(state),
        items_per_rater=items_per_rater,
        seconds_per_item=seconds_per_item,
        places_kept=places_kept,
        version_id=version,
        consent_id=consent,
        items=items,
        limit=ratings_per_rater_at_most(
            items=items, raters_per_item=k, share_cap=share_cap, items_per_rater=items_per_rater
        ),
        ratings=ratings,
        checks=checks,
        kept=kept,
        checks_ahead=checks_ahead + len(repeats_due),
        check_due=check_due,
        repeats_due=tuple(repeats_due),
        in_hand=in_hand,
        in_hand_is_live=in_hand_is_live,
        can_undo=can_undo,
    )


def current_version(rater: Rater) -> CampaignVersion | None:
    """The version that holds now; None for a campaign that never opened."""
    versions = CampaignVersion.objects.filter(campaign_id=rater.campaign_id)
    return versions.defer("wording").order_by("-number").first()


def consent_to(version: CampaignVersion, *, rater: Rater) -> Consent | None:
    """The rater's consent to this version's text; a changed text needs a new one."""
    return Consent.objects.filter(rater=rater, text_sha256=version.consent_sha256).first()
