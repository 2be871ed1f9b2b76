"""The keys on the disk are true of what is committed, or are not taken, at every step at which power may be lost."""

import contextlib
import errno
import zlib
from collections.abc import Callable
from random import Random

import pytest

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import KEYS
from dnadesign.usr.storage import key_state
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.changes import DATASET, repeatable_ids
from tests.faults.datasets import IDS, VERBS, dataset, seen, with_dataset
from tests.faults.mutants import rewritten
from tests.faults.refusals import problems_of_refusals
from tests.faults.ways_to_fail import shown
from tests.usr.storage.cached_keys import eager, fresh_index, index_of_files, told

LOOKED_AT = ["add_sequences", "write_overlay_part", "transaction", "promotion", "write_overlay"]
CRASHES = 4  # states of each power cut
# Verbs that change which keys there are, or which files have them.
KEYS_CHANGE = [
    *LOOKED_AT, "compact_overlay", "materialize without deleted", "dedupe", "merge_from",
    "remove_overlay", "archive_overlay",
]  # fmt: skip
EVERY = 3  # which operations are looked at

MUTANTS = {
    "a base put in place of the cached one": (
        key_state._tail_behind, "None if tail.everything else tail", "tail", "materialize without deleted",
    ),
    "rows appended after the cache was written": (
        key_state._adopt_base, "        state.index.add_base_rows(file, footer)\n", "", "add_sequences",
    ),
    "overlays changed after it was written": (
        key_state._adopt, "    _apply_overlays(fs, dataset, state.index, tail)\n", "", "write_overlay",
    ),
}  # fmt: skip
"""What a process that begins leaves out, and the verb that shows it."""


@pytest.fixture(scope="module")
def start() -> SimulatedFileSystem:
    """A dataset with its keys on the disk, some of them out of date."""
    fs = with_dataset()
    eager(dataset(fs)).add_sequences(["GGGGGGGGGG"], bio_type="dna", alphabet="dna_4")
    dataset(fs).add_sequences(["AAAATTTTAA"], bio_type="dna", alphabet="dna_4")
    fs.settle_all()
    return fs


def settled(state: SimulatedFileSystem) -> SimulatedFileSystem:
    dataset(state).recover()
    return state


@pytest.mark.parametrize("verb", LOOKED_AT)
def test_after_a_crash_the_keys_are_those_of_the_files(
    verb: str, start: SimulatedFileSystem, note: Callable[[str, int], None]
) -> None:
    fs, moments = start.clone(), list[tuple[Operation, SimulatedFileSystem]]()

    def before(operation: Operation) -> None:
        if operation.changes and KEYS in str(operation.path):
            moments.append((operation, fs.clone()))

    fs.before = before
    with repeatable_ids():
        VERBS[verb](eager(dataset(fs)))
    fs.before = None
    assert len(moments) > 5
    states = 0
    for operation, moment in [*moments, (moments[-1][0], fs)]:
        for state in [moment, *moment.crashes(most=CRASHES, random=Random(operation.index))]:
            found = settled(state)
            ids = [*IDS, *dataset(found).to_arrow(["id"], include_deleted=True).column("id").to_pylist()]
            expected = told(index_of_files(found, DATASET), ids)
            assert told(fresh_index(found, DATASET), ids) == expected, shown(operation)
            states += 1
    note("states of cached keys held against the files", states)


def problems_after_crashes(start: SimulatedFileSystem, verb: str, every: int) -> tuple[int, list[str]]:
    """What fresh processes take or refuse wrongly after kills, power cuts and errors; how many states were looked at."""
    fs, moments = start.clone(), list[tuple[Operation, SimulatedFileSystem]]()

    def before(operation: Operation) -> None:
        if operation.changes:
            moments.append((operation, fs.clone()))

    fs.before = before
    VERBS[verb](eager(dataset(fs)))
    fs.before = None
    seen, problems = set[int](), list[str]()
    for operation, moment in [*moments[zlib.crc32(verb.encode()) % every :: every], (moments[-1][0], fs)]:
        states = [moment, *moment.crashes(most=1, random=Random(operation.index))]
        states.append(failed_at(start, verb, operation))
        for state in states:
            found = settled(state)
            if found.fingerprint() not in seen:
                seen.add(found.fingerprint())
                problems += [f"before {shown(operation)}: {p}" for p in problems_of_refusals(found)]
    return len(seen), problems


def failed_at(start: SimulatedFileSystem, verb: str, operation: Operation) -> SimulatedFileSystem:
    """The files after that operation failed."""
    fs, error = start.clone(), os_error(errno.EIO, operation.path)
    fs.before = lambda now: Fault(error) if now.index == operation.index else None
    with contextlib.suppress(SequencesError, OSError):
        VERBS[verb](eager(dataset(fs)))
    fs.before = None
    return fs


@pytest.mark.parametrize("verb", KEYS_CHANGE)
def test_after_a_crash_a_fresh_process_refuses_the_keys_that_are_there_and_no_others(
    verb: str, start: SimulatedFileSystem, note: Callable[[str, int], None]
) -> None:
    with repeatable_ids():
        looked, problems = problems_after_crashes(start, verb, EVERY)
    note("states in which a fresh process wrote keys that were there", looked)
    assert problems == []
    assert looked >= 5


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_cache_that_is_trusted_too_much_is_found_out(
    mutant: tuple[object, str, str, str], start: SimulatedFileSystem, note: Callable[[str, int], None]
) -> None:
    function, old, new, verb = mutant
    with repeatable_ids(), rewritten(function, (old, new)):
        _, problems = problems_after_crashes(start, verb, 3 * EVERY)
    assert problems
    note("mutants caught", 1)


@pytest.mark.parametrize("verb", LOOKED_AT)
def test_a_cache_that_the_disk_refuses_keeps_no_change_from_being_made(
    verb: str, start: SimulatedFileSystem
) -> None:
    with repeatable_ids():
        plain = start.clone()
        VERBS[verb](dataset(plain))
    expected = seen(plain)
    for kind in ("open", "create", "stat", "list", "read", "write", "rename", "unlink", "mkdir", "fstat"):
        fs = start.clone()

        def refuse(operation: Operation, kind: str = kind) -> Fault | None:
            refused = operation.kind == kind and KEYS in str(operation.path)
            return Fault(os_error(errno.EIO, operation.path)) if refused else None

        fs.before = refuse
        with repeatable_ids():
            VERBS[verb](eager(dataset(fs)))
        fs.before = None
        assert seen(fs) == expected, kind


def test_a_change_that_fails_leaves_nothing_of_it_in_the_cache(start: SimulatedFileSystem) -> None:
    fs = start.clone()
    writer = eager(dataset(fs))

    def refuse(operation: Operation) -> Fault | None:
        log = operation.kind == "sync" and operation.path.name == ".events.log"
        return Fault(os_error(errno.EIO, operation.path)) if log else None

    fs.before = refuse
    with pytest.raises(SequencesError):
        VERBS["add_sequences"](writer)
    fs.before = None
    dataset(fs).recover()
    assert told(fresh_index(fs, DATASET), IDS) == told(index_of_files(fs, DATASET), IDS)
    VERBS["add_sequences"](writer)
    assert told(fresh_index(fs, DATASET), IDS) == told(index_of_files(fs, DATASET), IDS)
