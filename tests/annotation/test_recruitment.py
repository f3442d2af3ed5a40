"""Links that name one rater, and links that must not."""

from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.choices import Platform
from annotation.recruitment import (
    LONGEST_ID,
    PLATFORMS,
    RaterIdentityData,
    RecruitmentRefused,
    fresh_identity,
    identity_from_query,
    names_a_platform,
    pseudonym,
    return_address,
    unfilled_part,
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


@pytest.mark.parametrize(
    ("query", "platform", "rater", "study", "session"),
    [
        (
            {"participantId": "AB12", "projectId": "p9", "assignmentId": "a7"},
            Platform.CONNECT, "AB12", "p9", "a7",
        ),
        ({"survey_code": "40381"}, Platform.SONA, "40381", "", ""),
    ],
)  # fmt: skip
def test_each_platform_names_its_rater_by_its_own_parameters(
    query: dict[str, str], platform: Platform, rater: str, study: str, session: str
) -> None:
    found = identity_from_query({name: [value] for name, value in query.items()})
    expected = RaterIdentityData(platform=platform, platform_id=rater, study_id=study, session_id=session)
    assert found == expected


@pytest.mark.parametrize(
    "query",
    [
        {"survey_code": "%SURVEY_CODE%"},
        {"survey_code": "SURVEY_CODE"},
        {"participantId": "{participantId}"},
        {"participantid": "AB12"},
        {"PARTICIPANTID": "AB12"},
        {"projectId": "p9"},
        {"survey_code": "1", "PROLIFIC_PID": PID},
    ],
)
def test_no_platforms_placeholder_misspelling_or_mixture_passes(query: dict[str, str]) -> None:
    """Control: look for Prolific's names alone."""
    parameters = {name: [value] for name, value in query.items()}
    assert names_a_platform(parameters)
    with pytest.raises(RecruitmentRefused):
        identity_from_query(parameters)


def test_no_parameter_belongs_to_two_platforms() -> None:
    names = [name.upper() for rules in PLATFORMS for name in rules.parameters]
    assert len(names) == len(set(names))


def test_the_links_to_paste_are_refused_until_the_platform_has_filled_them_in() -> None:
    for rules in PLATFORMS:
        if rules.placeholders:
            pasted = parse_qs(rules.placeholders, keep_blank_values=True)
            assert set(pasted) == set(rules.parameters)
            with pytest.raises(RecruitmentRefused):
                identity_from_query(pasted)


def test_a_return_address_carries_the_raters_id_encoded() -> None:
    template = "https://pool.example/credit?experiment_id=9&survey_code={rater}"
    assert return_address(template, platform_id="a b&c").endswith("survey_code=a%20b%26c")
    assert return_address(template, platform_id="") == ""
    assert return_address("https://pool.example/done", platform_id="") == "https://pool.example/done"


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("https://s.example/credit?survey_code=XXXX", "XXXX"),
        ("https://s.example/credit?survey_code=${e://Field/id}", "${"),
        ("https://s.example/credit?survey_code=%25SURVEY_CODE%25", "%SURVEY_CODE%"),
        ("https://s.example/credit?survey_code={id}", "{"),
        ("https://s.example/credit?survey_code={rater}", ""),
        ("https://app.prolific.com/submissions/complete?cc=C1", ""),
    ],
)
def test_a_return_address_with_a_part_that_nobody_fills_in_is_found(address: str, part: str) -> None:
    assert unfilled_part(address) == part
