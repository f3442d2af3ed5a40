"""The life of a study from a shell: the same rules as pages and API, refusals by field, value and remedy."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from annotation.models import Campaign
from annotation.queries import progress
from generation.choices import ProjectRole
from generation.models import Project, Run
from generation.services import projects
from studies.management.commands.study import Command
from tests import factories

# Files come from a snapshot, which wants a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def study(*words: object, by: str = "owner") -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("study", *map(str, words), "--as", by, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def refused(*words: object, by: str = "owner") -> str:
    """What it says when it refuses."""
    with pytest.raises(CommandError) as found:
        study(*words, by=by)
    assert found.value.returncode == 1
    return str(found.value)


def specification(tmp_path: Path, **values: Any) -> Path:
    path = tmp_path / "study.json"
    path.write_text(json.dumps(values))
    return path


def test_a_campaign_lives_and_its_files_are_written(owner: User, tmp_path: Path) -> None:
    """Control: make it with another value than the file says."""
    run = factories.make_finished_run(owner)
    values = {"run": run.pk, "contact": "Us", "checks_per_rater": 0, "raters_per_item": 1, "items_limit": 2}
    values["share_cap_percent"] = 100
    name = study("campaign", specification(tmp_path, **values))
    assert study("open", name) == "open"
    assert "open already" in refused("open", name)
    assert study("pause", name) == "paused"
    assert study("resume", name) == "open"
    assert study("extend", name, "--raters-per-item", 2) == "2"
    assert refused("extend", name, "--raters-per-item", 2).startswith(
        "--raters-per-item '2': The campaign asks"
    )
    campaign = Campaign.objects.get()
    factories.rate_all(factories.make_rater(campaign))
    found = json.loads(study("state", name, "--json"))
    assert found == {"campaign": name, "name": campaign.name, "state": "open", **progress(campaign).as_json()}
    table = dict(line.split("  ", 1) for line in study("state", name).splitlines())
    assert table["answered"].strip() == "2"
    assert "ratings.csv" in study("export", name).splitlines()
    out = tmp_path / "folder" / "ratings.csv"
    assert study("export", name, "ratings.csv", "--out", out) == str(out)
    assert out.read_bytes().count(b"\n") == 1 + found["answered"]
    assert [file.name for file in out.parent.iterdir()] == ["ratings.csv"]
    assert "There are: " in refused("export", name, "none.csv", "--out", tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()
    assert study("close", name) == "closed"
    assert "nobody to fill" in refused("back-fill", name)


def test_every_fault_of_a_specification_is_named(owner: User, tmp_path: Path) -> None:
    """Control: say the first one only."""
    run = factories.make_finished_run(owner)
    said = refused("campaign", specification(tmp_path, run=run.pk, contact="Us", colour=1, name=7))
    assert [line.partition(":")[0] for line in said.splitlines()] == ["colour", "name"]
    assert "can't be read" in refused("campaign", tmp_path / "absent.toml")
    assert not Campaign.objects.exists()


def test_a_run_is_started_steered_and_told_about(owner: User) -> None:
    """Control: fill the run's form without the model's own settings."""
    prompt_set = factories.make_prompt_set(owner=owner)
    number = study("run", prompt_set.pk, "--set", "images_per_prompt=2")
    made = Run.objects.get(pk=int(number))
    assert (made.images.count(), made.name) == (4, f"{made.model_id}, from a shell")
    assert study("pause", number) == "paused"
    assert study("resume", number) == "queued"
    assert json.loads(study("state", number, "--json"))["images"] == 4
    assert "A run can pause" in refused("open", number)
    said = refused("run", prompt_set.pk, "--set", "steps=0", "--set", "seed=1")
    assert said.startswith("seed '1': A run has no such field.")
    assert refused("run", prompt_set.pk, "--set", "steps=0").startswith("steps '0': ")


def test_prompts_are_imported_whole_or_refused_with_every_bad_line(owner: User, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_text("prompt,kind\na cat,1,2\n,2\n")
    said = refused("prompts", file)
    assert [line[:6] for line in said.splitlines()] == ["line 2", "line 3"]
    assert "project '9'" in refused("prompts", file, "--project", 9)


def test_who_may_not_does_not(owner: User) -> None:
    """A viewer reads, a stranger sees nothing. Control: Campaign.objects.all() in shell.py."""
    campaign = factories.make_open_campaign(owner)
    viewer, _ = factories.make_user("viewer"), factories.make_user("stranger")
    project = Project.objects.get(personal_of=owner)
    projects.add_member(project, username=viewer.username, role=ProjectRole.VIEWER, actor=owner)
    assert "state" in study("state", campaign.public_id, by="viewer")
    assert "not change it" in refused("close", campaign.public_id, by="viewer")
    for act in ("state", "close", "export"):
        assert "none that stranger may see" in refused(act, campaign.public_id, by="stranger")
    assert "none that stranger may" in refused("cancel", campaign.run_id, by="stranger")
    assert refused("state", "x", by="nobody").startswith("--as 'nobody': ")
    assert refused("state", "x").startswith("campaign 'x': ")


def test_a_dry_run_goes_to_its_end(owner: User) -> None:
    draft = factories.make_draft(owner, items_limit=2, raters_per_item=1)
    copy = Campaign.objects.get(public_id=study("dry-run", draft.public_id))
    assert copy.dry_run_of == draft
    assert progress(copy).missing == 0


def test_what_is_no_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Control: `required=False` for the acts."""
    for words in ([], ["dance"], ["state", "x"]):
        with pytest.raises(SystemExit) as ended:
            Command().run_from_argv(["manage.py", "study", *words])
        assert ended.value.code == 2
        said = capsys.readouterr()
        assert (said.out, "usage: manage.py study" in said.err) == ("", True)
