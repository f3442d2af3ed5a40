"""The head relevance vectors that belong to a model of this installation. numpy, no torch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from generation.attribution.chosen_heads import ChosenHeads, choose_heads
from generation.attribution.relevance import HeadRelevance, load_relevance
from generation.fingerprints import revision_of
from generation.registry import ModelSpec

logger = logging.getLogger(__name__)

REVISION = "model_revision"
NOTE_CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class CaptionWord:
    """A word whose heads are looked for."""

    position: int
    text: str
    lemma: str = ""


def vectors_of(spec: ModelSpec) -> HeadRelevance | None:
    """The model's vectors; None where it has none.

    Raises ValueError for a file that holds none or those of other weights, FingerprintError without a model.
    """
    if spec.heads is None:
        return None
    path = Path(spec.heads)
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise ValueError(f"heads: {path.name} can't be read ({error.strerror}); make it again") from error
    found = _read(path, stamp)
    made_of = found.origin.get(REVISION)
    if made_of is not None and made_of != revision_of(spec):
        raise ValueError(
            f"{path.name} was counted over other weights than those of {spec.id} ({made_of[:12]}); "
            f"count again: manage.py head_relevance {spec.id} {path.name}"
        )
    return found


def chosen_heads(
    words: Sequence[CaptionWord], spec: ModelSpec, *, concepts: Mapping[str, str]
) -> dict[int, ChosenHeads]:
    """By position, the heads that speak for each word. concepts: chosen by somebody, by position as text.

    Vectors that can't be used cost only the maps of chosen heads: each word's note says why.
    Raises FingerprintError as vectors_of does.
    """
    try:
        relevance = vectors_of(spec)
    except ValueError as fault:
        logger.warning("no maps of chosen heads: %s", fault)
        none = ChosenHeads(note=f"There are no maps of chosen heads: {fault}"[:NOTE_CHARACTERS])
        return {word.position: none for word in words}
    return {
        word.position: choose_heads(
            relevance, word=word.text, lemma=word.lemma, concept=concepts.get(str(word.position))
        )
        for word in words
    }


@lru_cache(maxsize=16)
def _read(path: Path, stamp: int) -> HeadRelevance:  # noqa: ARG001 (a changed file is read anew)
    return load_relevance(path)
