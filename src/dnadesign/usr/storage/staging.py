"""Files that are written before their change is committed: hidden, synced, owned by a live writer.

A writer holds the ``flock`` of one lease file per transaction. Staged files whose lease nobody holds belong to a
writer that died; whoever has the dataset's lock may remove them.

Staged files lie beside the intent, so that one sync of their folder has all their names on the disk. The folder of
leases is made when the name of that folder is on the disk, and proves it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from dnadesign.usr.contract.errors import StorageError
from dnadesign.usr.contract.layout import LEASES, PRIVATE, lease_file, staged_file, staging_owner
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, make_dirs, opened, write_all
from dnadesign.usr.storage.intent import Publish
from dnadesign.usr.storage.lock import hold_here, no_longer_hold

_HASH_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that is on the disk, and its hidden name is once its folder is synced; size in bytes."""

    path: str
    bytes: int
    sha256: str

    def publish(self, target: str) -> Publish:
        """The step that gives it its final name."""
        return Publish(staged=self.path, target=target, bytes=self.bytes, sha256=self.sha256)


class Staging:
    """The staged files of one transaction."""

    def __init__(self, fs: FileSystem, dataset: Path, lease: OpenFile, txid: str) -> None:
        self.fs = fs
        self.dataset = dataset
        self.txid = txid
        self._lease = lease
        self._process = os.getpid()
        self._count = 0
        self._kept: frozenset[str] = frozenset()
        self._names: list[str] = []

    def write(self, data: bytes, *, like: Path | None = None) -> Staged:
        """Stage these bytes; ``like`` is a file that they will replace, whose mode and group they take."""
        with self.create(like=like) as (path, file):
            write_all(file, 0, data)
        return Staged(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    @contextlib.contextmanager
    def create(self, *, like: Path | None = None) -> Iterator[tuple[str, OpenFile]]:
        """An open staged file for a writer that streams into its descriptor; synced at the end of the block.

        Args:
            like: A file that it will replace, whose mode and group it takes.
        """
        self.check_process()
        path = staged_file(self.txid, self._count)
        self._count += 1
        self._names.append(path)
        file = self.fs.open(
            self.dataset / path, "create", like=self.fs.stat(like) if like is not None else None
        )
        try:
            yield path, file
            file.sync()
        finally:
            file.close()

    def keep(self, publishes: Iterable[Publish]) -> None:
        """Leave the staged files that an intent names now to that intent."""
        self._kept = frozenset(publish.staged for publish in publishes)

    def check_process(self) -> None:
        """Refuse to go on in a child that was forked since.

        Raises:
            StorageError: The files are another process's.
        """
        if os.getpid() != self._process:
            raise StorageError(
                f"{self.dataset}: the change was begun by process {self._process}, of which this one was forked; "
                "nothing was changed",
                mend="make the whole change in one process, and end a forked child with os._exit",
            )

    def close(self) -> None:
        """Drop what was not committed, and the lease; all of it is the parent's in a child that was forked meanwhile."""
        if os.getpid() != self._process:
            return
        no_longer_hold(self._lease)
        for name in self._names:
            if name not in self._kept:
                with contextlib.suppress(OSError):  # what stays has no live owner and is dropped by recovery
                    self.fs.unlink(self.dataset / name)
        with contextlib.suppress(OSError):  # likewise
            self.fs.unlink(self.dataset / lease_file(self.txid))
        self._lease.close()


def make_staging_folder(fs: FileSystem, dataset: Path) -> None:
    """Make the folders for staged files and leases where there are none, as after ``.usr`` was deleted.

    The first may be there and not be on the disk: whoever made it anew may have been killed.
    """
    if fs.stat(dataset / LEASES) is None:
        make_dirs(fs, dataset / LEASES, sure_below=dataset)


@contextlib.contextmanager
def open_staging(fs: FileSystem, dataset: Path) -> Iterator[Staging]:
    """A place to stage one transaction's files; what is not committed is dropped at the end of the block."""
    make_staging_folder(fs, dataset)
    txid = uuid4().hex
    lease = _take_lease(fs, dataset, txid)
    staging = Staging(fs, dataset, lease, txid)
    try:
        yield staging
    finally:
        staging.close()


def _take_lease(fs: FileSystem, dataset: Path, txid: str) -> OpenFile:
    path = dataset / lease_file(txid)
    while True:
        lease = fs.open(path, "open_or_create")
        if lease.try_lock():
            there, here = fs.stat(path), lease.stat()
            if there is not None and (there.device, there.inode) == (here.device, here.inode):
                hold_here(lease)
                return lease
        lease.close()  # a clean-up saw the file before it was locked and took it for a dead writer's


def remove_dead_staging(fs: FileSystem, dataset: Path, private: Iterable[str]) -> int:
    """Drop the staged files of writers that died and say how many they were, leases included.

    The caller holds the dataset's lock, and no intent is pending.

    Args:
        fs: The file system.
        dataset: The dataset's folder.
        private: What there is in its private folder now.
    """
    owners: dict[str, list[Path]] = {}
    for folder, names in ((PRIVATE, private), (LEASES, fs.names(dataset / LEASES))):
        for name in names:
            owner = staging_owner(name)
            if owner is not None:
                owners.setdefault(owner, []).append(dataset / folder / name)
    return sum(_remove_if_dead(fs, dataset, txid, paths) for txid, paths in owners.items())


def _remove_if_dead(fs: FileSystem, dataset: Path, txid: str, paths: list[Path]) -> int:
    lease_path = dataset / lease_file(txid)
    try:
        lease = fs.open(lease_path, "write")
    except FileNotFoundError:
        lease = None  # finished meanwhile, or its lease was lost in a power cut: nobody can own it now
    try:
        if lease is not None and not lease.try_lock():
            return 0
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # its writer finished and dropped it
                fs.unlink(path)
        return len(paths)
    finally:
        if lease is not None:
            lease.close()


def hash_range(file: OpenFile, start: int, end: int) -> str:
    """The sha256 of a range of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    while start < end:
        chunk = file.read_at(start, min(_HASH_CHUNK, end - start))
        if not chunk:
            break
        digest.update(chunk)
        start += len(chunk)
    return digest.hexdigest()


def hash_file(fs: FileSystem, path: Path) -> tuple[int, str]:
    """Size and sha256 of a file."""
    with opened(fs, path, "read") as file:
        size = file.stat().size
        return size, hash_range(file, 0, size)
