"""The page of the API: every route, from the document that programs read."""

from functools import cache

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from config.api import api
from config.api_guide import Group, groups
from generation.choices import TokenScope


@login_required
@require_GET
def api_page(request: HttpRequest) -> HttpResponse:
    """What a program can ask, with an example of each."""
    root = reverse("api:api-root")
    context = {
        "section": "account",
        "groups": _groups(root),
        "scopes": TokenScope.choices,
        "base": request.build_absolute_uri(root).rstrip("/"),
    }
    return render(request, "account/api.html", context)


@cache
def _groups(root: str) -> tuple[Group, ...]:
    """Made once: the routes of a process don't change."""
    return groups(api.get_openapi_schema(path_prefix=root), prefix=root)
