"""The styles of a report that is one file: those of the pages, and what only paper needs."""

from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

SHEETS: Final = ("css/percept.css", "css/tables.css", "css/campaigns.css", "css/report.css")


@cache
def for_report() -> SafeString:
    """All styles as one text, from the checkout's own files."""
    folder = Path(settings.BASE_DIR) / "static"
    text = "\n".join((folder / sheet).read_text() for sheet in SHEETS)
    if "</style" in text.lower():
        raise ValueError("A style sheet would end its own element.")
    return mark_safe(text)  # noqa: S308 (our own files)
