"""A campaign's life: drafted, opened, paused, resumed, closed. Every move is conditional and audited."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState
from annotation.models import Campaign
from annotation.models.campaigns import parts_rated_by_default
from annotation.services import audit, openings
from generation.models import Run


class CampaignMoved(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The campaign is not in a state for this: somebody was first. The message says where it stands."""


class OpeningRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The campaign can't open. obstacles: each with its remedy."""

    def __init__(self, obstacles: list[str]) -> None:
        super().__init__(" ".join(obstacles))
        self.obstacles = obstacles


@dataclass(frozen=True, kw_only=True)
class CampaignSpec:
    """Everything a researcher decides, as values already checked one by one by the form.

    parts_of_speech: codes of `PartOfSpeech`; punctuation never counts, it serves as attention checks.
    items_limit: most word maps put to raters; None for all.  share_cap: in (0, 1].
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
    checks_per_rater: int = 3
    checks_allowed_wrong: int = 0
    lease_seconds: int = 600
    seconds_per_item: float = 8
    order_seed: int = 0
    no_consent_code: str = ""
    completion_url: str = ""


_FIELDS: Final = tuple(field.name for field in fields(CampaignSpec))


def create_campaign(owner: User, spec: CampaignSpec) -> Campaign:
    """A new draft with its items. Raises Run.DoesNotExist unless the owner may see the run."""
    with transaction.atomic():
        run = Run.objects.visible_to(owner).get(pk=spec.run_id)
        campaign = Campaign.objects.create(owner=owner, run=run, **_values(spec))
        openings.rebuild_items(campaign)
        audit.record(campaign, actor=owner, act="create")
    return campaign


def update_draft(campaign: Campaign, spec: CampaignSpec, *, actor: User | None = None) -> Campaign:
    """The draft with other values, its items rebuilt. Raises CampaignMoved once it has opened."""
    with transaction.atomic():
        locked = _lock(campaign, state=CampaignState.DRAFT, act="edit")
        run = Run.objects.visible_to(locked.owner).get(pk=spec.run_id)
        before = {name: getattr(locked, name) for name in _FIELDS}
        values = {"run_id": run.pk} | _values(spec)
        changed = sorted(name for name, value in values.items() if value != before[name])
        Campaign.objects.filter(pk=locked.pk, state=CampaignState.DRAFT).update(**values)
        locked.refresh_from_db()
        openings.rebuild_items(locked)
        audit.record(locked, actor=actor, act="edit", changed=changed)
    return locked


def opening_obstacles(campaign: Campaign) -> list[str]:
    """What stands between this draft and its opening, each with the remedy; empty when nothing does."""
    return openings.obstacles(campaign)


def open_campaign(campaign: Campaign, actor: User | None) -> Campaign:
    """Freezes the wording as version 1, makes k slots per rating item, and lets raters in.

    All or nothing. Raises OpeningRefused with every obstacle, CampaignMoved unless it is a draft.
    """
    with transaction.atomic():
        locked = _lock(campaign, state=CampaignState.DRAFT, act="open")
        openings.rebuild_items(locked)
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
            raise CampaignMoved(_moved(locked, act="close"))
        _move(locked, to=CampaignState.CLOSED, closed_at=Now())
        audit.record(locked, actor=actor, act="close")
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
        raise CampaignMoved(_moved(locked, act=act))
    return locked


def _moved(campaign: Campaign, *, act: str) -> str:
    label = CampaignState(campaign.state).label.lower()
    return (
        f"Nothing was done: the campaign is {label}, and {act} is not possible from there. Reload the page."
    )


def _move(campaign: Campaign, *, to: CampaignState, **times: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk, state=campaign.state).update(state=to, **times)


def _values(spec: CampaignSpec) -> dict[str, Any]:
    values = asdict(spec)
    del values["run_id"]
    return values | {"parts_of_speech": list(spec.parts_of_speech)}
