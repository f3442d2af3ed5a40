"""What a caller hands to a trace, checked before anything runs.

Each error names the field, the value and what to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any


def check_choice(field: str, value: object, choices: Sequence[str], *, remedy: str = "") -> None:
    """Raises ValueError for a value that is none of the choices. remedy: more that helps, as a clause."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{field}={value!r}: choose one of {listed}{remedy}")


def check_texts(field: str, value: Iterable[str] | None) -> None:
    """Raises TypeError for one text in the place of several: its letters would be taken for texts."""
    if isinstance(value, str):
        raise TypeError(f"{field}={value!r} is one text; give a list of texts: {field}=[{value!r}]")
    if value is not None and not all(isinstance(each, str) for each in value):
        raise TypeError(f"{field}={value!r}: every entry must be a text")


def check_words(words: Any) -> None:
    """Raises TypeError unless words holds, for each prompt, spans with start and end."""
    if words is None:
        return
    remedy = (
        "give for each prompt the spans of its words: [[word for word in split_words(prompt) if ...]]; "
        "left out, every word is recorded"
    )
    if isinstance(words, str):
        raise TypeError(f"words={words!r} is a text; {remedy}")
    for number, of_prompt in enumerate(words):
        spans = [] if isinstance(of_prompt, str) or not isinstance(of_prompt, Iterable) else list(of_prompt)
        strange = [span for span in spans if not (hasattr(span, "start") and hasattr(span, "end"))]
        if isinstance(of_prompt, str) or not isinstance(of_prompt, Iterable) or strange:
            raise TypeError(f"words[{number}]={of_prompt!r} are no word spans; {remedy}")


def check_numbers(field: str, values: Any) -> None:
    """Raises TypeError or ValueError unless values are whole numbers from 0, one at least."""
    if isinstance(values, str) or not isinstance(values, Collection):
        raise TypeError(f"{field}={values!r}: give a list of whole numbers, such as {field}=[0]")
    if not len(values):
        raise ValueError(f"{field}={values!r} takes nothing; name one at least, or leave it out for all")
    for value in values:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{field}: {value!r} is no whole number")
        if value < 0:
            raise ValueError(f"{field}: {value} is negative; count from 0")


def check_prompt_count(*, prompts: Sequence[str], images: int) -> None:
    """Raises ValueError unless every prompt has the same number of images, one at least."""
    if prompts and (images < len(prompts) or images % len(prompts)):
        raise ValueError(
            f"prompts: {len(prompts)} texts for {images} images; give one text for each prompt of the call"
        )


def check_image(image: Any, *, images: int) -> None:
    """Raises TypeError or ValueError for an image that a trace of so many lacks; any before a run (0)."""
    if isinstance(image, bool) or not hasattr(image, "__index__"):
        raise TypeError(f"image={image!r}: give a whole number, counted from 0")
    if images and not 0 <= image < images:
        raise ValueError(f"image={image}: the trace has {images} images, numbered 0 to {images - 1}")
