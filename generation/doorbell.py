"""Between a Celery message and the worker's loop in the same process: a message only wakes the loop."""

import threading
from typing import Final

rung: Final = threading.Event()
