"""Bytes behind the last whole event are cut off by recovery, and are kept, whatever cuts the recovery short."""

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import EVENTS, TORN
from dnadesign.usr.storage import journal
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import DATASET, repeatable_ids
from tests.faults.enumeration import prepared, recover_now
from tests.faults.mutants import leaving_out, rewritten
from tests.faults.ways_to_fail import shown

TAIL = b'{"event_version":1,"half of an event'
CRASHES = 12  # states of each power cut
MOST = 100  # states to look at; then the last recovery is still broken in every way
SAVE = "        torn = _save_tail(fs, dataset, log, end, size)\n"
CUT = "        log.truncate(end)\n        log.sync()\n"

MUTANTS = {
    "syncing what was saved": lambda: leaving_out(
        lambda s: s.kind == "sync" and s.name.startswith("events-at-")
    ),
    "syncing the folder that it is saved in": lambda: rewritten(
        journal._save_tail, ("fs.sync_dir(torn.parent)", "pass")
    ),
    "syncing the folder above, which a killed recovery may not have": lambda: rewritten(
        journal._cut_torn_tail, (", sure_below=dataset", "")
    ),
    "saving before cutting": lambda: rewritten(journal._cut_torn_tail, (SAVE + CUT, CUT + SAVE)),
    "syncing the log after cutting it": lambda: rewritten(
        journal._cut_torn_tail, (CUT, "        log.truncate(end)\n")
    ),
    "writing anew what an earlier recovery left": lambda: rewritten(
        journal._save_tail, ("fs.unlink(torn)", "_ = torn")
    ),
}


def with_torn_tail() -> tuple[SimulatedFileSystem, bytes]:
    """A dataset with half an event at the end of its log, and the whole ones."""
    with repeatable_ids():
        fs = prepared("append").fs
    whole = fs.files(DATASET)[EVENTS] or b""
    with opened(fs, DATASET / EVENTS, "write") as log:
        log.write_at(len(whole), TAIL)
    fs.settle_all()
    return fs, whole


class Search:
    """Recoveries that are cut short, and recoveries from what they leave."""

    def __init__(self, whole: bytes) -> None:
        self.whole = whole
        self.states: set[int] = set()
        self.left: list[SimulatedFileSystem] = []
        self.problems: list[str] = []

    def run(self) -> None:
        """Break recovery in every way, and the recoveries from what that leaves, until there was enough of it."""
        while self.left and len(self.states) < MOST:
            self.recover(self.left.pop(0))

    def recover(self, start: SimulatedFileSystem) -> None:
        """Kill a recovery and cut the power at each of its operations, and let each fail."""
        fs, moments = start.clone(), list[tuple[Operation, SimulatedFileSystem]]()
        fs.before = lambda operation: moments.append((operation, fs.clone()))
        recover_now(fs)
        fs.before = None
        for state in [fs, *fs.crashes(most=CRASHES)]:
            if state.files(DATASET)[EVENTS] != self.whole and start.files(DATASET)[EVENTS] != self.whole:
                self.problems.append("the tail is there after recovery")
            self.look(state, "recovered")
        for operation, moment in moments:
            failed = self.failed_at(start, operation)
            for state in [moment, *moment.crashes(most=CRASHES), failed, *failed.crashes(most=CRASHES)]:
                self.look(state, shown(operation))

    def failed_at(self, start: SimulatedFileSystem, operation: Operation) -> SimulatedFileSystem:
        """The files after a recovery of which that operation failed."""
        fs, error = start.clone(), os_error(errno.EIO, operation.path)
        fs.before = lambda now: Fault(error) if now.index == operation.index else None
        with suppress(SequencesError, OSError):
            recover_now(fs)
        fs.before = None
        return fs

    def look(self, fs: SimulatedFileSystem, where: str) -> None:
        """Note what is wrong with files that were not looked at before."""
        mark = hash((fs.fingerprint(), fs.pending_mark()))
        if mark in self.states:
            return
        self.states.add(mark)
        self.left.append(fs.clone())
        files = fs.files(DATASET)
        log = files[EVENTS] or b""
        saved = [content for path, content in files.items() if path.startswith(f"{TORN}/")]
        if not log.startswith(self.whole):
            self.problems.append(f"{where}: events are gone")
        if log != self.whole + TAIL and TAIL not in saved:
            self.problems.append(f"{where}: the tail is nowhere: {log[len(self.whole) :]!r}, {saved}")


def searched() -> Search:
    fs, whole = with_torn_tail()
    search = Search(whole)
    search.look(fs, "start")
    search.run()
    return search


def test_a_torn_tail_is_kept_whatever_cuts_recovery_short(note: Callable[[str, int], None]) -> None:
    search = searched()
    note("distinct states recovered and checked", len(search.states))
    assert search.problems == []
    assert len(search.states) >= MOST


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_recovery_that_may_lose_a_torn_tail_is_found_out(
    mutant: Callable[[], AbstractContextManager[None]], note: Callable[[str, int], None]
) -> None:
    with mutant():
        try:
            problems = searched().problems
        except OSError as error:
            problems = [str(error)]
    assert problems
    note("mutants caught", 1)
