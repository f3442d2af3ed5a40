"""What the campaign form starts with: for a new campaign, and for a draft as it stands."""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from annotation import wording
from annotation.choices import PageLanguage, Pairing, PairOf, ScoreOf, TaskKind
from annotation.forms import choosing, task_kinds
from annotation.models import Campaign
from generation.choices import PartOfSpeech


def initial_for_new(
    *,
    run_name: str,
    word_counts: Mapping[str, int],
    task_kind: str = TaskKind.OPINION_SCORE.value,
    judged: str = "",
) -> dict[str, Any]:
    """What the form of a new campaign starts with: the founding papers' protocol where they say one.

    judged: a value of ScoreOf or PairOf; empty for word maps to score, where there are any, and for images in
    pairs.
    """
    kind = TaskKind(task_kind)
    score_of = judged if kind == TaskKind.OPINION_SCORE and judged in ScoreOf.values else ""
    score_of = score_of or (ScoreOf.WORD_MAPS if word_counts else ScoreOf.IMAGES).value
    pair_of = judged if judged in PairOf.values else PairOf.IMAGES.value
    has_marks = score_of == ScoreOf.WORD_MAPS
    checks = min(3, word_counts.get(PartOfSpeech.PUNCT.value, 0)) if has_marks else 0
    texts = wording.texts_for(kind, judged=score_of if kind == TaskKind.OPINION_SCORE else pair_of)
    return {
        "name": run_name,
        "title": texts.title,
        "question": texts.question,
        "instructions": texts.instructions,
        "consent_text": texts.consent,
        "language": PageLanguage.ENGLISH.value,
        "score_of": score_of,
        "pair_of": pair_of,
        "pairing": Pairing.ALL.value,
        "parts_of_speech": task_kinds.parts_to_start_with(kind, word_counts=word_counts),
        "raters_per_item": 3,
        "items_per_rater": 40,
        "share_cap_percent": 18,
        "seconds_per_item": task_kinds.SECONDS[kind],
        "lease_minutes": 10,
        "places_kept": 5,
        "checks_per_rater": checks,
        "known_per_rater": 0,
        "instructed_per_rater": 0,
        "repeats_per_rater": 0,
        "repeat_tolerance": 1,
        "repeat_overlap_percent": 50,
        "pass_mark_percent": 80,
        "practice_attempts": 2,
        "checks_allowed_wrong": 0,
        "plain_link": True,
        "count_devices": False,
        "automatic_back_fill": False,
        "completion_code": _new_code(),
        "no_consent_code": _new_code(),
    }


def initial_from(campaign: Campaign, *, word_counts: Mapping[str, int]) -> dict[str, Any]:
    """The form of a draft as it stands; of its parts of speech those that the run has words of."""
    same_names = (
        "name", "title", "question", "instructions", "consent_text", "contact", "raters_per_item",
        "items_per_rater", "places_kept", "checks_per_rater", "known_per_rater", "instructed_per_rater",
        "repeats_per_rater", "repeat_tolerance", "repeat_overlap_percent", "checks_allowed_wrong",
        "completion_code",
        "no_consent_code", "screened_out_code", "completion_url", "no_consent_url", "screened_out_url",
        "plain_link", "items_limit", "language", "pair_of", "stratify_by", "currency", "count_devices",
        "automatic_back_fill",
        "score_of", "methods", "pairing", "pairs_per_prompt", "adjudicate_from_percent",
        "pass_mark_percent", "practice_attempts",
    )  # fmt: skip
    return {name: getattr(campaign, name) for name in same_names} | {
        "vocabulary": "\n".join(campaign.vocabulary),
        "pay_per_rater": _amount(campaign.pay_per_rater),
        "budget": _amount(campaign.budget),
        "prompt_filter": choosing.as_lines(campaign.prompt_filter),
        "compared_runs": [str(run) for run in campaign.compared_run_ids],
        "parts_of_speech": [part for part in campaign.parts_of_speech if word_counts.get(part)],
        "share_cap_percent": _plain(campaign.share_cap * 100),
        "seconds_per_item": _plain(campaign.seconds_per_item),
        "lease_minutes": max(1, round(campaign.lease_seconds / 60)),
    }


def _plain(number: float) -> float | int:
    """8 instead of 8.0, and 18 instead of 18.000000000000004."""
    rounded = round(number, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _amount(amount: Decimal | None) -> str | None:
    """As files can hold it without losing a cent."""
    return None if amount is None else str(amount)


def _new_code() -> str:
    """Eight characters that nobody mixes up when copying by hand: no 0, O, 1, I."""
    return "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(8))
