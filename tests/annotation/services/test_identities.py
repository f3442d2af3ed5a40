"""A platform's id goes after its date or on request; answers and the audit trail stay, without it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from annotation.models import Answer, AuditEntry, Campaign, Rater, RaterIdentity
from annotation.services import entry
from generation.sweeping import swept
from tests import factories

pytestmark = pytest.mark.django_db
CANARY = "5f1e2d3c4b5a69788796a5b4"


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """An open campaign with one rater who has answered, by the name of CANARY."""
    campaign = factories.make_campaign_of(2, owner=owner)
    factories.rate_all(factories.make_rater(campaign, CANARY))
    return campaign


def expire() -> None:
    RaterIdentity.objects.update(delete_after=Now() - timedelta(seconds=1))


def test_ids_past_their_date_are_deleted_and_the_others_kept(campaign: Campaign) -> None:
    """Control: a deletion that asks for no date."""
    expire()
    late = factories.make_rater(campaign, "somebody-else")
    call_command("forget_identities")
    assert RaterIdentity.objects.get().rater == late
    entry_ = AuditEntry.objects.get(act="forget_expired")
    assert (entry_.campaign, entry_.actor, entry_.detail) == (campaign, None, {"identities": 1})
    call_command("forget_identities")
    assert AuditEntry.objects.filter(act="forget_expired").count() == 1


def test_a_running_worker_deletes_them_by_itself(campaign: Campaign) -> None:
    """Control: an app that does not connect to the sweep."""
    expire()
    swept.send_robust(sender=object)
    assert not RaterIdentity.objects.exists()


def test_a_request_deletes_one_id_at_once_and_the_audit_does_not_name_it(
    campaign: Campaign, owner: User
) -> None:
    """Control: a record with the id in its detail."""
    rater = Rater.objects.get()
    factories.make_rater(campaign, "somebody-else")
    browser = Client()
    browser.force_login(owner)
    address = reverse("annotation:rater_forget", args=[campaign.public_id, rater.pseudonym])
    assert "is deleted" in browser.post(address, follow=True).content.decode()
    assert "gone already" in browser.post(address, follow=True).content.decode()
    assert not RaterIdentity.objects.filter(rater=rater).exists()
    assert RaterIdentity.objects.count() == 1
    recorded = AuditEntry.objects.get(act="forget_identity")
    assert (recorded.rater, recorded.actor) == (rater, owner)
    assert CANARY not in str(AuditEntry.objects.values_list("detail", flat=True))
    assert Answer.objects.filter(rater=rater).count() == 2


def test_whoever_was_forgotten_is_the_same_rater_if_she_comes_again(campaign: Campaign) -> None:
    """The pseudonym is a keyed hash: no second session, and no id stored anew."""
    expire()
    call_command("forget_identities")
    with pytest.raises(entry.EntryRefused):
        entry.enter(campaign, factories.identity(CANARY))
    assert not RaterIdentity.objects.exists()
