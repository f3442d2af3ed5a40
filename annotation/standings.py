"""Which raters count in the analysis. Worked out from the answers each time, never stored beside them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from annotation import check_rows
from annotation.checks import AttentionOutcome, fails_campaign
from annotation.choices import CheckKind
from annotation.models import Answer, Campaign, Rater

ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One rater's attention checks, all and by kind, and whether the rater's answers count."""

    checks: AttentionOutcome
    by_kind: Mapping[CheckKind, AttentionOutcome]
    failed_checks: bool
    excluded_by_hand: bool

    @property
    def counts(self) -> bool:
        """Whether the answers enter the analysis."""
        return not (self.failed_checks or self.excluded_by_hand)


def standings(campaign: Campaign) -> dict[int, Standing]:
    """The standing of every rater of the campaign, by primary key."""
    served: dict[tuple[int, str], int] = defaultdict(int)
    wrong: dict[tuple[int, str], int] = defaultdict(int)
    answers = check_rows.answers_to_checks(Answer.objects.filter(slot__campaign=campaign))
    for row in answers.values("rater_id", *check_rows.COLUMNS).iterator(chunk_size=ROWS_AT_ONCE):
        of = row["rater_id"], row["slot__item__check_kind"]
        served[of] += 1
        wrong[of] += not check_rows.passed(row, campaign=campaign)
    result = {}
    raters = Rater.objects.filter(campaign=campaign).order_by("pk").values_list("pk", "excluded_at")
    for rater, excluded_at in raters:
        by_kind = {
            kind: AttentionOutcome(served=served[rater, kind], wrong=wrong[rater, kind]) for kind in CheckKind
        }
        outcome = AttentionOutcome(
            served=sum(one.served for one in by_kind.values()),
            wrong=sum(one.wrong for one in by_kind.values()),
        )
        result[rater] = Standing(
            checks=outcome,
            by_kind=by_kind,
            failed_checks=fails_campaign(outcome, allowed_wrong=campaign.checks_allowed_wrong),
            excluded_by_hand=excluded_at is not None,
        )
    return result


def option_code(*, score: int | None, opt_out: str) -> str:
    """The code of the button that gave this answer."""
    return opt_out or str(score)
