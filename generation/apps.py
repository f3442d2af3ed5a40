"""The generation app."""

from django.apps import AppConfig


class GenerationConfig(AppConfig):
    """Registers the app under its own name."""

    name = "generation"
