"""The project's own start-up checks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Registers the system checks of the wiring; holds no models."""

    name = "config"
    verbose_name = "Percept"
