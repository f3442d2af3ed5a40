"""Published prompt sets from import to report. Runs only where PERCEPT_DATA names a folder that holds them.

    PERCEPT_DATA=/path/to/data pytest tests/studies/test_real_prompts.py

Wanted there: geneval_prompts.jsonl (GenEval, 553 prompts) and tifa_text_inputs.json (TIFA, of which 200
captions of COCO are taken). Nothing of them is kept in the project. They come in through the page's import,
with the real parser; images and maps are stand-ins: what is tested is that the texts as they are come through
every step.
"""

import csv
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation.choices import TaskKind
from annotation.models import Answer
from annotation.services import dry_runs
from generation.models import PromptSet
from generation.services import runs
from studies import rehearsal
from tests import factories

DATA = Path(os.environ.get("PERCEPT_DATA", ""))
ITEMS, RATERS = 120, 2
MOST_SECONDS = 240  # for the parser, on a crowded machine
THINGS = ("person", "dog", "cat", "bus", "train", "table", "bird", "horse", "car", "clock", "pizza", "bear")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not os.environ.get("PERCEPT_DATA"), reason="PERCEPT_DATA names no folder of published prompts"
    ),
]


def geneval() -> bytes:
    """GenEval's file as it is."""
    return (DATA / "geneval_prompts.jsonl").read_bytes()


def coco() -> bytes:
    """The first 200 captions of COCO in TIFA's file, an object a line."""
    rows = json.loads((DATA / "tifa_text_inputs.json").read_text())
    captions = [row for row in rows if row["id"].startswith("coco")][:200]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in captions).encode()


def imported(client: Client, name: str, content: bytes) -> PromptSet:
    """The prompts with the words that the real parser finds, imported as a researcher does it."""
    response = client.post("/prompts/import/", {"file": SimpleUploadedFile(name, content)})
    assert response.status_code == 302, response.content.decode()
    preview = response.headers["Location"]
    deadline = time.monotonic() + MOST_SECONDS
    while "X-Poll-Reload" not in client.get(f"{preview}state/").headers:
        assert time.monotonic() < deadline, "the parser did not finish"
        time.sleep(0.2)
    client.post(preview, {"name": name})
    return PromptSet.objects.get(name=name)


@pytest.mark.parametrize(
    ("name", "content", "prompts", "kind"),
    [
        ("geneval.jsonl", geneval, 553, TaskKind.OPINION_SCORE),
        ("coco.jsonl", coco, 200, TaskKind.OBJECT_PRESENCE),
    ],
)
def test_a_published_prompt_set_goes_from_import_to_report(
    owner: User, client: Client, name: str, content: Callable[[], bytes], prompts: int, kind: TaskKind
) -> None:
    client.force_login(owner)
    prompt_set = imported(client, name, content())
    assert prompt_set.prompts.count() == prompts
    spec = runs.RunSpec(
        name=name,
        prompt_set=prompt_set,
        model=factories.MODEL,
        settings=factories.MODEL.defaults,
        images_per_prompt=1,
    )
    run = runs.create_run(owner, spec)
    factories.finish_images(run)
    of_kind = {"task_kind": kind.value} | ({"vocabulary": THINGS} if kind == TaskKind.OBJECT_PRESENCE else {})
    draft = factories.make_draft(
        owner, run=run, parts_of_speech=("NOUN", "PROPN", "ADJ"), items_limit=ITEMS, raters_per_item=RATERS,
        items_per_rater=40, share_cap=0.5, places_kept=5, **of_kind,
    )  # fmt: skip
    copy = dry_runs.start_dry_run(draft, owner)
    for _ in range(120):
        if rehearsal.advance(copy, host="testserver", secure=False, seconds=10).finished:
            break
    assert Answer.objects.filter(undone_at__isnull=True, slot__number__isnull=False).count() == ITEMS * RATERS
    assert client.get(reverse("evaluation:results", args=[copy.public_id])).status_code == 200
    listed = rows_of(
        client,
        "items.csv" if kind == TaskKind.OPINION_SCORE else "images.csv",
        public_id=str(copy.public_id),
    )
    items = [row for row in listed if row.get("item_kind", "rating") == "rating"]
    assert len(items) == ITEMS
    known = set(prompt_set.prompts.values_list("text", flat=True))
    assert {row["prompt"] for row in items} <= known


def rows_of(client: Client, name: str, *, public_id: str) -> list[dict[str, str]]:
    """The rows of one of the report's files."""
    answer = client.get(reverse("evaluation:file", args=[public_id, name]))
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
