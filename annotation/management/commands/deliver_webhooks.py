"""python manage.py deliver_webhooks: sends what is due, once or again and again."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from annotation.services.webhooks import deliver_due, tell_filled


class Command(BaseCommand):
    """Does what a running worker does between its images."""

    help = "Sends the webhooks that are due. A running worker does so by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("--every", type=int, default=0, metavar="SECONDS", help="Go on for ever.")

    def handle(self, *args: Any, every: int, **options: Any) -> None:
        """Sends, and with --every waits and sends again."""
        while True:
            close_old_connections()
            tell_filled()
            self.stdout.write(f"{deliver_due()} sent.")
            if every <= 0:
                return
            time.sleep(every)
