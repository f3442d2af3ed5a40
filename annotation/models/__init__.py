"""Tables of annotation: campaigns and items, raters and consent, slots and answers, payments,
the audit trail.
"""

from annotation.models.adjudications import Adjudication
from annotation.models.answers import Answer, Draft, LateAnswer, Mask
from annotation.models.attempts import AttemptCount
from annotation.models.audit import AuditEntry
from annotation.models.campaigns import Campaign, CampaignVersion, Item
from annotation.models.comparing import ComparedRun
from annotation.models.invitations import RevokedInvitation
from annotation.models.payments import PaymentDecision
from annotation.models.practice import PracticeAnswer
from annotation.models.raters import Consent, Rater, RaterIdentity
from annotation.models.slots import Slot
from annotation.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "Adjudication",
    "Answer",
    "AttemptCount",
    "AuditEntry",
    "Campaign",
    "CampaignVersion",
    "ComparedRun",
    "Consent",
    "Draft",
    "Item",
    "LateAnswer",
    "Mask",
    "PaymentDecision",
    "PracticeAnswer",
    "Rater",
    "RaterIdentity",
    "RevokedInvitation",
    "Slot",
    "Webhook",
    "WebhookDelivery",
]
