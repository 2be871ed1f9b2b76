"""A design run that dies goes on as if nothing had been; the whole of it: ``python -m tests.densegen.deaths``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def deaths(*options: str) -> subprocess.CompletedProcess[str]:
    """The harness in a process of its own, with no thread in it when it forks."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.densegen.deaths", *options],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_run_that_dies_at_a_step_on_the_disk_goes_on_to_the_same_designs() -> None:
    done = deaths("--steps", "--every", "83")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("died, resumed, whole") >= 5


def test_a_run_that_dies_about_a_commit_goes_on_to_the_same_designs() -> None:
    done = deaths("--steps", "--only", ".events.log", "--every", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("died, resumed, whole") >= 5


def test_a_run_that_is_killed_at_random_moments_goes_on_to_the_same_designs() -> None:
    done = deaths("--kills", "4")
    assert done.returncode == 0, done.stderr
    assert "4 kills: the same designs as an undisturbed run" in done.stdout
