"""A campaign's life: drafted, opened, paused, resumed, extended, closed. Each move conditional, audited."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, PageLanguage, Pairing, ScoreOf, TaskKind
from annotation.known_answers import KnownAnswer, as_line
from annotation.models import Campaign, ComparedRun
from annotation.models.campaigns import parts_rated_by_default
from annotation.services import audit, items, known_things, openings
from generation.models import Run


class CampaignMoved(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The campaign is not in a state for this: somebody was first. The message says where it stands."""


class AlreadyThere(CampaignMoved):
    """The campaign is where the act leads: somebody, or a second click, was first. Nothing is to be done."""


class ExtensionRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """No places were added; the message says which numbers are possible."""


class InvitationsRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """No personal links were made; the message says which numbers are possible."""


class KnownAnswersRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Known answers that the campaign's runs and checklist don't bear out. Nothing was done."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults[:10]))
        self.faults = faults


class OpeningRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The campaign can't open. obstacles: each with its remedy."""

    def __init__(self, obstacles: list[str]) -> None:
        super().__init__(" ".join(obstacles))
        self.obstacles = obstacles


@dataclass(frozen=True, kw_only=True)
class CampaignSpec:
    """Everything a researcher decides, as values already checked one by one by the form.

    parts_of_speech: codes of `PartOfSpeech`; punctuation never counts, it serves as attention checks.
    items_limit: most items put to raters; None for all.  share_cap: in (0, 1].
    places_kept: places kept for a rater beyond the task in hand; with 0 the last ones can go to others
    between her consent and her first task.
    prompt_filter: accepted values by column of the prompt file.  stratify_by: a column, or "".
    vocabulary: only for object presence.  score_of: only for opinion scores.
    pair_of, pairing, pairs_per_prompt: only for pairwise comparisons.
    compared_run_ids: further runs of the same prompts.  methods: of map, compared in place of runs.
    """

    run_id: int
    name: str
    title: str
    question: str
    instructions: str
    consent_text: str
    contact: str
    completion_code: str
    parts_of_speech: tuple[str, ...] = tuple(parts_rated_by_default())
    items_limit: int | None = None
    raters_per_item: int = 3
    share_cap: float = 0.18
    items_per_rater: int = 40
    places_kept: int = 5
    pass_mark_percent: int = 80
    practice_attempts: int = 2
    checks_per_rater: int = 3
    checks_allowed_wrong: int = 0
    adjudicate_from_percent: int | None = None
    known_per_rater: int = 0
    instructed_per_rater: int = 0
    repeats_per_rater: int = 0
    repeat_tolerance: int = 1
    repeat_overlap_percent: int = 50
    lease_seconds: int = 600
    seconds_per_item: float = 8
    order_seed: int = 0
    no_consent_code: str = ""
    screened_out_code: str = ""
    completion_url: str = ""
    task_kind: str = TaskKind.OPINION_SCORE.value
    language: str = PageLanguage.ENGLISH.value
    vocabulary: tuple[str, ...] = ()
    compared_run_ids: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    score_of: str = ScoreOf.WORD_MAPS.value
    pair_of: str = ""
    pairing: str = Pairing.ALL.value
    pairs_per_prompt: int | None = None
    no_consent_url: str = ""
    screened_out_url: str = ""
    plain_link: bool = True
    prompt_filter: Mapping[str, list[str]] = field(default_factory=dict)
    stratify_by: str = ""
    pay_per_rater: Decimal | None = None
    currency: str = ""
    budget: Decimal | None = None
    count_devices: bool = False
    automatic_back_fill: bool = False


MOST_RATERS_PER_ITEM: Final = 100
MOST_INVITATIONS: Final = 100_000
LEADS_TO: Final[Mapping[str, CampaignState]] = {
    "open": CampaignState.OPEN,
    "pause": CampaignState.PAUSED,
    "resume": CampaignState.OPEN,
    "close": CampaignState.CLOSED,
}
_FIELDS: Final = tuple(field.name for field in fields(CampaignSpec))


def create_campaign(owner: User, spec: CampaignSpec) -> Campaign:
    """A new draft with its items. Raises Run.DoesNotExist unless the owner may use its runs."""
    with transaction.atomic():
        run = _runs_of(spec, owner=owner)
        campaign = Campaign.objects.create(owner=owner, run=run, **_values(spec))
        set_compared(campaign, spec.compared_run_ids)
        items.rebuild_items(campaign)
        audit.record(campaign, actor=owner, act="create")
    return campaign


def update_draft(campaign: Campaign, spec: CampaignSpec, *, actor: User | None = None) -> Campaign:
    """The draft with other values, its items rebuilt. Raises CampaignMoved once it has opened."""
    with transaction.atomic():
        locked = _lock(campaign, state=CampaignState.DRAFT, act="edit")
        run = _runs_of(spec, owner=actor or locked.owner)
        before = {name: getattr(locked, name) for name in _FIELDS}
        values = {"run_id": run.pk} | _values(spec)
        wanted = values | {"compared_run_ids": spec.compared_run_ids}
        changed = sorted(name for name, value in wanted.items() if value != before[name])
        Campaign.objects.filter(pk=locked.pk, state=CampaignState.DRAFT).update(**values)
        locked.refresh_from_db()
        set_compared(locked, spec.compared_run_ids)
        items.rebuild_items(locked)
        audit.record(locked, actor=actor, act="edit", changed=changed)
    return locked


def set_compared(campaign: Campaign, runs: Sequence[int]) -> None:
    """The draft compares its run with exactly these, in their order. Call inside a transaction."""
    if campaign.compared_run_ids == tuple(runs):
        return
    campaign.compared.all().delete()
    ComparedRun.objects.bulk_create(
        ComparedRun(campaign=campaign, run_id=run, place=place) for place, run in enumerate(runs, start=1)
    )


def mark_known(campaign: Campaign, answers: Sequence[KnownAnswer], *, actor: User | None) -> Campaign:
    """The draft with exactly these known answers, its items rebuilt; they are no longer rated.

    Raises CampaignMoved once it has opened, and KnownAnswersRefused for things that the campaign's runs have
    not, words that its checklist has not, and masks of another size.
    """
    with transaction.atomic():
        locked = _lock(campaign, state=CampaignState.DRAFT, act="edit")
        if faults := known_things.faults(locked, answers):
            raise KnownAnswersRefused(faults)
        locked.known_answers = [as_line(answer) for answer in answers]
        Campaign.objects.filter(pk=locked.pk).update(known_answers=locked.known_answers)
        items.rebuild_items(locked)
        audit.record(locked, actor=actor, act="mark_known", items=len(answers))
    return locked


def opening_obstacles(campaign: Campaign) -> list[str]:
    """What stands between this draft and its opening, each with the remedy; empty when nothing does."""
    return openings.obstacles(campaign)


def comparison_notes(campaign: Campaign) -> list[str]:
    """What of the systems' prompts has no counterpart, counted and named; empty where all have everything.

    For a campaign that has opened, as it was then.
    """
    return openings.comparison_notes(campaign)


def open_campaign(campaign: Campaign, actor: User | None) -> Campaign:
    """Freezes the wording as version 1, makes k slots per rating item, and lets raters in.

    All or nothing. Raises OpeningRefused with every obstacle, CampaignMoved unless it is a draft.
    """
    with transaction.atomic():
        locked = _lock(campaign, state=CampaignState.DRAFT, act="open")
        items.rebuild_items(locked)
        if found := openings.obstacles(locked):
            raise OpeningRefused(found)
        slots = openings.make_slots(locked)
        version = openings.freeze(locked, ratings_wanted=slots)
        _move(locked, to=CampaignState.OPEN, opened_at=Now())
        audit.record(locked, actor=actor, act="open", version=version.number, ratings_wanted=slots)
    locked.refresh_from_db()
    return locked


def pause(campaign: Campaign, actor: User | None) -> Campaign:
    """No new tasks; those in hand may be answered. Raises CampaignMoved unless it is open."""
    return _change(campaign, actor, act="pause", source=CampaignState.OPEN, to=CampaignState.PAUSED)


def resume(campaign: Campaign, actor: User | None) -> Campaign:
    """Tasks are handed out again. Raises CampaignMoved unless it is paused."""
    return _change(campaign, actor, act="resume", source=CampaignState.PAUSED, to=CampaignState.OPEN)


def close(campaign: Campaign, actor: User | None) -> Campaign:
    """No new tasks for good; those in hand may be answered until their lease ends.

    Raises CampaignMoved for a draft and for a closed campaign.
    """
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state not in (CampaignState.OPEN, CampaignState.PAUSED):
            raise _moved(locked, act="close")
        _move(locked, to=CampaignState.CLOSED, closed_at=Now())
        audit.record(locked, actor=actor, act="close")
    locked.refresh_from_db()
    return locked


def extend(campaign: Campaign, actor: User | None, *, raters_per_item: int) -> Campaign:
    """Asks for more raters per item: new places after all others, and a version with the new rule.

    Nobody agrees anew: what raters read stays word for word. Raises ExtensionRefused for a number that is
    not larger or too large, CampaignMoved unless the campaign is open or paused.
    """
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state not in (CampaignState.OPEN, CampaignState.PAUSED):
            raise _moved(locked, act="extend")
        before = locked.raters_per_item
        if not before < raters_per_item <= MOST_RATERS_PER_ITEM:
            raise ExtensionRefused(
                f"The campaign asks {before} raters per item. Give a number from {before + 1} to "
                f"{MOST_RATERS_PER_ITEM}: places that raters have filled can't be taken away."
            )
        locked.raters_per_item = raters_per_item
        Campaign.objects.filter(pk=locked.pk).update(raters_per_item=raters_per_item)
        added = openings.add_rounds(locked, after=before)
        wanted = added // (raters_per_item - before) * raters_per_item
        version = openings.freeze(locked, ratings_wanted=wanted)
        audit.record(
            locked, actor=actor, act="extend", version=version.number, places=added,
            raters_per_item=[before, raters_per_item],
        )  # fmt: skip
    locked.refresh_from_db()
    return locked


def invite(campaign: Campaign, actor: User | None, *, invitations: int) -> Campaign:
    """Makes so many personal links in all; links that were made stay good, so the number only grows.

    Asked for as many as there are, as by a second click, it changes nothing. Raises InvitationsRefused for a
    smaller number or one beyond MOST_INVITATIONS.
    """
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if 0 < invitations == locked.invitations:
            return locked
        if not locked.invitations < invitations <= MOST_INVITATIONS:
            raise InvitationsRefused(
                f"{locked.invitations:,} personal links were made. Give a number from "
                f"{locked.invitations + 1:,} to {MOST_INVITATIONS:,}: links that were sent out stay good."
            )
        Campaign.objects.filter(pk=locked.pk).update(invitations=invitations)
        audit.record(locked, actor=actor, act="invite", links=[locked.invitations, invitations])
    locked.refresh_from_db()
    return locked


def _change(
    campaign: Campaign, actor: User | None, *, act: str, source: CampaignState, to: CampaignState
) -> Campaign:
    with transaction.atomic():
        locked = _lock(campaign, state=source, act=act)
        _move(locked, to=to)
        audit.record(locked, actor=actor, act=act)
    locked.refresh_from_db()
    return locked


def _lock(campaign: Campaign, *, state: CampaignState, act: str) -> Campaign:
    locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.state != state:
        raise _moved(locked, act=act)
    if locked.archived_at is not None:
        raise CampaignMoved(f"Nothing was done: the campaign is archived. Restore it, then {act}.")
    return locked


def _moved(campaign: Campaign, *, act: str) -> CampaignMoved:
    label = CampaignState(campaign.state).label.lower()
    if campaign.state == LEADS_TO.get(act):
        return AlreadyThere(f"The campaign is {label} already.")
    return CampaignMoved(
        f"Nothing was done: the campaign is {label}, and {act} is not possible from there. Reload the page."
    )


def _move(campaign: Campaign, *, to: CampaignState, **times: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk, state=campaign.state).update(state=to, **times)


def _values(spec: CampaignSpec) -> dict[str, Any]:
    values = asdict(spec)
    del values["run_id"], values["compared_run_ids"]
    return values | {name: list(values[name]) for name in ("parts_of_speech", "vocabulary", "methods")}


def _runs_of(spec: CampaignSpec, *, owner: User) -> Run:
    """The run of the items. Raises Run.DoesNotExist unless it and those compared are hers to use."""
    usable = Run.objects.editable_by(owner)
    for compared in spec.compared_run_ids:
        usable.get(pk=compared)
    run: Run = usable.get(pk=spec.run_id)
    return run
