"""Pictures that somebody uploads: looked at by their headers, decoded within bounds, and encoded anew.

A few kilobytes can decode to gigabytes, so size and form are judged before a pixel is read; what is stored is
our own encoding of the pixels, without anything else that the file held.
"""

import io
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import PIL.Image

from generation.attribution.eight_bits import AnimatedPicture, upright
from generation.problems import Problem

FORMATS: Final = ("PNG", "JPEG", "WEBP")
LONGEST_FILE: Final = 8 * 1024 * 1024
SHORTEST_SIDE: Final = 16
LONGEST_SIDE: Final = 2048
MOST_FILES: Final = 500
MOST_OF_A_PROMPT: Final = 100
TWICE: Final = "Another file is for the same place. Number them: 3-0.png, 3-1.png."
NAME: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,2}))?\.[A-Za-z]{3,4}")


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A file as it came."""

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class UploadedPicture:
    """One picture, re-encoded. row: line of its prompt.  number: of the prompt's pictures, from 0."""

    row: int
    number: int
    png: bytes
    width: int
    height: int


class PicturesRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was taken. problems: every fault, by file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.remedy}" for problem in problems))
        self.problems = tuple(problems)


def read(files: Sequence[UploadedFile], *, rows: Collection[int]) -> list[UploadedPicture]:
    """The pictures by row and number, all of one size. rows: lines of the prompts.

    Raises PicturesRefused with every fault.
    """
    problems: list[Problem] = []
    found: dict[tuple[int, int], UploadedPicture] = {}
    if not 0 < len(files) <= MOST_FILES:
        raise PicturesRefused([_problem("", f"Choose 1 to {MOST_FILES} files; these are {len(files)}.")])
    for file in files:
        place = _place(file.name, rows=rows)
        if isinstance(place, str):
            problems.append(_problem(file.name, place))
        elif place in found:
            problems.append(_problem(file.name, TWICE))
        else:
            picture = _picture(file, place=place)
            if isinstance(picture, str):
                problems.append(_problem(file.name, picture))
            else:
                found[place] = picture
    sizes = {(picture.width, picture.height) for picture in found.values()}
    if len(sizes) > 1:
        shown = ", ".join(f"{width} × {height}" for width, height in sorted(sizes)[:4])
        problems.append(_problem("", f"The pictures have sizes of {shown}. Make them all the same size."))
    if problems:
        raise PicturesRefused(problems)
    return [found[place] for place in sorted(found)]


def read_one(file: UploadedFile) -> UploadedPicture:
    """A picture by itself, judged by the same rules; of no prompt. Raises PicturesRefused."""
    picture = _picture(file, place=(0, 0))
    if isinstance(picture, str):
        raise PicturesRefused([_problem(file.name, picture)])
    return picture


def _place(name: str, *, rows: Collection[int]) -> tuple[int, int] | str:
    """Row and number, or what is wrong with the name."""
    match = NAME.fullmatch(name.replace("\\", "/").rpartition("/")[2])
    if match is None:
        return "Name it by the line of its prompt: 3.png, or 3-0.png and 3-1.png where a prompt has several."
    row, number = int(match[1]), int(match[2] or 0)
    if row not in rows:
        return f"No prompt stands on line {row}. The prompt set's page shows each prompt's line."
    return row, number


def _picture(file: UploadedFile, *, place: tuple[int, int]) -> UploadedPicture | str:
    """The picture, or what is wrong with it."""
    if len(file.content) > LONGEST_FILE:
        return f"It is larger than {LONGEST_FILE // 2**20} MB. Compress it."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with PIL.Image.open(io.BytesIO(file.content), formats=FORMATS) as picture:
                if not all(SHORTEST_SIDE <= side <= LONGEST_SIDE for side in picture.size):
                    return (
                        f"It is {picture.width} × {picture.height} pixels. Sides may have {SHORTEST_SIDE} to "
                        f"{LONGEST_SIDE}."
                    )
                on_white = upright(picture)
    except AnimatedPicture as fault:
        return str(fault)
    # Whatever else the decoder stumbles over is a broken file, not a fault of ours.
    except Exception:  # noqa: BLE001
        return "It is no whole picture in PNG, JPEG or WebP. Save it again as PNG."
    buffer = io.BytesIO()
    on_white.save(buffer, format="PNG")
    row, number = place
    return UploadedPicture(
        row=row, number=number, png=buffer.getvalue(), width=on_white.width, height=on_white.height
    )


def _problem(name: str, remedy: str) -> Problem:
    return Problem(field=name[:80], value=None, remedy=remedy)
