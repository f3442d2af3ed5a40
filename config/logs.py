"""Logging that keeps no query string: raters' platform ids arrive in it."""

import logging
import re
from typing import Any, Final

QUERY: Final = re.compile(r"\?[^\s\"']*")


class WithoutQueryStrings(logging.Filter):
    """Cuts the query string off every URL in a record's message and arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True always: records are shortened, not dropped."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                QUERY.sub("", part) if isinstance(part, str) else part for part in record.args
            )
        if isinstance(record.msg, str) and not record.args:
            record.msg = QUERY.sub("", record.msg)
        return True


def configuration(*, level: str) -> dict[str, Any]:
    """Python's logging configuration: one line per record on stderr, UTC-free of query strings."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"without_query_strings": {"()": "config.logs.WithoutQueryStrings"}},
        "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["without_query_strings"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": ["stderr"], "level": level, "propagate": False},
        },
    }
