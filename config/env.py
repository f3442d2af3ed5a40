"""Readers of environment variables that fail loudly.

Each reader names the variable, says what kind of value it found (never the value itself: it may be a secret)
and what to do. Settings read the environment through these functions and nowhere else.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS: Final = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS: Final = frozenset({"0", "false", "no", "off"})


class SettingError(ImproperlyConfigured):
    """A variable is missing or unreadable; the message names it and the remedy."""


def required(name: str, *, remedy: str) -> str:
    """The variable's text. Raises SettingError when it is unset or blank."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise SettingError(f"{name} is not set. {remedy}")
    return value


def text(name: str, *, default: str) -> str:
    """The variable's text without outer blanks, or the default when it is unset or blank."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    """True or False from 1/0, true/false, yes/no, on/off in any case."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE_WORDS:
        return True
    if value in FALSE_WORDS:
        return False
    raise SettingError(f"{name} is {_value_class(value)}, not a yes or a no. Write {name}=1 or {name}=0.")


def integer(name: str, *, default: int, minimum: int, maximum: int) -> int:
    """A whole number in [minimum, maximum], written with ASCII digits only."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    rule = f"Write a whole number from {minimum} to {maximum}."
    # int() alone would take "1_000" and full-width digits.
    if not (value.isascii() and value.removeprefix("-").isdigit()):
        raise SettingError(f"{name} is {_value_class(value)}, not a whole number. {rule}")
    if not minimum <= int(value) <= maximum:
        raise SettingError(f"{name} is a number outside its range. {rule}")
    return int(value)


def choice(name: str, *, default: str, choices: tuple[str, ...]) -> str:
    """One of a few words, in any case."""
    value = text(name, default=default).lower()
    if value not in choices:
        raise SettingError(f"{name} is {_value_class(value)}. Write {name}={' or '.join(choices)}.")
    return value


def words(name: str, *, default: tuple[str, ...]) -> list[str]:
    """The parts of a comma-separated list, blanks dropped."""
    value = os.environ.get(name, "").strip()
    if not value:
        return list(default)
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise SettingError(f"{name} holds only commas. Write names separated by commas, or leave it out.")
    return parts


def folder(name: str, *, default: Path) -> Path:
    """An absolute folder path, which need not exist yet. Raises SettingError when it is a file."""
    value = os.environ.get(name, "").strip()
    path = Path(value).expanduser().absolute() if value else default
    if path.exists() and not path.is_dir():
        raise SettingError(f"{name} names a file, not a folder. Give the path of a folder.")
    return path


def read_file(path: Path) -> None:
    """Adds the NAME=value lines of a file to the environment; variables already set win.

    Blank lines and lines starting with # are skipped; one pair of surrounding quotes is removed. No file,
    no change. Raises SettingError listing every line that is not NAME=value.
    """
    if not path.is_file():
        return
    pairs, bad_lines = _parse(path.read_text(encoding="utf-8"))
    if bad_lines:
        lines = ", ".join(str(number) for number in bad_lines)
        raise SettingError(f"{path.name}: line {lines} is not NAME=value. Correct it or begin it with #.")
    for key, value in pairs.items():
        os.environ.setdefault(key, value)


def _parse(content: str) -> tuple[Mapping[str, str], list[int]]:
    pairs: dict[str, str] = {}
    bad_lines: list[int] = []
    for number, line in enumerate(content.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").partition("=")
        if not equals or not name.strip().isidentifier():
            bad_lines.append(number)
            continue
        pairs[name.strip()] = _unquote(value.strip())
    return pairs, bad_lines


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _value_class(value: str) -> str:
    if value.isascii() and value.removeprefix("-").isdigit():
        return "a number"
    return f"a text of {len(value)} characters"
