"""What the project as a whole does when Django starts."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core import checks
from django.db.backends.signals import connection_created


class PerceptAdminConfig(AdminConfig):
    """Django's admin app with our site."""

    default_site = "config.admin_site.PerceptAdminSite"


class ConfigConfig(AppConfig):
    """Registers the durability check and makes Celery's application the one that tasks publish through."""

    name = "config"
    verbose_name = "Percept"

    def ready(self) -> None:
        """Connects the checks; opens no connection."""
        from config import celery, durability

        # For every thread: tasks would otherwise publish through a default application, to a broker nobody
        # named.
        celery.app.set_default()
        checks.register(durability.check_databases, checks.Tags.database)
        connection_created.connect(durability.refuse_forgetful_server)
