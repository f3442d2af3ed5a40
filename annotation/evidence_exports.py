"""evidence.csv: what speaks for and against each rater's care, in the form that her kind of task has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from annotation import queries
from annotation.choices import CheckKind
from annotation.exports import snapshot
from annotation.models import Campaign, Rater
from annotation.queries import KindOutcome, RaterRow
from common.csv_stream import Column, in_chunks, lines

RATERS_AT_ONCE: Final = 100


@dataclass(frozen=True, kw_only=True)
class EvidenceLine:
    """One rater."""

    row: RaterRow

    def of_kind(self, kind: CheckKind) -> KindOutcome:
        """Her attention checks of one kind."""
        none = KindOutcome(kind=kind.value, label=str(kind.label), served=0, wrong=0)
        return next((one for one in self.row.by_kind if one.kind == kind), none)


def _of_kind(kind: CheckKind) -> tuple[Column[EvidenceLine], ...]:
    return (
        Column(
            f"{kind.value}_checks",
            f"Attention checks answered of the kind {kind.value}.",
            lambda line: line.of_kind(kind).served,
        ),
        Column(f"{kind.value}_wrong", "Of them wrong.", lambda line: line.of_kind(kind).wrong),
    )


EVIDENCE: Final[tuple[Column[EvidenceLine], ...]] = (
    Column("rater", "Pseudonym of the rater; joins raters.csv.", lambda line: line.row.pseudonym),
    Column("outcome", "How the visit ended; empty while it goes on.", lambda line: line.row.outcome),
    Column("n_answers", "Ratings that stand, checks not counted.", lambda line: line.row.answers),
    Column("checks_answered", "Attention checks answered.", lambda line: line.row.checks_served),
    Column("checks_wrong", "Of them wrong.", lambda line: line.row.checks_wrong),
    *(column for kind in CheckKind for column in _of_kind(kind)),
    Column("failed_checks", "1 with more wrong than allowed.", lambda line: line.row.failed_checks),
    Column("median_seconds", "Median time from handing out to answer.", lambda line: line.row.median_seconds),
    Column(
        "longest_run",
        "Most equal answers in a row; of pairs equal sides as shown, of masks none or next to none drawn.",
        lambda line: line.row.pattern.longest_run,
    ),
    Column("commonest", "The most frequent answer.", lambda line: line.row.pattern.commonest),
    Column("commonest_share", "Its share of all answers.", lambda line: line.row.pattern.share),
    Column("agreement", "Agreement with the other raters.", lambda line: line.row.agreement.value),
    Column("agreement_measure", "What that is, in words.", lambda line: line.row.agreement.measure),
    Column("agreement_items", "Items that others rated too.", lambda line: line.row.agreement.items),
    Column(
        "practice",
        "Training items right, and every attempt at the qualification; empty without practice.",
        lambda line: line.row.practice.words if line.row.practice else "",
    ),
    Column(
        "trap_filled",
        "1 where a field of the consent page was filled in that nobody sees.",
        lambda line: line.row.trap_filled,
    ),
    Column(
        "same_device",
        "Other raters of the campaign with the same browser; 0 where browsers are not counted.",
        lambda line: line.row.same_device,
    ),
    Column(
        "same_answers",
        "Other raters whose answers are hers on every item that both met, beyond what chance gives.",
        lambda line: line.row.same_answers,
    ),
    Column(
        "cycle",
        "Length of a short cycle that the answers repeat, 2 to 4; 0 for none.",
        lambda line: line.row.cycle,
    ),
    Column("undone", "Answers taken back.", lambda line: line.row.undone),
    Column("late", "Answers that came too late.", lambda line: line.row.late),
)


def evidence_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per rater in order of arrival, from one snapshot; so many raters in memory at a time."""
    with snapshot():
        yield from in_chunks(lines(_lines(campaign), columns=EVIDENCE))


def _lines(campaign: Campaign) -> Iterator[EvidenceLine]:
    of_campaign = Rater.objects.filter(campaign=campaign).select_related("campaign").order_by("pk")
    last = 0
    while raters := list(of_campaign.filter(pk__gt=last)[:RATERS_AT_ONCE]):
        last = raters[-1].pk
        for row in queries.rater_rows(campaign, raters=raters):
            yield EvidenceLine(row=row)
