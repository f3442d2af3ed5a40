"""Links that name one rater, and links that must not."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.choices import Platform
from annotation.recruitment import (
    LONGEST_ID,
    RaterIdentityData,
    RecruitmentRefused,
    fresh_identity,
    identity_from_query,
    names_a_platform,
    pseudonym,
)

PID = "5f1b2c3d4e5f6a7b8c9d0e1f"
CAMPAIGN = UUID("3b1c3c9e-50ac-4c8c-8a8c-0a4c2b1f8d11")


def test_a_prolific_link_names_its_rater() -> None:
    found = identity_from_query({"PROLIFIC_PID": [PID], "STUDY_ID": ["s1"], "SESSION_ID": ["v1"]})
    assert found == RaterIdentityData(
        platform=Platform.PROLIFIC, platform_id=PID, study_id="s1", session_id="v1"
    )


@pytest.mark.parametrize(
    "value",
    [
        "{{%PROLIFIC_PID%}}",
        "{{PROLIFIC_PID}}",
        "%7B%7B%25PROLIFIC_PID%25%7D%7D",
        "%257B%257B%2525PROLIFIC_PID%2525%257D%257D",
        "${e://Field/PROLIFIC_PID}",
        "[PROLIFIC_PID]",
        "PROLIFIC_PID",
        "%PROLIFIC_PID%",
        "",
        " ",
        "\t",
        "\u200b",
        f" {PID}",
        f"{PID} ",
        f"{PID}\n",
        f"{PID}\0",
        "a" * (LONGEST_ID + 1),
        "<b>x</b>",
        "５ｆ１ｂ",
        "\udcff",
        "-starts-with-a-hyphen",
    ],
)
def test_a_value_that_no_platform_sends_is_refused(value: str) -> None:
    """Control: without the placeholder and shape rules all raters of a mistyped link become one."""
    with pytest.raises(RecruitmentRefused):
        identity_from_query({"PROLIFIC_PID": [value]})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"STUDY_ID": ["s1"]},
        {"PROLIFIC_PID": []},
        {"PROLIFIC_PID": [PID, PID]},
        {"prolific_pid": [PID]},
        {"PROLIFIC_PID": [PID], "Study_Id": ["s1"]},
        {"PROLIFIC_PID": [PID], "STUDY_ID": ["{{%STUDY_ID%}}"]},
        {"PROLIFIC_PID": [PID], "SESSION_ID": ["a", "b"]},
    ],
)
def test_a_link_that_is_not_whole_is_refused(params: dict[str, list[str]]) -> None:
    with pytest.raises(RecruitmentRefused):
        identity_from_query(params)


@given(st.text(max_size=300))
def test_any_text_is_an_id_or_refused_and_nothing_else(value: str) -> None:
    try:
        found = identity_from_query({"PROLIFIC_PID": [value]})
    except RecruitmentRefused:
        return
    assert found.platform_id == value
    assert value.isascii()
    assert value == value.strip()


def test_a_link_of_a_platform_is_told_from_a_plain_one() -> None:
    assert names_a_platform({"prolific_pid": ["x"]})
    assert not names_a_platform({"utm_source": ["mail"]})


def test_two_visitors_by_the_plain_link_are_two_raters() -> None:
    assert fresh_identity() != fresh_identity()


def test_a_pseudonym_is_stable_in_a_campaign_and_different_in_another() -> None:
    """Control: without the campaign in the keyed hash the two campaigns could be joined by rater."""
    identity = RaterIdentityData(platform=Platform.PROLIFIC, platform_id=PID, session_id="first")
    again = RaterIdentityData(platform=Platform.PROLIFIC, platform_id=PID, session_id="second")
    name = pseudonym(identity, campaign_public_id=CAMPAIGN, secret="s")
    assert name == pseudonym(again, campaign_public_id=CAMPAIGN, secret="s")
    assert name != pseudonym(identity, campaign_public_id=uuid4(), secret="s")
    assert name != pseudonym(identity, campaign_public_id=CAMPAIGN, secret="t")
    assert name != pseudonym(
        RaterIdentityData(platform=Platform.LINK, platform_id=PID), campaign_public_id=CAMPAIGN, secret="s"
    )
    assert len(name) == 32
    assert PID not in name
