"""A message published after commit reaches a real worker, and a broker that is away harms nobody."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from kombu import Connection, Queue

REPOSITORY = Path(__file__).resolve().parents[2]
RABBITMQ = ("127.0.0.1", 5672)
RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672//"
PUBLISH = """
import django, sys
django.setup()
from django.db import transaction
from tests.config.doorbell import leave_file
with transaction.atomic():
    leave_file.apply_async_on_commit((sys.argv[1],), queue=sys.argv[2])
print("went on")
"""


def rabbitmq_answers() -> bool:
    try:
        with socket.create_connection(RABBITMQ, timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An embedded server of the module's own, so that no other worker takes its messages."""
    var = tmp_path_factory.mktemp("var")
    kept = {key: value for key, value in os.environ.items() if key not in ("BROKER_URL", "DATABASE_URL")}
    return kept | {"PERCEPT_VAR": str(var), "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}


def publish(
    environment: dict[str, str], path: Path, *, queue: str = "percept"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PUBLISH, str(path), queue],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def worker(environment: dict[str, str], *, queue: str) -> Generator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config",
        "worker",
        "--pool=solo",
        "-I",
        "tests.config.doorbell",
    ]
    process = subprocess.Popen([*command, "-Q", queue], cwd=REPOSITORY, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def wait_for(path: Path, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"the worker left no {path.name} within {seconds} s"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def pgmq_worker(environment: dict[str, str]) -> Generator[subprocess.Popen[bytes]]:
    yield from worker(environment, queue="percept")


@pytest.mark.usefixtures("pgmq_worker")
def test_a_worker_runs_a_task_that_came_through_the_embedded_database(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = publish(environment, tmp_path / "rung")

    assert done.returncode == 0, done.stderr
    wait_for(tmp_path / "rung")


@pytest.mark.rabbitmq
@pytest.mark.skipif(not rabbitmq_answers(), reason="no RabbitMQ on 127.0.0.1:5672")
def test_a_worker_runs_a_task_that_came_through_rabbitmq(environment: dict[str, str], tmp_path: Path) -> None:
    queue = f"percept-test-{os.getpid()}"
    through_rabbitmq = environment | {"BROKER_URL": RABBITMQ_URL}

    running = worker(through_rabbitmq, queue=queue)
    next(running)
    try:
        done = publish(through_rabbitmq, tmp_path / "rung", queue=queue)
        assert done.returncode == 0, done.stderr
        wait_for(tmp_path / "rung")
    finally:
        running.close()
        with Connection(RABBITMQ_URL) as connection:
            Queue(queue, channel=connection.default_channel).delete()


def test_a_commit_stands_when_its_broker_is_away(environment: dict[str, str], tmp_path: Path) -> None:
    """Control: without the except clause in DoorbellTask an outage is a traceback per page, not a line."""
    done = publish(environment | {"BROKER_URL": "amqp://guest:guest@127.0.0.1:1//"}, tmp_path / "rung")

    assert done.returncode == 0, done.stderr
    assert "went on" in done.stdout
    assert "leave_file was not published" in done.stderr


@pytest.mark.rabbitmq
@pytest.mark.skipif(not rabbitmq_answers(), reason="no RabbitMQ on 127.0.0.1:5672")
def test_a_commit_stands_when_its_broker_refuses_the_password(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Control: transaction.on_commit without robust=True ends this with a traceback and status 1."""
    done = publish(environment | {"BROKER_URL": "amqp://guest:wrong@127.0.0.1:5672//"}, tmp_path / "rung")

    assert done.returncode == 0, done.stderr
    assert "went on" in done.stdout
    assert "Error calling" in done.stderr
