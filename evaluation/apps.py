"""The evaluation app."""

from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    """Registers the app under its own name."""

    name = "evaluation"
