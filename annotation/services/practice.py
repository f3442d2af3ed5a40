"""Training and qualification of one rater: what she is asked, what she answers, and how it ends."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from annotation import practice, verdicts
from annotation.check_rows import expected_of, given_in_practice
from annotation.choices import CampaignState, RaterOutcome, TaskKind
from annotation.contents import AnswerContent, fits
from annotation.models import Campaign, Item, PracticeAnswer, Rater
from annotation.practice import PracticeItem, Practised, Standing
from annotation.services import reservations
from annotation.services.claims import Claimant
from annotation.services.endings import EndReason, SessionEnd, end_session, session_end
from annotation.services.locks import lock_rater
from annotation.services.said import columns_of
from annotation.verdicts import Given

# What a page shows of an item, from the item.
SHOWN: Final = (
    "word", "word_map__word__prompt", "word_map__image__run", "image__run", "image__prompt",
    "other_word_map__word", "other_word_map__image__run", "other_image__run",
)  # fmt: skip


class PracticeRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The answer was not stored: its item is not the one that is asked. Nothing changed."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What the rater is told after an answer. given: that answer, with the sides as she saw them."""

    item: Item
    given: Given
    right: bool


def has_practice(campaign: Campaign) -> bool:
    """Whether raters of this campaign begin with training or qualification."""
    return campaign.items.filter(kind__in=practice.KINDS).exists()


def name_of(item: Item) -> UUID:
    """What names a practice item on pages and in addresses: the same for all raters of the campaign."""
    return uuid5(item.campaign.public_id, f"practice {item.pk}")


def item_named(campaign: Campaign, name: UUID) -> Item | None:
    """The practice item of that name, with what a page shows of it; None where the campaign has none."""
    found = next((item for item in practice_items(campaign) if name_of(item) == name), None)
    return None if found is None else shown_item(campaign, found.pk)


def shown_item(campaign: Campaign, pk: int) -> Item:
    """The item with what a page shows of it."""
    return campaign.items.select_related(*SHOWN).get(pk=pk)


def practice_items(campaign: Campaign) -> list[Item]:
    """Training first, then qualification, each in the researcher's order. Without what a page shows of them:
    every answer and every page asks for all of them, and shows one.
    """
    items = campaign.items.filter(kind__in=practice.KINDS)
    return sorted(items, key=lambda item: (practice.KINDS.index(item.kind), item.position))


def standing_of(rater: Rater) -> Standing:
    """Where the rater stands."""
    return _standing(practice_items(rater.campaign), rater=rater)


def standing_among(items: Sequence[Item], answers: Sequence[Practised], *, campaign: Campaign) -> Standing:
    """Where these answers to the campaign's practice items leave a rater."""
    return practice.standing(
        [PracticeItem(item_id=item.pk, kind=item.kind) for item in items],
        answers,
        pass_mark_percent=campaign.pass_mark_percent,
        attempts=campaign.practice_attempts,
    )


def practised_by(
    campaign: Campaign, *, raters: Sequence[Rater], items: Sequence[Item]
) -> dict[int, list[Practised]]:
    """The practice answers of each of these raters, judged, by primary key."""
    expected = {item.pk: expected_of(item) for item in items}
    found: dict[int, list[Practised]] = {rater.pk: [] for rater in raters}
    answers = PracticeAnswer.objects.filter(rater__in=found, item__in=expected).select_related("mask")
    for answer in answers:
        right = verdicts.is_right(
            given_in_practice(answer), expected[answer.item_id], task_kind=campaign.task_kind
        )
        one = Practised(item_id=answer.item_id, attempt=answer.attempt, right=right)
        found[answer.rater_id].append(one)
    return found


def pause_reason(rater: Rater) -> SessionEnd | None:
    """Why the practice can't go on now: the campaign is paused or closed; None where it can."""
    state = Campaign.objects.values_list("state", flat=True).get(pk=rater.campaign_id)
    if state == CampaignState.PAUSED:
        return session_end(rater, reason=EndReason.PAUSED)
    if state == CampaignState.CLOSED:
        return end_session(rater, outcome=RaterOutcome.COMPLETED, reason=EndReason.CAMPAIGN_CLOSED)
    return None


def record_practice(rater: Rater, *, name: UUID, content: AnswerContent, idempotency_key: UUID) -> Standing:
    """Stores one answer to the item that is asked now; returns where the rater stands then.

    The same key again changes nothing. Who passes goes on to the questions, who fails for the last time is
    screened out and her places are free. Raises PracticeRefused.
    """
    campaign = rater.campaign
    vocabulary, score_of = tuple(campaign.vocabulary), campaign.score_of
    if not fits(content, task_kind=campaign.task_kind, vocabulary=vocabulary, score_of=score_of):
        raise PracticeRefused
    try:
        with transaction.atomic():
            lock_rater(rater)
            return _record(rater, name=name, content=content, key=idempotency_key)
    except IntegrityError:
        # The key came with another rater's answer.
        raise PracticeRefused from None


def last_feedback(rater: Rater) -> Feedback | None:
    """What the rater's last practice answer was worth; None before the first."""
    answers = PracticeAnswer.objects.filter(rater=rater).select_related(
        "mask", "item__campaign", *(f"item__{path}" for path in SHOWN)
    )
    last = answers.order_by("-pk").first()
    return None if last is None else feedback(last.item, given_in_practice(last))


def feedback(item: Item, given: Given) -> Feedback:
    """What an answer to a practice item is worth."""
    right = verdicts.is_right(given, expected_of(item), task_kind=item.campaign.task_kind)
    return Feedback(item=item, given=given, right=right)


def swapped_for(rater: Rater, item: Item) -> bool:
    """Of a pair, whether the second lies left for this rater: drawn for each, the same at each attempt."""
    if item.campaign.task_kind != TaskKind.PAIRWISE:
        return False
    return bool(random.Random(f"sides {rater.pseudonym} {item.pk}").getrandbits(1))


def _record(rater: Rater, *, name: UUID, content: AnswerContent, key: UUID) -> Standing:
    items = practice_items(rater.campaign)
    now = _standing(items, rater=rater)
    if PracticeAnswer.objects.filter(rater=rater, idempotency_key=key).exists():
        return now
    fresh = Rater.objects.get(pk=rater.pk)
    asked = next((item for item in items if now.item is not None and item.pk == now.item.item_id), None)
    if asked is None or name_of(asked) != name or fresh.outcome or not fresh.practising:
        raise PracticeRefused
    PracticeAnswer.objects.create(
        rater=rater,
        item=asked,
        attempt=now.attempt,
        swapped=swapped_for(rater, asked),
        idempotency_key=key,
        **columns_of(content),
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
    answers = practised_by(rater.campaign, raters=[rater], items=items)[rater.pk]
    return standing_among(items, answers, campaign=rater.campaign)
