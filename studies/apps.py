"""The studies app: each founding experiment as one file, and the demo that runs one in miniature."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """No tables: a study strings together what the other apps do."""

    name = "studies"
    verbose_name = "Studies"
