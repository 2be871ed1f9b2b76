"""One verb on a real dataset, broken at its operations; what is left is read, recovered, checked and changed."""

import contextlib
import errno
import logging
from collections.abc import Callable
from random import Random

from dnadesign.usr import Dataset
from dnadesign.usr.contract.errors import CommitOutcomeUnknown, SequencesError
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.damage import INTENT_NAME
from tests.faults.datasets import (
    VERBS,
    Seen,
    Verb,
    dataset,
    problems_of,
    problems_of_names,
    seen,
    with_dataset,
)
from tests.faults.enumeration import Stopped
from tests.faults.refusals import problems_of_refusals
from tests.faults.ways_to_fail import Interrupted, shown, ways_to_fail
from tests.usr.storage.cached_keys import eager

CRASHES = 1  # states of each power cut
logging.getLogger("dnadesign.usr").setLevel(logging.ERROR)


class Search:
    """One verb on one dataset, broken at its operations."""

    def __init__(self, start: SimulatedFileSystem, verb: Verb, *, cached: bool = False) -> None:
        self.start, self.verb = start, verb
        self.opened: Callable[[SimulatedFileSystem], Dataset] = (
            (lambda fs: eager(dataset(fs))) if cached else dataset
        )
        self.before = seen(start)
        self.states: set[int] = set()
        self.runs, self.rewrites = 0, cached
        self.problems: list[str] = []

    def crashes(self) -> list[Operation]:
        """Kills and power cuts before every operation that changes something; those operations."""
        fs, moments = self.start.clone(), list[tuple[Operation, SimulatedFileSystem]]()

        def before(operation: Operation) -> None:
            if operation.changes:
                moments.append((operation, fs.clone()))

        fs.before = before
        self.verb(self.opened(fs))
        fs.before = None
        self.after = seen(fs)
        committed = [m for o, m in moments if o.kind == "rename" and o.path.name == INTENT_NAME][-1].clone()
        for operation, moment in moments:
            self.problems += [f"before {shown(operation)}: {found}" for found in problems_of_names(moment)]
            for state in [moment, *moment.crashes(most=CRASHES, random=Random(operation.index))]:
                self.settle(f"before {shown(operation)}", state, (self.before, self.after))
        for state in [fs, *fs.crashes(most=CRASHES)]:
            self.settle("done", state, (self.after,))
        self.recover_in_pieces(committed)
        return [operation for operation, _ in moments]

    def fault(self, where: str, faults: Callable[[Operation], Fault | None], *, crashes: int = 0) -> None:
        """The verb with a fault in it: a failed one has left nothing, the dataset goes on to work.

        Args:
            where: What to say of what is found.
            faults: The faults.
            crashes: So many states of a power cut after it hold to the same.
        """
        fs = self.start.clone()
        fs.before = faults
        self.runs += 1
        try:
            self.verb(self.opened(fs))
            allowed: tuple[Seen | None, ...] = (self.after,)
        except (CommitOutcomeUnknown, Interrupted):
            allowed = (self.before, self.after)
        except (SequencesError, OSError):
            allowed = (self.before,)
        fs.before = None
        for state in fs.crashes(most=crashes) if crashes else ():
            self.settle(f"{where}, power cut", state, allowed)
        self.settle(where, fs, allowed)

    def at_random(self, rng: Random, stopped: Callable[[], bool]) -> None:
        """Kills, power cuts and each fault at some operations; keys written again in some of the states.

        Raises:
            Stopped: There is no more time.
        """
        fs, moments = self.start.clone(), list[tuple[Operation, SimulatedFileSystem]]()
        fs.before = lambda operation: moments.append((operation, fs.clone()))
        self.verb(self.opened(fs))
        fs.before = None
        self.after = seen(fs)
        self.settle("done", fs, (self.after,))
        changing = [moment for moment in moments if moment[0].changes]
        for operation, moment in [*rng.sample(changing, min(OPERATIONS, len(changing))), rng.choice(moments)]:
            where = shown(operation)
            for state in [moment, *moment.crashes(most=4, random=rng)]:
                self.settle(f"killed or power cut before {where}", state, (self.before, self.after))
            for label, faults in ways_to_fail(operation):
                if stopped() or self.problems:
                    raise Stopped
                self.fault(label, faults, crashes=1)

    def recover_in_pieces(self, left: SimulatedFileSystem) -> None:
        """The recovery that has most to do is killed at its operations, and each second one fails."""
        fs, operations = left.clone(), list[tuple[Operation, SimulatedFileSystem]]()

        def before(operation: Operation) -> None:
            if operation.changes:
                operations.append((operation, fs.clone()))

        fs.before = before
        dataset(fs).recover()
        for operation, moment in operations:
            self.problems += [f"recovery, {shown(operation)}: {found}" for found in problems_of_names(moment)]
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
            if self.rewrites and len(self.states) % REFUSED_EVERY == 0 and found[-1][1] is not None:
                self.problems += [f"{where}: {problem}" for problem in problems_of_refusals(fs.clone())]
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


# -- at random ---------------------------------------------------------------------------------------------------

OPERATIONS = 5  # of a verb, that are broken in every way
REFUSED_EVERY = 8  # every how many-th state to write keys again in


def random_history(rng: Random, length: int, *, cached: bool) -> SimulatedFileSystem:
    """A dataset after random verbs, some refused, with kills and power cuts between them, which lose nothing."""
    fs = with_dataset()
    for _ in range(length):
        with contextlib.suppress(SequencesError):
            found = dataset(fs)
            rng.choice(list(VERBS.values()))(eager(found) if cached else found)
        if rng.randrange(3) == 0:
            acknowledged, fs = seen(fs), rng.choice([fs.clone(), *fs.crashes(most=4, random=rng)])
            if seen(fs) != acknowledged:
                raise AssertionError(f"a power cut after {acknowledged} leaves {seen(fs)}")
    return fs


def random_search(rng: Random, stopped: Callable[[], bool]) -> tuple[str, Search]:
    """One more verb of a random history, broken in every way at some of its operations; what was searched."""
    cached = rng.randrange(2) == 0
    start = random_history(rng, rng.randrange(7), cached=cached)
    dataset(start).recover()
    name = rng.choice([name for name in VERBS if is_possible(start, VERBS[name])])
    search = Search(start, VERBS[name], cached=cached)
    with contextlib.suppress(Stopped):
        search.at_random(rng, stopped)
    return name, search


def is_possible(start: SimulatedFileSystem, verb: Verb) -> bool:
    try:
        verb(dataset(start.clone()))
    except SequencesError:
        return False
    return True
