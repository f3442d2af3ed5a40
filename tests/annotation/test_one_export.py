"""A researcher gets one file at a time, by page and API together."""

import pytest
from django.test import Client
from django.urls import reverse

from annotation import one_export
from generation.choices import TokenScope
from generation.services import api_tokens
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_second_file_waits_for_the_first_of_the_same_researcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: leave `one_at_a_time` off the page, `in_turn` out of the API, or the lock to its statement."""
    monkeypatch.setattr(one_export, "WAIT_MILLISECONDS", 20)
    owner, other = factories.make_user("owner"), factories.make_user("other", superuser=True)
    campaign = factories.make_open_campaign(owner)
    page = reverse("evaluation:file", args=[campaign.public_id, "ratings.csv"])
    _, secret = api_tokens.issue(owner, name="t", scopes=list(TokenScope), days=1)
    headers = {"Authorization": f"Bearer {secret}"}
    program = f"/api/v1/campaigns/{campaign.public_id}/exports/items.csv"
    hers, theirs = Client(), Client()
    hers.force_login(owner)
    theirs.force_login(other)

    first = hers.get(page)
    assert first.status_code == 200
    refused = [hers.get(page), Client().get(program, headers=headers)]
    assert [(one.status_code, one.headers["Retry-After"]) for one in refused] == [(429, "5")] * 2
    assert "one at a time" in refused[0].content.decode()
    assert "one at a time" in refused[1].json()["errors"][0]["remedy"]
    assert theirs.get(page).getvalue().startswith(b"answer_id")

    first.close()
    assert hers.get(page).getvalue().startswith(b"answer_id")
    assert Client().get(program, headers=headers).getvalue()
    assert hers.get(reverse("evaluation:file", args=[campaign.public_id, "no.csv"])).status_code == 404
    assert hers.get(page).getvalue().startswith(b"answer_id")
