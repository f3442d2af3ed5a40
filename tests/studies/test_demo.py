"""The main job, end to end, as a newcomer runs it: real worker, real server, real pages, real export.

Its own controls are in test_demo_check.py: each promise, broken, turns the command's exit status to 1.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings


@pytest.mark.slow
def test_demo_check_goes_from_prompts_to_opinion_scores_and_keeps_every_promise(tmp_path: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "BROKER_URL", "MEDIA_ROOT", "SECRET_KEY"}
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--check", "--port", "0"],
        cwd=settings.BASE_DIR,
        env=environment | {"PERCEPT_VAR": str(tmp_path), "DEBUG": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 of 24 images" in done.stdout
    assert "NOUN" in done.stdout
    # The study of scores, and a small one of each further kind.
    assert done.stdout.count("Every acknowledged answer is in the export once") == 4
    assert done.stdout.count("every careless rater who met an attention check was caught") == 4
