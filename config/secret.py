"""The secret that signs sessions and raters' links."""

import os
import secrets
from pathlib import Path

from config import env

REMEDY = (
    "Give a long random text, for example from: python -c 'import secrets; print(secrets.token_hex(32))'. "
    "To try Percept on your own machine, DEBUG=1 makes one and keeps it."
)


def key(*, var: Path, debug: bool) -> str:
    """SECRET_KEY, or with DEBUG on, one made once and kept readable by its owner only in var/secret_key.

    Raises SettingError when it is not set and DEBUG was not asked for: a default secret would sign
    anybody's links.
    """
    if not debug:
        return env.required("SECRET_KEY", remedy=REMEDY)
    return env.text("SECRET_KEY", default="") or _kept(var / "secret_key")


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if not path.exists():
            mine.touch(mode=0o600)
            mine.write_text(secrets.token_urlsafe(50))
            # Two processes may start together: a link fails where the file exists, so both read the first
            # one's secret.
            os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        mine.unlink(missing_ok=True)
    return path.read_text()
