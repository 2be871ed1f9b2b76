"""A change is durable, visible, whole and settled, each as soon as it is said to be."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from dnadesign.usr.contract.errors import (
    CommitOutcomeUnknown,
    CorruptFileError,
    EventLogError,
    SequencesError,
    StorageError,
)
from dnadesign.usr.contract.layout import EVENTS, INTENT, INTENT_SYNCED, RECORDS, TORN
from dnadesign.usr.storage.filesystem import opened, write_all
from dnadesign.usr.storage.journal import check_space, events_of, recover
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import open_version
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import DATASET, NAME, ROOT, init, perform
from tests.faults.damage import LOSABLE, committed_and_lost
from tests.faults.enumeration import World, new_world, prepared, recover_now
from tests.faults.invariants import problems_of_reading, problems_of_settled

INTENT_NAME, SYNCED_NAME = Path(INTENT).name, Path(INTENT_SYNCED).name


def failing(kind: str, name: str, error: int = errno.EIO) -> Callable[[Operation], Fault | None]:
    """Each operation of that kind on a file of that name fails."""
    return lambda now: (
        Fault(os_error(error, now.path)) if now.kind == kind and now.path.name == name else None
    )


def try_change(world: World, name: str, before: Callable[[Operation], Fault | None]) -> SimulatedFileSystem:
    fs = world.fs.clone()
    fs.before = before
    try:
        perform(fs, name, world.plan(name), files=world.files, number=world.number)
    finally:
        fs.before = None
        world.fs = fs
    return fs


@pytest.mark.parametrize("name", ["append", "write_part", "log_event", "compact", "archive_log"])
def test_an_acknowledged_change_is_seen_right_after_a_power_cut_before_anyone_recovers(name: str) -> None:
    world = prepared("write_part").after(name)
    for state in world.fs.crashes(most=200):
        assert problems_of_reading(state, world.expected) == []


def test_an_init_whose_writer_was_killed_can_be_repeated_and_survives_a_power_cut() -> None:
    killed: list[SimulatedFileSystem] = []
    world = new_world()
    fs = world.fs.clone()

    def before(operation: Operation) -> None:
        killed.append(fs.clone())

    fs.before = before
    perform(fs, "init", world.plan("init"), files={}, number=1)
    fs.before = None
    again = [state for state in killed if state.stat(DATASET / RECORDS) is None]
    assert len(again) > 10
    for state in again:
        recover_now(state)
        if state.stat(DATASET / RECORDS) is None:
            perform(state, "init", init({}, 2), files={}, number=2)
        for after in state.crashes(most=20):
            assert after.stat(DATASET / RECORDS) is not None


def test_a_commit_that_readers_may_not_count_yet_is_reported_as_unknown_and_settled_next() -> None:
    world = prepared()
    with pytest.raises(CommitOutcomeUnknown, match="next writer settles it"):
        try_change(world, "append", failing("rename", INTENT_NAME))
    assert problems_of_reading(world.fs, world.expected.and_open(world.number)) == []
    recover_now(world.fs)
    assert problems_of_settled(world.fs, world.expected.and_done(world.number)) == []


def test_a_change_that_is_committed_succeeds_even_if_its_files_cannot_get_their_names_yet() -> None:
    world = prepared()
    done = world.expected.and_done(world.number)
    fs = try_change(
        world,
        "append",
        lambda now: (
            Fault(os_error(errno.EIO, now.path))
            if now.kind == "rename" and now.target == DATASET / RECORDS
            else None
        ),
    )
    assert problems_of_reading(fs, done) == []
    recover_now(fs)
    assert problems_of_settled(fs, done) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_an_event_that_cannot_be_written_leaves_nothing(code: int) -> None:
    world = prepared()
    size = len(world.fs.files(DATASET)[EVENTS] or b"")
    with pytest.raises(EventLogError, match="the change was not made"):
        try_change(world, "append", failing("write", EVENTS, code))
    failed = world.expected.and_failed(world.number)
    assert problems_of_reading(world.fs, failed) == []
    assert problems_of_settled(world.fs, failed) == []
    assert len(world.fs.files(DATASET)[EVENTS] or b"") == size


def test_an_event_that_can_be_neither_written_nor_taken_back_is_reported_as_unknown() -> None:
    world = prepared()
    with pytest.raises(CommitOutcomeUnknown, match="could not be written"):
        try_change(world, "append", failing("sync", EVENTS))
    recover_now(world.fs)
    assert problems_of_settled(world.fs, world.expected.and_open(world.number)) == []


def test_a_staged_file_that_cannot_be_written_is_an_error_that_names_it() -> None:
    world = prepared()
    with pytest.raises(StorageError, match=r"intent-.*No space left on device") as caught:
        try_change(
            world,
            "append",
            lambda now: (
                Fault(os_error(errno.ENOSPC, now.path)) if now.path.name.startswith(".intent-") else None
            ),
        )
    assert "free some disk space" in str(caught.value)
    assert problems_of_settled(world.fs, world.expected.and_failed(world.number)) == []


def test_two_intents_that_a_power_cut_left_are_both_settled() -> None:
    world = prepared()
    synced: list[bytes] = []

    def before(operation: Operation) -> None:
        if operation.kind == "unlink" and operation.path.name == SYNCED_NAME:
            synced.append(world.fs.files(DATASET)[INTENT_SYNCED] or b"")

    world.fs.before = before
    perform(world.fs, "append", world.plan("append"), files=world.files, number=world.number)
    world = World(
        world.fs,
        world.plan("append").apply(world.files),
        world.expected.and_done(world.number),
        world.number + 1,
    )
    world.fs.before = None
    killed: list[SimulatedFileSystem] = []
    fs = world.fs.clone()

    def note(operation: Operation) -> None:
        if operation.kind == "write" and operation.path.name == EVENTS:
            killed.append(fs.clone())

    fs.before = note
    perform(fs, "log_event", world.plan("log_event"), files=world.files, number=world.number)
    state = killed[0]
    with opened(state, DATASET / INTENT_SYNCED, "create") as file:
        write_all(file, 0, synced[0])
    recover_now(state)
    assert problems_of_settled(state, world.expected.and_open(world.number)) == []


def test_a_dataset_whose_init_is_committed_exists_before_its_files_have_their_names() -> None:
    world = new_world()
    fs = try_change(
        world,
        "init",
        lambda now: (
            Fault(os_error(errno.EIO, now.path))
            if now.kind == "rename" and now.target is not None and now.target.parent == DATASET
            else None
        ),
    )
    store = Store(ROOT, NAME, fs)
    assert fs.stat(DATASET / RECORDS) is None
    assert store.exists()
    with store.locked():
        assert fs.stat(DATASET / RECORDS) is not None


def test_bytes_behind_the_last_newline_are_saved_and_cut_off() -> None:
    world = prepared("append")
    with opened(world.fs, DATASET / EVENTS, "write") as log:
        write_all(log, log.stat().size, b'{"half a li')
    recover_now(world.fs)
    assert problems_of_settled(world.fs, world.expected) == []
    saved = [content for path, content in world.fs.files(DATASET / TORN).items()]
    assert saved == [b'{"half a li']


@pytest.mark.parametrize("damage", [b"", b"{}", b"{}\n0\n", bytes(300)])
def test_a_damaged_intent_is_an_error_that_names_it_and_is_left_alone(damage: bytes) -> None:
    world = prepared("append")
    with opened(world.fs, DATASET / INTENT, "create") as file:
        write_all(file, 0, damage)
    with pytest.raises(CorruptFileError, match=r"intent\.json") as caught:
        recover_now(world.fs)
    assert "usr events verify" in str(caught.value)
    assert world.fs.files(DATASET)[INTENT] == damage
    with pytest.raises(CorruptFileError):
        open_version(world.fs, DATASET)


def test_a_log_that_lost_durable_bytes_is_an_error_that_gives_the_offset() -> None:
    world = prepared()
    moments: list[SimulatedFileSystem] = []

    def before(operation: Operation) -> None:
        if operation.kind == "unlink" and operation.path.name == SYNCED_NAME:
            moments.append(world.fs.clone())

    world.fs.before = before
    perform(world.fs, "append", world.plan("append"), files=world.files, number=world.number)
    state = moments[0]
    with opened(state, DATASET / EVENTS, "write") as log:
        log.truncate(10)
    with pytest.raises(EventLogError, match="offset 10"):
        recover_now(state)


@pytest.mark.parametrize("name", LOSABLE)
def test_a_committed_change_whose_files_are_nowhere_is_an_error_that_names_them(name: str) -> None:
    with pytest.raises(CorruptFileError, match="is committed, but what it names so is neither there nor at"):
        recover_now(committed_and_lost(name))


def test_a_disk_without_room_is_refused_before_anything_is_written() -> None:
    world = prepared()
    world.fs.free = 1000
    with pytest.raises(StorageError, match="are needed and 1,000 are free"):
        check_space(world.fs, DATASET, 10)


def test_event_lines_must_end_in_a_newline() -> None:
    with pytest.raises(SequencesError, match="newline"):
        events_of([b"{}"])


def test_recovery_of_a_sound_dataset_does_nothing() -> None:
    world = prepared("write_part", "attach")
    before = world.fs.fingerprint()
    assert recover(world.fs, DATASET) == []
    assert world.fs.fingerprint() == before
