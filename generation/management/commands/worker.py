"""python manage.py worker: generates images until it is stopped."""

import os
import warnings
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from generation.drainer import Drainer
from generation.queue_state import call_connections_after
from generation.threads import waiting_policy


class Command(BaseCommand):
    """A Celery worker for the doorbell, beside it the loop that drains the table of images."""

    help = "Generates the images of all runs. Stop it with Ctrl-C or SIGTERM; it finishes the batch in hand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument(
            "--until-done", action="store_true", help="End when no image is waiting; listens to no messages."
        )

    def handle(self, *args: Any, until_done: bool, **options: Any) -> None:
        """Runs until stopped, or until done."""
        # What it says at import is about image processors that no pipeline here uses.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        # The threads' library reads it as it is loaded, with torch.
        os.environ |= waiting_policy(os.environ)
        # Here, not above: only this process may import torch.
        from generation.worker import Worker, silence_progress_bars

        silence_progress_bars()
        worker = Worker()
        call_connections_after(worker.name)
        self.stdout.write(f"Worker {worker.name} on {worker.device}, {worker.batch_size} images at a time.")
        if until_done:
            self.stdout.write(f"{worker.drain()} images claimed.")
            return
        drainer = Drainer(worker, poll_seconds=settings.GENERATION_POLL_SECONDS)
        drainer.start()
        try:
            _answer_doorbell()
        finally:
            drainer.stop()


def _answer_doorbell() -> None:
    """Receives Celery's messages until SIGTERM or Ctrl-C. A broker that is away is waited for."""
    from celery import current_app as app

    # It warns of messages that run code. Ours are numbers in JSON (CELERY_ACCEPT_CONTENT).
    warnings.filterwarnings("ignore", message=r"(?s).*superuser privileges")
    # Its output is the drainer's; the pool has nothing to do but to ring.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["--quiet", "worker", "--pool=solo", *quiet])
