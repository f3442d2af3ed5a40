"""A task that a real worker runs in tests: it leaves a file behind."""

from pathlib import Path

from celery import shared_task


@shared_task
def leave_file(path: str) -> None:
    """Writes an empty file."""
    Path(path).touch()
