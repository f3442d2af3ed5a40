"""The Celery application: a doorbell that wakes workers. The record of work is the job row in PostgreSQL."""

import logging
import os
from typing import Any

import psycopg
from celery import Celery
from celery.app.task import Task
from celery.signals import celeryd_init
from django.db import transaction
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


logger = logging.getLogger(__name__)


class DoorbellTask(Task):
    """A task whose publishing can't break the request that committed: a failure is only logged.

    The worker finds the row without it. Its interface is that of celery.contrib.django.task.DjangoTask.
    """

    abstract = True

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Publishes the task when the transaction commits, or never."""
        self.apply_async_on_commit(args, kwargs)

    def apply_async_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """As delay_on_commit, with the arguments of apply_async."""

        def publish() -> None:
            from config import broker

            try:
                broker.prepare()
                self.apply_async(*args, **kwargs)
            except (OperationalError, OSError, psycopg.Error) as error:
                logger.warning("%s was not published, the worker's poll will find it: %s", self.name, error)

        # robust: whatever else it raises Django logs, instead of turning a page that was saved into a 500.
        # It wants a function's name for that, which a partial has not.
        transaction.on_commit(publish, robust=True)


@celeryd_init.connect
def _prepare_broker(**_: Any) -> None:
    from config import broker

    broker.prepare()


app = Celery("percept", task_cls=DoorbellTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
