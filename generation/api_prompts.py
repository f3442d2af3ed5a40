"""The API of prompts that are here: read with their words, corrected, moved, given pictures of a system."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile

from generation import queries, uploaded_pictures
from generation.api import (
    Key,
    Page,
    PromptSetOut,
    Refusal,
    RunOut,
    StrictSchema,
    key,
    only_fields,
    run_out,
)
from generation.api import prompt_set_out as set_out
from generation.api_scopes import needs
from generation.choices import PartOfSpeech, TokenScope
from generation.forms import MoveForm, SystemForm
from generation.models import Prompt, PromptSet
from generation.problems import ApiRefused, Problem, of_form
from generation.services import projects
from generation.services.prompt_sets import correct_word
from generation.services.uploaded_runs import upload_run
from generation.views import scope

router = Router()


class WordOut(Schema):
    """A word of a prompt. position: from 0.  parsed: the part of speech that the parser gave."""

    position: int
    text: str
    part_of_speech: str
    parsed: str
    lemma: str
    dependency: str


class PromptOut(Schema):
    """A prompt. row: its line in the imported file.  extra: the row's other columns."""

    row: int
    text: str
    extra: dict[str, Any]
    words: list[WordOut]


class WordIn(StrictSchema):
    """What a word is."""

    position: int
    part_of_speech: str


class WordsIn(StrictSchema):
    """Words whose part of speech is to be another."""

    words: list[WordIn]


class MoveIn(StrictSchema):
    """The project that the prompts are to belong to."""

    project: Key


@router.get("/prompt-sets/{number}/prompts", response=list[PromptOut], tags=["prompts"])
@needs(TokenScope.READ)
def list_prompts(request: HttpRequest, number: int, page: Query[Page]) -> Any:
    """The prompts with their words, in the order of the file."""
    prompts = _set(request, number).prompts.prefetch_related("words")
    return [_prompt(row) for row in prompts[page.offset : page.offset + page.limit]]


@router.post("/prompt-sets/{number}/prompts/{row}", response={200: PromptOut, 400: Refusal}, tags=["prompts"])
@needs(TokenScope.GENERATE)
def correct_words(request: HttpRequest, number: int, row: int, correction: WordsIn) -> Any:
    """Other parts of speech for words of the prompt on this line; all of them or none."""
    prompts = _set(request, number).prompts.prefetch_related("words")
    prompt: Prompt | None = prompts.filter(row_number=key(row)).first()
    if prompt is None:
        raise Http404
    words = {word.position: word for word in prompt.words.all()}
    problems = [
        *(
            Problem(field="position", value=one.position, remedy=f"Give one from 0 to {len(words) - 1}.")
            for one in correction.words
            if one.position not in words
        ),
        *(
            Problem(
                field="part_of_speech",
                value=one.part_of_speech,
                remedy=f"Give one of {', '.join(PartOfSpeech.values)}.",
            )
            for one in correction.words
            if one.part_of_speech not in PartOfSpeech.values
        ),
    ]
    if problems:
        raise ApiRefused(400, *problems)
    for one in correction.words:
        correct_word(words[one.position], part_of_speech=PartOfSpeech(one.part_of_speech))
    return _prompt(prompts.get(pk=prompt.pk))


@router.post("/prompt-sets/{number}/move", response={200: PromptSetOut, 400: Refusal}, tags=["prompts"])
@needs(TokenScope.GENERATE)
def move_prompt_set(request: HttpRequest, number: int, target: MoveIn) -> Any:
    """The prompts with all that was made from them, into another project that you may change."""
    found = _set(request, number)
    form = MoveForm(target.model_dump(), user=request.user)
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given=target.model_dump()))
    project = form.cleaned_data["project"]
    if project != found.project:
        projects.move_prompt_set(found, to=project, actor=scope.user_of(request))
    return set_out(queries.prompt_sets_with_counts(PromptSet.objects.filter(pk=found.pk)).get())


@router.post("/prompt-sets/{number}/pictures", response={201: RunOut, 400: Refusal}, tags=["prompts"])
@needs(TokenScope.GENERATE)
def upload_pictures(
    request: HttpRequest, number: int, pictures: File[list[UploadedFile]], name: Form[str]
) -> Any:
    """Pictures of another system for these prompts, named by their lines (3.png, 3-1.png): a run like any."""
    only_fields(request, "pictures", "name")
    found = _set(request, number)
    form = SystemForm({"name": name})
    if not form.is_valid():
        raise ApiRefused(400, *of_form(form, given={"name": name}))
    limit = uploaded_pictures.LONGEST_FILE + 1
    files = [
        uploaded_pictures.UploadedFile(name=file.name or "", content=file.read(limit)) for file in pictures
    ]
    rows = set(found.prompts.values_list("row_number", flat=True))
    try:
        read = uploaded_pictures.read(files, rows=rows)
    except uploaded_pictures.PicturesRefused as refusal:
        raise ApiRefused(400, *refusal.problems) from refusal
    made = upload_run(scope.user_of(request), found, name=form.cleaned_data["name"], pictures=read)
    return Status(201, run_out(made))


def _set(request: HttpRequest, number: int) -> PromptSet:
    rows = PromptSet.objects.select_related("project")
    found: PromptSet = scope.one_of(request, rows, pk=key(number))
    return found


def _prompt(prompt: Prompt) -> dict[str, Any]:
    return {
        "row": prompt.row_number,
        "text": prompt.text,
        "extra": prompt.extra,
        "words": [
            {
                "position": word.position,
                "text": word.text,
                "part_of_speech": word.part_of_speech,
                "parsed": word.part_of_speech_parsed,
                "lemma": word.lemma,
                "dependency": word.dependency,
            }
            for word in prompt.words.all()
        ],
    }
