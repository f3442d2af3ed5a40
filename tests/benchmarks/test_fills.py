"""The benchmarks' scratch campaigns can be filled: their SQL keeps step with the models."""

import pytest

from annotation.choices import TaskKind
from annotation.models import Answer, Slot
from benchmarks import claims, report_fill

pytestmark = pytest.mark.django_db


def test_a_campaign_half_done_for_the_claims() -> None:
    """Control: two statements on one line, which a prepared statement refuses."""
    raters = claims.fill(3_000)
    assert raters >= claims.LEASES
    assert Slot.objects.count() == 3_000 + claims.LEASES
    assert Slot.objects.filter(state="answered").count() == 1_500


@pytest.mark.parametrize("kind", report_fill.WORDS)
def test_a_closed_campaign_for_the_report(kind: TaskKind) -> None:
    """Control: leave a new column without a default out of the fill."""
    report_fill.fill(300, kind=kind)
    assert Answer.objects.count() == 300
