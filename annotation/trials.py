"""What a specification would come to: the campaign is made as ever, looked at, and never kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count

from annotation import specification
from annotation.choices import ItemKind
from annotation.effort import Effort, effort
from annotation.models import Campaign
from annotation.services import campaigns


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The campaign that a specification would make.

    values: the whole specification, with what was not given.  items: by kind of item.  obstacles: what would
    keep it from opening, each with the remedy.  comparison_notes: what some of its systems lack.
    """

    values: Mapping[str, Any]
    items: Mapping[str, int]
    effort: Effort
    obstacles: tuple[str, ...]
    comparison_notes: tuple[str, ...]


def try_out(owner: User, values: Mapping[str, Any]) -> Trial:
    """What `specification.create` would make of the values; nothing is stored.

    Raises SpecificationRefused with every fault.
    """
    with transaction.atomic():
        made = specification.create(owner, values)
        found = Trial(
            values=specification.of_campaign(made),
            items=items_by_kind(made),
            effort=effort_of(made),
            obstacles=tuple(campaigns.opening_obstacles(made)),
            comparison_notes=tuple(campaigns.comparison_notes(made)),
        )
        transaction.set_rollback(True)
    return found


def items_by_kind(campaign: Campaign) -> dict[str, int]:
    """How many items of each kind the campaign has."""
    counted = dict(campaign.items.order_by().values_list("kind").annotate(n=Count("pk")))
    return {kind.value: counted.get(kind.value, 0) for kind in ItemKind}


def effort_of(campaign: Campaign) -> Effort:
    """The work that the campaign asks for by its rules."""
    return effort(
        items=campaign.items.filter(kind=ItemKind.RATING).count(),
        raters_per_item=campaign.raters_per_item,
        share_cap=campaign.share_cap,
        items_per_rater=campaign.items_per_rater,
        checks_per_rater=campaign.checks_in_session,
        seconds_per_item=campaign.seconds_per_item,
    )
