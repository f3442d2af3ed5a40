"""The API's own document as a page says it: each route with what it takes, and a line to try it with.

Everything here is read from the OpenAPI document, so a route that is added or changed shows as it is.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from generation.api_scopes import SCOPES

JSON: Final = "application/json"
AUTHORISED: Final = 'curl -H "Authorization: Bearer $TOKEN"'
PLACE: Final = re.compile(r"\{(\w+)\}")
# What an example says where the document names neither a choice nor a bound.
EXAMPLES: Final[Mapping[str, Any]] = {
    "integer": 1, "number": 1.0, "boolean": True, "string": "…", "object": {}, "array": [], "null": None,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing that a request can say. place: path, query or body.  shape: its type and bounds in words.

    default: as JSON, empty where there is none.
    """

    name: str
    place: str
    shape: str
    needed: bool
    default: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path. scopes: all of them are needed.  answers: statuses with their words."""

    name: str
    method: str
    path: str
    scopes: tuple[str, ...]
    heading: SafeString
    more: SafeString
    fields: tuple[Field, ...]
    answers: tuple[str, ...]
    example: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """The routes about one thing."""

    name: str
    routes: tuple[Route, ...]


def groups(document: Mapping[str, Any], *, prefix: str) -> tuple[Group, ...]:
    """All routes of the document, by what they are about. prefix: of every path, left out."""
    found: dict[str, list[Route]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["others"])[0]
            short = "/" + path.removeprefix(prefix).lstrip("/")
            found.setdefault(tag, []).append(_route(document, method.upper(), short, operation))
    return tuple(Group(name=name, routes=tuple(routes)) for name, routes in found.items())


def _route(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Route:
    body = _Body(document, operation)
    parameters = tuple(
        _field(document, row["name"], row["schema"], place=row["in"], needed=row.get("required", False))
        for row in operation.get("parameters", ())
    )
    heading, _, more = operation["description"].partition("\n\n")
    return Route(
        name=f"{method.lower()}{re.sub(r'[^a-z]+', '-', path)}".rstrip("-"),
        method=method,
        path=path,
        scopes=tuple(operation.get(SCOPES, ())),
        heading=_marked(heading),
        more=_marked(" ".join(more.split())),
        fields=(*parameters, *body.fields()),
        answers=tuple(f"{status} {row['description']}" for status, row in operation["responses"].items()),
        example=_example(method, path, operation, body=body),
    )


@dataclass(frozen=True)
class _Body:
    """What a request carries; nothing for most."""

    document: Mapping[str, Any]
    operation: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its content type, empty without one."""
        return next(iter(self.operation.get("requestBody", {}).get("content", {})), "")

    @property
    def schema(self) -> Mapping[str, Any]:
        """Its fields."""
        if not self.kind:
            return {}
        return _resolved(self.document, self.operation["requestBody"]["content"][self.kind]["schema"])

    def fields(self) -> Iterator[Field]:
        """They, in the document's order."""
        needed = self.schema.get("required", ())
        for name, schema in self.schema.get("properties", {}).items():
            yield _field(self.document, name, schema, place="body", needed=name in needed)

    def example(self) -> dict[str, Any]:
        """What must be said, with made-up values; where nothing must, the first thing that can be."""
        properties: Mapping[str, Any] = self.schema.get("properties", {})
        needed = [name for name in properties if name in self.schema.get("required", ())]
        return {
            name: _made_up(self.document, properties[name]) for name in needed or list(properties)[:1]
        }  # fmt: skip


def _example(method: str, path: str, operation: Mapping[str, Any], *, body: _Body) -> str:
    """One line of a shell. What stands in braces in the path is a variable, in capitals."""
    words = [AUTHORISED]
    if body.kind == JSON:
        words.append(f"--json {shlex.quote(json.dumps(body.example(), ensure_ascii=False))}")
    elif body.kind:
        words += [f"-F {shlex.quote(_part(name, body))}" for name in body.example()]
    elif method != "GET":
        words.append(f"-X {method}")
    if 200 in operation["responses"] and JSON not in operation["responses"][200].get("content", {}):
        words.append("-OJ")
    address = PLACE.sub(lambda found: f"${{{found[1].upper()}}}", path)
    return " ".join([*words, f'"$PERCEPT{address}"'])


def _part(name: str, body: _Body) -> str:
    schema = body.schema["properties"][name]
    schema = schema.get("items", schema)
    if schema.get("format") == "binary":
        return f"{name}=@file"
    return f"{name}={_made_up(body.document, schema)}"


def _field(
    document: Mapping[str, Any], name: str, schema: Mapping[str, Any], *, place: str, needed: bool
) -> Field:
    default = schema.get("default")
    return Field(
        name=name,
        place=place,
        shape=_shape(document, schema),
        needed=needed,
        default="" if default is None else json.dumps(default, ensure_ascii=False),
        meaning=schema.get("description", ""),
    )


def _shape(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A type with its bounds, such as "integer, 1 to 100"."""
    if "anyOf" in schema:
        return " or ".join(_shape(document, one) for one in schema["anyOf"])
    if "$ref" in schema:
        inner = _resolved(document, schema)
        return "object with " + ", ".join(inner.get("properties", ()))
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if schema.get("format") == "binary":
        return "file"
    if schema.get("type") == "array":
        return f"list of {_shape(document, schema.get('items', {'type': 'anything'}))}" + _many(schema)
    return str(schema.get("format", schema.get("type", "anything"))) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "maxLength" in schema:
        return f", at most {schema['maxLength']:,} characters"
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    if least is not None or most is not None:
        return f", at least {least:,}" if most is None else f", at most {most:,}"
    return ""


def _many(schema: Mapping[str, Any]) -> str:
    return f", at most {schema['maxItems']:,}" if "maxItems" in schema else ""


def _made_up(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """A value of this schema, to show its form."""
    if "anyOf" in schema:
        return _made_up(document, schema["anyOf"][0])
    schema = _resolved(document, schema)
    if "default" in schema or "enum" in schema:
        return schema["default"] if "default" in schema else schema["enum"][0]
    if schema.get("type") == "array":
        return [_made_up(document, schema.get("items", {}))]
    if "properties" in schema:
        return {name: _made_up(document, inner) for name, inner in schema["properties"].items()}
    return schema.get("minimum", EXAMPLES.get(schema.get("type", ""), "…"))


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, where another place of the document holds it."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _marked(text: str) -> SafeString:
    """A text whose words between backticks are code."""
    parts = text.split("`")
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in enumerate(parts)),
    )
