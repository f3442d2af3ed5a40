"""docker-compose.yml, checked without an engine: every service is healthy, pinned, secret-free and starts."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

REPOSITORY = Path(__file__).resolve().parents[1]
BASE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
GPU: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.gpu.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = BASE["services"]
LASTING = [name for name, service in SERVICES.items() if service.get("restart") != "no"]
OPTIONAL_VARIABLE = re.compile(r"\$\{PROLIFIC_TOKEN:-\}")
SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASS$|TOKEN")
REQUIRED_VARIABLE = re.compile(r"\$\{\w+:\?[^}]+\}")
WITH_CREDENTIALS = re.compile(r"://[^/\s]*:[^/\s]*@")
STAGE = re.compile(r"^FROM \S+ AS (\S+)$", re.MULTILINE)


def test_the_services_of_a_lab_are_there() -> None:
    assert {"web", "gpu-worker", "postgres", "rabbitmq"} <= SERVICES.keys()


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_tells_whether_it_is_well(name: str) -> None:
    """Control: delete a service's healthcheck."""
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= check.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_it_needs_to_be_well(name: str) -> None:
    """Control: the short form of depends_on, which only waits for a process to start."""
    for needed, how in _waits(SERVICES[name]).items():
        lasting = needed in LASTING
        assert how["condition"] == ("service_healthy" if lasting else "service_completed_successfully")


@pytest.mark.parametrize("name", ["web", "gpu-worker"])
def test_our_parts_wait_for_the_database_the_broker_and_the_migrations(name: str) -> None:
    assert _waits(SERVICES[name]).keys() == {"postgres", "rabbitmq", "migrate"}


def test_no_secret_is_written_down_or_has_a_default() -> None:
    """Control: POSTGRES_PASSWORD: percept, or ${SECRET_KEY:-change-me}."""
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            text = str(value)
            if SECRET_NAME.search(key):
                # One that nothing needs may be empty; none has a value here.
                assert REQUIRED_VARIABLE.fullmatch(text) or OPTIONAL_VARIABLE.fullmatch(text), key
            if credentials := WITH_CREDENTIALS.search(text):
                assert REQUIRED_VARIABLE.search(credentials.group()), key


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    """Control: postgres:latest, or postgres alone."""
    _, colon, tag = SERVICES[name]["image"].partition(":")

    assert colon
    assert re.match(r"\d+\.\d+", tag), f"{tag} is not a version"


def test_the_dockerfile_builds_on_a_pinned_image() -> None:
    base = (REPOSITORY / "Dockerfile").read_text().split("FROM ", 1)[1].split()[0]

    assert re.fullmatch(r"python:3\.\d+\.\d+-[\w-]+", base)


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in SERVICES[name]])
def test_every_image_of_ours_has_its_stage(name: str) -> None:
    """Control: rename a stage of the Dockerfile."""
    assert SERVICES[name]["build"]["target"] in STAGE.findall((REPOSITORY / "Dockerfile").read_text())


@pytest.mark.parametrize("command", ["migrate", "worker"])
def test_the_commands_of_the_services_exist(command: str) -> None:
    """Control: rename generation/management/commands/worker.py."""
    used = [shlex.join(service.get("command", [])) for service in SERVICES.values()]

    assert any(f"manage.py {command}" in line for line in used)
    assert command in get_commands()


def test_every_variable_that_must_be_set_is_explained_in_the_example() -> None:
    """Control: drop POSTGRES_PASSWORD from .env.example."""
    source = (REPOSITORY / "docker-compose.yml").read_text()
    example = (REPOSITORY / ".env.example").read_text()

    for name in set(re.findall(r"\$\{(\w+):\?", source)):
        assert re.search(rf"^#? ?{name}=", example, re.MULTILINE), name


def test_only_the_web_is_reached_from_outside() -> None:
    """Control: publish PostgreSQL's port."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert BASE["networks"]["inside"]["internal"] is True


def test_every_named_volume_is_declared() -> None:
    mounted = {line.split(":")[0] for service in SERVICES.values() for line in service.get("volumes", [])}

    assert mounted == BASE["volumes"].keys()


def test_the_override_gives_the_worker_a_gpu() -> None:
    (device,) = GPU["services"]["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]

    assert device["capabilities"] == ["gpu"]
    assert GPU["services"].keys() <= SERVICES.keys()


def test_docker_compose_itself_accepts_both_files() -> None:
    """Control: a misspelt key, such as heathcheck."""
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"]).returncode != 0:
        pytest.skip("docker compose is not installed; the tests above have read the files")
    variables = dict.fromkeys(("SECRET_KEY", "ALLOWED_HOSTS", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"), "x")

    files = ["-f", "docker-compose.yml", "-f", "docker-compose.gpu.yml"]
    done = subprocess.run(
        ["docker", "compose", *files, "config", "--quiet"],
        cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def _waits(service: dict[str, Any]) -> dict[str, dict[str, str]]:
    needed: dict[str, dict[str, str]] = service.get("depends_on", {})
    return needed
