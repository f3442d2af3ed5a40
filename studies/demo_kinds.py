"""The demo's small studies of the other kinds of task, with checks of every kind that suits them."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib.auth.models import User

from annotation import wording
from annotation.choices import CampaignState, ItemKind, PairOf, TaskKind
from annotation.known_answers import KnownAnswer, Use
from annotation.models import Campaign
from annotation.services import campaigns
from annotation.services.campaigns import CampaignSpec
from generation import registry
from generation.choices import RunState
from generation.fingerprints import revision_of
from generation.models import PromptWord, Run
from generation.services.runs import RunSpec, create_run, resume_run, retry_failed

FEW_STEPS_RUN: Final = "Example prompts, bundled model, two steps"
FEW_STEPS: Final = 2
ITEMS: Final = 8
RATERS_PER_ITEM: Final = 3
SHARE_CAP: Final = 0.34
SEED: Final = 2023
# What the bundled model can't draw, so that nobody can see it.
NEVER_DRAWN: Final = ("dog", "umbrella")
KNOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class KindStudy:
    """One of the demo's studies. rules: fields of its CampaignSpec beside those that all share."""

    name: str
    rules: Mapping[str, Any]


STUDIES: Final[Mapping[TaskKind, KindStudy]] = {
    TaskKind.OBJECT_PRESENCE: KindStudy(
        name="Demo: objects, by simulated raters", rules={"checks_per_rater": 0, "known_per_rater": 2}
    ),
    TaskKind.MASK: KindStudy(
        name="Demo: masks, by simulated raters",
        rules={"checks_per_rater": 2, "parts_of_speech": ("NOUN",)},
    ),
    TaskKind.PAIRWISE: KindStudy(
        name="Demo: pairs, by simulated raters",
        rules={"checks_per_rater": 0, "known_per_rater": 2, "pair_of": PairOf.IMAGES.value},
    ),
}


def few_steps_run(owner: User, like: Run) -> Run:
    """A run of the same prompts with few steps, to compare with: an earlier start's, or a new one."""
    model = registry.get(registry.DEMO_ID)
    found: Run | None = (
        Run.objects.filter(
            owner=owner, name=FEW_STEPS_RUN, prompt_set=like.prompt_set, model_revision=revision_of(model)
        )
        .exclude(state=RunState.CANCELLED)
        .order_by("-pk")
        .first()
    )
    if found is not None:
        resume_run(found, actor=owner)
        retry_failed(found, actor=owner)
        return found
    return create_run(
        owner,
        RunSpec(
            name=FEW_STEPS_RUN,
            prompt_set=like.prompt_set,
            model=model,
            settings=replace(model.defaults, steps=FEW_STEPS),
            images_per_prompt=like.images_per_prompt,
        ),
    )


def study_of(owner: User, run: Run, kind: TaskKind, *, compared: Run) -> Campaign:
    """The study of this kind on this run, open: an earlier start's, or a new one. compared: for the pairs."""
    study = STUDIES[kind]
    found: Campaign | None = (
        Campaign.objects.filter(owner=owner, name=study.name, run=run).order_by("-pk").first()
    )
    if found is None:
        found = campaigns.create_campaign(owner, _spec(run, kind, compared=compared))
    if found.state == CampaignState.PAUSED:
        return campaigns.resume(found, owner)
    if found.state != CampaignState.DRAFT:
        return found
    campaigns.mark_known(found, _known(found), actor=owner)
    return campaigns.open_campaign(found, owner)


def as_ratings(jsonl: str) -> list[dict[str, str]]:
    """The lines of answers.jsonl as `demo_check` reads ratings.csv: what was pressed stands as opt-out."""
    return list(_ratings(json.loads(line) for line in jsonl.splitlines()))


def _ratings(rows: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, str]]:
    for row in rows:
        yield {name: str(row[name]) for name in ("answer_key", "rater", "item", "item_kind")} | {
            "rater_failed_checks": str(int(row["rater_failed_checks"])),
            "score": "",
            "opt_out": _pressed(row),
        }


def _pressed(row: Mapping[str, Any]) -> str:
    """The button that an answer came from."""
    if "words" in row:
        return "checked" if row["words"] else "none"
    if "segmentation" in row:
        return "not_in_image" if row["not_in_image"] else "drawn"
    return str(row["choice"])


def _spec(run: Run, kind: TaskKind, *, compared: Run) -> CampaignSpec:
    texts = wording.TEXTS[kind]
    rules: dict[str, Any] = dict(STUDIES[kind].rules)
    if kind == TaskKind.OBJECT_PRESENCE:
        rules["vocabulary"] = (*_things(run), *NEVER_DRAWN)
    if kind == TaskKind.PAIRWISE:
        rules["compared_run_ids"] = (compared.pk,)
    return CampaignSpec(
        run_id=run.pk,
        name=STUDIES[kind].name,
        task_kind=kind.value,
        title=texts.title,
        question=texts.question,
        instructions=texts.instructions,
        consent_text=texts.consent,
        contact="The person who sent you the link.",
        completion_code=f"DEMO-{secrets.token_hex(4).upper()}",
        items_limit=ITEMS,
        raters_per_item=RATERS_PER_ITEM,
        share_cap=SHARE_CAP,
        instructed_per_rater=2,
        repeats_per_rater=1,
        order_seed=SEED,
        **rules,
    )


def _things(run: Run) -> list[str]:
    """Dictionary forms of the nouns of the run's prompts, each once."""
    nouns = PromptWord.objects.filter(prompt__prompt_set=run.prompt_set, part_of_speech="NOUN")
    return sorted(set(nouns.values_list("lemma", flat=True)) - set(NEVER_DRAWN))


def _known(draft: Campaign) -> list[KnownAnswer]:
    """Of presence and pairs a training item and some checks, on what would else be rated."""
    if not draft.known_per_rater:
        return []
    right: dict[str, Any] = {"accepted": ("first",)}
    why = "Only the left or the right one shows the shape; the other was stopped after two steps."
    if draft.task_kind == TaskKind.OBJECT_PRESENCE:
        right, why = {"must_not_have": NEVER_DRAWN}, "The pictures show coloured shapes and nothing else."
    items = draft.items.filter(kind=ItemKind.RATING).order_by("position")[: KNOWN + 1]
    uses = [Use.TRAINING, *[Use.CHECK] * KNOWN]
    return [
        KnownAnswer(
            image=item.image_id, other_image=item.other_image_id, use=use.value, explanation=why, **right
        )
        for item, use in zip(items, uses, strict=True)
    ]
