"""A program that speaks to the API with a token, and what a refusal must look like."""

import json
from typing import Any, Final

from django.contrib.auth.models import User
from django.test import Client

from generation.choices import TokenScope
from generation.services import api_tokens

ROOT: Final = "/api/v1"
ALL: Final = tuple(TokenScope)


class Program:
    """A program with a token."""

    def __init__(self, user: User, *scopes: TokenScope) -> None:
        self.token, self.secret = api_tokens.issue(user, name="tests", scopes=scopes or ALL, days=1)
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(ROOT + path, query, headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body or {})
        return self.client.post(ROOT + path, content, content_type="application/json", headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def errors(response: Any, *, status: int) -> dict[str, str]:
    """Remedies by field of a refusal."""
    found = response.json()
    assert response.status_code == status, found
    assert all(set(error) == {"field", "value", "remedy"} and error["remedy"] for error in found["errors"])
    return {error["field"]: error["remedy"] for error in found["errors"]}
