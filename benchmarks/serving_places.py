"""A scratch database with an open campaign of any number of places, made in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from annotation.choices import CampaignState
from annotation.models import Campaign
from annotation.services.openings import freeze
from generation.models import Image, Prompt, PromptSet, Run
from generation.services.projects import personal_project

SCRATCH: Final = "percept_benchmark_serving"
K: Final = 3
WORDS: Final = 100
ROWS_AT_ONCE: Final = 2_000

_FILL: Final = """
INSERT INTO generation_promptword (prompt_id, position, text, start, "end", part_of_speech,
    part_of_speech_parsed, lemma, dependency, head_position)
SELECT prompt.id, place, 'ball', 6, 10, 'NOUN', 'NOUN', 'ball', 'dep', 0
FROM generation_prompt prompt CROSS JOIN generate_series(0, %(words)s - 1) place;
INSERT INTO generation_wordmap (image_id, word_id, seen_by_model, peak)
SELECT image.id, word.id, true, 1
FROM generation_image image JOIN generation_promptword word ON word.prompt_id = image.prompt_id;
INSERT INTO annotation_item (campaign_id, word_map_id, kind, position, accepted_answers)
SELECT %(campaign)s, id, 'rating', row_number() OVER (ORDER BY id) - 1, '{}'
FROM generation_wordmap ORDER BY id LIMIT %(items)s;
INSERT INTO annotation_slot (campaign_id, item_id, number, "order", state, void_reason)
SELECT %(campaign)s, item.id, round, (round - 1) * %(items)s + item.position, 'free', ''
FROM annotation_item item CROSS JOIN generate_series(1, %(k)s) round
"""


def fill(slots: int) -> Campaign:
    """An open campaign of at least so many places, three for each item."""
    items = -(-slots // K)
    owner = User.objects.create(username="benchmark")
    prompt_set = PromptSet.objects.create(
        project=personal_project(owner), owner=owner, name="p", source_name="p", source_sha256="0" * 64
    )
    run = Run.objects.create(
        owner=owner, prompt_set=prompt_set, name="r", model_id="m", model_revision="0" * 40,
        scheduler="ddim", steps=1, guidance=1, height=64, width=64,
    )  # fmt: skip
    prompts = Prompt.objects.bulk_create(
        (
            Prompt(prompt_set=prompt_set, row_number=row, text=f"a red ball number {row}")
            for row in range(1, -(-items // WORDS) + 1)
        ),
        batch_size=ROWS_AT_ONCE,
    )
    Image.objects.bulk_create(
        (Image(run=run, prompt=prompt, seed=1) for prompt in prompts), batch_size=ROWS_AT_ONCE
    )
    campaign = Campaign.objects.create(
        owner=owner, run=run, name="c", state=CampaignState.OPEN, opened_at=Now(), title="t", question="q",
        instructions="i", consent_text="c", contact="c", raters_per_item=K, share_cap=1,
        items_per_rater=10_000, checks_per_rater=0, completion_code="DONE",
    )  # fmt: skip
    values = {"campaign": campaign.pk, "items": items, "words": WORDS, "k": K}
    with connection.cursor() as cursor:
        for statement in _FILL.split(";\n"):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    freeze(campaign, ratings_wanted=items * K)
    return campaign


@contextmanager
def scratch_database() -> Iterator[None]:
    """A database of its own with all tables, dropped at the end."""
    usual = settings.DATABASES["default"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = SCRATCH
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(usual, verbosity=0)
