"""Tables of annotation: campaigns and items, raters and consent, slots and answers, the audit trail."""

from annotation.models.answers import Answer, LateAnswer
from annotation.models.audit import AuditEntry
from annotation.models.campaigns import Campaign, CampaignVersion, Item
from annotation.models.raters import Consent, Rater, RaterIdentity
from annotation.models.slots import Slot

__all__ = [
    "Answer",
    "AuditEntry",
    "Campaign",
    "CampaignVersion",
    "Consent",
    "Item",
    "LateAnswer",
    "Rater",
    "RaterIdentity",
    "Slot",
]
