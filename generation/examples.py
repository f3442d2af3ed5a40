"""Example prompts that the bundled model can draw."""

from importlib import resources
from typing import Final

FILE_NAME: Final = "example-prompts.csv"


def content() -> bytes:
    """The file with twelve example prompts, as a newcomer would upload it."""
    return resources.files("generation").joinpath(FILE_NAME).read_bytes()
