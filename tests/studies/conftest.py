"""The fixed cast of the studies' tests."""

import pytest
from django.contrib.auth.models import User

from tests import factories


@pytest.fixture
def owner(db: None) -> User:
    """She owns what the tests make."""
    return factories.make_user("owner")


@pytest.fixture
def stranger(db: None) -> User:
    """A researcher who is not on the owner's projects."""
    return factories.make_user("stranger")
