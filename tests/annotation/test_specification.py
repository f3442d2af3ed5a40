"""A campaign as one file: page, command line and form agree on what is right and on what is wrong."""

import io
import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from annotation import specification
from annotation.choices import CampaignState
from annotation.forms.campaigns import CampaignForm
from annotation.models import Campaign
from annotation.services.openings import RULE_FIELDS, SHOWN_FIELDS
from annotation.sources import Material
from annotation.specification import SpecificationRefused
from generation.models import Run
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(owner: User) -> Run:
    return factories.make_finished_run(owner)


def values(run: Run, **changes: Any) -> dict[str, Any]:
    return {"run": run.pk, "name": "From a file", "contact": "study@example.org"} | changes


def faults(owner: User, given: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SpecificationRefused) as refused:
        specification.create(owner, given)
    assert not Campaign.objects.exists()
    return {fault.field: fault.message for fault in refused.value.faults}


def test_a_run_a_name_and_a_contact_are_enough(owner: User, run: Run) -> None:
    made = specification.create(owner, values(run))
    assert (made.name, made.state, made.raters_per_item) == ("From a file", CampaignState.DRAFT, 3)
    assert made.items.exists()


def test_a_campaign_s_own_file_makes_the_same_campaign_again(owner: User, run: Run) -> None:
    """Control: leave a field out of `of_campaign`."""
    text = 'line one\nwith "quotes", a \\ and é, \x7f\n'
    first = factories.make_draft(
        owner, run=run, raters_per_item=5, instructions=text.strip(), plain_link=False, share_cap=0.25,
        parts_of_speech=("NOUN",), completion_url="https://pool.example/?survey_code={rater}",
        lease_seconds=300, items_limit=2,
    )  # fmt: skip
    file = specification.as_toml(specification.of_campaign(first)).encode()
    again = specification.create(owner, specification.read(file, name="campaign.toml"))
    same = (*SHOWN_FIELDS, *(name for name in RULE_FIELDS if name != "order_seed"), "completion_code")
    for name in (*same, "completion_url", "no_consent_code", "plain_link", "run_id", "name"):
        assert getattr(again, name) == getattr(first, name), name


def test_every_field_of_the_form_is_in_the_file(owner: User, run: Run) -> None:
    """Control: a new field of the form that `initial_from` does not know."""
    money = {"pay_per_rater": Decimal("1.50"), "currency": "EUR", "budget": Decimal(30)}
    draft = factories.make_draft(owner, run=run, items_limit=2, adjudicate_from_percent=40, **money)
    form = CampaignForm(material=Material(word_counts={}))
    assert set(specification.of_campaign(draft)) == {"run", "task_kind", *form.fields}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("raters_per_item", "3", "whole number"),
        ("raters_per_item", 3.0, "whole number"),
        ("raters_per_item", True, "whole number"),
        ("raters_per_item", 0, "greater than or equal to 1"),
        ("raters_per_item", 10**30, "less than or equal to 100"),
        ("share_cap_percent", "18", "Give a number"),
        ("plain_link", "yes", "true or false"),
        ("parts_of_speech", "NOUN", "list of texts"),
        ("parts_of_speech", ["PUNCT"], "Select a valid choice"),
        ("parts_of_speech", [], "at least one part of speech"),
        ("completion_code", "a b", "without spaces"),
        ("completion_url", "javascript:alert(1)", "valid URL"),
        ("title", "x" * 121, "at most 120"),
        ("title", "a\0b", "Null"),
        ("contact", None, "Give a text"),
        ("checks_per_rater", 50, "at most"),
        ("nonsense", 1, "no such field"),
    ],
)
def test_a_wrong_value_is_named_with_its_field(
    owner: User, run: Run, field: str, value: Any, said: str
) -> None:
    found = faults(owner, values(run, **{field: value}))
    assert list(found) == [field]
    assert said in found[field]


def test_all_faults_are_named_at_once(owner: User, run: Run) -> None:
    assert set(faults(owner, values(run, title="", raters_per_item=0, contact=""))) == {
        "title", "raters_per_item", "contact",
    }  # fmt: skip


@pytest.mark.parametrize("number", [None, 0, -1, 1.5, "1", True, 2**63, 987654])
def test_a_run_that_is_none_is_refused(owner: User, number: Any) -> None:
    assert list(faults(owner, {"run": number})) == ["run"]


def test_a_strangers_run_does_not_exist(stranger: User, run: Run) -> None:
    """Control: look the run up among all."""
    assert "no finished run" in faults(stranger, values(run))["run"]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"a = 1\na = 2", "c.toml", "not TOML"),
        (b'{"a": 1, "a": 2}', "c.json", "comes twice"),
        (b'{"a": NaN}', "c.json", "NaN is not a number"),
        (b"[" * 100_000, "c.json", "not JSON"),
        (b"a = " + b"[" * 50_000, "c.toml", "not TOML"),
        (b"[1, 2]", "c.json", "one table"),
        (b"\xff\xfea", "c.toml", "not UTF-8"),
        (b"a = 1", "c.txt", ".toml or .json"),
        (b"#" * (specification.LONGEST + 1), "c.toml", "larger than"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "c.json", "thousands of digits"),
        (b"a = " + b"9" * 5_000, "c.toml", "thousands of digits"),
        (b'{"a": ["\\ud800"]}', "c.json", "surrogate"),
        (b'{"\\udc00": 1}', "c.json", "surrogate"),
    ],
)
def test_a_file_that_is_no_table_is_refused(content: bytes, name: str, said: str) -> None:
    """Control: let Python's own refusal of long numbers through, or a text that no database takes."""
    with pytest.raises(SpecificationRefused, match=said):
        specification.read(content, name=name)


@given(st.dictionaries(st.text(st.characters(categories=["L"], max_codepoint=127), min_size=1), st.text()))
def test_what_is_written_reads_the_same(table: dict[str, str]) -> None:
    """Against the standard library's own reader."""
    assert tomllib.loads(specification.as_toml(table)) == table


def test_the_command_makes_and_opens_it(owner: User, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    file.write_text(json.dumps(values(run, checks_per_rater=2)))
    out = io.StringIO()
    call_command("campaign", str(file), "--owner", owner.username, "--open", stdout=out)
    made = Campaign.objects.get(public_id=out.getvalue().strip())
    assert (made.owner, made.state) == (owner, CampaignState.OPEN)


def test_the_command_names_every_fault(owner: User, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(f'run = {run.pk}\ntitle = ""\nraters_per_item = 0\n')
    with pytest.raises(CommandError, match=r"(?s)raters_per_item: .*title: "):
        call_command("campaign", str(file), "--owner", owner.username)
    with pytest.raises(CommandError, match="no active researcher"):
        call_command("campaign", str(file), "--owner", "nobody")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("campaign", str(tmp_path / "none.toml"), "--owner", owner.username)


def test_the_page_takes_the_same_file(client: Client, owner: User, run: Run) -> None:
    client.force_login(owner)
    address = reverse("annotation:campaign_upload")
    bad = SimpleUploadedFile("study.toml", f'run = {run.pk}\nname = "x"\nraters_per_item = 0'.encode())
    answer = client.post(address, {"file": bad})
    assert (answer.status_code, b"raters_per_item" in answer.content) == (400, True)
    assert client.post(address).status_code == 400
    good = SimpleUploadedFile("study.toml", specification.as_toml(values(run)).encode())
    assert client.post(address, {"file": good}).status_code == 302
    made = Campaign.objects.get()
    file = client.get(reverse("annotation:campaign_specification", args=[made.public_id]))
    assert tomllib.loads(file.content.decode())["name"] == "From a file"


def test_one_like_another_starts_with_its_values(
    client: Client, owner: User, stranger: User, run: Run
) -> None:
    """Control: look the pattern up among all campaigns."""
    campaign = factories.make_open_campaign(owner, run=run, question="Is it there?", raters_per_item=7)
    address = reverse("annotation:campaign_new")
    client.force_login(owner)
    form = client.get(address, {"run": str(run.pk), "like": str(campaign.public_id)}).context["form"]
    assert form["question"].value() == "Is it there?"
    assert form["raters_per_item"].value() == 7
    assert form["name"].value() == f"{campaign.name}, again"
    assert client.get(address, {"run": str(run.pk), "like": "nonsense"}).status_code == 404
    theirs = factories.make_finished_run(stranger)
    client.force_login(stranger)
    hidden = client.get(address, {"run": str(theirs.pk), "like": str(campaign.public_id)})
    assert hidden.status_code == 404
