"""Run one input in a fresh process, and make one that breaks its target smaller: ``python -m tests.fuzz.again TARGET FILE``."""

from __future__ import annotations

import subprocess
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.limits import MOST_SECONDS, run_within_limits, stopped_after
from tests.fuzz.targets import TARGETS

_PATIENCE = 60.0  # seconds, for a process that has to import everything first
_SECONDS_TO_SHRINK = 60.0


def runs_through(name: str, path: Path, *, show: bool = False) -> bool:
    """Whether the input is read within the limits by a process of its own."""
    command = [sys.executable, "-m", "tests.fuzz.again", name, str(path)]
    try:
        done = subprocess.run(command, capture_output=not show, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def fault_of(name: str, data: bytes, seconds: float = MOST_SECONDS) -> str | None:
    """What the input breaks, by the kind of error and where it was raised; None if nothing."""
    try:
        with stopped_after(seconds):
            run_within_limits(TARGETS[name].read, data)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the find
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {last.name}"
    return None


def smaller(name: str, path: Path) -> Path:
    """A file beside it with a shorter input that breaks the same; the file itself if none is found, or it kills the process."""
    if not _dies_with_a_traceback(name, path):
        return path
    data = path.read_bytes()
    fault, end = fault_of(name, data), time.monotonic() + _SECONDS_TO_SHRINK
    size = len(data) // 2
    while fault is not None and "BrokenLimit" not in fault and size > 0 and time.monotonic() < end:
        at, shrunk = 0, False
        while at < len(data) and time.monotonic() < end:
            shorter = data[:at] + data[at + size :]
            if fault_of(name, shorter) == fault:
                data, shrunk = shorter, True
            else:
                at += size
        size = size if shrunk and size > 1 else size // 2
    kept = path.with_name(f"{path.name}.smaller")
    kept.write_bytes(data)
    return kept


def _dies_with_a_traceback(name: str, path: Path) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.again", name, str(path)]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE).returncode == 1
    except subprocess.TimeoutExpired:
        return False


def main(name: str, path: Path) -> None:
    """Run the input; what it breaks is raised."""
    with stopped_after(2 * MOST_SECONDS):
        run_within_limits(TARGETS[name].read, path.read_bytes())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
