"""The annotation app."""

from typing import Any

from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    """Registers the app under its name, and the sweep's work: old ids and counts go, webhooks are sent."""

    name = "annotation"

    def ready(self) -> None:
        """Connects to the sweep once all models are loaded."""
        from generation.sweeping import swept

        swept.connect(_forget_expired, dispatch_uid="annotation.forget_expired")
        swept.connect(_deliver_webhooks, dispatch_uid="annotation.deliver_webhooks")
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
