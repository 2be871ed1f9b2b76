"""Two hosts write to one dataset over NFS, each knowing of the other's writes only what its cache lets it know."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace
from dnadesign.usr.contract.errors import CommitOutcomeUnknown, EventLogError
from dnadesign.usr.contract.identity import compute_id
from dnadesign.usr.contract.layout import EVENTS, INTENT, INTENT_SYNCED, LOCK
from dnadesign.usr.storage import journal
from dnadesign.usr.storage.filesystem import FileStat, FileSystem, Mode, RealFile, RealFileSystem
from dnadesign.usr.storage.intent import Intent, read_intent
from tests.usr.storage.far_host import FarHost

SEQUENCES = ["ACGT", "CCCC", "GGGG", "TTTT", "AAAA", "ACAC"]
IDS = [compute_id("dna", sequence) for sequence in SEQUENCES]


def write_part(dataset: Dataset, number: int) -> None:
    dataset.write_overlay_part("alpha", pa.table({"id": [IDS[number]], "alpha__x": [number]}))


def write_batch(dataset: Dataset, number: int) -> None:
    rows = pa.table({"id": [IDS[number]], "alpha__x": [number]})
    assert dataset.write_overlay_part("alpha", rows, batch_id=f"batch-{number}").rows == 1


def log_event(dataset: Dataset, number: int) -> None:
    dataset.log_event("x_step", metrics={"n": number})


def set_state(dataset: Dataset, number: int) -> None:
    dataset.set_state([IDS[number]], split="train")


def add_sequence(dataset: Dataset, number: int) -> None:
    dataset.add_sequences(["ACGTACGT" + "A" * number], bio_type="dna", alphabet="dna_4")


WAYS = [write_part, write_batch, log_event, set_state, add_sequence]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    register_namespace(tmp_path, namespace="alpha", columns="alpha__x:int64")
    Dataset(tmp_path, "d").init().add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    return tmp_path


def lines_of(root: Path) -> int:
    return (root / "d" / EVENTS).read_bytes().count(b"\n")


@pytest.mark.parametrize("write", WAYS)
def test_hosts_that_take_turns_keep_each_others_changes(
    root: Path, write: Callable[[Dataset, int], None]
) -> None:
    hosts = [Dataset(root, "d", fs=FarHost()) for _ in range(2)]
    before = lines_of(root)
    for number in range(6):
        write(hosts[number % 2], number)
        assert lines_of(root) == before + number + 1
    assert Dataset(root, "d").validate(deep=True).ok


@pytest.mark.parametrize("write", WAYS)
def test_a_host_finishes_what_another_committed_although_it_has_just_looked_for_it_in_vain(
    root: Path, write: Callable[[Dataset, int], None]
) -> None:
    failing, other = FarHost(), FarHost()
    here, there = Dataset(root, "d", fs=failing), Dataset(root, "d", fs=other)
    write_part(there, 5)  # looks for an intent, and knows now that there is none
    failing.names_no_parts = True
    write_part(here, 0)  # committed; the next writer is to give the part its name
    assert (root / "d" / INTENT_SYNCED).exists()
    write(there, 1)
    dataset = Dataset(root, "d")
    assert dataset.to_arrow(columns=["alpha__x"]).column(0).to_pylist()[0] == 0
    assert dataset.validate(deep=True).ok
    assert not (root / "d" / INTENT_SYNCED).exists()


class Unlocked(RealFile):
    """A lock that keeps nobody out."""

    def try_lock(self) -> bool:
        """Take it, whoever has it."""
        return True


class InBetween(RealFileSystem):
    """A host whose lock keeps nobody out; ``then`` is done once a file has got that name from here."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name, self._then = name, [then]

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        """Open a file."""
        file = super().open(path, mode, like=like)
        return Unlocked(file.fd, path) if path.name == LOCK else file

    def rename(self, source: Path, target: Path) -> None:
        """Rename, and let the others come."""
        super().rename(source, target)
        if str(target).endswith(self._name) and self._then:
            self._then.pop()()


class Behind(RealFile):
    """A log behind whose end another writes, right before it cannot be synced."""

    line = b""

    def sync(self) -> None:
        """Fail once."""
        line, Behind.line = Behind.line, b""
        if line:
            with self.path.open("ab") as log:
                log.write(line)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync()


class WritesBehind(RealFileSystem):
    """A host with such a log."""

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        """Open a file."""
        file = super().open(path, mode, like=like)
        pending = (path.parent / INTENT).exists()
        return Behind(file.fd, path) if path.name == EVENTS and mode == "write" and pending else file


def test_what_another_has_written_behind_an_event_is_not_cut_off_with_it(root: Path) -> None:
    log = root / "d" / EVENTS
    log_event(Dataset(root, "d"), 0)
    Behind.line = line = log.read_bytes().splitlines(keepends=True)[-1]
    with pytest.raises(CommitOutcomeUnknown, match="in spite of the lock"):
        log_event(Dataset(root, "d", fs=WritesBehind()), 1)
    assert log.read_bytes().endswith(line)
    log_event(Dataset(root, "d"), 2)
    assert log.read_bytes().count(line) == 2


def test_who_finds_another_at_work_in_spite_of_the_lock_leaves_his_intent_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, refused = threading.Event(), threading.Event()

    def goes_on() -> None:  # right before readers are told
        written.set()
        assert refused.wait(20)

    tell = journal._tell_readers
    second = InBetween("", lambda: None)

    def told(fs: FileSystem, dataset: Path, intent: Intent) -> None:
        if fs is second:
            goes_on()
        tell(fs, dataset, intent)

    look = read_intent
    monkeypatch.setattr(journal, "_tell_readers", told)
    monkeypatch.setattr(  # the second one has recovered before the first one's intent was there
        journal, "read_intent", lambda fs, dataset: None if fs is second else look(fs, dataset)
    )
    other = threading.Thread(target=lambda: write_part(Dataset(root, "d", fs=second), 1))

    def begins() -> None:
        other.start()
        assert written.wait(20)

    with pytest.raises(EventLogError, match=r"while its lock was held"):
        write_part(Dataset(root, "d", fs=InBetween(INTENT, begins)), 0)
    refused.set()
    other.join()
    dataset = Dataset(root, "d")
    assert dataset.to_arrow(columns=["alpha__x"]).column(0).to_pylist()[:2] == [None, 1]
    assert dataset.validate(deep=True).ok


@pytest.mark.parametrize("write", WAYS)
def test_an_event_that_got_into_the_log_in_spite_of_the_lock_is_not_written_over(
    root: Path, write: Callable[[Dataset, int], None]
) -> None:
    log = root / "d" / EVENTS
    log_event(Dataset(root, "d"), 0)
    line = log.read_bytes().splitlines(keepends=True)[-1]
    before = log.read_bytes()

    def comes() -> None:
        with log.open("ab") as file:
            file.write(line)

    with pytest.raises(EventLogError, match=r"the log went from .* while its lock was held"):
        write(Dataset(root, "d", fs=InBetween(INTENT, comes)), 1)
    assert log.read_bytes() == before + line
    write(Dataset(root, "d"), 2)
    assert log.read_bytes().startswith(before + line)
    assert lines_of(root) == before.count(b"\n") + 2
    assert not list((root / "d/.usr").glob("*intent*"))
