"""What a token must open for a route: asked before the route does anything, named in the document."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from django.http import HttpRequest
from ninja.operation import Operation
from ninja.utils import contribute_operation_callback

from generation.choices import TokenScope
from generation.problems import refused

# Where the document has them: OpenAPI knows scopes of OAuth alone.
SCOPES: Final = "x-scopes"
Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Route = Callable[Concatenate[HttpRequest, Given], Answer]


def needs(*scopes: TokenScope) -> Callable[[Route[Given, Answer]], Route[Given, Answer]]:
    """Lets a route answer only tokens with all of these scopes; stands between the router and the route."""

    def guard(route: Route[Given, Answer]) -> Route[Given, Answer]:
        @wraps(route)
        def guarded(request: HttpRequest, /, *given: Given.args, **named: Given.kwargs) -> Answer:
            for scope in scopes:
                _ask(request, scope)
            return route(request, *given, **named)

        contribute_operation_callback(guarded, partial(_say, scopes=scopes))
        return guarded

    return guard


def _ask(request: HttpRequest, needed: TokenScope) -> None:
    held: list[str] = request.auth.scopes  # type: ignore[attr-defined]
    if needed.value not in held:
        raise refused(
            403, f"This token lacks the scope {needed.value!r}. Make one that has it on your account page."
        )


def _say(operation: Operation, *, scopes: tuple[TokenScope, ...]) -> None:
    said: dict[str, Any] = {SCOPES: [scope.value for scope in scopes]}
    operation.openapi_extra = (operation.openapi_extra or {}) | said
