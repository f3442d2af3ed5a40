"""The annotation app."""

from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    """Registers the app under its own name."""

    name = "annotation"
