"""The annotation app."""

import time
from typing import Any

from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    """Registers the app under its name, and the sweep's work.

    Old ids and counts go, webhooks are sent, places of raters who returned their submission are freed, and
    those of raters who failed the checks are given to others where a campaign asks for it.
    """

    name = "annotation"
    # When this process asks Prolific again; the sweep comes far more often than that.
    asks_again_at = 0.0
    # When it looks again whose places can be given to others.
    gives_again_at = 0.0

    def ready(self) -> None:
        """Connects to the sweep once all models are loaded."""
        from generation.sweeping import swept

        swept.connect(_forget_expired, dispatch_uid="annotation.forget_expired")
        # Before webhooks: what is given to others is not filled.
        swept.connect(_give_to_others, dispatch_uid="annotation.give_to_others")
        swept.connect(_deliver_webhooks, dispatch_uid="annotation.deliver_webhooks")
        swept.connect(_free_returned, dispatch_uid="annotation.free_returned")
        swept.connect(_forget_old_attempts, dispatch_uid="annotation.forget_old_attempts")


def _forget_expired(**_: Any) -> None:
    from annotation.services.identities import forget_expired

    forget_expired()


def _forget_old_attempts(**_: Any) -> None:
    from annotation.services.attempts import forget_old_attempts

    forget_old_attempts()


def _deliver_webhooks(**_: Any) -> None:
    from annotation.services.webhooks import deliver_due, tell_filled

    tell_filled()
    deliver_due()


def _free_returned(**_: Any) -> None:
    from annotation.services.prolific import ASK_EVERY_SECONDS, free_returned_everywhere

    if time.monotonic() >= AnnotationConfig.asks_again_at:
        AnnotationConfig.asks_again_at = time.monotonic() + ASK_EVERY_SECONDS
        free_returned_everywhere()


def _give_to_others(**_: Any) -> None:
    from annotation.services.back_fill import LOOK_EVERY_SECONDS, give_everywhere

    begun = time.monotonic()
    if begun >= AnnotationConfig.gives_again_at:
        # Before the work: one that fails is not tried again at every sweep.
        AnnotationConfig.gives_again_at = begun + LOOK_EVERY_SECONDS
        give_everywhere()
        # Large campaigns take long to look through: at most a twentieth of this process goes into it.
        took = time.monotonic() - begun
        AnnotationConfig.gives_again_at = begun + max(LOOK_EVERY_SECONDS, 20 * took)
