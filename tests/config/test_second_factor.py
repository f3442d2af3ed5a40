"""The second step of signing in: asked for where it is on, each code once, recovery codes, admin pages."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return factories.make_user("ada")


def code_of(user: User, *, drift: int = 0) -> str:
    """What the user's app shows now, or so many codes from now."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, drift)
    return f"{totp.token():06d}"


def switched_on(client: Client, user: User) -> list[str]:
    """Switches the second step on through the page; returns the recovery codes."""
    client.force_login(user)
    act = reverse("second_step_act")
    client.post(act, {"act": "begin"})
    assert not client.post(act, {"act": "confirm", "code": "000000"}).context["second_step"]
    forget_failures()
    page = client.post(act, {"act": "confirm", "code": code_of(user)})
    client.logout()
    return list(page.context["codes"])


def forget_failures() -> None:
    """As if the wait after wrong codes were over."""
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)


def sign_in(client: Client, **fields: str) -> Any:
    return client.post(reverse("login"), {"username": "ada", "password": "password"} | fields)


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("account")).status_code == 200


def test_without_it_the_password_is_enough(client: Client, user: User) -> None:
    sign_in(client)
    assert is_signed_in(client)


def test_with_it_the_password_alone_opens_nothing(client: Client, user: User) -> None:
    """Control: call login() before the code."""
    assert len(switched_on(client, user)) == 10
    response = sign_in(client, next=reverse("plan:planner"))
    assert response.headers["Location"] == reverse("second_step")
    assert not is_signed_in(client)
    assert client.post(reverse("second_step"), {"code": "123456"}).status_code == 400
    assert not is_signed_in(client)
    forget_failures()
    done = client.post(reverse("second_step"), {"code": code_of(user, drift=1)})
    assert done.headers["Location"] == reverse("plan:planner")
    assert is_signed_in(client)


def test_a_code_is_good_once(client: Client, user: User) -> None:
    """Control: verify codes by hand instead of by the device."""
    switched_on(client, user)
    code = code_of(user, drift=1)
    for expected in (302, 400):
        other = Client()
        sign_in(other)
        assert other.post(reverse("second_step"), {"code": code}).status_code == expected


def test_a_recovery_code_works_once(client: Client, user: User) -> None:
    codes = switched_on(client, user)
    sign_in(client)
    client.post(reverse("second_step"), {"code": codes[0].upper()})
    assert is_signed_in(client)
    assert StaticToken.objects.count() == 9
    other = Client()
    sign_in(other)
    assert other.post(reverse("second_step"), {"code": codes[0]}).status_code == 400


def test_recovery_codes_are_stored_as_hashes(client: Client, user: User) -> None:
    """Control: bulk_create with the codes themselves; verify what was typed."""
    codes = switched_on(client, user)
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert len(stored) == 10
    assert not stored.intersection(codes)
    sign_in(client)
    assert client.post(reverse("second_step"), {"code": stored.pop()}).status_code == 400


def test_codes_that_lie_in_the_database_as_they_are_become_hashes(client: Client, user: User) -> None:
    """Control: leave the migration out: the codes of before open nothing any more."""
    switched_on(client, user)
    StaticToken.objects.all().delete()
    StaticToken.objects.create(device=StaticDevice.objects.get(), token="abcd2345")
    migration = import_module("config.migrations.0001_hash_recovery_codes")
    for _ in range(2):
        migration.hash_codes(apps, None)
    sign_in(client)
    client.post(reverse("second_step"), {"code": "abcd-2345"})
    assert is_signed_in(client)


def test_a_new_password_takes_the_old_one_and_ends_other_sessions(client: Client, user: User) -> None:
    """Control: SetPasswordForm, which asks for no old one; leave `update_session_auth_hash` out."""
    other = Client()
    for browser in (client, other):
        sign_in(browser)
    new = {"new_password1": "a long new one 77", "new_password2": "a long new one 77"}
    page = reverse("password")
    for wrong in ({"old_password": "wrong"}, {"old_password": "password", "new_password2": "another"}):
        assert client.post(page, new | wrong).status_code == 400
    short = {"old_password": "password", "new_password1": "short", "new_password2": "short"}
    assert client.post(page, short).status_code == 400
    assert client.post(page, new | {"old_password": "password"}).status_code == 302
    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert sign_in(Client(), password="a long new one 77").status_code == 302


def test_the_step_is_for_who_has_just_given_the_password(client: Client, user: User) -> None:
    """Who takes longer is told so, and led on to where she was going.

    Controls: take the user from the request; send her to the form without a word.
    """
    switched_on(client, user)
    assert client.get(reverse("second_step")).headers["Location"] == reverse("login")
    sign_in(client, next="/plan/")
    session = client.session
    session["percept.signed_in_half"] |= {"at": 0}
    session.save()
    response = client.post(reverse("second_step"), {"code": code_of(user, drift=1)}, follow=True)
    assert response.redirect_chain == [(f"{reverse('login')}?next=/plan/", 302)]
    assert "within five minutes" in response.content.decode()
    assert not is_signed_in(client)


def test_codes_can_not_be_guessed_without_end(client: Client, user: User, settings: Settings) -> None:
    switched_on(client, user)
    settings.ATTEMPTS_PER_MINUTE = settings.ATTEMPTS_PER_MINUTE | {"login": 3}
    sign_in(client)
    given = [client.post(reverse("second_step"), {"code": "111111"}).status_code for _ in range(4)]
    assert given == [400, 400, 400, 429]


def test_it_is_switched_off_by_a_code_only(client: Client, user: User) -> None:
    codes = switched_on(client, user)
    sign_in(client)
    client.post(reverse("second_step"), {"code": codes[0]})
    act = reverse("second_step_act")
    assert client.post(act, {"act": "off", "code": "nothing"}).status_code == 400
    forget_failures()
    assert client.post(act, {"act": "off", "code": codes[1]}).status_code == 302
    client.logout()
    sign_in(client)
    assert is_signed_in(client)


def test_an_open_session_can_not_put_another_app_in_place(client: Client, user: User) -> None:
    """Control: let `begin` and `confirm` go on where it is on."""
    codes = switched_on(client, user)
    sign_in(client)
    client.post(reverse("second_step"), {"code": codes[0]})
    act = reverse("second_step_act")
    before = TOTPDevice.objects.get()
    client.post(act, {"act": "begin"})
    assert TOTPDevice.objects.get() == before
    other = TOTPDevice.objects.create(user=user, confirmed=False)
    code = f"{TOTP(other.bin_key).token():06d}"
    assert client.post(act, {"act": "confirm", "code": code}).status_code == 400
    assert TOTPDevice.objects.get(confirmed=True) == before


def test_admin_pages_ask_for_it_where_that_is_switched_on(client: Client, settings: Settings) -> None:
    """Control: Django's own admin site."""
    admin = factories.make_user("ada", superuser=True)
    client.force_login(admin)
    assert client.get(reverse("admin:index")).status_code == 200
    settings.SECOND_FACTOR_FOR_ADMINS = True
    refused = client.get(reverse("admin:index"))
    assert (refused.status_code, client.get(refused.headers["Location"]).headers["Location"]) == (
        302, reverse("account"),
    )  # fmt: skip
    codes = switched_on(client, admin)
    sign_in(client)
    client.post(reverse("second_step"), {"code": codes[0]})
    assert client.get(reverse("admin:index")).status_code == 200
