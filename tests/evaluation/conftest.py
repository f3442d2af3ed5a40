"""The small campaign whose every number is worked out by hand."""

import pytest
from django.contrib.auth.models import User

from annotation.models import Campaign
from tests.evaluation import small_campaign


@pytest.fixture
def small(owner: User) -> Campaign:
    """The campaign of `small_campaign`."""
    return small_campaign.make(owner)
