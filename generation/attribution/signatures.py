"""What a function calls its arguments, read once: reading a signature takes as long as tracing a step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def signature_of(method: Callable[..., Any]) -> inspect.Signature:
    """As inspect.signature gives it."""
    function = getattr(method, "__func__", None)
    owner = getattr(method, "__self__", None)
    # What stands in an object is a function of its own, made anew each time: only classes' own are kept.
    if function is None or getattr(type(owner), method.__name__, None) is not function:
        return inspect.signature(method)
    return _of_class(function)


def places_of(method: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the arguments that may be given by their place, in order."""
    parameters = signature_of(method).parameters.values()
    return tuple(each.name for each in parameters if each.kind in _BY_PLACE)


def by_name(places: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name. places: see places_of."""
    return {**dict(zip(places, args, strict=False)), **kwargs}


@lru_cache(maxsize=64)
def _of_class(function: Callable[..., Any]) -> inspect.Signature:
    """Of a method, without the object that it is called of."""
    whole = inspect.signature(function)
    return whole.replace(parameters=list(whole.parameters.values())[1:])
