"""The fixed cast, and the small campaign whose every number is worked out by hand.

Property tests search for a wrong answer, not for a slow one: no deadline on a shared machine.
"""

import pytest
from django.contrib.auth.models import User
from hypothesis import settings

from annotation.models import Campaign
from tests import factories
from tests.evaluation import small_campaign

settings.register_profile("evaluation", deadline=None)
settings.load_profile("evaluation")


@pytest.fixture
def owner(db: None) -> User:
    """She owns what the tests make."""
    return factories.make_user("owner")


@pytest.fixture
def stranger(db: None) -> User:
    """A researcher who is not on the owner's projects."""
    return factories.make_user("stranger")


@pytest.fixture
def admin(db: None) -> User:
    """Sees everything."""
    return factories.make_user("admin", superuser=True)


@pytest.fixture
def small(owner: User) -> Campaign:
    """The campaign of `small_campaign`."""
    return small_campaign.make(owner)
