"""The cast of every app's tests: a researcher, one who must see nothing of hers, and an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    # At run time too early: test_summary loads this before Django has its apps.
    from django.contrib.auth.models import User
    from django.test import Client


@pytest.fixture
def owner(db: None) -> User:
    """She owns what the tests make."""
    return _make("owner")


@pytest.fixture
def stranger(db: None) -> User:
    """A researcher who is not on the owner's projects."""
    return _make("stranger")


@pytest.fixture
def admin(db: None) -> User:
    """Sees everything."""
    return _make("admin", superuser=True)


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    """The owner's browser, for a test without another."""
    client.force_login(owner)
    return client


def _make(name: str, *, superuser: bool = False) -> User:
    from tests import factories

    return factories.make_user(name, superuser=superuser)
