"""The optional second step of signing in: codes from an app (TOTP), and ten recovery codes.

The codes, their throttling and their storage are django-otp's; here is how a researcher comes by them, and
that recovery codes are stored as keyed hashes: who reads a copy of the database can sign in with none.
"""

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import segno
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django_otp import devices_for_user
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

RECOVERY_CODES: Final = 10
ISSUER: Final = "Percept"
APP_DIGITS: Final = 6


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an app needs to be set up: a picture to scan, or the key to type in."""

    picture: str
    key: str


def is_on(user: User) -> bool:
    """Whether signing in asks this user for a code."""
    return any(True for _ in devices_for_user(user))


@transaction.atomic
def begin(user: User) -> Setup:
    """A new device, which counts for nothing until a code of it was given; one begun before is forgotten.

    Only where the second step is off: else an open session would be enough to put another app in place.
    """
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    device = TOTPDevice.objects.create(user=user, name="app", confirmed=False)
    return _setup(device)


def begun(user: User) -> Setup | None:
    """The device that waits for its first code, if any."""
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    return _setup(device) if device else None


@transaction.atomic
def confirm(user: User, *, code: str) -> list[str]:
    """The second step is on from now on; returns the recovery codes, empty where the code was wrong."""
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if is_on(user) or device is None or not device.verify_token(_clean(code)):
        return []
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return _new_codes(user)


def device_of(user: User, *, code: str) -> Any:
    """The device that this code is of, spent with it; None for a wrong one, or too soon after a wrong one."""
    clean = _clean(code)
    is_of_app = len(clean) == APP_DIGITS
    kind, token = (TOTPDevice, clean) if is_of_app else (StaticDevice, stored_form(clean))
    with transaction.atomic():
        # Locked, so that a code sent twice at once is good once.
        devices = [device for device in devices_for_user(user, for_verify=True) if isinstance(device, kind)]
        return next((device for device in devices if device.verify_token(token)), None)


def stored_form(code: str) -> str:
    """What is stored of a recovery code: 96 bits of a hash keyed with the server's secret."""
    key = f"percept.recovery_codes\x1f{settings.SECRET_KEY}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, code.encode(), sha256)[:12]).decode()


@transaction.atomic
def switch_off(user: User, *, code: str) -> bool:
    """Signing in takes the password alone again. False where the code was wrong."""
    if device_of(user, code=code) is None:
        return False
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.filter(user=user).delete()
    return True


@transaction.atomic
def renew_codes(user: User, *, code: str) -> list[str]:
    """New recovery codes in place of the old ones; empty where the code was wrong."""
    return _new_codes(user) if device_of(user, code=code) is not None else []


def codes_left(user: User) -> int:
    """Recovery codes that were not used yet."""
    return int(StaticToken.objects.filter(device__user=user).count())


def _new_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=device, token=stored_form(code)) for code in codes])
    return codes


def _setup(device: TOTPDevice) -> Setup:
    buffer = BytesIO()
    segno.make(device.config_url, error="m").save(buffer, kind="png", scale=5, border=3)
    picture = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Setup(picture=picture, key=base64.b32encode(device.bin_key).decode().rstrip("="))


def _clean(code: str) -> str:
    """A code as it was printed: people type it in groups and in capitals."""
    return code.replace(" ", "").replace("-", "").lower()[:32]
