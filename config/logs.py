"""Logging that keeps no query string: raters' platform ids arrive in it."""

import logging
import re
from typing import Any, Final

QUERY: Final = re.compile(r"\?[^\s\"'<>]+")


class WithoutQueryStrings(logging.Formatter):
    """Formats a record as ever, then cuts the query string off every address in it, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        return QUERY.sub("", super().format(record))


def configuration(*, level: str) -> dict[str, Any]:
    """Python's logging configuration: one line per record on stderr, without query strings."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "config.logs.WithoutQueryStrings",
                "format": "{asctime} {levelname} {name}: {message}",
                "style": "{",
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Its one warning is that the queue in the database (pgmq://) names no host, which it need not.
            "kombu.connection": {"level": "ERROR"},
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": ["stderr"], "level": level, "propagate": False},
        },
    }
