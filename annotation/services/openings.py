"""What an opening makes and freezes: items, slots, the version; and what forbids it."""

import json
import random
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from annotation.choices import ANSWER_OPTIONS, CampaignState, ItemKind, OptOut, SlotState
from annotation.models import Campaign, CampaignVersion, Item, Slot
from annotation.sources import ratable_maps, unfinished_images
from generation import storage
from generation.choices import PartOfSpeech
from generation.models import Image

ACCEPTED_BY_CHECKS: Final = list(OptOut.values)
ROWS_AT_ONCE: Final = 2_000
SHOWN_FIELDS: Final = ("title", "question", "instructions", "consent_text", "contact")
RULE_FIELDS: Final = (
    "parts_of_speech", "items_limit", "raters_per_item", "share_cap", "items_per_rater", "checks_per_rater",
    "checks_allowed_wrong", "lease_seconds", "seconds_per_item", "order_seed",
)  # fmt: skip


def rebuild_items(campaign: Campaign) -> None:
    """The draft's items anew from its run: rated words in seeded order, punctuation as attention checks."""
    campaign.items.all().delete()
    maps = list(
        ratable_maps(campaign.run)
        .order_by("image__prompt__row_number", "image__seed", "word__position")
        .values_list("pk", "word__part_of_speech")
    )
    generator = random.Random(f"items {campaign.order_seed}")
    generator.shuffle(maps)
    wanted = set(campaign.parts_of_speech) - {PartOfSpeech.PUNCT}
    rated = [pk for pk, part in maps if part in wanted][: campaign.items_limit]
    checks = [pk for pk, part in maps if part == PartOfSpeech.PUNCT]
    kinds = [(pk, ItemKind.RATING) for pk in rated] + [(pk, ItemKind.ATTENTION) for pk in checks]
    generator.shuffle(kinds)
    Item.objects.bulk_create(
        [
            Item(
                campaign=campaign,
                word_map_id=pk,
                kind=kind,
                position=position,
                accepted_answers=ACCEPTED_BY_CHECKS if kind == ItemKind.ATTENTION else [],
            )
            for position, (pk, kind) in enumerate(kinds)
        ],
        batch_size=ROWS_AT_ONCE,
    )


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
    items = list(
        campaign.items.filter(kind=ItemKind.RATING).order_by("position").values_list("pk", flat=True)
    )
    slots = _slots(campaign, items)
    made = 0
    while chunk := [slot for slot, _ in zip(slots, range(ROWS_AT_ONCE), strict=False)]:
        made += len(Slot.objects.bulk_create(chunk))
    return made


def freeze(campaign: Campaign, *, ratings_wanted: int) -> CampaignVersion:
    """The next version: what raters are shown and by which rules, word for word, with its hashes."""
    wording: dict[str, Any] = {name: getattr(campaign, name) for name in SHOWN_FIELDS}
    wording["options"] = [
        {"code": option.code, "label": option.label, "key": option.key} for option in ANSWER_OPTIONS
    ]
    wording["rules"] = {name: getattr(campaign, name) for name in RULE_FIELDS}
    return CampaignVersion.objects.create(
        campaign=campaign,
        number=campaign.versions.count() + 1,
        wording=wording,
        wording_sha256=_sha256(json.dumps(wording, sort_keys=True, ensure_ascii=False)),
        consent_sha256=_sha256(campaign.consent_text),
        ratings_wanted=ratings_wanted,
    )


def _slots(campaign: Campaign, items: list[int]) -> Iterator[Slot]:
    order = 0
    for number in range(1, campaign.raters_per_item + 1):
        shuffled = items.copy()
        random.Random(f"round {number} {campaign.order_seed}").shuffle(shuffled)
        for item in shuffled:
            yield Slot(campaign=campaign, item_id=item, number=number, order=order, state=SlotState.FREE)
            order += 1


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
    waiting = unfinished_images().filter(run=campaign.run).count()
    if not waiting:
        return []
    return [f"{waiting:,} images of the run are still to be generated. Wait for them, or cancel the run."]


def _missing_items(campaign: Campaign) -> list[str]:
    items = campaign.items.all()
    found = []
    if not items.filter(kind=ItemKind.RATING).exists():
        found.append(
            "No word map of the run has one of the chosen parts of speech. Choose others, or another run."
        )
    checks = items.filter(kind=ItemKind.ATTENTION).count()
    if checks < campaign.checks_per_rater:
        found.append(
            f"A session asks {campaign.checks_per_rater} attention checks, and the run has {checks} maps of "
            "punctuation marks. Ask fewer, or take a run whose prompts end with a full stop."
        )
    if campaign.checks_per_rater and campaign.checks_allowed_wrong >= campaign.checks_per_rater:
        found.append("As many wrong checks are allowed as are asked, so nobody can fail. Allow fewer.")
    return found


def _missing_files(campaign: Campaign) -> list[str]:
    images = Image.objects.filter(word_maps__items__campaign=campaign).distinct()
    missing = sum(not storage.has_files(image) for image in images.iterator(chunk_size=ROWS_AT_ONCE))
    if not missing:
        return []
    return [f"The files of {missing:,} images are missing from the media folder. Restore them from a backup."]


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
