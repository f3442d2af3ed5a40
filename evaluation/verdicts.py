"""From the verdicts on raters to the exclusions of the analysis: one rule for database and export."""

from collections.abc import Sequence

import numpy as np

from evaluation.campaign_columns import EXCLUDED, FAILED
from evaluation.study import Exclusion


def by_verdict(verdicts: Sequence[str], *, checks_allowed_wrong: int) -> tuple[Exclusion, Exclusion]:
    """First those who failed the attention checks, then those a researcher excluded. Both also when empty."""
    found = np.array(verdicts, dtype=object)
    plural = "" if checks_allowed_wrong == 1 else "s"
    return (
        Exclusion(
            detail=f"more than {checks_allowed_wrong} attention check{plural} wrong",
            raters=np.asarray(found == FAILED, dtype=bool),
        ),
        Exclusion(detail="excluded by a researcher", raters=np.asarray(found == EXCLUDED, dtype=bool)),
    )
