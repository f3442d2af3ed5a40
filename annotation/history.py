"""The audit trail in words, and its columns as a file."""

from operator import attrgetter
from typing import Final

from annotation.models import AuditEntry, Campaign
from common.csv_stream import Column

# Every act that a service records, in words. An act without words shows under its own name.
WORDS: Final = {
    "create": "made the campaign",
    "edit": "edited the draft",
    "mark_known": "marked items with known answers",
    "open": "opened it",
    "invite": "made personal links",
    "pause": "paused it",
    "resume": "resumed it",
    "start_dry_run": "started a dry run",
    "archive": "archived it",
    "restore": "put it back into the lists",
    "set_budget": "changed the budget",
    "download_payments": "downloaded the list of payments with the platforms’ ids",
    "discard_dry_run": "threw a dry run away",
    "walk_ending": "let a simulated rater take an ending",
    "extend": "asked for more raters per item",
    "close": "closed it",
    "forget_identity": "deleted a rater’s platform id",
    "forget_expired": "deleted the platform ids past their date",
    "exclude_rater": "left a rater out of the analysis",
    "include_rater": "took a rater back into the analysis",
    "withdraw_rater": "withdrew a rater and deleted all that was hers",
    "reopen_places": "gave a rater's places to others",
    "back_fill": "gave others the places of all whose answers don’t count",
    "set_automatic_back_fill": "changed whether places are given to others by itself",
    "revoke_invitation": "revoked a personal link",
    "approve_payment": "approved a rater for payment",
    "prolific_places": "added places on Prolific",
    "prolific_approve": "approved submissions on Prolific",
    "free_places": "freed the places of raters who returned their submission",
    "prolific_bonus": "paid bonuses on Prolific",
    "adjudicate": "adjudicated an item",
    "undo_adjudication": "took an adjudication back",
    "open_identities": "looked up whose answers an item's are",
    "reject_payment": "rejected a rater's payment",
    "take_back_payment": "took a decision about pay back",
}

ENTRIES: Final[tuple[Column[AuditEntry], ...]] = (
    Column("at", "When, by the database's clock (UTC).", attrgetter("at")),
    Column("actor", "Who; empty for the system.", lambda entry: str(entry.actor or "")),
    Column("act", "What was done.", attrgetter("act")),
    Column("rater", "Pseudonym of the rater concerned, if any.", lambda entry: str(entry.rater or "")),
    Column("detail", "Everything else about it, as JSON.", attrgetter("detail")),
)


def in_words(act: str) -> str:
    """An act as a page says it."""
    return WORDS.get(act, act.replace("_", " "))


def acts_of(campaign: Campaign) -> dict[str, str]:
    """The kinds of acts in a campaign's trail, by name, in words."""
    found = AuditEntry.objects.filter(campaign=campaign).order_by("act").values_list("act", flat=True)
    return {act: in_words(act) for act in found.distinct()}
