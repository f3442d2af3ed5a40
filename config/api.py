"""The API: who may call it, what it says when it refuses, and its document. docs/api.md is its guide."""

import logging
from typing import Any, Final

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.security import HttpBearer

from annotation.addresses import address_of
from annotation.api import router as campaigns
from annotation.api_adjudication import router as adjudication
from annotation.api_drafts import router as drafts
from annotation.api_raters import router as raters
from annotation.api_recruiting import router as recruiting
from annotation.api_webhooks import router as webhooks
from annotation.choices import AttemptKind
from annotation.services.attempts import TooManyAttempts, count_attempt
from common.full_disk import NO_SPACE, is_full_disk
from evaluation.api import router as results
from generation import strict_json
from generation.api import router as generation
from generation.api_members import router as members
from generation.api_prompts import router as prompts
from generation.problems import ApiRefused, Problem, as_json, refused
from generation.question_api import router as questions
from generation.services import api_tokens
from studies.api import router as dry_runs

logger = logging.getLogger(__name__)

DESCRIPTION: Final = (
    "What the pages do for a researcher, for programs. Send your token as "
    "`Authorization: Bearer percept_…`. A refusal is `{errors: [{field, value, remedy}]}`."
)
SIGN_IN: Final = (
    "Send a token as the header 'Authorization: Bearer percept_…'. Make one on your account page."
)
NOT_IN_ADDRESS: Final = (
    "The address holds a token, and addresses are kept in logs and histories. Revoke that token and send "
    "another one as a header."
)


class BearerToken(HttpBearer):
    """A token in the header. Wrong ones count against the address, requests against the token."""

    def __call__(self, request: HttpRequest) -> Any:
        """The token, or a refusal."""
        values = [value for _, given in request.GET.lists() for value in given]
        if any(value.startswith(api_tokens.PREFIX) for value in values) or "token" in request.GET:
            raise refused(401, NOT_IN_ADDRESS)
        return super().__call__(request)

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The token's row. Raises ApiRefused for a wrong one, and past the limits."""
        found = api_tokens.find(token)
        try:
            if found is None:
                count_attempt(AttemptKind.TOKEN, who=address_of(request))
                return None
            count_attempt(AttemptKind.API, who=f"token {found.pk}")
        except TooManyAttempts as limit:
            problem = Problem(field="", value=None, remedy=f"Too many requests. {limit}")
            raise ApiRefused(429, problem, retry_after=limit.seconds) from limit
        request.user = found.user
        return found


class StrictParser(Parser):
    """JSON as the standard has it."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The value of the body. Raises ApiRefused."""
        try:
            return strict_json.read(request.body)
        except strict_json.NotJson as fault:
            raise refused(400, str(fault)) from fault


api = NinjaAPI(
    title="Percept",
    version="1",
    description=DESCRIPTION,
    docs_url=None,
    openapi_url="openapi.json",
    auth=BearerToken(),
    parser=StrictParser(),
    urls_namespace="api",
)
api.add_router("", generation)
api.add_router("", prompts)
api.add_router("", questions)
api.add_router("", members)
api.add_router("", webhooks)
# Before the campaigns: their last route takes any act.
for _router in (results, drafts, recruiting, raters, adjudication, dry_runs):
    api.add_router("", _router)
api.add_router("", campaigns)


def _answer(request: HttpRequest, refusal: ApiRefused) -> HttpResponse:
    response = api.create_response(request, as_json(refusal.problems), status=refusal.status)
    if refusal.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    return response


@api.exception_handler(ApiRefused)
def _refused(request: HttpRequest, refusal: ApiRefused) -> HttpResponse:
    return _answer(request, refusal)


@api.exception_handler(OSError)
@api.exception_handler(DatabaseError)
def _no_space(request: HttpRequest, fault: OSError | DatabaseError) -> HttpResponse:
    if not is_full_disk(fault):
        raise fault
    logger.error("no space is left on a disk", exc_info=fault)
    return _answer(request, refused(507, NO_SPACE))


@api.exception_handler(AuthenticationError)
def _not_signed_in(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
    return _answer(request, refused(401, SIGN_IN))


@api.exception_handler(Http404)
def _not_there(request: HttpRequest, _: Http404) -> HttpResponse:
    return _answer(request, refused(404, "There is nothing of that name that you may see."))


@api.exception_handler(PermissionDenied)
def _not_allowed(request: HttpRequest, denied: PermissionDenied) -> HttpResponse:
    return _answer(request, refused(403, str(denied)))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(request, refused(error.status_code, str(error)))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, invalid: ValidationError) -> HttpResponse:
    problems = (
        Problem(
            field=_field(error["loc"]),
            value=error.get("input"),
            remedy=f"{error['msg']}.",
        )
        for error in invalid.errors
    )
    return _answer(request, ApiRefused(400, *problems))


def _unreadable(request: HttpRequest, _: Exception | type[Exception]) -> HttpResponse:
    return _answer(request, refused(400, "The body can't be read. Send it as the document says."))


for _fault in (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError, RequestDataTooBig):
    api.add_exception_handler(_fault, _unreadable)


def _field(place: tuple[int | str, ...]) -> str:
    """The field's own name: of a body without the parameter that holds it, of a list without its page."""
    names = place[2:] if place[0] == "body" else place[1:]
    return ".".join(str(name) for name in names if name != "page")
