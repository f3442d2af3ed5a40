"""Nothing points back: who may import whom, read from the source, imports inside functions included.

Each rule returns the imports that break it. The repository must give none; a planted breakage must give one.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.imports import STANDARD_LIBRARY, Import, read_imports, top, within

REPOSITORY: Final = Path(__file__).resolve().parents[1]

# From the bottom up: an app may import those before it.
APPS: Final = ("generation", "annotation", "evaluation", "studies", "config")
# Tools that live in the same repository and that no app needs; benchmarks measure what training makes.
TOOLS: Final = ("training", "benchmarks")
PACKAGES: Final = ("common", *APPS, *TOOLS)

# The pure cores, and what each may import besides the standard library and itself. diffusers is there for the
# classes of the layers that a trace hooks.
CORES: Final = {
    "generation.attribution": {"torch", "numpy", "PIL", "diffusers"},
    "evaluation.metrics": {"numpy", "scipy", "pycocotools"},
}
TORCH_PACKAGES: Final = {"torch", "diffusers", "transformers", "accelerate"}
TORCH_ROOMS: Final = ("generation.attribution", "generation.pipelines")
# The only module where torch and Django meet, and those who may call on it.
DOOR: Final = "generation.worker"
DOOR_USERS: Final = ("generation.tasks", "generation.management", "studies", "config")

# Inside an app, from the bottom up. Modules named nowhere are leaves, level with the choices.
LAYERS: Final = {
    "models": 1,
    "services": 2, "queries": 2, "storage": 2, "standings": 2, "tokens": 2, "exports": 2, "kind_exports": 2,
    "plain_exports": 2, "queue_state": 2, "payment_list": 2,
    "rating_columns": 2, "rating_lines": 2,
    "systems": 2, "shown": 2, "copied_items": 2, "adjudication_queue": 2, "adjudication_exports": 2,
    "sources": 2, "review_queue": 2, "history": 2, "check_rows": 2, "specification": 2,
    "practice_records": 2, "evidence_exports": 2, "practice_exports": 2, "known_rows": 2,
    "pages": 3, "page_words": 3, "flow_lines": 3, "quality_exports": 2, "quality_pages": 3,
    "forms": 2, "schemas": 2, "loading": 2, "reports": 2, "recent": 2, "figure_set": 2, "provenance": 2,
    "settings_form": 2, "analysis_urls": 4, "live": 3, "live_tallies": 3, "kinds": 3, "files": 3,
    "bundles": 3,
    "rebuilding": 3,
    "webhook_urls": 4, "planner_views": 4, "plan_urls": 4, "campaign_files": 4,
    "worker": 3, "map_jobs": 3, "drainer": 3, "question_forms": 3, "question_api": 4,
    "views": 4, "api": 4, "admin": 4, "tasks": 4, "management": 4, "urls": 4, "rating_urls": 4, "apps": 4,
    "templatetags": 4, "api_members": 4, "api_prompts": 4, "api_webhooks": 4, "api_drafts": 4,
    "api_recruiting": 4, "api_raters": 4, "api_adjudication": 4, "trials": 3,
}  # fmt: skip
INTERFACES: Final = 4
LAYERED_APPS: Final = ("generation", "annotation", "evaluation")


def pointing_back(imports: Sequence[Import]) -> list[Import]:
    """Imports of an app by one below it."""
    rank = {app: place for place, app in enumerate(APPS)}
    return [
        found
        for found in imports
        if top(found.importer) in rank
        and rank.get(top(found.imported), -1) > rank[top(found.importer)]
    ]  # fmt: skip


def upwards_in_an_app(imports: Sequence[Import]) -> list[Import]:
    """Imports inside an app of a higher layer by a lower one."""
    return [
        found
        for found in imports
        if top(found.importer) in LAYERED_APPS
        and top(found.importer) == top(found.imported)
        and "migrations" not in found.importer.split(".")
        and _layer(found.imported) > _layer(found.importer)
    ]


def tasks_behind_interfaces(imports: Sequence[Import]) -> list[Import]:
    """Imports of a task, of any app, by anything but an interface or a study: only interfaces enqueue."""
    return [
        found
        for found in imports
        if _part(found.imported) == "tasks"
        and top(found.imported) in APPS
        and top(found.importer) in LAYERED_APPS
        and _layer(found.importer) < INTERFACES
    ]


def impure_cores(imports: Sequence[Import]) -> list[Import]:
    """Imports in a core of anything but the standard library, its few packages and itself."""
    return [
        found
        for found in imports
        for core, allowed in CORES.items()
        if within(found.importer, core)
        and not within(found.imported, core)
        and top(found.imported) not in allowed | STANDARD_LIBRARY
    ]


def torch_outside_its_rooms(imports: Sequence[Import]) -> list[Import]:
    """Imports of torch, or of our modules that load it, outside the worker's rooms."""
    loading = {found.importer for found in imports if _loads_torch(found)}
    while (
        more := {
            found.importer
            for found in imports
            if not found.for_types_only and found.imported in loading and _in_torch_room(found.importer)
        }
        - loading
    ):
        loading |= more
    return [
        found
        for found in imports
        if not _in_torch_room(found.importer)
        and found.importer != DOOR
        and top(found.importer) not in TOOLS
        and (_loads_torch(found) or found.imported in loading - {DOOR})
    ]


def door_users(imports: Sequence[Import]) -> list[Import]:
    """Imports of the worker by anybody but those who run it."""
    return [
        found
        for found in imports
        if within(found.imported, DOOR)
        and not any(within(found.importer, user) for user in (DOOR, *DOOR_USERS))
    ]


def django_in_torch_rooms(imports: Sequence[Import]) -> list[Import]:
    """Imports of Django, Celery or a layered module in the rooms where torch is."""
    return [
        found
        for found in imports
        if _in_torch_room(found.importer)
        and (
            top(found.imported) in {"django", "celery", "psycopg"}
            or (top(found.imported) in APPS and _layer(found.imported) > 0)
        )
    ]


def more_than_the_standard_library_in_common(imports: Sequence[Import]) -> list[Import]:
    """Imports in common/ from outside the standard library."""
    return [
        found
        for found in imports
        if top(found.importer) == "common" and top(found.imported) not in {"common", *STANDARD_LIBRARY}
    ]


def users_of_tools(imports: Sequence[Import]) -> list[Import]:
    """Imports of training/ or benchmarks/ by anything but each other; and of the wiring by them or an app."""
    return [
        found
        for found in imports
        if (top(found.imported) in TOOLS and top(found.importer) not in TOOLS)
        or (top(found.imported) == "config" and top(found.importer) != "config")
        or top(found.imported) == "tests"
    ]


RULES: Final = (
    pointing_back,
    upwards_in_an_app,
    tasks_behind_interfaces,
    impure_cores,
    torch_outside_its_rooms,
    door_users,
    django_in_torch_rooms,
    more_than_the_standard_library_in_common,
    users_of_tools,
)
Rule = Callable[[Sequence[Import]], list[Import]]

# A breakage per way to break a rule: the rule, the file, and what it says.
PLANTED: Final = (
    (pointing_back, "generation/services/runs.py", "from annotation.models import Campaign"),
    (pointing_back, "annotation/queries.py", "def f():\n    import evaluation.reports"),
    (pointing_back, "evaluation/views.py", "from config import settings"),
    (upwards_in_an_app, "annotation/models/slots.py", "from annotation.services import claiming"),
    (upwards_in_an_app, "annotation/services/claiming.py", "from annotation.views import rating"),
    (upwards_in_an_app, "generation/choices.py", "from .models import Image"),
    (upwards_in_an_app, "generation/prompts.py", "from generation.models import Prompt"),
    (tasks_behind_interfaces, "annotation/services/opening.py", "from generation.tasks import generate"),
    (tasks_behind_interfaces, "generation/services/runs.py", "def f():\n    from generation import tasks"),
    (impure_cores, "evaluation/metrics/tables.py", "from django.db import models"),
    (impure_cores, "evaluation/metrics/opinion.py", "def f():\n    import pandas"),
    (impure_cores, "generation/attribution/words.py", "from generation.choices import PartOfSpeech"),
    (torch_outside_its_rooms, "generation/views/images.py", "def f():\n    import torch"),
    (torch_outside_its_rooms, "annotation/exports.py", "from generation.pipelines import load"),
    (door_users, "generation/views/runs.py", "from generation.worker import run"),
    (django_in_torch_rooms, "generation/pipelines.py", "from django.conf import settings"),
    (django_in_torch_rooms, "generation/pipelines.py", "from generation.models import Image"),
    (more_than_the_standard_library_in_common, "common/files.py", "import numpy as np"),
    (more_than_the_standard_library_in_common, "common/files.py", "from generation import choices"),
    (users_of_tools, "generation/registry.py", "from training.demo_model import scenes"),
    (users_of_tools, "studies/syntax.py", "import benchmarks.statistics"),
    (users_of_tools, "generation/registry.py", "from tests import chromium"),
)


@pytest.fixture(scope="module")
def imports() -> tuple[Import, ...]:
    """All of this repository; read once, since that takes more than a second."""
    return tuple(read_imports(REPOSITORY, packages=PACKAGES))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_import_breaks_the_rule(imports: tuple[Import, ...], rule: Rule) -> None:
    """Control: the plants below, each of which turns its rule red."""
    assert [str(found) for found in rule(imports)] == []


@pytest.mark.parametrize(("rule", "file", "source"), PLANTED)
def test_a_planted_import_is_found(rule: Rule, file: str, source: str, tmp_path: Path) -> None:
    _plant(tmp_path, file=file, source=source)

    assert len(rule(read_imports(tmp_path, packages=PACKAGES))) == 1


def test_evaluation_owns_no_tables() -> None:
    assert not list((REPOSITORY / "evaluation").glob("models*"))
    assert not list((REPOSITORY / "evaluation").glob("migrations*"))


def test_the_web_process_loads_no_torch() -> None:
    """Control: `import torch` at the head of a view module."""
    loaded = _loaded_by("import django; django.setup(); import config.urls, config.wsgi")

    assert "django" in loaded
    assert loaded & {"torch", "diffusers", "transformers"} == set()


@pytest.mark.parametrize("core", CORES)
def test_a_core_loads_no_django(core: str) -> None:
    """Control: `import django` at the head of a module of the core."""
    folder = REPOSITORY.joinpath(*core.split("."))
    modules = [f"{core}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"]
    loaded = _loaded_by(f"import {', '.join([core, *modules])}")

    assert core in loaded
    assert loaded & {"django", "celery", "psycopg"} == set()


def _layer(module: str) -> int:
    return LAYERS.get(_part(module), 0)


def _part(module: str) -> str:
    """The name of the room inside an app: `services` of annotation.services.claiming."""
    return f"{module}.".split(".")[1]


def _in_torch_room(module: str) -> bool:
    return any(within(module, room) for room in TORCH_ROOMS)


def _loads_torch(found: Import) -> bool:
    return top(found.imported) in TORCH_PACKAGES and not found.for_types_only


def _plant(root: Path, *, file: str, source: str) -> None:
    """A tree with the modules that plants import, and one plant."""
    for neighbour in (
        "annotation/services/claiming.py",
        "generation/tasks.py",
        "generation/choices.py",
        "generation/models/__init__.py",
        "training/demo_model/scenes.py",
    ):
        (root / neighbour).parent.mkdir(parents=True, exist_ok=True)
        (root / neighbour).touch()
    (root / "generation/pipelines.py").write_text("import torch")
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(source)


def _loaded_by(source: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{source}\nimport sys\nprint(*sys.modules)"],
        cwd=REPOSITORY,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())
