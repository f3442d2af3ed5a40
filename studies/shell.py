"""A study from a shell: what `manage.py study` does, by the services and forms of pages and API."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404

from annotation import queries, specification
from annotation.models import Campaign
from annotation.services import back_fill, campaigns, dry_runs
from annotation.services.raters import RaterActRefused
from common import whole_files
from evaluation import campaign_files
from generation import drafts
from generation import queries as run_queries
from generation.fingerprints import FingerprintError
from generation.forms import PromptSetForm, run_form
from generation.models import PromptSet, Run
from generation.parsing import ParserUnavailable
from generation.problems import Problem, of_form
from generation.prompt_bytes import MAX_BYTES
from generation.prompts import PromptFileRefused
from generation.services import runs
from generation.services.prompt_sets import SourceFile, import_prompts
from generation.tasks import wake_worker
from studies.rehearsal import Rehearsal, advance, rehearsal

LOOK_EVERY_SECONDS: Final = 0.2
ADVANCE_SECONDS: Final = 5.0
STDOUT: Final = Path("-")


class ShellRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was done. problems: every one found, each with field, value and remedy."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(_line(problem) for problem in problems))
        self.problems = problems


def researcher(name: str) -> User:
    """The researcher who acts. Raises ShellRefused."""
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise _refused("--as", name, "Give the name of an active researcher.")
    return found


def prompts(user: User, file: Path, *, name: str, project: int | None) -> PromptSet:
    """The file's prompts, imported whole once their words are found. Raises ShellRefused."""
    content = _content(file)
    given = {"name": name or file.stem[:120], "project": project}
    form = PromptSetForm({key: value for key, value in given.items() if value is not None}, user=user)
    if not form.is_valid():
        raise ShellRefused(*of_form(form, given=given))
    try:
        draft = drafts.keep(user.pk, name=file.name[:200], content=content)
        while (parse := draft.parse()) is None:
            time.sleep(LOOK_EVERY_SECONDS)
    except PromptFileRefused as refused:
        bad = refused.bad_lines
        where = (f"line {one.line}" + (f", {one.column}" if one.column else "") for one in bad)
        raise ShellRefused(
            *(
                Problem(field=place, value=one.shown_value, remedy=one.rule)
                for place, one in zip(where, bad, strict=True)
            )
        ) from None
    except ParserUnavailable as problem:
        raise _refused("file", file.name, str(problem)) from None
    made = import_prompts(
        user,
        name=form.cleaned_data["name"],
        source=SourceFile(name=draft.name, sha256=draft.digest),
        rows=draft.rows(),
        parse=parse,
        project=form.cleaned_data["project"],
    )
    drafts.drop(draft)
    return made


def start_run(user: User, given: Mapping[str, Any]) -> Run:
    """A new run from the values of its form, by name. Raises ShellRefused."""
    form = run_form(given, user=user, by="from a shell")
    unknown = [name for name in given if name not in form.fields]
    if unknown:
        remedy = f"A run has no such field. It has: {', '.join(form.fields)}."
        raise ShellRefused(*(Problem(field=name, value=given[name], remedy=remedy) for name in unknown))
    if not form.is_valid():
        raise ShellRefused(*of_form(form, given=dict(given)))
    try:
        made = runs.create_run(user, form.run_spec)
    except (runs.RunRefused, FingerprintError) as problem:
        raise _refused("run", "", str(problem)) from None
    wake_worker.delay_on_commit(made.pk)
    return made


def make_campaign(user: User, file: Path) -> Campaign:
    """A draft from a specification file. Raises ShellRefused with every fault."""
    try:
        values = specification.read(_content(file), name=file.name)
        return specification.create(user, values)
    except specification.SpecificationRefused as refused:
        raise ShellRefused(
            *(Problem(field=fault.field, value=None, remedy=fault.message) for fault in refused.faults)
        ) from None


def steer(user: User, name: str, *, act: str) -> str:
    """One change of state of a campaign (by its id) or a run (by its number); returns the new state."""
    if not name.isdecimal():
        return _steer_campaign(campaign_to_change(user, name), user, act=act)
    found = _run(user, name)
    acts = {
        "pause": runs.pause_run,
        "resume": runs.resume_run,
        "cancel": runs.cancel_run,
        "retry": runs.retry_failed,
    }
    if act not in acts:
        raise _refused("act", act, f"A run can {', '.join(acts)}. Give a campaign's id to {act} one.")
    if not acts[act](found, actor=user):
        raise _refused("act", act, f"Nothing changed: not possible in the run's state, {found.state}.")
    found.refresh_from_db()
    wake_worker.delay_on_commit(found.pk)
    return str(found.state)


def extend(user: User, name: str, *, raters_per_item: int) -> Campaign:
    """More raters per item. Raises ShellRefused."""
    try:
        return campaigns.extend(campaign_to_change(user, name), user, raters_per_item=raters_per_item)
    except campaigns.ExtensionRefused as refused:
        raise _refused("--raters-per-item", raters_per_item, str(refused)) from None
    except campaigns.CampaignMoved as moved:
        raise _refused("campaign", name, str(moved)) from None


def give_to_others(user: User, name: str) -> back_fill.BackFilled:
    """The places of all raters whose answers don't count go to others. Raises ShellRefused."""
    try:
        return back_fill.give_to_others(campaign_to_change(user, name), user)
    except RaterActRefused as refused:
        raise _refused("campaign", name, str(refused)) from None


def state(user: User, name: str) -> dict[str, Any]:
    """Where a campaign (by its id) or a run (by its number) stands, with the names of the API."""
    if name.isdecimal():
        found = _run(user, name, to_change=False)
        progress = run_queries.run_progress(found)
        return {
            "run": found.pk, "name": found.name, "state": found.state, "finished": progress.is_finished,
            "images": progress.total, "done": progress.done, "failed": progress.dead,
            "seconds_left": progress.seconds_left,
        }  # fmt: skip
    campaign = campaign_to_read(user, name)
    whose = {"campaign": str(campaign.public_id), "name": campaign.name, "state": campaign.state}
    return whose | queries.progress(campaign).as_json()


def start_dry_run(user: User, name: str) -> Campaign:
    """A copy of the campaign for simulated raters; an earlier one goes.

    Raises ShellRefused with what would keep the campaign itself from opening.
    """
    try:
        return dry_runs.start_dry_run(campaign_to_change(user, name), user)
    except campaigns.OpeningRefused as refused:
        raise ShellRefused(*(_of_campaign(name, remedy) for remedy in refused.obstacles)) from None
    except dry_runs.NoDryRun as refused:
        raise _refused("campaign", name, str(refused)) from None


def rehearse(copy: Campaign) -> Iterator[Rehearsal]:
    """Lets the simulated raters of a dry run work to the end; where it stands, every few seconds."""
    host = next((host for host in settings.ALLOWED_HOSTS if "*" not in host), "localhost").lstrip(".")
    standing = rehearsal(copy)
    while not standing.finished:
        standing = advance(copy, host=host, secure=True, seconds=ADVANCE_SECONDS)
        yield standing


def file_names(user: User, name: str) -> list[str]:
    """The files that a campaign has."""
    return campaign_files.names(campaign_to_read(user, name))


def export(user: User, name: str, *, file: str, out: Path, write: Callable[[bytes], object]) -> None:
    """One file of a campaign, whole or not at all; `-` for out hands its pieces to `write`."""
    campaign = campaign_to_read(user, name)
    try:
        response = campaign_files.file(campaign, name=file, settings={})
    except Http404 as missing:
        raise _refused("file", file, str(missing) or _files_there(campaign)) from None
    if response is None:
        raise _refused("file", file, _files_there(campaign))
    pieces: Iterator[bytes] = iter(response.streaming_content)  # type: ignore[arg-type]
    if out == STDOUT:
        for piece in pieces:
            write(piece)
        return
    try:
        whole_files.publish(whole_files.stage_pieces(out, pieces), out)
    except OSError as error:
        raise _refused("--out", str(out), f"It can't be written: {error.strerror}.") from None


def campaign_to_read(user: User, name: str) -> Campaign:
    """The campaign of this public id. Raises ShellRefused for who may not see it."""
    try:
        public_id = UUID(name)
    except ValueError:
        raise _refused("campaign", name, "Give its id, as its address has it.") from None
    found: Campaign | None = Campaign.objects.visible_to(user).filter(public_id=public_id).first()
    if found is None:
        raise _refused("campaign", name, f"There is none that {user.get_username()} may see.")
    return found


def campaign_to_change(user: User, name: str) -> Campaign:
    """The same for who may change it. Raises ShellRefused."""
    found = campaign_to_read(user, name)
    if not Campaign.objects.editable_by(user).filter(pk=found.pk).exists():
        raise _refused("--as", user.get_username(), "May look at this campaign, not change it. Ask an owner.")
    return found


def _steer_campaign(found: Campaign, user: User, *, act: str) -> str:
    acts: dict[str, Callable[[Campaign, User], Campaign]] = {
        "open": campaigns.open_campaign,
        "pause": campaigns.pause,
        "resume": campaigns.resume,
        "close": campaigns.close,
    }
    if act not in acts:
        raise _refused(
            "act", act, f"A campaign can be told to {', '.join(acts)}. Give a run's number to {act} it."
        )
    try:
        return str(acts[act](found, user).state)
    except campaigns.OpeningRefused as refused:
        raise ShellRefused(*(_of_campaign(found.name, remedy) for remedy in refused.obstacles)) from None
    except campaigns.CampaignMoved as moved:
        raise _refused("campaign", found.name, str(moved)) from None


def _run(user: User, number: str, *, to_change: bool = True) -> Run:
    rows = Run.objects.editable_by(user) if to_change else Run.objects.visible_to(user)
    found: Run | None = rows.filter(pk=int(number) if len(number) < 19 else 0).first()
    if found is None:
        may = "change" if to_change else "see"
        raise _refused("run", number, f"There is none that {user.get_username()} may {may}.")
    return found


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refused("file", str(file), f"It can't be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise _refused("file", str(file), f"It is larger than {MAX_BYTES // 2**20} MB. Split it.")
    return content


def _files_there(campaign: Campaign) -> str:
    return f"There is none of that name. There are: {', '.join(campaign_files.names(campaign))}."


def _of_campaign(name: str, remedy: str) -> Problem:
    return Problem(field="campaign", value=name, remedy=remedy)


def _refused(field: str, value: Any, remedy: str) -> ShellRefused:
    return ShellRefused(Problem(field=field, value=value, remedy=remedy))


def _line(problem: Problem) -> str:
    """A problem in one line: the field, the value where there is one, the remedy."""
    value = "" if problem.value in (None, "") else f" {str(problem.value)[:80]!r}"
    return f"{problem.field}{value}: {problem.remedy}" if problem.field else problem.remedy
