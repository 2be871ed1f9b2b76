"""Rows appended to the base, and nothing else: each system call of it fails, or the process is killed there."""

import signal
from pathlib import Path

import pytest

from dnadesign.usr import Dataset
from tests.faults.single_writer import ROWS, small_dataset
from tests.faults.strace import needs_strace, run, times_called

pytestmark = needs_strace

# How often an append makes each call. The commit is the sync of the log, the sixth; before it come the root's folder and
# its parent, the staged file, the intent and the folder of both, after it the base's folder.
CALLS = {"fsync": 7, "rename": 3, "pwrite64": 4, "copy_file_range": 1, "ftruncate": 2, "unlink": 2}
COMMIT, NAMED = 6, 2  # the sync of the log; the rename of the intent to its second name

FAILING = {
    **{f"fsync:error=EIO:when={n}": "failed" for n in range(1, COMMIT + 1)},
    f"fsync:error=EIO:when={CALLS['fsync']}": "done",
    "fsync:error=ENOSPC:when=4": "failed",
    f"fsync:error=EIO:when={COMMIT}+": "unknown",  # nor can the event be taken back
    "rename:error=EIO:when=1": "failed",
    f"rename:error=EIO:when={NAMED}": "unknown",
    "rename:error=EIO:when=3": "done",
    "pwrite64:error=ENOSPC:when=3": "failed",
    "pwrite64:error=ENOSPC:when=4": "failed",
    "copy_file_range:error=EIO:when=1": "failed",
    "write:error=ENOSPC:when=3": "failed",  # by Arrow, into the staged file
    "unlink:error=EIO:when=1": "done",
}
KILLED = [
    *[f"fsync:signal=KILL:when={n}" for n in range(2, CALLS["fsync"] + 1)],
    *[f"rename:signal=KILL:when={n}" for n in range(1, CALLS["rename"] + 1)],
    "pwrite64:signal=KILL:when=4",
    "copy_file_range:signal=KILL:when=1",
    "unlink:signal=KILL:when=1",
]


def append(root: Path, inject: str | None, change: str = "append") -> str:
    """Append with a fault; what came of it: done, failed, unknown or killed."""
    small_dataset(root)
    command = ["-m", "tests.faults.single_writer", str(root), change]
    played = run(command, log=root.with_suffix(".log"), inject=inject)
    if played.returncode in (128 + signal.SIGKILL, -signal.SIGKILL):
        return "killed"
    return played.stdout if played.returncode == 0 else played.stderr


def calls_of(root: Path) -> dict[str, int]:
    """How often the last append made each call."""
    called = times_called(root.with_suffix(".log"))
    return {name: called.get(name, 0) for name in CALLS}


def problems_of(root: Path, outcome: str) -> list[str]:
    """What is wrong with the dataset after an append of which this came: before and after recovery, and the next one."""
    found, whole = reopened(root), 1 + len(ROWS)
    allowed = {"done": {whole}, "failed": {1}}.get(outcome, {1, whole})
    seen = [found.to_arrow().num_rows]
    problems = [] if found.recover().ok else ["recovery found what it could not mend"]
    seen.append(reopened(root).to_arrow().num_rows)
    if not allowed.issuperset(seen):
        problems.append(f"{outcome}: {seen} rows, before and after recovery")
    events = [event.action for event in reopened(root).events()].count("import_rows")
    if events != 1 + (seen[-1] == whole):
        problems.append(f"{events} appends in the log beside {seen[-1]} rows")
    added = reopened(root).add_sequences(ROWS, bio_type="dna", alphabet="dna_4", on_conflict="ignore").added
    if seen[-1] + added != whole:
        problems.append(f"{added} rows added to {seen[-1]}")
    found = reopened(root)
    checks = [*found.check().problems, *found.verify_events(deep=True).problems]
    left = [p.name for p in (found.dir / ".usr").rglob("*") if p.is_file() and p.parent.name != "keys"]
    return problems + [str(problem) for problem in checks] + [f"left behind: {name}" for name in left]


def reopened(root: Path) -> Dataset:
    """The dataset as a process sees it that knows nothing of it."""
    return Dataset(root, "set")


def test_an_append_makes_the_calls_that_are_broken_here(tmp_path: Path) -> None:
    assert append(tmp_path / "root", None) == "done"
    assert calls_of(tmp_path / "root") == CALLS
    assert problems_of(tmp_path / "root", "done") == []


@pytest.mark.parametrize(("inject", "outcome"), FAILING.items(), ids=FAILING)
def test_an_append_of_which_a_system_call_fails_says_what_came_of_it(
    inject: str, outcome: str, tmp_path: Path
) -> None:
    assert append(tmp_path / "root", inject) == outcome
    assert problems_of(tmp_path / "root", outcome) == []


@pytest.mark.parametrize("inject", KILLED)
def test_an_append_that_is_killed_at_a_system_call_is_done_whole_or_not_at_all(
    inject: str, tmp_path: Path
) -> None:
    assert append(tmp_path / "root", inject) == "killed"
    assert problems_of(tmp_path / "root", "killed") == []


def test_an_append_that_is_not_taken_back_is_found_out(tmp_path: Path) -> None:
    inject = f"fsync:error=EIO:when={COMMIT}"
    assert append(tmp_path / "root", inject, "append_without_taking_back") == "failed"
    assert problems_of(tmp_path / "root", "failed") != []


def test_an_append_that_is_called_done_and_is_not_sure_is_found_out(tmp_path: Path) -> None:
    inject = f"rename:error=EIO:when={NAMED}"
    assert append(tmp_path / "root", inject, "append_that_is_always_done") != FAILING[inject]


def test_an_append_without_syncs_is_found_out(tmp_path: Path) -> None:
    assert append(tmp_path / "root", None, "append_without_syncs") == "done"
    assert calls_of(tmp_path / "root") == {**CALLS, "fsync": 0}
