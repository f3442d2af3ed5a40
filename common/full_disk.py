"""Whether something failed because a disk is full. Standard library only."""

import errno
from typing import Final

NO_SPACE: Final = (
    "No space is left on the server's disk. Nothing of this request was kept. Tell who runs this server, and "
    "send it again when there is room."
)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
# PostgreSQL's "disk_full"; Django's errors have the driver's as their cause.
_SQLSTATE: Final = "53100"


def is_full_disk(error: BaseException) -> bool:
    """Whether a file could not be written for want of room, or the database had none."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return _SQLSTATE in (getattr(error, "sqlstate", None), getattr(error.__cause__, "sqlstate", None))
