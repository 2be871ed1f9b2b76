"""Every crash and every fault at every operation of a change, and again inside the recovery from it.

For each operation of a change that touches the disk: the writer is killed there, the power fails there (with every
subset of what was not synced, or a sample of them), the operation fails in each way, once and for good. Each state that
this leaves is read without a lock, recovered, checked, recovered again, and changed again; a sample of the recoveries
is itself cut short at every operation.

Most of these end in states that were met before. What depends on nothing but a state is looked at once in it: reading
and recovering depend on the files as processes see them, a power cut also on what of them is not on the disk yet.
"""

import contextlib
import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from dnadesign.usr.contract.errors import (
    CommitOutcomeUnknown,
    DatasetNotFound,
    LockTimeout,
    SequencesError,
)
from dnadesign.usr.contract.layout import LOCK
from dnadesign.usr.storage.journal import recover
from dnadesign.usr.storage.lock import exclusive_lock
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import (
    CHANGES,
    DATASET,
    Files,
    Plan,
    empty_disk,
    init,
    log_event,
    perform,
    possible,
)
from tests.faults.invariants import (
    Expected,
    problems_of_following,
    problems_of_names,
    problems_of_reading,
    problems_of_settled,
)
from tests.faults.ways_to_fail import Interrupted, shown, ways_to_fail

AFTER_NEXT = 2  # how many states of a power cut after the change that follows
NEXT = 900_000  # the number of the change that is made after a recovery

logging.getLogger("dnadesign.usr").setLevel(
    logging.ERROR
)  # that a change is finished later is told at each fault


Look = Callable[[SimulatedFileSystem, Expected], list[str]]


@dataclass
class Tally:
    """What was looked at, and what was found wrong.

    Attributes:
        states: Hashes of the distinct states that were recovered and checked.
        runs: Changes that were made with a fault in them.
        violations: What did not hold, with how to get there.
        stop_after: Give up after so many violations.
        stopped: Whether to give up now, for want of time.
    """

    states: set[int] = field(default_factory=set)
    runs: int = 0
    violations: list[str] = field(default_factory=list)
    stop_after: int = 5
    stopped: Callable[[], bool] = lambda: False

    def note(self, where: str, problems: list[str]) -> None:
        self.violations += [f"{where}: {problem}" for problem in problems]
        if len(self.violations) >= self.stop_after:
            raise TooManyViolations(self)
        if self.stopped():
            raise Stopped


class TooManyViolations(Exception):
    """Ends a search that has found enough."""

    def __init__(self, tally: Tally) -> None:
        super().__init__("\n".join(tally.violations))


class Stopped(Exception):
    """Ends a search for which there is no more time."""


@dataclass(frozen=True)
class Effort:
    """How far to look: most states of one power cut, and every how many-th recovery to cut short in its turn."""

    crashes: int = 24
    nested_every: int = 40
    nested_crashes: int = 6
    after_faults: int = 4


@dataclass
class World:
    """A dataset some changes old."""

    fs: SimulatedFileSystem
    files: Files
    expected: Expected
    number: int

    def plan(self, name: str) -> Plan:
        return (init if name == "init" else CHANGES[name])(self.files, self.number)

    def after(self, name: str) -> "World":
        """The world after one more change, as its writer leaves it."""
        if name != "init" and not possible(self.files, name):
            raise ValueError(f"{name} needs what this dataset lacks")
        plan, fs = self.plan(name), self.fs.clone()
        perform(fs, name, plan, files=self.files, number=self.number)
        return World(fs, plan.apply(self.files), self.expected.and_done(self.number), self.number + 1)


def new_world() -> World:
    return World(empty_disk(), {}, Expected(), 1)


def prepared(*names: str) -> World:
    """A dataset after its init and these changes."""
    world = new_world().after("init")
    for name in names:
        world = world.after(name)
    return world


def random_world(rng: Random, length: int) -> World:
    """A dataset after its init and some random changes."""
    world = new_world().after("init")
    for _ in range(length):
        world = world.after(rng.choice([name for name in CHANGES if possible(world.files, name)]))
    return world


@dataclass
class Search:
    """One change of one dataset, broken in every way."""

    world: World
    name: str
    tally: Tally
    effort: Effort = field(default_factory=Effort)
    _recoveries: int = 0
    _right: set[int] = field(default_factory=set)
    _cut: dict[int, int] = field(default_factory=dict)
    _rng: Random = field(default_factory=lambda: Random(0))

    def run(self) -> None:
        """Look at everything."""
        self.plan = self.world.plan(self.name)
        self._rng = Random(zlib.crc32(f"{self.name} {self.world.number}".encode()))
        operations = self.crashes()
        self.meet(operations)
        for operation in operations:
            for label, faults in ways_to_fail(operation):
                self.fault(f"{self.name}, {label}", faults)

    def perform(self, fs: SimulatedFileSystem) -> None:
        perform(fs, self.name, self.plan, files=self.world.files, number=self.world.number)

    def crashes(self) -> list[Operation]:
        """Kills and power cuts at every operation, and after the last one; the operations."""
        fs, number = self.world.fs.clone(), self.world.number
        operations: list[Operation] = []
        moments: list[tuple[Operation, SimulatedFileSystem]] = []

        def before(operation: Operation) -> None:
            operations.append(operation)
            if operation.changes:
                moments.append((operation, fs.clone()))

        fs.before = before
        self.perform(fs)
        fs.before = None
        for operation, moment in moments:
            self.cut(f"{self.name}, before {shown(operation)}", moment, self.world.expected.and_open(number))
        self.cut(f"{self.name}, done", fs, self.world.expected.and_done(number))
        return operations

    def meet(self, operations: list[Operation]) -> None:
        """Another writer comes in between, at every operation, and again once the change is staged.

        All changes are made, or the lock keeps the others out.
        """
        if self.name == "init":
            return  # nobody writes to a dataset that is not there
        for moment in operations:
            self.tally.note(f"{self.name}, another writer before {shown(moment)}", self._met_at(moment.index))

    def _met_at(self, index: int) -> list[str]:
        fs, made = self.world.fs.clone(), list[int]()

        def before(now: Operation) -> None:
            staged = now.kind in ("open", "create") and now.path.name == LOCK and now.index > index
            if now.index == index or (staged and len(made) == 1):
                fs.before, counted, number = None, fs.operations, NEXT + len(made)
                with contextlib.suppress(LockTimeout, DatasetNotFound):
                    perform(fs, "log_event", log_event({}, number), files={}, number=number)
                    made.append(number)
                fs.before, fs.operations = before, counted

        fs.before = before
        try:
            self.perform(fs)
        except (SequencesError, OSError) as error:
            return [f"{type(error).__name__}: {error}"]
        first, second = self.world.expected, self.world.expected.and_done(self.world.number)
        for number in made:
            first, second = first.and_done(number), second.and_done(number)
        first = first.and_done(self.world.number)
        found = [problems_of_reading(fs, e) + problems_of_settled(fs, e) for e in (first, second)]
        return min(found, key=len)

    def cut(self, where: str, fs: SimulatedFileSystem, expected: Expected, *, most: int = 0) -> None:
        """The writer is killed now, or the power fails."""
        self.tally.note(where, self.looked_at(self.names, fs, expected, fs.fingerprint()))
        self.settle(f"{where}, killed", fs.clone(), expected)
        for number, state in enumerate(self.power_cuts(fs, expected, most=most or self.effort.crashes)):
            self.settle(f"{where}, power cut {number}", state, expected)

    def power_cuts(
        self, fs: SimulatedFileSystem, expected: Expected, *, most: int
    ) -> Iterator[SimulatedFileSystem]:
        """What a power cut now may leave; nothing where as many were drawn from this very state before."""
        mark = hash((fs.fingerprint(), fs.pending_mark(), expected))
        if self._cut.get(mark, 0) < most:
            self._cut[mark] = most
            yield from fs.crashes(most=most, random=self._rng)

    def fault(self, where: str, faults: Callable[[Operation], Fault | None]) -> None:
        """Make the change with a fault in it; then crash, now and at each operation after the fault."""
        self.tally.runs += 1
        fs, number = self.world.fs.clone(), self.world.number
        moments: list[tuple[Operation, SimulatedFileSystem]] = []
        hit = False

        def before(operation: Operation) -> Fault | None:
            nonlocal hit
            fault = faults(operation)
            if hit and operation.changes:
                moments.append((operation, fs.clone()))
            hit = hit or fault is not None
            return fault

        fs.before = before
        expected = self.world.expected
        try:
            self.perform(fs)
            after = expected.and_done(number)
        except (CommitOutcomeUnknown, Interrupted):
            after = expected.and_open(number)
        except (SequencesError, OSError):
            after = expected.and_failed(number)
        fs.before = None
        self.tally.note(where, self.looked_at(problems_of_reading, fs, after, fs.fingerprint()))
        self.cut(f"{where}, then", fs, after, most=self.effort.after_faults)
        for operation, moment in moments:
            self.cut(
                f"{where}, before {shown(operation)}",
                moment,
                expected.and_open(number),
                most=self.effort.after_faults,
            )

    def settle(
        self, where: str, fs: SimulatedFileSystem, expected: Expected, *, nested: bool = False
    ) -> None:
        """Read, recover, check, recover again, change and check again."""
        visible, pending = fs.fingerprint(), fs.pending_mark()
        mark = hash((visible, pending, expected.failed, len(expected.done)))
        if mark in self.tally.states:
            return
        self.tally.states.add(mark)
        self._recoveries += 1
        problems = self.looked_at(problems_of_reading, fs, expected, visible)
        if self._recoveries % 4 == 0:
            problems += self.looked_at(problems_of_following, fs, expected, visible)
        if not nested and self._recoveries % self.effort.nested_every == 0:
            self.recover_in_pieces(where, fs.clone(), expected)
        try:
            recover_now(fs)
            once = fs.fingerprint()
            problems += self.looked_at(problems_of_settled, fs, expected, once)
            problems += self.looked_at(recovering_again, fs, expected, once)
            problems += self.looked_at(self.go_on, fs, expected, once, fs.pending_mark())
        except (SequencesError, OSError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        self.tally.note(where, problems)

    def looked_at(self, look: Look, fs: SimulatedFileSystem, expected: Expected, *state: int) -> list[str]:
        """What a look finds wrong, which is nothing where it found nothing in this very state before.

        Args:
            look: What depends on nothing but the files, what is expected, and what ``state`` says besides.
            fs: The files.
            expected: What is known of the changes.
            state: Their fingerprint, and what is not on the disk yet where that matters.
        """
        mark = hash((look.__name__, expected, state))
        problems = look(fs, expected) if mark not in self._right else []
        if not problems:
            self._right.add(mark)
        return problems

    def go_on(self, fs: SimulatedFileSystem, expected: Expected) -> list[str]:
        """The next change works, and no power cut loses it or what came before."""
        if not expected.done:
            committed = self.name == "init" and fs.stat(DATASET / "records.parquet") is not None
            name, plan = ("log_event", log_event({}, NEXT)) if committed else ("init", init({}, NEXT))
        else:
            name, plan = "log_event", log_event({}, NEXT)
        perform(fs, name, plan, files={}, number=NEXT)
        after = expected.and_done(NEXT)
        problems = self.looked_at(problems_of_reading, fs, after, fs.fingerprint())
        problems += self.looked_at(problems_of_settled, fs, after, fs.fingerprint())
        for state in self.power_cuts(fs, after, most=AFTER_NEXT):
            problems += self.looked_at(problems_of_reading, state, after, state.fingerprint())
            recover_now(state)
            problems += self.looked_at(problems_of_settled, state, after, state.fingerprint())
        return [f"after the next change: {p}" for p in problems]

    def names(self, fs: SimulatedFileSystem, _expected: Expected) -> list[str]:
        """What a program that knows nothing of intents finds wrong, while nothing but a kill went before."""
        return problems_of_names(fs, self.world.files, self.plan.apply(self.world.files))

    def recover_in_pieces(self, where: str, fs: SimulatedFileSystem, expected: Expected) -> None:
        """Recovery is itself cut short, and fails, at each of its operations."""
        start, moments = fs.clone(), list[tuple[Operation, SimulatedFileSystem]]()
        operations: list[Operation] = []

        def before(operation: Operation) -> None:
            operations.append(operation)
            if operation.changes:
                moments.append((operation, fs.clone()))

        fs.before = before
        recover_now(fs)
        in_order = not self.names(start, expected)  # a power cut keeps some names and loses others
        for operation, moment in moments:
            if in_order:
                self.tally.note(
                    f"{where}, recovery before {shown(operation)}",
                    self.looked_at(self.names, moment, expected, moment.fingerprint()),
                )
            self.settle(
                f"{where}, recovery killed before {shown(operation)}", moment.clone(), expected, nested=True
            )
            for state in self.power_cuts(moment, expected, most=self.effort.nested_crashes):
                self.settle(
                    f"{where}, power cut in recovery before {shown(operation)}", state, expected, nested=True
                )
        for operation in operations:
            for label, faults in ways_to_fail(operation):
                state = start.clone()
                state.before = faults
                with contextlib.suppress(SequencesError, OSError, Interrupted):
                    recover_now(state)
                state.before = None
                self.settle(f"{where}, recovery, {label}", state.clone(), expected, nested=True)
                for crash in self.power_cuts(state, expected, most=self.effort.nested_crashes):
                    self.settle(f"{where}, recovery, {label}, power cut", crash, expected, nested=True)


def recover_now(fs: SimulatedFileSystem) -> None:
    """What the next writer does first."""
    if fs.stat(DATASET) is not None:
        with exclusive_lock(fs, DATASET, timeout=0, tool="test"):
            recover(fs, DATASET)


def recovering_again(fs: SimulatedFileSystem, _expected: Expected) -> list[str]:
    """What recovering changes where it was done before."""
    once, again = fs.fingerprint(), fs.clone()
    recover_now(again)
    return (
        [] if again.fingerprint() == once else ["recovering twice does not give what recovering once gives"]
    )
