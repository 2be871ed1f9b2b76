"""Real datasets keep their promises too: each verb is all or nothing, through crashes and errors at its operations."""

import contextlib
import errno
import logging
from collections.abc import Callable
from random import Random

import pytest

from dnadesign.usr import register_namespace
from dnadesign.usr.contract.errors import CommitOutcomeUnknown, SequencesError
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import ROOT, repeatable_ids
from tests.faults.damage import INTENT_NAME
from tests.faults.datasets import VERBS, Seen, Verb, dataset, problems_of, seen, with_dataset, with_registry
from tests.faults.enumeration import shown

CRASHES = 1  # states of each power cut
logging.getLogger("dnadesign.usr").setLevel(logging.ERROR)


class Search:
    """One verb on one dataset, broken at its operations."""

    def __init__(self, start: SimulatedFileSystem, verb: Verb) -> None:
        self.start, self.verb = start, verb
        self.before = seen(start)
        self.states: set[int] = set()
        self.problems: list[str] = []

    def crashes(self) -> list[Operation]:
        """Kills and power cuts before every operation that changes something; those operations."""
        fs, moments = self.start.clone(), list[tuple[Operation, SimulatedFileSystem]]()

        def before(operation: Operation) -> None:
            if operation.changes:
                moments.append((operation, fs.clone()))

        fs.before = before
        self.verb(dataset(fs))
        fs.before = None
        self.after = seen(fs)
        committed = [m for o, m in moments if o.kind == "rename" and o.path.name == INTENT_NAME][-1].clone()
        for operation, moment in moments:
            for state in [moment, *moment.crashes(most=CRASHES, random=Random(operation.index))]:
                self.settle(f"before {shown(operation)}", state, (self.before, self.after))
        for state in [fs, *fs.crashes(most=CRASHES)]:
            self.settle("done", state, (self.after,))
        self.recover_in_pieces(committed)
        return [operation for operation, _ in moments]

    def fault(self, where: str, faults: Callable[[Operation], Fault | None]) -> None:
        """The verb with a fault in it: a failed one has left nothing, the dataset goes on to work."""
        fs = self.start.clone()
        fs.before = faults
        try:
            self.verb(dataset(fs))
            allowed: tuple[Seen | None, ...] = (self.after,)
        except CommitOutcomeUnknown:
            allowed = (self.before, self.after)
        except (SequencesError, OSError):
            allowed = (self.before,)
        fs.before = None
        self.settle(where, fs, allowed)

    def recover_in_pieces(self, left: SimulatedFileSystem) -> None:
        """The recovery that has most to do is killed at its operations, and each second one fails."""
        fs, operations = left.clone(), list[tuple[Operation, SimulatedFileSystem]]()

        def before(operation: Operation) -> None:
            if operation.changes:
                operations.append((operation, fs.clone()))

        fs.before = before
        dataset(fs).recover()
        for operation, moment in operations:
            where = f"recovery, before {shown(operation)}"
            for state in [moment, *moment.crashes(most=CRASHES, random=Random(operation.index))]:
                self.settle(where, state, (self.before, self.after))
            if operation.index % 2:
                state = left.clone()
                state.before = errors_at(operation)[0][1]
                with contextlib.suppress(SequencesError, OSError):
                    dataset(state).recover()
                state.before = None
                self.settle(f"{where}, EIO", state, (self.before, self.after))

    def settle(self, where: str, fs: SimulatedFileSystem, allowed: tuple[Seen | None, ...]) -> None:
        """Read, recover, check, and change."""
        mark = hash((fs.fingerprint(), fs.pending_mark(), len(allowed)))
        if mark in self.states:
            return
        self.states.add(mark)
        try:
            found = [("a reader sees", seen(fs))]
            settled = fs.fingerprint()
            if fs.stat(dataset(fs).dir) is not None:
                dataset(fs).recover()
            if fs.fingerprint() != settled:
                found.append(("after recovery one sees", seen(fs)))
            self.problems += [f"{where}: {what} {rows}" for what, rows in found if rows not in allowed]
            if found[-1][1] is not None:
                dataset(fs).log_event("next_tool_ran")
                self.problems += [f"{where}: {problem}" for problem in problems_of(fs)]
        except (SequencesError, OSError) as error:
            self.problems.append(f"{where}: {type(error).__name__}: {error}")


def errors_at(operation: Operation) -> list[tuple[str, Callable[[Operation], Fault | None]]]:
    at, full = operation.index, os_error(errno.ENOSPC, operation.path)
    broken = os_error(errno.EIO, operation.path)
    return [
        (f"EIO at {shown(operation)}", lambda now: Fault(broken) if now.index == at else None),
        (f"EIO from {shown(operation)} on", lambda now: Fault(broken) if now.index >= at else None),
        (
            f"ENOSPC from {shown(operation)} on",
            lambda now: Fault(full) if now.index >= at and now.kind in ("create", "write", "copy", "sync") else None,
        ),
    ]  # fmt: skip


def look(start: SimulatedFileSystem, verb: Verb, note: Callable[[str, int], None]) -> None:
    search = Search(start, verb)
    operations = search.crashes()
    for operation in operations[::2]:
        ways = errors_at(operation)
        where, faults = ways[operation.index % len(ways)]
        search.fault(where, faults)
    note("states of real datasets recovered and checked", len(search.states))
    assert search.problems == []
    assert len(search.states) > len(operations)


@pytest.fixture(scope="module")
def with_files() -> SimulatedFileSystem:
    return with_dataset()


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_is_done_whole_or_not_at_all(
    verb: Verb, with_files: SimulatedFileSystem, note: Callable[[str, int], None]
) -> None:
    with repeatable_ids():
        look(with_files, verb, note)


def test_an_init_is_done_whole_or_not_at_all(note: Callable[[str, int], None]) -> None:
    with repeatable_ids():
        look(with_registry(), lambda found: found.init(source="test"), note)


def test_a_registration_is_made_whole_or_not_at_all_and_what_used_it_keeps_it(
    note: Callable[[str, int], None],
) -> None:
    fs, moments = with_dataset(), list[tuple[Operation, SimulatedFileSystem]]()
    old = load_registry(ROOT, fs=fs)

    def register(state: SimulatedFileSystem) -> None:
        register_namespace(ROOT, namespace="new", columns="new__x:int64", fs=state)

    def before(operation: Operation) -> None:
        if operation.changes:
            moments.append((operation, fs.clone()))

    fs.before = before
    register(fs)
    fs.before = None
    new = load_registry(ROOT, fs=fs)
    states = 0
    for _, moment in moments:
        if load_registry(ROOT, fs=moment) == new:
            relying = moment.clone()
            dataset(relying, "other").log_event("tool_ran")
            assert all(load_registry(ROOT, fs=later) == new for later in relying.crashes(most=20))
        for state in [moment, *moment.crashes(most=20)]:
            states += 1
            assert load_registry(ROOT, fs=state) in (old, new)
            register(state)
            for later in state.crashes(most=5):
                assert load_registry(ROOT, fs=later) == new
    for state in fs.crashes(most=20):
        assert load_registry(ROOT, fs=state) == new
    note("states of real datasets recovered and checked", states)
