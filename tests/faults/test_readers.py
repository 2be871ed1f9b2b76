"""A reader or follower without a lock sees exactly one committed version, however writers come in between."""

import contextlib
import errno
from collections.abc import Callable
from random import Random

import pytest

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import perform, repeatable_ids
from tests.faults.enumeration import World, prepared, recover_now
from tests.faults.interleavings import Recording, look_at_all, record

MOST = 1500  # interleavings of each kind: with one jump, with several; for versions and for followers

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


def fail_then_write(name: str, failing: str, world: World) -> Recording:
    """A writer whose operations of one kind on the log fail and who takes the event back, then another one."""

    def write(fs: SimulatedFileSystem, acknowledged: Callable[[], None]) -> None:
        keep, plan = fs.before, world.plan(name)
        failed = False

        def before(operation: Operation) -> Fault | None:
            nonlocal failed
            if keep is not None:
                keep(operation)
            if not failed and operation.kind == failing and operation.path.name == ".events.log":
                failed = True
                return Fault(os_error(errno.EIO, operation.path), "half" if failing == "write" else "none")
            return None

        fs.before = before
        with contextlib.suppress(SequencesError):
            perform(fs, name, plan, files=world.files, number=world.number)
        fs.before = keep
        perform(fs, name, plan, files=world.files, number=world.number + 1)
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


def check(recording: Recording, record_property: Callable[[str, object], None]) -> None:
    looked, problems = look_at_all(recording, random=Random(1), most=MOST)
    record_property("interleavings of readers", looked)
    assert problems == []
    assert looked >= MOST


@pytest.mark.parametrize("names", WRITERS.values(), ids=WRITERS)
def test_readers_see_one_committed_version_while_others_write(
    names: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    with repeatable_ids():
        check(
            write_one_after_the_other(names, prepared("write_part", "attach", "append")),
            record_property,
        )


@pytest.mark.parametrize("failing", ["write", "sync"])
@pytest.mark.parametrize("name", ["transaction", "archive_log"])
def test_readers_never_see_an_event_that_is_taken_back(
    name: str, failing: str, record_property: Callable[[str, object], None]
) -> None:
    with repeatable_ids():
        check(fail_then_write(name, failing, prepared("write_part", "append")), record_property)


@pytest.mark.parametrize("at", ["rename", "unlink"])
@pytest.mark.parametrize("name", ["transaction", "compact", "archive_log"])
def test_readers_see_one_committed_version_while_a_dead_writers_work_is_finished(
    name: str, at: str, record_property: Callable[[str, object], None]
) -> None:
    with repeatable_ids():
        check(die_then_recover(name, at, prepared("write_part", "append")), record_property)
