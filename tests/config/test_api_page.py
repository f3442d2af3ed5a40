"""The page of the API: every route as the document has it, with an example that the API understands."""

import json
import re
import shlex
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from config.api import api
from config.api_guide import Route, groups
from generation.choices import TokenScope
from tests import factories
from tests.program import ROOT, Program

pytestmark = pytest.mark.django_db
# What is said about a request that does not have the form which the document gives it.
MISREAD = re.compile("Field required|Extra inputs|Input should|no JSON|no such field", re.IGNORECASE)


def document() -> dict[str, Any]:
    found: dict[str, Any] = api.get_openapi_schema()
    return found


def routes() -> list[Route]:
    return [route for group in groups(document(), prefix=f"{ROOT}/") for route in group.routes]


def test_the_page_has_every_route_with_its_scopes_and_example(client: Client) -> None:
    """Control: leave a group, the scopes or the examples out of the template."""
    client.force_login(factories.make_user("somebody"))
    shown = unescape(client.get(reverse("api_page")).content.decode())
    sections = re.findall(r'<details class="card route".*?</details>', shown, re.DOTALL)
    said = {re.search(r'id="([\w-]+)"', one)[1]: one for one in sections}  # type: ignore[index]
    operations = [
        (method.upper(), path.removeprefix(ROOT), operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(said) == len(operations) > 70
    by_route = {(route.method, route.path): route for route in routes()}
    for method, path, operation in operations:
        route = by_route[method, path]
        section = said[route.name]
        assert route.example in section
        assert f'class="route__path">{path}</code>' in section
        for scope in operation["x-scopes"]:
            assert f'<span class="tag">{scope}</span>' in section
        for parameter in operation["parameters"]:
            assert f"<code>{parameter['name']}</code>" in section


def test_every_scope_and_field_is_explained_once(client: Client) -> None:
    """Control: the fields of a body whose schema lies elsewhere left unread; a default that is not said."""
    by_route = {(route.method, route.path): route for route in routes()}
    fields = {field.name: field for field in by_route["POST", "/runs"].fields}
    assert (fields["prompt_set"].needed, fields["prompt_set"].place) == (True, "body")
    assert fields["prompt_set"].shape.startswith("integer, 1 to ")
    assert (fields["images_per_prompt"].needed, fields["images_per_prompt"].default) == (False, "1")
    file = next(field for field in by_route["POST", "/prompt-sets"].fields if field.name == "file")
    assert (file.shape, file.needed) == ("file", True)
    client.force_login(factories.make_user("somebody"))
    shown = client.get(reverse("api_page")).content.decode()
    for scope in TokenScope:
        assert f"<dt><code>{scope.value}</code></dt>" in shown


def test_examples_of_files_store_them_and_no_others() -> None:
    """curl writes no bytes onto a screen.

    Control: take an answer without a form in the document for JSON.
    """
    stored = {route.path for route in routes() if " -OJ " in route.example}
    assert stored == {
        "/campaigns/{public_id}/exports/{name}",
        "/questions/{number}/maps.npz",
        "/questions/{number}/words/{position}/{kind}.npy",
    }


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.name)
def test_the_api_understands_the_example_of_every_route(route: Route, owner: User) -> None:
    """What it names is not there, so that nothing is done: 404, or what a form says of a made-up value.

    Control: a body without what is needed, `-X GET` for every route, a part of the path in braces.
    """
    program = Program(owner)
    given = {"TOKEN": program.secret, "PERCEPT": ROOT, "PUBLIC_ID": str(uuid4())}
    line = re.sub(r"\$\{?([A-Z_]+)\}?", lambda found: given.get(found[1], "9"), route.example)
    curl, flag, header, *words = shlex.split(line)
    assert (curl, flag) == ("curl", "-H")
    name, _, value = header.partition(": ")
    method, body = "GET", None
    parts: dict[str, Any] = {}
    while len(words) > 1:
        option = words.pop(0)
        if option == "-X":
            method = words.pop(0)
        elif option == "--json":
            method, body = "POST", json.loads(words.pop(0))
        elif option == "-F":
            method = "POST"
            part, _, said = words.pop(0).partition("=")
            parts[part] = SimpleUploadedFile("file", b"none") if said == "@file" else said
        else:
            assert option == "-OJ"
    assert method == route.method
    ask = getattr(Client(raise_request_exception=False), method.lower())
    content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    response = ask(words[0], **({"data": parts} if parts else content), headers={name: value})
    assert response.status_code < 500
    assert response.status_code not in (401, 403, 405)
    assert not MISREAD.search(response.content.decode()), response.content.decode()[:500]
