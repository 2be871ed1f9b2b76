"""Real processes on a real disk: killed, given errors by the kernel, and watched by strace."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnadesign.usr import Dataset
from dnadesign.usr.contract.events import LIBRARY_ACTIONS
from tests.architecture.source_tree import ROOT
from tests.faults.changes import NAME
from tests.faults.datasets import VERBS
from tests.faults.single_writer import BATCH, ROWS, small_dataset
from tests.faults.strace import SystemCall, calls_below, needs_strace, run
from tests.faults.traced_writer import REMAINS, prepare

ROUNDS, FAULTY_ROUNDS = 100, 12
STAGED = re.compile(r".*/\.usr/\.[0-9a-f]{32}\.\d+")

INJECTIONS = (
    "fsync:error=EIO:when=7+",
    "fsync:error=ENOSPC:when=5",
    "rename:error=EIO:when=2",
    "fsync:signal=KILL:when=7",
    "rename:signal=KILL:when=3",
)


def test_killing_four_writers_at_random_moments_loses_and_halves_nothing(tmp_path: Path) -> None:
    command = ["-W", "always", "-m", "tests.faults.killing", str(tmp_path), "--rounds", str(ROUNDS)]
    played = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    assert "multi-threaded" not in played.stderr  # a process that forks has no other threads
    rounds = re.fullmatch(r"(\d+) rounds, (\d+) transactions acknowledged\n", played.stdout)
    assert rounds is not None
    assert int(rounds[1]) == ROUNDS
    assert int(rounds[2]) > 0


@needs_strace
def test_four_writers_of_which_system_calls_fail_keep_what_they_tell(
    tmp_path: Path, note: Callable[[str, int], None]
) -> None:
    command = ["-m", "tests.faults.killing", str(tmp_path), "--faults", "--rounds", str(FAULTY_ROUNDS)]
    played = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    rounds = re.fullmatch(
        r"(\d+) rounds, (\d+) transactions.*, (\d+) of \d+ writers met a fault.*\n", played.stdout
    )
    assert rounds is not None
    assert int(rounds[1]) == FAULTY_ROUNDS
    assert int(rounds[2]) > 0
    assert int(rounds[3]) > 0
    note("real writers that met a fault of a system call", int(rounds[3]))


@needs_strace
@pytest.mark.parametrize("inject", INJECTIONS)
def test_a_system_call_that_fails_or_kills_leaves_all_or_nothing(inject: str, tmp_path: Path) -> None:
    found = small_dataset(tmp_path)
    played = run(
        ["-m", "tests.faults.single_writer", str(tmp_path)], log=tmp_path / "strace.log", inject=inject
    )
    killed = "signal=KILL" in inject
    assert (
        played.returncode == (128 + signal.SIGKILL if killed else 0) or played.returncode == -signal.SIGKILL
    )
    assert killed or played.stdout in ("done", "failed", "unknown"), played.stderr
    assert found.recover().ok
    rows = found.to_arrow().num_rows
    assert rows in (1, 1 + len(ROWS))
    assert (found.batch(BATCH) is not None) == (rows > 1)
    assert played.stdout != "done" or rows > 1
    assert played.stdout != "failed" or rows == 1
    assert found.check().ok
    assert found.verify_events(deep=True).ok


def from_trace(path: Path) -> list[tuple[str, str]]:
    return [tuple(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def by_seam(calls: list[SystemCall]) -> list[tuple[str, str]]:
    """The system calls as the seam names its operations; opening what is there changes nothing, unless it empties it."""
    made = [c for c in calls if c.kind != "open" or re.search("O_CREAT|O_TRUNC|O_TMPFILE", c.arguments)]
    return [(name_of(call), call.path) for call in made]


def name_of(call: SystemCall) -> str:
    if call.kind == "open":  # Arrow opens what it writes once more, by the descriptor that it is given
        return "write" if "/proc/self/fd/" in call.arguments else "create"
    return call.kind


def but_staged_content(steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what is written into staged files: Arrow does that by the descriptors that the seam gave it."""
    return [s for s in steps if s[0] not in ("write", "copy", "truncate") or not STAGED.fullmatch(s[1])]


@needs_strace
def test_the_kernel_sees_what_the_seam_says_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    prepare(root)
    played = run(
        ["-m", "tests.faults.traced_writer", str(root), str(tmp_path / "seam")], log=tmp_path / "strace.log"
    )
    assert played.returncode == 0, played.stderr
    seam = but_staged_content(from_trace(tmp_path / "seam"))
    assert but_staged_content(by_seam(calls_below(tmp_path / "strace.log", root))) == seam
    kinds = {"create", "write", "truncate", "sync", "mkdir", "rename", "unlink", "mode", "owner"}
    assert {kind for kind, _ in seam} == kinds
    datasets = [Dataset(root / name, NAME) for name in ("new", *VERBS, *REMAINS)]
    assert [str(problem) for found in datasets for problem in found.check().problems] == []
    assert {event.action for found in datasets for event in found.events()} >= LIBRARY_ACTIONS
