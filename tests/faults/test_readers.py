"""A reader or follower without a lock sees exactly one committed version, however writers come in between."""

import contextlib
import errno
import itertools
from collections.abc import Callable, Iterator
from random import Random

import pytest

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import perform, repeatable_ids
from tests.faults.enumeration import World, prepared, recover_now
from tests.faults.interleavings import Recording, Schedule, look_at_all, problems_of_follower, record

Note = Callable[[str, int], None]
MOST = 600  # interleavings of each kind: with one jump, with several; for versions and for followers

WRITERS = {
    "parts": ("write_part", "transaction"),
    "promotion": ("promote", "append"),
    "compaction": ("compact", "log_event"),
    "compaction to a part": ("compact_to_part", "remove"),
    "materialization": ("materialize", "dedupe"),
    "replacement": ("attach", "attach"),
    "archiving": ("append", "archive_log", "archive_log", "append"),
}


def write_one_after_the_other(names: tuple[str, ...], world: World) -> Recording:
    def write(fs: SimulatedFileSystem, acknowledged: Callable[[], None]) -> None:
        now = World(fs, world.files, world.expected, world.number)
        for name in names:
            plan = now.plan(name)
            perform(fs, name, plan, files=now.files, number=now.number)
            now = World(fs, plan.apply(now.files), now.expected, now.number + 1)
            acknowledged()

    return record(world, write)


def fail_then_write(name: str, failing: str, world: World, *, times: int = 1) -> Recording:
    """Writers whose operation on the log fails and who take the event back, then one that succeeds."""

    def write(fs: SimulatedFileSystem, acknowledged: Callable[[], None]) -> None:
        keep, plan = fs.before, world.plan(name)
        failed = 0

        def before(operation: Operation) -> Fault | None:
            nonlocal failed
            if keep is not None:
                keep(operation)
            if operation.kind == failing and operation.path.name == EVENTS and failed % 2 == 0:
                failed += 1
                return Fault(os_error(errno.EIO, operation.path), "half" if failing == "write" else "none")
            if operation.path.name == EVENTS and operation.kind == "sync":
                failed += 1  # the one after taking it back
            return None

        for number in range(times):
            fs.before = before
            with contextlib.suppress(SequencesError):
                perform(fs, name, plan, files=world.files, number=world.number + number)
        fs.before = keep
        perform(fs, name, plan, files=world.files, number=world.number + times)
        acknowledged()

    return record(world, write)


def die_then_recover(name: str, at: str, world: World) -> Recording:
    """A writer that is killed before an operation of that kind on its intent, then recovery by the next one."""
    fs, plan = world.fs.clone(), world.plan(name)
    killed: list[SimulatedFileSystem] = []

    def before(operation: Operation) -> None:
        if operation.kind == at and "intent" in operation.path.name:
            killed.append(fs.clone())

    fs.before = before
    perform(fs, name, plan, files=world.files, number=world.number)

    def write(state: SimulatedFileSystem, acknowledged: Callable[[], None]) -> None:
        recover_now(state)
        acknowledged()
        done = World(state, plan.apply(world.files), world.expected, world.number + 1)
        perform(state, "append", done.plan("append"), files=done.files, number=done.number)
        acknowledged()

    return record(World(killed[-1], world.files, world.expected, world.number), write)


def two_failures(world: World) -> Iterator[tuple[Recording, Schedule]]:
    """A follower that meets two writers, one after the other, who both take their events back.

    It begins with an event in the log that is not on the disk, and goes on when nobody is at work, and again when the
    other event is there: at any two of the operations of its first look.
    """
    recording = fail_then_write("log_event", "sync", world, times=2)
    written = [i for i, s in enumerate(recording.next_steps) if s.path.name == EVENTS and s.kind != "write"]
    idle = [
        i
        for i, s in enumerate(recording.next_steps)
        if s.path.name.startswith(".intent-") and s.kind == "create"
    ]
    _, operations = problems_of_follower(recording, Schedule(0, ()))
    for start, between, second in itertools.product(written, idle, written):
        if start < between < second:
            for at, then in itertools.combinations(range(1, operations // 2), 2):
                yield recording, Schedule(start, ((at, between), (then, second)))


def check(recording: Recording, note: Note) -> None:
    looked, problems = look_at_all(recording, random=Random(1), most=MOST)
    note("interleavings of readers", looked)
    assert problems == []
    assert looked >= MOST


@pytest.mark.parametrize("names", WRITERS.values(), ids=WRITERS)
def test_readers_see_one_committed_version_while_others_write(names: tuple[str, ...], note: Note) -> None:
    with repeatable_ids():
        check(
            write_one_after_the_other(names, prepared("write_part", "attach", "append")),
            note,
        )


@pytest.mark.parametrize("failing", ["write", "sync"])
@pytest.mark.parametrize("name", ["transaction", "archive_log"])
def test_readers_never_see_an_event_that_is_taken_back(name: str, failing: str, note: Note) -> None:
    with repeatable_ids():
        check(fail_then_write(name, failing, prepared("write_part", "append")), note)


@pytest.mark.parametrize("at", ["rename", "unlink"])
@pytest.mark.parametrize("name", ["transaction", "compact", "archive_log"])
def test_readers_see_one_committed_version_while_a_dead_writers_work_is_finished(
    name: str, at: str, note: Note
) -> None:
    with repeatable_ids():
        check(die_then_recover(name, at, prepared("write_part", "append")), note)


def test_a_follower_never_delivers_an_event_that_is_taken_back_while_the_next_one_is_too(note: Note) -> None:
    with repeatable_ids():
        looked, problems = 0, list[str]()
        for recording, schedule in two_failures(prepared("append")):
            looked += 1
            problems += problems_of_follower(recording, schedule)[0]
    note("interleavings of readers", looked)
    assert problems == []
    assert looked >= MOST
