"""Prompt files that were uploaded and not imported yet, by owner and by the hash of their bytes.

The preview needs the words of all prompts, which takes seconds; the file waits here meanwhile, and the same
file uploaded twice is one draft.
"""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.conf import settings

from common import whole_files
from generation import parsing
from generation.prompts import PromptRow, read_prompts

KEPT_SECONDS: Final = 24 * 3600
CONTENT: Final = "content"
NAME: Final = "name.txt"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One uploaded file that reads without a fault."""

    sha256: str
    name: str
    folder: Path

    def rows(self) -> tuple[PromptRow, ...]:
        """The file's prompts."""
        return read_prompts((self.folder / CONTENT).read_bytes(), name=self.name)

    def parse(self) -> parsing.Parse | None:
        """The words of all prompts, or None while the parser works. Raises ParserUnavailable."""
        found = parsing.read(self.folder)
        if found is None and not parsing.is_running(self.folder):
            # A restart of the machine may have ended it.
            parsing.resume(self.folder)
        return found


def keep(owner_id: int, *, name: str, content: bytes) -> Draft:
    """Keeps a file for a day and starts to look for its words. Raises PromptFileRefused."""
    rows = read_prompts(content, name=name)
    digest = sha256(content).hexdigest()
    folder = _folder(owner_id, digest)
    sweep()
    whole_files.write(folder / CONTENT, content)
    whole_files.write(folder / NAME, name.encode())
    parsing.start(folder, [row.text for row in rows])
    return Draft(sha256=digest, name=name, folder=folder)


def find(owner_id: int, digest: str) -> Draft | None:
    """The owner's draft with this hash; nobody else's."""
    folder = _folder(owner_id, digest)
    try:
        name = (folder / NAME).read_text()
    except FileNotFoundError:
        return None
    return Draft(sha256=digest, name=name, folder=folder)


def drop(draft: Draft) -> None:
    """Deletes a draft that was imported or given up."""
    shutil.rmtree(draft.folder, ignore_errors=True)


def sweep() -> None:
    """Deletes drafts that nobody came back to."""
    limit = time.time() - KEPT_SECONDS
    for name in _root().glob(f"*/*/{NAME}"):
        with suppress(FileNotFoundError):
            if name.stat().st_mtime < limit:
                shutil.rmtree(name.parent, ignore_errors=True)


def _folder(owner_id: int, digest: str) -> Path:
    return _root() / str(owner_id) / digest


def _root() -> Path:
    return Path(settings.MEDIA_ROOT) / "imports"
