"""Prompt files that were uploaded and not imported yet, by owner and by the hash of their bytes.

The preview needs the words of all prompts, which takes seconds; the file waits here meanwhile, and the same
file uploaded twice is one draft.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.conf import settings

from common import kept_files
from common.kept_files import KeptFile, Shelf
from generation import parsing
from generation.prompts import PromptRow, read_prompts

KEPT_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Draft(KeptFile):
    """One uploaded file that reads without a fault."""

    def rows(self) -> tuple[PromptRow, ...]:
        """The file's prompts."""
        with self.open() as content:
            return read_prompts(content.read(), name=self.name)

    def parse(self) -> parsing.Parse | None:
        """The words of all prompts, or None while the parser works. Raises ParserUnavailable."""
        found = parsing.read(self.folder)
        if found is None and not parsing.is_running(self.folder):
            # A restart of the machine may have ended it.
            parsing.resume(self.folder)
        return found


def keep(owner_id: int, *, name: str, content: bytes) -> Draft:
    """Keeps a file for a day and starts to look for its words.

    Raises PromptFileRefused, and OSError (disk full); nothing is kept then.
    """
    rows = read_prompts(content, name=name)
    folder = _shelf().folder(owner_id, sha256(content).hexdigest())
    with kept_files.kept_whole(folder):
        _shelf().put(owner_id, name=name, content=content)
        parsing.start(folder, [row.text for row in rows])
    return Draft(digest=folder.name, name=name, folder=folder)


def find(owner_id: int, digest: str) -> Draft | None:
    """The owner's draft with this hash; nobody else's."""
    return Draft.at(_shelf().folder(owner_id, digest))


def drop(draft: Draft) -> None:
    """Deletes a draft that was imported or given up."""
    kept_files.drop(draft.folder)


def _shelf() -> Shelf:
    return Shelf(Path(settings.MEDIA_ROOT) / "imports", KEPT_SECONDS)
