"""The admin site reads campaigns and the audit trail and can't change them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["campaign", "auditentry"])
def test_the_admin_reads_and_can_not_write(client: Client, admin: User, owner: User, model: str) -> None:
    """Control: let has_delete_permission return True."""
    campaign = factories.make_draft(owner)
    pk = campaign.pk if model == "campaign" else campaign.audit_entries.get().pk
    client.force_login(admin)
    assert client.get(reverse(f"admin:annotation_{model}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:annotation_{model}_change", args=[pk])).status_code == 200
    assert client.get(reverse(f"admin:annotation_{model}_add")).status_code == 403
    assert (
        client.post(reverse(f"admin:annotation_{model}_change", args=[pk]), {"name": "x"}).status_code == 403
    )
    assert (
        client.post(reverse(f"admin:annotation_{model}_delete", args=[pk]), {"post": "yes"}).status_code
        == 403
    )


def test_the_admin_site_shows_no_platform_identities() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("admin:annotation_rateridentity_changelist")
