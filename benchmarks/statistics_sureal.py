"""sureal, the reference code of P.910 and P.913, run on a complete or sparse table. For tests and
benchmarks.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np


def run_sureal(model: str, scores: np.ndarray) -> dict[str, Any]:
    """Result of a model by its class name. scores: (items, raters), NaN = not asked."""
    from sureal import subjective_model
    from sureal.dataset_reader import RawDatasetReader

    class Dataset:
        """One reference content; every item is a processed version of it."""

        dataset_name = "table"
        ref_videos = [{"content_id": 0, "content_name": "c", "path": "c"}]
        dis_videos = [
            {"content_id": 0, "asset_id": i, "path": f"i{i}", "os": list(map(float, row))}
            for i, row in enumerate(scores)
        ]
        ref_score = None

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        # It averages over raters without ratings, and says so line by line.
        warnings.simplefilter("ignore")
        result: dict[str, Any] = getattr(subjective_model, model)(RawDatasetReader(Dataset)).run_modeling()
    return result
