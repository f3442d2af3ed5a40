"""Which attention heads attend to which concept: head relevance vectors, and weights made of them.

Source of the vectors: Park et al. 2024 (arXiv 2412.02237); of maps from the most relevant heads: "Selective
Aggregation of Attention Maps Improves Diffusion-Based Visual Interpretation", section 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Head = tuple[str, int]
Weights = dict[Head, float]

FORMAT = "percept-head-relevance-1"
# The best of the ablation in the selective aggregation paper: 30 of Stable Diffusion 1.4's 128 heads.
PUBLISHED_COUNT, PUBLISHED_HEADS = 30, 128


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadRelevance:
    """How relevant each head is to each concept.

    heads: (module path, number), in order.  scores: (concepts, heads), >= 0; each row adds up to the number
    of heads, or is NaN throughout where the concept never was the strongest at any head.
    origin: what the vectors were made from, for the record.
    words: the words that stood for each concept; empty where they are not known.
    """

    concepts: tuple[str, ...]
    heads: tuple[Head, ...]
    scores: NDArray[np.float64]
    origin: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.concepts), len(self.heads)):
            wanted = f"{len(self.concepts)} concepts x {len(self.heads)} heads"
            raise ValueError(f"scores have the shape {self.scores.shape}; {wanted} are needed")
        if len(set(self.concepts)) < len(self.concepts) or len(set(self.heads)) < len(self.heads):
            raise ValueError("a concept or a head stands twice")
        if strange := [name for name in self.words if name not in self.concepts]:
            raise ValueError(f"words are given for {strange[0]!r}, which is none of the concepts")
        if np.isinf(self.scores).any() or (self.scores < 0).any():
            raise ValueError("scores must be finite and >= 0")

    def of(self, concept: str) -> dict[Head, float]:
        """The relevance of every head to a concept. Raises LookupError, or ValueError where none is known."""
        if concept not in self.concepts:
            raise LookupError(f"{concept!r} is none of the concepts: {', '.join(self.concepts)}")
        row = self.scores[self.concepts.index(concept)]
        if not np.isfinite(row).all() or row.sum() <= 0:
            raise ValueError(f"no head was ever strongest for {concept!r}; count over more images")
        return dict(zip(self.heads, row.tolist(), strict=True))

    def most(self, concept: str, *, count: int | None = None) -> Weights:
        """Weight 1 for each of the most relevant heads. count: by default 30 of 128, in proportion."""
        return self._ranked(concept, count, sign=-1)

    def least(self, concept: str, *, count: int | None = None) -> Weights:
        """Weight 1 for each of the least relevant heads."""
        return self._ranked(concept, count, sign=1)

    def proportional(self, concept: str) -> Weights:
        """Every head weighted by its relevance; heads without any are left out."""
        return {head: score for head, score in self.of(concept).items() if score > 0}

    def _ranked(self, concept: str, count: int | None, *, sign: int) -> Weights:
        scores = self.of(concept)
        wanted = scaled_count(len(scores)) if count is None else count
        if not 1 <= wanted <= len(scores):
            raise ValueError(f"count must lie between 1 and {len(scores)}, not {wanted}")
        # sorted() is stable: ties go to the head that the model runs first.
        return dict.fromkeys(sorted(scores, key=lambda head: sign * scores[head])[:wanted], 1.0)


def scaled_count(heads: int) -> int:
    """The published number of heads, 30 of 128, for a model with so many."""
    return max(1, round(PUBLISHED_COUNT * heads / PUBLISHED_HEADS))


def from_counts(
    counts: NDArray[np.int64],
    *,
    concepts: Sequence[str],
    heads: Sequence[Head],
    origin: Mapping[str, str] | None = None,
) -> HeadRelevance:
    """Vectors from how often each concept was the strongest at each head. counts: (concepts, heads).

    Each head's counts become shares over concepts; then each concept's row is scaled to add up to the number
    of heads. Raises ValueError for a head that was never counted.
    """
    per_head = counts.sum(axis=0)
    if (per_head == 0).any():
        path, number = heads[int(np.flatnonzero(per_head == 0)[0])]
        raise ValueError(f"head {number} of {path} was never counted; run the pipeline inside the block")
    return _scaled(counts / per_head, concepts=concepts, heads=heads, origin=origin or {})


def from_published(
    array: NDArray[np.float64], *, concepts: Sequence[str], heads: Sequence[Head], origin: Mapping[str, str]
) -> HeadRelevance:
    """Vectors from an array of somebody else's, (concepts, heads), of any scale.

    heads: what each column is, said explicitly, such as heads_in_call_order(unet): an array alone does not
    tell. Raises ValueError where the numbers of concepts or heads don't fit.
    """
    found = np.asarray(array, dtype=np.float64)
    if found.shape != (len(concepts), len(heads)):
        raise ValueError(
            f"the array has the shape {found.shape}, but {len(concepts)} concepts and {len(heads)} heads "
            "were named: rows are concepts, columns are heads"
        )
    if not np.isfinite(found).all() or (found < 0).any():
        raise ValueError("relevance must be finite and >= 0")
    return _scaled(found, concepts=concepts, heads=heads, origin=origin)


def save_relevance(relevance: HeadRelevance, path: Path) -> None:
    """Writes the vectors as JSON; the file names every head by its module path."""
    rows = [[None if np.isnan(score) else score for score in row] for row in relevance.scores.tolist()]
    content = {
        "format": FORMAT,
        "origin": dict(relevance.origin),
        "heads": [list(head) for head in relevance.heads],
        "concepts": dict(zip(relevance.concepts, rows, strict=True)),
        "words": {name: list(words) for name, words in relevance.words.items()},
    }
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_relevance(path: Path) -> HeadRelevance:
    """Reads what save_relevance wrote. Raises ValueError for any other file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        rows = [[np.nan if score is None else float(score) for score in row]
                for row in content["concepts"].values()]  # fmt: skip
        return HeadRelevance(
            concepts=tuple(content["concepts"]),
            heads=tuple((str(module), int(number)) for module, number in content["heads"]),
            scores=np.array(rows, dtype=np.float64),
            origin=dict(content["origin"]),
            words={name: tuple(words) for name, words in content.get("words", {}).items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} holds no head relevance vectors ({FORMAT}): {error}") from error


def _scaled(
    shares: NDArray[np.float64],
    *,
    concepts: Sequence[str],
    heads: Sequence[Head],
    origin: Mapping[str, str],
) -> HeadRelevance:
    totals = shares.sum(axis=1, keepdims=True)
    scores = np.full(shares.shape, np.nan)
    np.divide(shares * len(heads), totals, out=scores, where=totals > 0)
    return HeadRelevance(concepts=tuple(concepts), heads=tuple(heads), scores=scores, origin=dict(origin))
