"""A reader without a lock against writers, switched from one to the other between any two operations.

What the writers do is recorded once, as the state before each of their operations that changes something. The reader
then runs over these states: before each of its own operations it may find that time has passed. No threads are needed,
and each interleaving can be repeated.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from unittest import mock

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import EVENTS, EVENTS_ARCHIVE, overlay_of
from dnadesign.usr.operations._files import consistent_files
from dnadesign.usr.storage.event_follow import EventFollower
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import open_version
from dnadesign.usr.storage.visibility import committed_log_end
from dnadesign.usr.testing.simulated import Operation, SimulatedFileSystem
from tests.faults.changes import BASE, DATASET, NAME, ROOT, digest
from tests.faults.enumeration import World
from tests.faults.invariants import folded, parse_log, stored_segments


@dataclass
class Recording:
    """What writers did: the states that they went through, and what was committed when.

    Attributes:
        states: The files before each changing operation of the writers, and in the end.
        next_steps: Those operations.
        least: For each state, how many events are acknowledged in it.
        ids: The events in the order in which they were committed, all of them by the end.
        versions: For each number of events, the base and the overlays after them, with their digests.
        files: For each number of events, all files after them.
    """

    states: list[SimulatedFileSystem] = field(default_factory=list)
    next_steps: list[Operation] = field(default_factory=list)
    least: list[int] = field(default_factory=list)
    versions: list[dict[str, str]] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def record(world: World, write: Callable[[SimulatedFileSystem, Callable[[], None]], None]) -> Recording:
    """Run writers and keep every state; they call their second argument whenever a change was acknowledged."""
    found = Recording()
    fs = world.fs.clone()
    acknowledged = 0

    def count() -> None:
        nonlocal acknowledged
        fs.before = None
        segments = stored_segments(fs.files(DATASET))
        acknowledged = len(parse_log([*segments[:-1], segments[-1][: committed_log_end(fs, DATASET).end]]))
        fs.before = before

    def before(operation: Operation) -> None:
        if operation.changes:
            found.states.append(fs.clone())
            found.next_steps.append(operation)
            found.least.append(acknowledged)

    count()
    write(fs, count)
    fs.before = None
    found.states.append(fs.clone())
    found.least.append(acknowledged)
    events = parse_log(stored_segments(fs.files(DATASET)))
    found.ids = [event["event_id"] for event in events]
    found.files = [folded(events[:n]) for n in range(len(events) + 1)]
    found.versions = [
        {p: h for p, h in files.items() if p == BASE or overlay_of(p) is not None} for files in found.files
    ]
    return found


@dataclass(frozen=True)
class Schedule:
    """Where the reader begins, and to which state the writers get before which of its operations."""

    start: int
    jumps: tuple[tuple[int, int], ...]


def schedules(
    states: int, operations: int, *, random: Random, most: int, jumps: int = 2
) -> Iterator[Schedule]:
    """All ways to interleave with one jump of the writers, then random ones with several; at most so many."""
    single = [
        Schedule(start, ((at, end),))
        for start in range(states)
        for at in range(1, operations)
        for end in range(start + 1, states)
    ]
    yield from single if len(single) <= most else random.sample(single, most)
    for _ in range(most):
        start = random.randrange(states)
        places = sorted(
            random.sample(range(1, 4 * operations), k=min(jumps + random.randrange(4), operations))
        )
        reached, steps = start, []
        for at in places:
            reached = min(states - 1, reached + 1 + int(random.expovariate(0.25)))
            steps.append((at, reached))
        yield Schedule(start, tuple(steps))


@dataclass
class Replay:
    """A reader's view of the recording: before its operations, time passes as the schedule says."""

    recording: Recording
    schedule: Schedule
    at: int = field(init=False)
    fs: SimulatedFileSystem = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.schedule.start
        self.fs = self.recording.states[self.at].clone()
        self.fs.before = self._pass_time
        self._jumps = dict(self.schedule.jumps)

    def _pass_time(self, operation: Operation) -> None:
        state = self._jumps.get(operation.index)
        if state is not None and state > self.at:
            self.at = state
            self.fs.become(self.recording.states[state])

    def now(self) -> int:
        """How many events are acknowledged now."""
        return self.recording.least[self.at]


def problems_of_version(recording: Recording, schedule: Schedule) -> tuple[list[str], int]:
    """What is wrong with the version that a reader pins under this schedule, and how many operations it took."""
    replay = Replay(recording, schedule)
    least = replay.now()
    try:
        with mock.patch("time.sleep"), open_version(replay.fs, DATASET) as version:
            seen = {f.path: digest(f.file.read_at(0, f.file.stat().size)) for f in version.files()}
            end, inode = version.log.end, version.log.inode
    except SequencesError as error:
        return [f"{type(error).__name__}: {error}"], replay.fs.operations
    taken = replay.fs.operations
    fits = [n for n, files in enumerate(recording.versions) if files == seen]
    count = events_below(replay.fs, inode, end, recording)
    problems = []
    if not fits:
        problems.append(f"no committed version has the files {sorted(seen)}")
    elif count is not None and count not in fits:
        problems.append(f"the files are those after {fits} events, the log's end is that after {count}")
    if fits and fits[-1] < least:
        problems.append(f"it saw the version after {fits[-1]} events when {least} were acknowledged")
    return problems, taken


def events_below(fs: SimulatedFileSystem, inode: int, end: int, recording: Recording) -> int | None:
    """How many events stand before an offset of the log with that inode, archived ones included."""
    fs.before = None
    files = fs.files(DATASET)
    paths = [*sorted(p for p in files if p.startswith("_events/")), EVENTS]
    before: list[bytes] = []
    for path in paths:
        found = fs.stat(DATASET / path)
        content = files.get(path)
        if found is None or content is None:
            return None
        if found.inode == inode:
            ids = [event["event_id"] for event in parse_log([*before, content[:end]])]
            return len(ids) if ids == recording.ids[: len(ids)] else -1
        before.append(content)
    return None


def problems_of_files(recording: Recording, schedule: Schedule) -> tuple[list[str], int]:
    """What is wrong with the files that validation holds against the log, and how many operations they took."""
    replay = Replay(recording, schedule)
    least, store = replay.now(), Store(ROOT, NAME, replay.fs)
    seen: dict[str, str | None] = {}
    try:
        with mock.patch("time.sleep"), ExitStack() as hold:
            accounts, files = consistent_files(store, hold=hold)
            for path in files.sizes:
                if not path.startswith(f"{EVENTS_ARCHIVE}/"):
                    seen[path] = None
                    with contextlib.suppress(FileNotFoundError), files.opened(store, path) as file:
                        seen[path] = digest(file.read_at(0, file.stat().size))
    except SequencesError as error:
        return [f"{type(error).__name__}: {error}"], replay.fs.operations
    expected = recording.files[accounts.events]
    problems = []
    if accounts.events < least:
        problems.append(f"it saw {accounts.events} events when {least} were acknowledged")
    if seen.keys() != expected.keys():
        problems.append(f"after {accounts.events} events it saw other files: {seen.keys() ^ expected.keys()}")
    else:
        others = [path for path, found in seen.items() if found not in (None, expected[path])]
        problems += [f"after {accounts.events} events it saw other contents: {others}"] if others else []
    return problems, replay.fs.operations


def problems_of_follower(recording: Recording, schedule: Schedule) -> tuple[list[str], int]:
    """What is wrong with what a follower gets while time passes: each committed event once, in order, none else."""
    replay = Replay(recording, schedule)
    got: list[str] = []
    with EventFollower(DATASET / EVENTS, fs=replay.fs) as follower:
        for _ in range(4):
            least = replay.now()
            try:
                while lines := follower.poll():
                    got += [line.event.event_id or "" for line in lines if line.event is not None]
            except SequencesError as error:
                return [f"a follower is refused: {error}"], replay.fs.operations
            if got != recording.ids[: len(got)]:
                return [f"a follower got {got}, committed were {recording.ids}"], replay.fs.operations
            if len(got) < least:
                return [
                    f"a follower got {len(got)} events when {least} were acknowledged"
                ], replay.fs.operations
    return [], replay.fs.operations


def look_at_all(
    recording: Recording,
    *,
    random: Random,
    most: int,
    checks: Sequence[str] = ("version", "files", "follower"),
    enough: int = 5,
) -> tuple[int, list[str]]:
    """Run readers over a recording until enough is wrong; how many interleavings were looked at, and what was wrong."""
    kinds = {"version": problems_of_version, "files": problems_of_files, "follower": problems_of_follower}
    looked, problems = 0, list[str]()
    for check in checks:
        _, operations = kinds[check](recording, Schedule(0, ()))
        for schedule in schedules(len(recording.states), operations, random=random, most=most):
            looked += 1
            found, _ = kinds[check](recording, schedule)
            problems += [f"{check}, {schedule}: {problem}" for problem in found]
            if len(problems) >= enough:
                return looked, problems
    return looked, problems
