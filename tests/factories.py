"""Things that tests need, made by the project's own services: users, prompts, finished runs, open campaigns.

Images and maps are small but real files under MEDIA_ROOT. Nothing here is a stand-in for code of ours; only
the language model and the image model are left out, since their output is what the tests start from.
"""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import count
from typing import Any, Final
from uuid import uuid4

import numpy as np
from django.contrib.auth.models import User
from django.db.models.functions import Now
from PIL import Image as Picture

from annotation.choices import ItemKind, PairOf, Platform, SlotState, TaskKind
from annotation.contents import AnswerContent, option_content
from annotation.known_answers import KnownAnswer
from annotation.models import Campaign, Item, Rater, Slot
from annotation.recruitment import RaterIdentityData
from annotation.segmentations import Polygons
from annotation.services import campaigns, entry
from annotation.services.answers import Recorded, record_answer
from annotation.services.campaigns import CampaignSpec
from annotation.services.tasks_for_raters import Task, next_task
from generation import picture_storage, registry, storage
from generation.choices import SafetyVerdict
from generation.models import MapRequest, Project, PromptSet, PromptWord, Run, WordMap
from generation.parsing import Parse, ParsedWord
from generation.prompts import PromptRow
from generation.registry import GenerationSettings, ModelSpec
from generation.services import images, map_requests, prompt_sets, runs

PROMPTS: Final = ("a red ball beside a blue box.", "the green cone, a yellow cube.")
SIDE: Final = 64
VOCABULARY: Final = ("ball", "box", "cone", "cube", "dog", "umbrella")
MAP_SIDE: Final = 8
METHODS: Final = ("paper", "CMI")
MODEL: Final = ModelSpec(
    id="test-model",
    source="percept/test-model",
    revision="0123456789abcdef0123456789abcdef01234567",
    description="A model that only tests name",
    defaults=GenerationSettings(
        steps=2, guidance=2.0, scheduler="dpm-solver-multistep", height=SIDE, width=SIDE
    ),
)
_TAGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("a", "the"), "DET"),
    **dict.fromkeys(("red", "blue", "green", "yellow"), "ADJ"),
    **dict.fromkeys(("beside", "on", "under"), "ADP"),
}
_serial = count(1)


def make_user(name: str = "", *, superuser: bool = False) -> User:
    """A researcher; the password is `password`."""
    name = name or f"researcher-{next(_serial)}"
    make = User.objects.create_superuser if superuser else User.objects.create_user
    return make(name, password="password")


def make_prompt_set(texts: Sequence[str] = PROMPTS, *, owner: User | None = None) -> PromptSet:
    """A prompt set; words are found by a rule: letters are words, tagged by a small table, else nouns."""
    rows = [PromptRow(line=line, text=text) for line, text in enumerate(texts, start=2)]
    return prompt_sets.import_prompts(
        owner or make_user(),
        name=f"Prompts {next(_serial)}",
        source=prompt_sets.SourceFile(
            name="prompts.csv", sha256=sha256("\n".join(texts).encode()).hexdigest()
        ),
        rows=rows,
        parse=Parse(parser="rule of the tests", prompts=tuple(words_of(text) for text in texts)),
    )


def words_of(text: str) -> tuple[ParsedWord, ...]:
    """The words and punctuation marks of a text."""
    return tuple(
        ParsedWord(
            text=match[0],
            start=match.start(),
            end=match.end(),
            part_of_speech=_TAGS.get(match[0], "NOUN") if match[0][0].isalnum() else "PUNCT",
            lemma=match[0].lower(),
            dependency="dep",
            head=0,
        )
        for match in re.finditer(r"\w+|[^\w\s]", text)
    )


def make_run(
    owner: User | None = None, *, prompts: Sequence[str] = PROMPTS, images_per_prompt: int = 1
) -> Run:
    """A run whose images still wait to be generated."""
    owner = owner or make_user()
    return runs.create_run(
        owner,
        runs.RunSpec(
            name=f"Run {next(_serial)}",
            prompt_set=make_prompt_set(prompts, owner=owner),
            model=MODEL,
            settings=MODEL.defaults,
            images_per_prompt=images_per_prompt,
        ),
    )


def make_finished_run(
    owner: User | None = None,
    *,
    prompts: Sequence[str] = PROMPTS,
    images_per_prompt: int = 1,
    verdict: SafetyVerdict = SafetyVerdict.UNCHECKED,
) -> Run:
    """A run with every image done, its files on disk, and a map for every word."""
    run = make_run(owner, prompts=prompts, images_per_prompt=images_per_prompt)
    finish_images(run, verdict=verdict)
    return run


def finish_images(run: Run, *, verdict: SafetyVerdict = SafetyVerdict.UNCHECKED) -> None:
    """Does what a worker does, with coloured noise in place of the image model's output."""
    models = [images.ModelPin(model_id=run.model_id, revision=run.model_revision)]
    while claims := images.claim_images("tests", models=models, batch_size=1, lease_seconds=60):
        for claim in claims:
            _finish(claim, verdict=verdict)


def _finish(claim: images.Claim, *, verdict: SafetyVerdict) -> None:
    generator = np.random.default_rng(claim.image_id)
    words = list(PromptWord.objects.filter(prompt__images=claim.image_id).order_by("position"))
    maps = {word.position: generator.random((MAP_SIDE, MAP_SIDE), dtype=np.float32) for word in words}
    staged = storage.stage_image(claim.image_id, run_id=claim.run_id, png=png_of(generator), word_maps=maps)
    result = images.ImageResult(
        safety_verdict=verdict,
        versions={"tests": "1"},
        seconds=0.1,
        peaks={word.pk: float(maps[word.position].max()) for word in words},
    )
    assert images.complete_image(claim, staged=staged, result=result)


def png_of(generator: np.random.Generator, *, side: int = SIDE) -> bytes:
    """A PNG of coloured noise, side by side pixels."""
    pixels = generator.integers(0, 256, size=(side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def make_spec(run: Run, **changes: Any) -> CampaignSpec:
    """What a researcher fills in for a campaign on this run; name the fields to differ."""
    values: dict[str, Any] = {
        "run_id": run.pk,
        "name": f"Campaign {next(_serial)}",
        "title": "Words and images",
        "question": "How well do the highlighted parts reflect the meaning of the red word?",
        "instructions": "Look at the image, then at the highlighted parts.",
        "consent_text": "You take part voluntarily and may stop at any time.",
        "contact": "Study team, study@example.org",
        "completion_code": "DONE1234",
        "no_consent_code": "NOPE1234",
        "checks_per_rater": 0,
        "places_kept": 0,
        "share_cap": 1.0,
    }
    return CampaignSpec(**(values | changes))


def make_draft(owner: User | None = None, *, run: Run | None = None, **changes: Any) -> Campaign:
    """A draft campaign; `changes` are fields of its CampaignSpec."""
    owner = owner or (run.owner if run else make_user())
    return campaigns.create_campaign(owner, make_spec(run or make_finished_run(owner), **changes))


def make_open_campaign(owner: User | None = None, *, run: Run | None = None, **changes: Any) -> Campaign:
    """An open campaign; `changes` are fields of its CampaignSpec. No attention checks unless asked for."""
    draft = make_draft(owner, run=run, **changes)
    return campaigns.open_campaign(draft, draft.owner)


def make_campaign_of_kind(
    kind: TaskKind, *, owner: User | None = None, pair_of: PairOf = PairOf.IMAGES, **changes: Any
) -> Campaign:
    """An open campaign of a kind, on two prompts with one image each; of pairs, a second system."""
    draft = make_draft_of_kind(kind, owner=owner, pair_of=pair_of, **changes)
    return campaigns.open_campaign(draft, draft.owner)


def make_draft_of_kind(
    kind: TaskKind,
    *,
    owner: User | None = None,
    pair_of: PairOf = PairOf.IMAGES,
    images_per_prompt: int = 1,
    **changes: Any,
) -> Campaign:
    """A draft of a kind, on two prompts; of pairs, a second system."""
    owner = owner or make_user()
    run = make_finished_run(owner, images_per_prompt=images_per_prompt)
    extra: dict[str, Any] = {}
    if kind == TaskKind.OBJECT_PRESENCE:
        extra = {"vocabulary": VOCABULARY}
    elif kind == TaskKind.MASK:
        extra = {"parts_of_speech": ("NOUN",)}
    elif kind == TaskKind.PAIRWISE:
        extra = {"pair_of": pair_of.value}
        if pair_of == PairOf.METHODS:
            explore_images(run)
            extra["methods"] = METHODS
        else:
            extra["compared_run_ids"] = (make_run_again(run).pk,)
    return make_draft(owner, run=run, task_kind=kind.value, **(extra | changes))


def known_for(draft: Campaign, *, how_many: int = 1, **more: Any) -> list[KnownAnswer]:
    """Known answers for a draft's first rating items: Bad, the first word, a box, the first of a pair."""
    right: dict[TaskKind, dict[str, Any]] = {
        TaskKind.OPINION_SCORE: {"accepted": ("1",)},
        TaskKind.OBJECT_PRESENCE: {"must_have": tuple(draft.vocabulary[:1]), "must_not_have": ("*",)},
        TaskKind.MASK: {"segmentation": Polygons(outlines=((8, 8, 56, 8, 56, 56, 8, 56),)), "least_iou": 0.5},
        TaskKind.PAIRWISE: {"accepted": ("first",)},
    }
    items = draft.items.filter(kind=ItemKind.RATING).select_related("word").order_by("position")
    return [
        KnownAnswer(
            word_map=item.word_map_id,
            other_word_map=None if item.other_method else item.other_word_map_id,
            method=item.method,
            other_method=item.other_method,
            image=item.image_id,
            other_image=item.other_image_id,
            word_position=item.word.position if item.word else None,
            **(right[TaskKind(draft.task_kind)] | more),
        )
        for item in items[:how_many]
    ]


def make_answered_question(owner: User, project: Project, *, levels: int = 20) -> MapRequest:
    """A question about a picture of two words, answered with small maps by a worker that needs no torch."""
    spec = registry.get(registry.DEMO_ID)
    question = map_requests.Question(png=picture_png(), caption="red ball", levels=levels)
    asked = map_requests.ask_information(owner, project, question, model=spec)
    pin = images.ModelPin(model_id=spec.id, revision=asked.model_revision)
    claim = map_requests.claim_request("factory", models=[pin], lease_seconds=60)
    assert claim is not None
    ramp = np.linspace(0, 1, MAP_SIDE**2, dtype=np.float32).reshape(MAP_SIDE, MAP_SIDE)
    maps = {kind: {0: ramp, 1: 2 * ramp} for kind in picture_storage.KINDS}
    words = [
        {"position": 0, "text": "red", "start": 0, "end": 3, "nats": 1.5, "nats_error": 0.25},
        {"position": 1, "text": "ball", "start": 4, "end": 8, "nats": -0.5, "nats_error": None},
    ]
    result = {
        "words": words, "unread": [], "captions": [{"text": "red ball", "nats": 2.0, "nats_error": 0.5}]
    }  # fmt: skip
    content = picture_storage.pack(np.zeros((SIDE, SIDE, 3), dtype=np.uint8), maps)
    assert map_requests.answer_information(claim, content=content, result=result, seconds=1.0)
    asked.refresh_from_db()
    return asked


def picture_png(*, width: int = 80, height: int = 48) -> bytes:
    """Red on the left, blue on the right."""
    made = Picture.new("RGB", (width, height), "blue")
    made.paste("red", (0, 0, width // 2, height))
    buffer = io.BytesIO()
    made.save(buffer, format="PNG")
    return buffer.getvalue()


def make_run_again(run: Run) -> Run:
    """Another finished run of the same prompts, with images of its own."""
    settings = MODEL.defaults
    again = runs.RunSpec(
        name=f"Run {next(_serial)}",
        prompt_set=run.prompt_set,
        model=MODEL,
        settings=settings,
        images_per_prompt=run.images_per_prompt,
    )
    other = runs.create_run(run.owner, again)
    finish_images(other)
    return other


def explore_images(run: Run, *, of_words: Mapping[str, Sequence[str]] | None = None) -> None:
    """Takes the run's maps apart as `explore_maps` does, with noise in place of each method's maps.

    of_words: further methods of words with a text.
    """
    for image in run.images.select_related("prompt"):
        generator = np.random.default_rng(image.pk)
        stored = {}
        for position, text in image.prompt.words.values_list("position", "text"):
            methods = (*METHODS, *(of_words or {}).get(text, ()))
            whole = generator.random((1 + len(methods), MAP_SIDE, MAP_SIDE), dtype=np.float32)
            stored[position] = storage.StoredExploration(
                layers=("layer",), methods=methods, drift=0, steps=whole[:1], by_layer=whole[:1],
                by_method=whole[1:],
            )  # fmt: skip
        storage.write_exploration(image, stored)


def mask_png(*, side: int = SIDE, box: tuple[int, int, int, int] = (8, 4, 40, 20)) -> bytes:
    """A black PNG with a white box (left, top, right, bottom; the last two exclusive)."""
    picture = Picture.new("1", (side, side))
    picture.paste(1, box)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def make_campaign_of(items: int, *, checks: int = 0, owner: User | None = None, **changes: Any) -> Campaign:
    """An open campaign with exactly so many rating items, and so many maps of punctuation marks."""
    words = [f"w{number}" for number in range(items)]
    prompts = [" ".join(words[start : start + 20]) for start in range(0, items, 20)]
    marks = " ".join("," * checks)
    return make_open_campaign(
        owner,
        run=make_finished_run(owner, prompts=[*prompts[:-1], f"{prompts[-1]} {marks}".strip()]),
        **changes,
    )


def identity(name: str = "") -> RaterIdentityData:
    """A Prolific participant."""
    return RaterIdentityData(
        platform=Platform.PROLIFIC, platform_id=name or uuid4().hex, study_id="study", session_id="session"
    )


def make_rater(campaign: Campaign, name: str = "") -> Rater:
    """Somebody who has come in and agreed."""
    rater = entry.enter(campaign, identity(name))
    entry.give_consent(rater)
    return rater


def map_of(item: Item) -> WordMap:
    """The word map that an item of an opinion-score campaign shows."""
    assert item.word_map is not None
    return item.word_map


def word_of(task: Task) -> str:
    """The red word of a task."""
    assert task.word is not None
    return task.prompt_text[slice(*task.word)]


def answer(rater: Rater, task: Task, option: str = "4") -> Recorded:
    """The rater's answer to a task, as a page would send it. A late one fails the test."""
    recorded = record_answer(
        rater,
        slot_id=task.slot_id,
        content=content_for(rater, option),
        idempotency_key=uuid4(),
        client_milliseconds=1500,
        view="both",
    )
    assert isinstance(recorded, Recorded)
    return recorded


def content_for(rater: Rater, option: str = "4") -> AnswerContent:
    """An answer that the rater's campaign asks for; the option is of an opinion score."""
    kind = TaskKind(rater.campaign.task_kind)
    if kind == TaskKind.OBJECT_PRESENCE:
        return AnswerContent(words=tuple(rater.campaign.vocabulary[:1]))
    others = {TaskKind.MASK: "not_in_image", TaskKind.PAIRWISE: "tie"}
    return option_content(others.get(kind, option))


def rate_all(rater: Rater, option: str = "4") -> int:
    """The rater answers until there is nothing left for her; returns how many answers that were."""
    answers = 0
    while isinstance(task := next_task(rater), Task):
        answer(rater, task, option)
        answers += 1
    return answers


def expire_lease(rater: Rater) -> None:
    """As if the rater had held her task, and the places kept for her, for longer than the campaign allows."""
    Rater.objects.filter(pk=rater.pk, places_kept_until__isnull=False).update(
        places_kept_until=Now() - timedelta(seconds=1)
    )
    Slot.objects.filter(rater=rater, state=SlotState.LEASED).update(lease_until=Now() - timedelta(seconds=1))
