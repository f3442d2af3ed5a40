"""python manage.py forget_identities: deletes the platforms' ids that are past their date."""

from typing import Any

from django.core.management.base import BaseCommand

from annotation.services.identities import forget_expired


class Command(BaseCommand):
    """For a timer (cron) where no worker runs; a running worker does the same by itself."""

    help = "Deletes raters' platform ids whose retention has ended. Answers stay, by pseudonym."

    def handle(self, *args: Any, **options: Any) -> None:
        """Deletes and says how many."""
        self.stdout.write(f"{forget_expired()} platform ids deleted.")
