"""How often somebody may come in, use a wrong address, sign in; past that 429 with Retry-After."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from annotation.addresses import address_of
from annotation.choices import AttemptKind
from annotation.models import AttemptCount, Campaign, Rater
from annotation.services.attempts import TooManyAttempts, count_attempt
from annotation.tokens import rater_token
from generation.sweeping import swept
from tests import factories

pytestmark = pytest.mark.django_db
CAMPUS = "203.0.113.7"


@pytest.fixture(autouse=True)
def _as_shipped(settings: Settings) -> None:
    settings.ATTEMPTS_PER_MINUTE = {"entry": 20, "token": 5, "login": 10}


@pytest.fixture
def campaign() -> Campaign:
    return factories.make_open_campaign()


def client() -> Client:
    return Client(REMOTE_ADDR=CAMPUS)


def statuses(campaign: Campaign, names: list[str]) -> list[int]:
    """What a rater's link answers, once for each name, all from one address."""
    link = f"/c/{campaign.public_id}/"
    return [client().get(link, {"PROLIFIC_PID": name}).status_code for name in names]


def minute_passes() -> None:
    AttemptCount.objects.update(begun_at=F("begun_at") - timedelta(seconds=61))


def test_a_rater_s_link_may_be_opened_twenty_times_a_minute(campaign: Campaign) -> None:
    """Control: without the count the 21st is let in."""
    assert statuses(campaign, ["ann"] * 21) == [303] * 20 + [429]
    response = client().get(f"/c/{campaign.public_id}/", {"PROLIFIC_PID": "ann"})
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert "Too many attempts" in response.content.decode()
    minute_passes()
    assert statuses(campaign, ["ann"]) == [303]


def test_raters_who_share_an_address_do_not_use_up_each_other_s_entries(campaign: Campaign) -> None:
    """Control: counting named raters by address keeps the 21st of a campus out."""
    assert statuses(campaign, [f"rater{number}" for number in range(40)]) == [303] * 40


def test_the_plain_link_makes_twenty_raters_a_minute_and_address(campaign: Campaign) -> None:
    link = f"/c/{campaign.public_id}/"
    answers = [_agree(link, visit=f"{number:032x}") for number in range(21)]
    assert answers == [303] * 20 + [429]
    assert Rater.objects.count() == 20
    other = factories.make_open_campaign()
    assert _agree(f"/c/{other.public_id}/", visit="f" * 32) == 303


def _agree(link: str, *, visit: str) -> int:
    form = urlencode({"consent": "agree", "visit": visit})
    return client().post(link, form, content_type="application/x-www-form-urlencoded").status_code


def test_guessing_tokens_is_refused_after_five_and_a_true_token_goes_on(campaign: Campaign) -> None:
    """Control: counting every request of the address keeps the rater beside the guesser out."""
    rater = factories.make_rater(campaign)
    guesses = [client().get(f"/r/{rater.pk}.{'x' * 30}{number}/").status_code for number in range(7)]
    assert guesses == [404] * 5 + [429] * 2
    assert client().get(f"/r/{rater_token(rater)}/").status_code == 200


@pytest.mark.parametrize("address", ["/login/", "/admin/login/"])
def test_an_address_may_try_ten_passwords_a_minute(address: str) -> None:
    """Control: the admin site's own form knows no limit."""
    user = factories.make_user()
    wrong = {"username": user.username, "password": "guess"}
    answers = [client().post(address, wrong).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    right = wrong | {"password": "password"}
    refused = client().post(address, right)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert Client(REMOTE_ADDR="198.51.100.1").post(address, right).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_many_processes_keep_one_limit() -> None:
    """40 at once on connections of their own: 20 pass. Control: a count read first and written after."""

    def attempt(_: int) -> bool:
        try:
            count_attempt(AttemptKind.ENTRY, who="ann")
        except TooManyAttempts:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(attempt, range(40))) == 20


def test_no_address_and_no_identity_is_stored(campaign: Campaign) -> None:
    """Control: the visitor as she is in place of the keyed hash."""
    statuses(campaign, ["canary-identity"])
    client().post("/login/", {"username": "canary-name", "password": "x"})
    stored = " ".join(str(row) for row in AttemptCount.objects.values_list())
    assert AttemptCount.objects.count() == 2
    for clear in (CAMPUS, "canary-identity", "canary-name", str(campaign.public_id)):
        assert clear not in stored


def test_a_running_worker_s_sweep_deletes_old_counts(campaign: Campaign) -> None:
    statuses(campaign, ["ann", "bob"])
    AttemptCount.objects.filter(pk=AttemptCount.objects.earliest("pk").pk).update(
        begun_at=F("begun_at") - timedelta(minutes=3)
    )
    swept.send_robust(sender=object)
    assert AttemptCount.objects.count() == 1


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "198.51.100.1", CAMPUS),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        (2, "10.0.0.1, 198.51.100.1, 192.0.2.1", "198.51.100.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "not an address", ""),
        (2, "198.51.100.1", ""),
    ],
)
def test_the_address_is_the_one_that_the_outermost_proxy_of_ours_wrote(
    settings: Settings, proxies: int, forwarded: str, expected: str
) -> None:
    """Control: the leftmost address, which a visitor writes as she likes to escape every limit."""
    settings.PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=CAMPUS, headers={"X-Forwarded-For": forwarded})
    assert address_of(request) == expected
