"""Importing prompts with their words, and correcting a word's part of speech."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.db import connection, transaction
from psycopg import sql

from generation.choices import PartOfSpeech
from generation.models import Project, Prompt, PromptSet, PromptWord
from generation.parsing import Parse, ParsedWord
from generation.prompts import PromptRow
from generation.services.projects import personal_project

ROWS_AT_ONCE: Final = 2000
TAGS: Final = frozenset(PartOfSpeech.values)
WORD_COLUMNS: Final = (
    "prompt_id",
    "position",
    "text",
    "start",
    "end",
    "part_of_speech",
    "part_of_speech_parsed",
    "lemma",
    "dependency",
    "head_position",
)


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """Where prompts came from: the file's name and the SHA-256 of its bytes."""

    name: str
    sha256: str


@transaction.atomic
def import_prompts(
    owner: User,
    *,
    name: str,
    source: SourceFile,
    rows: Sequence[PromptRow],
    parse: Parse,
    project: Project | None = None,
) -> PromptSet:
    """A new prompt set with all its prompts and words, or nothing at all.

    project: whose members see it; by default the owner's own.
    parse: the words of each row, in the rows' order. Raises ValueError where they don't belong together.
    """
    if len(parse.prompts) != len(rows):
        raise ValueError(f"{len(rows)} prompts, but the words of {len(parse.prompts)}")
    prompt_set = PromptSet.objects.create(
        project=project or personal_project(owner),
        owner=owner,
        name=name,
        source_name=source.name[:255],
        source_sha256=source.sha256,
        parser=parse.parser[:120],
    )
    prompts = Prompt.objects.bulk_create(
        [Prompt(prompt_set=prompt_set, row_number=row.line, text=row.text, extra=row.extra) for row in rows],
        batch_size=ROWS_AT_ONCE,
    )
    _copy_words(
        _word(prompt, position=position, parsed=parsed)
        for prompt, words in zip(prompts, parse.prompts, strict=True)
        for position, parsed in enumerate(words)
    )
    return prompt_set


def correct_word(word: PromptWord, *, part_of_speech: PartOfSpeech) -> PromptWord:
    """Sets a word's part of speech by hand; what the parser said stays beside it."""
    word.part_of_speech = part_of_speech
    word.save(update_fields=["part_of_speech"])
    return word


def _copy_words(rows: Iterable[tuple[object, ...]]) -> None:
    """Writes words by COPY: as inserts, 200,000 of them keep a page waiting ten times as long."""
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(PromptWord._meta.db_table),
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in WORD_COLUMNS),
    )
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _word(prompt: Prompt, *, position: int, parsed: ParsedWord) -> tuple[object, ...]:
    """The word's values in the order of WORD_COLUMNS. Raises ValueError where it is not what stands there."""
    if prompt.text[parsed.start : parsed.end] != parsed.text:
        raise ValueError(f"{parsed.text!r} does not stand at {parsed.start} of {prompt.text!r}")
    tag = parsed.part_of_speech if parsed.part_of_speech in TAGS else PartOfSpeech.X.value
    return (
        prompt.pk,
        position,
        parsed.text,
        parsed.start,
        parsed.end,
        tag,
        tag,
        parsed.lemma[:200],
        parsed.dependency[:32],
        parsed.head,
    )
