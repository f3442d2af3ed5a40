"""Django's PostgreSQL backend on the embedded server: the server is up before the first connection.

Importing the settings starts nothing; a command that never asks the database never starts a server. A
server that was killed is started again by the next connection.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base

from config import embedded


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the embedded server under PERCEPT_VAR."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        here = embedded.place(settings.PERCEPT_VAR)
        embedded.attach(here)
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            embedded.ensure_running(here)
            return super().get_new_connection(conn_params)
