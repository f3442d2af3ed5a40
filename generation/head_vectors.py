"""The head relevance vectors that belong to a model of this installation. numpy, no torch."""

from functools import lru_cache
from pathlib import Path

from generation.attribution.relevance import HeadRelevance, load_relevance
from generation.fingerprints import revision_of
from generation.registry import ModelSpec

REVISION = "model_revision"


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


@lru_cache(maxsize=16)
def _read(path: Path, stamp: int) -> HeadRelevance:  # noqa: ARG001 (a changed file is read anew)
    return load_relevance(path)
