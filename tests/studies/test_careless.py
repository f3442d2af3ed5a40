"""Careless simulated raters fail every check that they meet, of every kind: no verdict on them is luck."""

import pytest
from django.contrib.auth.models import User

from annotation.choices import CheckKind, TaskKind
from annotation.models import Answer, Rater
from annotation.services import campaigns, dry_runs
from annotation.standings import standings
from studies import rehearsal
from tests import factories
from tests.studies.test_dry_run import finish

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("kind", list(TaskKind))
def test_a_careless_rater_fails_every_check(
    owner: User, kind: TaskKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: let `careless_answer` know nothing, or leave one kind of check out of it."""
    monkeypatch.setattr(rehearsal, "CARELESS_EVERY", 1)
    draft = factories.make_draft_of_kind(
        kind, owner=owner, images_per_prompt=4, items_limit=8, raters_per_item=3,
        known_per_rater=2, instructed_per_rater=2, repeats_per_rater=1,
        checks_per_rater=int(kind in (TaskKind.OPINION_SCORE, TaskKind.MASK)),
    )  # fmt: skip
    campaigns.mark_known(draft, factories.known_for(draft, how_many=3), actor=owner)
    dry_run = dry_runs.start_dry_run(draft, owner)
    finish(dry_run)
    # The one who walks every ending is careful.
    crowd = set(
        Rater.objects.filter(identity__platform_id__startswith="simulated").values_list("pk", flat=True)
    )
    checks = [one.checks for pk, one in standings(dry_run).items() if pk in crowd and one.checks.served]
    assert len(checks) >= 3
    assert [one.wrong for one in checks] == [one.served for one in checks]
    met = Answer.objects.filter(slot__campaign=dry_run).values_list("slot__item__check_kind", flat=True)
    assert set(met) >= {CheckKind.KNOWN, CheckKind.INSTRUCTED, CheckKind.REPEAT}
