"""What a prompt in the words of the training captions asks for, so that a judge can mark its pictures."""

from __future__ import annotations

from training.demo_model.judge import Wanted
from training.demo_model.prompts import AskedPicture
from training.demo_model.scenes import CONTACTS, NUMERALS, RELATIONS, TRAINED_SHAPES, article, plural
from training.demo_model.shapes import BACKGROUNDS, COLOURS, TEXTURES

_SIZES = ("small", "large")
_SINGULAR = {plural(shape): shape for shape in TRAINED_SHAPES}


def read_prompt(text: str) -> AskedPicture | None:
    """What the prompt asks for, under the kind "read"; None where a word of it is not understood.

    Sizes are read and not marked.  Of a colour or an outline that the prompt leaves open, any will do.
    """
    scene, background = _split_background(text.strip().removesuffix("."))
    parts, relation = [scene], None
    for word in ("and", *RELATIONS, *CONTACTS):
        if f" {word} " in scene:
            parts, relation = scene.split(f" {word} ", maxsplit=1), word
            break
    things = [_read_things(part.split()) for part in parts]
    wanted = [want for part in things if part is not None for want in part]
    if None in things or background == "unknown":
        return None
    return AskedPicture(
        kind="read",
        text=text,
        wanted=tuple(wanted),
        relation=None if relation == "and" else relation,
        background=background,
    )


def _split_background(text: str) -> tuple[str, str | None]:
    scene, on, ground = text.partition(" on ")
    if not on:
        return scene, None
    named = next((name for name in BACKGROUNDS if ground == f"{article(name)} {name} background"), "unknown")
    return scene, named


def _read_things(words: list[str]) -> list[Wanted] | None:
    """A noun phrase with a numeral or an article as so many wanted objects."""
    if len(words) < 2 or words[0] not in ("a", "an", *NUMERALS):
        return None
    number = NUMERALS.index(words[0]) + 1 if words[0] in NUMERALS else 1
    noun = _SINGULAR.get(words[-1], words[-1]) if number > 1 else words[-1]
    between = [word for word in words[1:-1] if word not in _SIZES]
    texture = between.pop(0) if between and between[0] in TEXTURES else None
    colour = between.pop(0) if between and between[0] in COLOURS else None
    if between or noun not in (*TRAINED_SHAPES, "shape"):
        return None
    return [Wanted(colour=colour, shape=None if noun == "shape" else noun, texture=texture)] * number
