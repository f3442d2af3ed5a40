#!/usr/bin/env python
"""Percept's command line: python manage.py help."""

import os
import sys


def main() -> None:
    """Runs one command. A missing or unreadable setting ends with its name on stderr and exit status 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    from config.env import SettingError

    try:
        # Django would carry on without settings for commands such as help and show the fault late, as a
        # traceback.
        settings.INSTALLED_APPS  # noqa: B018
    except SettingError as error:
        sys.exit(f"Percept cannot start: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
