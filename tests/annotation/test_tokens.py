"""Tokens: only the one we made opens a rater's session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.models import Rater
from annotation.tokens import BadToken, rater_pk_from_token, rater_token


def test_a_token_leads_back_to_its_rater() -> None:
    token = rater_token(Rater(pk=1234567890123))
    assert rater_pk_from_token(token) == 1234567890123
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("change", ["{}x", "0{}", "1{}", "{} ", "{}\n", " {}", "{}.{}", "+{}"])
def test_a_changed_token_opens_nothing(change: str) -> None:
    """Control: read the number without asking the signature, and any rater's session opens."""
    token = rater_token(Rater(pk=7))
    with pytest.raises(BadToken):
        rater_pk_from_token(change.replace("{}", token))


def test_the_signature_of_one_rater_does_not_open_another() -> None:
    signature = rater_token(Rater(pk=7)).partition(".")[2]
    with pytest.raises(BadToken):
        rater_pk_from_token(f"8.{signature}")


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadToken):
        rater_pk_from_token(text)
