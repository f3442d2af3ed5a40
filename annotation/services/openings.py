"""What an opening makes and freezes: slots and the version; and what forbids it."""

import json
from hashlib import sha256
from typing import Any, Final

from annotation.choices import (
    PAIR_CHOICES,
    CampaignState,
    CheckKind,
    Choice,
    ItemKind,
    TaskKind,
    options_for,
)
from annotation.models import Campaign, CampaignVersion
from annotation.services import known_things
from annotation.services.items import runs_of, shown_images
from annotation.services.places import rating_items, slots, store_slots
from annotation.sources import unfinished_images
from annotation.systems import compares, matching_of
from generation import storage

ROWS_AT_ONCE: Final = 2_000
FEWEST_WORDS: Final = 2
SHOWN_FIELDS: Final = ("title", "question", "instructions", "consent_text", "contact", "language")
RULE_FIELDS: Final = (
    "parts_of_speech", "items_limit", "raters_per_item", "share_cap", "items_per_rater", "checks_per_rater",
    "known_per_rater", "instructed_per_rater", "repeats_per_rater", "repeat_tolerance",
    "repeat_overlap_percent", "known_answers", "adjudicate_from_percent",
    "checks_allowed_wrong", "lease_seconds", "places_kept", "seconds_per_item", "order_seed", "task_kind",
    "pass_mark_percent", "practice_attempts", "vocabulary", "compared_run_ids", "pair_of", "prompt_filter",
    "stratify_by", "score_of", "methods", "pairing", "pairs_per_prompt",
)  # fmt: skip


_NO_WORDS: Final = "No word of the run has one of the chosen parts of speech. Choose others, or another run."
_NO_ITEMS: Final = {
    TaskKind.OPINION_SCORE: (
        "No word map of the run has one of the chosen parts of speech. Choose others, or another run."
    ),
    TaskKind.OBJECT_PRESENCE: "The run has no image to show. Choose another run.",
    TaskKind.MASK: _NO_WORDS,
    TaskKind.PAIRWISE: (
        "The systems share nothing to compare: all need finished images of the same prompts, maps of words of"
        " the chosen parts of speech where maps are compared, and maps taken apart (by the run, or on the"
        " pages of its images) where methods are. Choose others."
    ),
}


def obstacles(campaign: Campaign) -> list[str]:
    """Every reason against opening, each with its remedy."""
    if campaign.state != CampaignState.DRAFT:
        return ["The campaign has been opened before. Make a new one to ask again."]
    return [
        *_missing_texts(campaign),
        *_unfinished_images(campaign),
        *_missing_items(campaign),
        *_missing_files(campaign),
    ]


def make_slots(campaign: Campaign) -> int:
    """k numbered slots for each rating item; returns how many in all.

    Handed out in rounds: every item gets its first rater before any gets its second, each round in an order
    of its own.
    """
    items = rating_items(campaign)
    return store_slots(slots(campaign, items, rounds=range(1, campaign.raters_per_item + 1), first_order=0))


def add_rounds(campaign: Campaign, *, after: int) -> int:
    """Slots of the rounds beyond `after` up to the campaign's raters per item; returns how many in all.

    They come after every slot there is, in the order that an opening with so many raters would have given.
    """
    items = rating_items(campaign)
    rounds = range(after + 1, campaign.raters_per_item + 1)
    return store_slots(slots(campaign, items, rounds=rounds, first_order=after * len(items)))


def comparison_notes(campaign: Campaign) -> list[str]:
    """What some system lacks, in words; as it was frozen once the campaign has opened."""
    if campaign.state == CampaignState.DRAFT:
        return matching_of(campaign).notes if compares(campaign) else []
    version = campaign.versions.order_by("-number").first()
    frozen = version.wording.get("comparison", {}) if version else {}
    return list(frozen.get("notes", []))


def freeze(campaign: Campaign, *, ratings_wanted: int) -> CampaignVersion:
    """The next version: what raters are shown and by which rules, word for word, with its hashes."""
    wording: dict[str, Any] = {name: getattr(campaign, name) for name in SHOWN_FIELDS}
    wording["options"] = _options(campaign)
    wording["rules"] = {name: getattr(campaign, name) for name in RULE_FIELDS}
    if compares(campaign):
        # What raters were shown of which systems, and what was left out for want of a counterpart.
        wording["comparison"] = matching_of(campaign).facts()
    return CampaignVersion.objects.create(
        campaign=campaign,
        number=campaign.versions.count() + 1,
        wording=wording,
        wording_sha256=_sha256(json.dumps(wording, sort_keys=True, ensure_ascii=False)),
        consent_sha256=_sha256(campaign.consent_text),
        ratings_wanted=ratings_wanted,
    )


def _options(campaign: Campaign) -> list[dict[str, str]]:
    """The fixed answers of the campaign's kind; a checklist is in the rules and a drawing has none."""
    if campaign.task_kind == TaskKind.OPINION_SCORE:
        offered = options_for(campaign.score_of)
        return [{"code": option.code, "label": option.label, "key": option.key} for option in offered]
    choices = {TaskKind.PAIRWISE: PAIR_CHOICES, TaskKind.MASK: (Choice.NOT_IN_IMAGE,)}
    kept = choices.get(TaskKind(campaign.task_kind), ())
    return [{"code": choice.value, "label": str(choice.label), "key": ""} for choice in kept]


def _missing_texts(campaign: Campaign) -> list[str]:
    needed = {
        "title": "title",
        "question": "question",
        "instructions": "instructions",
        "consent_text": "consent text",
        "contact": "contact",
        "completion_code": "completion code",
    }
    return [
        f"Still to be written: the {label}. Edit the draft to fill it in."
        for name, label in needed.items()
        if not getattr(campaign, name).strip()
    ]


def _unfinished_images(campaign: Campaign) -> list[str]:
    waiting = unfinished_images().filter(run__in=runs_of(campaign)).count()
    if not waiting:
        return []
    return [f"{waiting:,} images of the run are still to be generated. Wait for them, or cancel the run."]


def _missing_items(campaign: Campaign) -> list[str]:
    items = campaign.items.all()
    found = []
    if not items.filter(kind=ItemKind.RATING).exists():
        is_comparison = compares(campaign)
        found.append(_NO_ITEMS[TaskKind.PAIRWISE if is_comparison else TaskKind(campaign.task_kind)])
    if campaign.task_kind == TaskKind.OBJECT_PRESENCE and len(campaign.vocabulary) < FEWEST_WORDS:
        found.append("The checklist needs two words or more. Edit the draft to fill it in.")
    checks = items.filter(check_kind=CheckKind.ABSTRACT).count()
    if checks < campaign.checks_per_rater:
        found.append(
            f"A session asks {campaign.checks_per_rater} punctuation marks, and the run has {checks}. Ask "
            "fewer, or take a run whose prompts end with a full stop."
        )
    if faults := known_things.faults(campaign, known_things.answers_of(campaign)):
        found.append(f"Known answers no longer fit: {'; '.join(faults[:10])}. Bring a file without them.")
    known = items.filter(check_kind=CheckKind.KNOWN).count()
    if known < campaign.known_per_rater:
        found.append(
            f"A session asks {campaign.known_per_rater} items with a known answer, and {known} are marked. "
            "Mark more on the page of known answers, or ask fewer."
        )
    instructed = items.filter(check_kind=CheckKind.INSTRUCTED).count()
    if instructed < campaign.instructed_per_rater:
        found.append(
            f"A session asks {campaign.instructed_per_rater} items that say what to answer, and the run has "
            f"things for {instructed}. Ask fewer."
        )
    if campaign.checks_in_session and campaign.checks_allowed_wrong >= campaign.checks_in_session:
        found.append("As many wrong checks are allowed as are asked, so nobody can fail. Allow fewer.")
    return found


def _missing_files(campaign: Campaign) -> list[str]:
    images = shown_images(campaign)
    missing = sum(not storage.has_files(image) for image in images.iterator(chunk_size=ROWS_AT_ONCE))
    if not missing:
        return []
    return [f"The files of {missing:,} images are missing from the media folder. Restore them from a backup."]


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
