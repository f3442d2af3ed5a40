"""What the tests of questions about pictures send, and how they read the arrays that come back."""

import io

import numpy as np
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from generation.models import MapRequest
from generation.services import projects
from tests import factories

CAPTION = "a red cat"


def question_form(owner: User, *, content: bytes | None = None, **changes: object) -> dict[str, object]:
    picture = factories.picture_png() if content is None else content
    return {
        "picture": SimpleUploadedFile("mine.png", picture, content_type="image/png"),
        "caption": CAPTION, "others": "a blue dog", "model": "tiny", "levels": "20", "seed": "0",
        "project": str(projects.personal_project(owner).pk), **changes,
    }  # fmt: skip


def npy_of(page: Client, asked: MapRequest, name: str) -> np.ndarray:
    response = page.get(f"/questions/{asked.pk}/{name}")
    assert response.headers["Content-Disposition"].startswith("attachment;")
    found: np.ndarray = np.load(io.BytesIO(response.content), allow_pickle=False)
    return found
