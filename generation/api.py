"""The API of projects, prompts and runs. The forms of the pages judge what is sent here, with their words."""

import time
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.http import HttpRequest
from ninja import File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import ConfigDict, Field

from generation import drafts, queries
from generation.api_scopes import needs
from generation.choices import RunState, TokenScope
from generation.fingerprints import FingerprintError
from generation.forms import ProjectForm, PromptSetForm, run_form
from generation.models import Project, PromptSet, Run
from generation.parsing import Parse, ParserUnavailable
from generation.problems import ApiRefused, Problem, of_form, refused
from generation.prompt_bytes import MAX_BYTES
from generation.prompts import PromptFileRefused
from generation.queue_state import queue_state
from generation.services import projects as project_service
from generation.services import runs as run_service
from generation.services.prompt_sets import SourceFile, import_prompts
from generation.tasks import wake_worker
from generation.views import scope

router = Router()

WORDS_WAIT_SECONDS: Final = 20.0
LOOK_EVERY_SECONDS: Final = 0.2
LARGEST_KEY: Final = 2**63 - 1
Key = int


class StrictSchema(Schema):
    """What is sent: exactly these names, and no value that only looks like the right one."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Page(Schema):
    """Which part of a list, the newest first."""

    limit: int = Field(50, ge=1, le=100)
    offset: int = Field(0, ge=0, le=1_000_000)


class ProjectOut(Schema):
    """A project of the token's researcher."""

    id: int
    name: str
    may_edit: bool


class ProjectIn(StrictSchema):
    """A project's name."""

    name: str


class PromptSetOut(Schema):
    """A prompt set with its counts."""

    id: int
    name: str
    project: int
    source_name: str
    source_sha256: str
    parser: str
    prompts: int
    words: int
    created_at: datetime


class RunIn(StrictSchema):
    """A run. What is left out is as the model's own settings say."""

    prompt_set: int = Field(ge=1, le=LARGEST_KEY)
    model: str | None = None
    name: str | None = None
    images_per_prompt: int = 1
    first_seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    width: int | None = None
    height: int | None = None
    negative_prompt: str | None = None
    explored: bool = False


class RunOut(Schema):
    """A run with how far it is. state: queued, paused or cancelled; finished once nothing is left to do."""

    id: int
    name: str
    project: int
    prompt_set: int
    state: str
    finished: bool
    model: str
    model_revision: str
    scheduler: str
    steps: int
    guidance: float
    width: int
    height: int
    negative_prompt: str
    images_per_prompt: int
    first_seed: int
    explored: bool
    images: int
    done: int
    failed: int
    seconds_left: float | None
    created_at: datetime


class WorkerOut(Schema):
    """A worker by its connections or its leases; runs: names of those in its hands that you may see."""

    name: str
    lives: bool
    silent_seconds: float
    images: int
    questions: int
    runs: list[str]
    since_seconds: float | None


class QueueOut(Schema):
    """What waits for workers, of everybody and of your projects, and what the workers do."""

    waiting: int
    own: int
    oldest_seconds: float | None
    in_work: int
    failed: int
    workers: list[WorkerOut]


class Refusal(Schema):
    """Why a request was not done."""

    errors: list[dict[str, Any]]


def only_fields(request: HttpRequest, *known: str) -> None:
    """Raises ApiRefused for every other name in a multipart body: a schema of parts can't forbid them."""
    strange = sorted({*request.POST, *request.FILES} - set(known))
    if strange:
        remedy = f"There is no such field. Leave it out; there are {', '.join(known)}."
        value = {**request.POST.dict(), **dict.fromkeys(request.FILES, "a file")}
        raise ApiRefused(400, *(Problem(field=name, value=value[name], remedy=remedy) for name in strange))


def key(value: int) -> int:
    """A number that can be a row's; for others there is no row."""
    return value if 0 < value <= LARGEST_KEY else 0


@router.get("/projects", response=list[ProjectOut], tags=["projects"])
@needs(TokenScope.READ)
def list_projects(request: HttpRequest, page: Query[Page]) -> Any:
    """The projects that the researcher is a member of."""
    visible = Project.objects.visible_to(request.user)[page.offset : page.offset + page.limit]
    editable = set(Project.objects.editable_by(request.user).values_list("pk", flat=True))
    return [{"id": row.pk, "name": row.name, "may_edit": row.pk in editable} for row in visible]


@router.post("/projects", response={201: ProjectOut, 400: Refusal}, tags=["projects"])
@needs(TokenScope.MEMBERS)
def found_project(request: HttpRequest, project: ProjectIn) -> Any:
    """A new project, owned by the token's researcher."""
    form = ProjectForm(project.model_dump())
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=project.model_dump()))
    made = project_service.found_project(scope.user_of(request), name=form.cleaned_data["name"])
    return Status(201, {"id": made.pk, "name": made.name, "may_edit": True})


@router.get("/prompt-sets", response=list[PromptSetOut], tags=["prompts"])
@needs(TokenScope.READ)
def list_prompt_sets(request: HttpRequest, page: Query[Page]) -> Any:
    """Prompt sets of these projects."""
    visible = queries.prompt_sets_with_counts(PromptSet.objects.visible_to(request.user))
    return [prompt_set_out(row) for row in visible[page.offset : page.offset + page.limit]]


@router.post(
    "/prompt-sets", response={201: PromptSetOut, 202: dict[str, str], 400: Refusal}, tags=["prompts"]
)
@needs(TokenScope.GENERATE)
def import_prompt_set(
    request: HttpRequest, file: File[UploadedFile], name: Form[str] = "", project: Form[int | None] = None
) -> Any:
    """A file of prompts (CSV, JSON Lines, text), imported whole or refused with every bad line.

    202: the words are still being found. Send the same request again.
    """
    only_fields(request, "file", "name", "project")
    given = {"name": name or (file.name or "prompts").rsplit(".", 1)[0][:120], "project": project}
    form = PromptSetForm({key: value for key, value in given.items() if value is not None}, user=request.user)
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=given))
    draft = _draft(request, file)
    parse = _words(draft)
    if parse is None:
        return Status(202, {"state": "finding words", "sha256": draft.digest})
    made = import_prompts(
        scope.user_of(request),
        name=form.cleaned_data["name"],
        source=SourceFile(name=draft.name, sha256=draft.digest),
        rows=draft.rows(),
        parse=parse,
        project=form.cleaned_data["project"],
    )
    drafts.drop(draft)
    return Status(
        201, prompt_set_out(queries.prompt_sets_with_counts(PromptSet.objects.filter(pk=made.pk)).get())
    )


@router.get("/prompt-sets/{number}", response=PromptSetOut, tags=["prompts"])
@needs(TokenScope.READ)
def read_prompt_set(request: HttpRequest, number: int) -> Any:
    """One prompt set."""
    counted = queries.prompt_sets_with_counts(PromptSet.objects.all())
    return prompt_set_out(scope.one_of(request, counted, pk=key(number)))


@router.get("/queue", response=QueueOut, tags=["runs"])
@needs(TokenScope.READ)
def read_queue(request: HttpRequest) -> Any:
    """The workers and what waits for them; failed: given up, of your latest runs and questions."""
    found = queue_state(scope.user_of(request))
    same = ("waiting", "own", "oldest_seconds", "in_work", "failed")
    of_worker = ("name", "lives", "silent_seconds", "images", "questions", "since_seconds")
    return {name: getattr(found, name) for name in same} | {
        "workers": [
            {name: getattr(worker, name) for name in of_worker} | {"runs": list(worker.of)}
            for worker in found.workers
        ]
    }


@router.get("/runs", response=list[RunOut], tags=["runs"])
@needs(TokenScope.READ)
def list_runs(request: HttpRequest, page: Query[Page]) -> Any:
    """Runs of these projects."""
    visible = Run.objects.visible_to(request.user).select_related("prompt_set")
    return [run_out(row) for row in visible[page.offset : page.offset + page.limit]]


@router.post("/runs", response={201: RunOut, 400: Refusal}, tags=["runs"])
@needs(TokenScope.GENERATE)
def start_run(request: HttpRequest, run: RunIn) -> Any:
    """A new run; workers take it up at once."""
    given = {name: value for name, value in run.model_dump().items() if value is not None}
    form = run_form(given, user=scope.user_of(request), by="by the API")
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=given))
    try:
        made = run_service.create_run(scope.user_of(request), form.run_spec)
    except (run_service.RunRefused, FingerprintError) as problem:
        raise refused(400, str(problem)) from problem
    wake_worker.delay_on_commit(made.pk)
    return Status(201, run_out(made))


@router.get("/runs/{number}", response=RunOut, tags=["runs"])
@needs(TokenScope.READ)
def read_run(request: HttpRequest, number: int) -> Any:
    """One run and how far it is."""
    return run_out(scope.one_of(request, Run.objects.select_related("prompt_set"), pk=key(number)))


@router.post("/runs/{number}/{act}", response={200: RunOut, 400: Refusal, 409: Refusal}, tags=["runs"])
@needs(TokenScope.GENERATE)
def steer_run(request: HttpRequest, number: int, act: str) -> Any:
    """act: pause, resume, cancel, or retry what failed. 409 where the run is past that."""
    acts = {
        "pause": run_service.pause_run,
        "resume": run_service.resume_run,
        "cancel": run_service.cancel_run,
        "retry": run_service.retry_failed,
    }
    if act not in acts:
        raise refused(404, f"Give one of {', '.join(acts)}.", field="act", value=act)
    found: Run = scope.one_of(request, Run.objects.select_related("prompt_set"), pk=key(number))
    if not acts[act](found, actor=scope.user_of(request)):
        raise refused(409, f"Nothing changed: {act} is not possible in the run's state, {found.state}.")
    found.refresh_from_db()
    wake_worker.delay_on_commit(found.pk)
    return run_out(found)


def _draft(request: HttpRequest, file: UploadedFile) -> drafts.Draft:
    """The file, kept once however often it is sent. Raises ApiRefused with every bad line."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise refused(413, f"The file is larger than {MAX_BYTES // 2**20} MB. Split it.", field="file")
    owner = scope.user_of(request).pk
    kept = drafts.find(owner, sha256(content).hexdigest())
    if kept is not None:
        return kept
    try:
        return drafts.keep(owner, name=(file.name or "prompts.txt")[:200], content=content)
    except PromptFileRefused as found:
        raise ApiRefused(
            400,
            *(
                Problem(
                    field=f"line {bad.line}" + (f", {bad.column}" if bad.column else ""),
                    value=bad.shown_value,
                    remedy=bad.rule,
                )
                for bad in found.bad_lines
            ),
        ) from found


def _words(draft: drafts.Draft) -> Parse | None:
    """The words, waited for a while; None where that was not long enough. Raises ApiRefused."""
    until = time.monotonic() + WORDS_WAIT_SECONDS
    try:
        while (found := draft.parse()) is None and time.monotonic() < until:
            time.sleep(LOOK_EVERY_SECONDS)
    except ParserUnavailable as problem:
        raise refused(409, str(problem)) from problem
    return found


def prompt_set_out(row: Any) -> dict[str, Any]:
    """A prompt set with its counts as the API shows it."""
    return {
        "id": row.pk,
        "name": row.name,
        "project": row.project_id,
        "source_name": row.source_name,
        "source_sha256": row.source_sha256,
        "parser": row.parser,
        "prompts": row.prompt_count,
        "words": row.word_count,
        "created_at": row.created_at,
    }


def run_out(row: Run) -> dict[str, Any]:
    """A run as the API shows it."""
    progress = queries.run_progress(row)
    same = (
        "name", "state", "model_revision", "scheduler", "steps", "guidance", "width", "height",
        "negative_prompt", "images_per_prompt", "first_seed", "explored", "created_at",
    )  # fmt: skip
    return {name: getattr(row, name) for name in same} | {
        "id": row.pk,
        "project": row.prompt_set.project_id,
        "prompt_set": row.prompt_set_id,
        "model": row.model_id,
        "finished": progress.is_finished or row.state == RunState.CANCELLED,
        "images": progress.total,
        "done": progress.done,
        "failed": progress.dead,
        "seconds_left": progress.seconds_left,
    }
