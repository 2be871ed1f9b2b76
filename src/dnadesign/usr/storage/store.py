"""One dataset as the operations see it: where it lies, and what is remembered of it between calls."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from dnadesign.usr import storage as _storage  # the keys are loaded when they are asked for
from dnadesign.usr.contract.errors import LockTimeout, SequencesError
from dnadesign.usr.contract.events import DatasetRef
from dnadesign.usr.contract.layout import EVENTS, RECORDS
from dnadesign.usr.contract.names import check_dataset_id
from dnadesign.usr.storage.batch_index import BatchIndex
from dnadesign.usr.storage.filesystem import REAL, FileStat, FileSystem, keep_root, opened, told_unreadable
from dnadesign.usr.storage.journal import recover
from dnadesign.usr.storage.known_files import KnownFiles
from dnadesign.usr.storage.lock import DEFAULT_TIMEOUT, check_locks_exclude, exclusive_lock
from dnadesign.usr.storage.log_lines import RawLine, last_of
from dnadesign.usr.storage.lost_log import lost_log
from dnadesign.usr.storage.paths import FolderPath
from dnadesign.usr.storage.save_rule import SaveRule
from dnadesign.usr.storage.version import (
    PinnedFile,
    Version,
    check_base_is_known,
    check_log_is_known,
    check_log_is_sound,
    gone,
    not_found,
    open_version,
)
from dnadesign.usr.storage.visibility import committed_log_end

if TYPE_CHECKING:  # only names in signatures
    from dnadesign.usr.storage.few_files import FewFiles
    from dnadesign.usr.storage.key_state import KeyState

_log = logging.getLogger("dnadesign.usr")
_of_this_process: WeakValueDictionary[int, Store] = WeakValueDictionary()


def _forget_in_child() -> None:
    for store in list(_of_this_process.values()):
        store.forget()


os.register_at_fork(after_in_child=_forget_in_child)


@dataclass
class Store:
    """A dataset's folder and the caches that follow it; safe to use from several threads."""

    root: Path
    name: str
    fs: FileSystem = REAL
    lock_timeout: float = DEFAULT_TIMEOUT
    save_rule: SaveRule = field(default_factory=SaveRule)
    _keys: KeyState | None = field(default=None, repr=False)
    _batches: BatchIndex = field(default_factory=BatchIndex, repr=False)
    _known: KnownFiles = field(default_factory=KnownFiles, repr=False)
    _locks_checked: bool = False
    _registry_kept: str | None = None
    _base_checked: FileStat | None = None
    _sound_log: FileStat | None = None  # as it was when its last line was known to be a whole event
    _last_line: RawLine | None = None  # the last that was written here
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Refuse names outside the grammar before any path is built from them."""
        check_dataset_id(self.name)
        _of_this_process[id(self)] = self

    def forget(self) -> None:
        """Remember nothing: in a forked child, in which a thread that was just changing what is remembered is no more."""
        self._keys, self._batches, self._known = None, BatchIndex(), KnownFiles()
        self._guard = threading.Lock()

    @cached_property
    def dir(self) -> Path:
        """The dataset's folder."""
        return FolderPath(str(self.root / self.name))

    @property
    def reference(self) -> DatasetRef:
        """The dataset as events name it."""
        return DatasetRef(name=self.name, root=str(self.root))

    def path(self, relative: str) -> Path:
        """The full path of a file of the dataset."""
        return self.dir / relative

    def exists(self) -> bool:
        """Whether the dataset has its first event."""
        with told_unreadable(self.dir):
            found = self.fs.stat(self.dir / EVENTS)
            if found is not None and found.size > 0 and self.fs.stat(self.dir / RECORDS) is not None:
                return True  # else it may be just committed, or another writer is archiving the log this very moment
            return committed_log_end(self.fs, self.dir).end > 0

    def pin(self, *, known_only: bool = True) -> Version:
        """The newest committed version, its files open.

        Args:
            known_only: Refuse what a newer library has written; otherwise the caller looks at that.

        Raises:
            DatasetNotFound: There is no dataset.
            ConcurrentChangeError: Writers were too quick for it.
            SchemaError: The base is of an unknown schema version.
            EventLogError: The last event is of an unknown version.
            StorageError: The operating system did not let a file be read.
        """
        with told_unreadable(self.dir):
            version = open_version(self.fs, self.dir, self._known)
        try:
            if known_only:
                check_log_is_known(self.dir, version.log)
                check_base_is_known(self.dir, version.base)
        except BaseException:
            version.close()
            raise
        return version

    def pin_few(self) -> FewFiles | None:
        """The newest committed version for whoever wants few rows of it; None where all files must be asked.

        Raises:
            SchemaError: The base is of an unknown schema version.
            EventLogError: The last event is of an unknown version.
            CorruptFileError: The base is damaged.
            StorageError: The operating system did not let a file be read.
        """
        with told_unreadable(self.dir):
            few = _storage.few_files.open_few_files(self.fs, self.dir, self._known)
        try:
            if few is not None:
                check_log_is_known(self.dir, few.version.log)
                check_base_is_known(self.dir, few.version.base)
        except BaseException:
            if few is not None:
                few.close()
            raise
        return few

    @contextmanager
    def locked(self, *, tool: str | None = None) -> Iterator[None]:
        """Hold the dataset's lock, what a dead writer left behind being settled first.

        Raises:
            LockTimeout: Another writer held the lock all the time.
            DatasetNotFound: There is no such folder.
        """
        with self.exclusive(tool=tool):
            recover(self.fs, self.dir, sound_log=self._sound_log)
            yield

    @contextmanager
    def exclusive(self, *, tool: str | None = None) -> Iterator[None]:
        """Hold the dataset's lock, nothing being settled.

        Raises:
            LockTimeout: Another writer held the lock all the time.
            DatasetNotFound: There is no such folder.
            UnsupportedFilesystem: Locks there do not keep other hosts out.
        """
        if self.fs.stat(self.dir) is None:
            raise not_found(self.dir)
        self.check_locks()
        with (
            self._guard_of_threads(),
            exclusive_lock(self.fs, self.dir, timeout=self.lock_timeout, tool=tool),
        ):
            yield

    def check_locks(self) -> None:
        """Refuse a file system on which a lock does not keep other hosts out; the folder need not be there yet.

        Raises:
            UnsupportedFilesystem: It is one.
        """
        if not self._locks_checked:
            check_locks_exclude(self.dir)
            self._locks_checked = True

    def check_writable(self) -> None:
        """Refuse to write to what is not there, is damaged at its end, or was written by a newer library; the lock is held.

        Raises:
            DatasetNotFound: There is no dataset.
            EventLogError: The log's last line is no event, or of an unknown version.
            CorruptFileError: The base is gone or damaged.
            SchemaError: The base is of an unknown schema version.
        """
        log, base = self.fs.stat(self.dir / EVENTS), self.fs.stat(self.dir / RECORDS)
        if (log is None or base is None or not log.size) and not self.exists():
            raise lost_log(self.fs, self.dir) or not_found(self.dir)
        if log is None or log != self._sound_log:
            check_log_is_sound(self.dir, committed_log_end(self.fs, self.dir))
            self._sound_log = log
        if base is None:
            raise gone(self.fs, self.dir)
        if base != self._base_checked:
            with opened(self.fs, self.dir / RECORDS, "read") as file:
                check_base_is_known(self.dir, PinnedFile(RECORDS, file))
            self._base_checked = base

    @contextmanager
    def _guard_of_threads(self) -> Iterator[None]:
        """Keep threads that share this object apart: they share its caches."""
        guard = self._guard  # the one to let go of, also in a child that was forked meanwhile
        if not guard.acquire(timeout=self.lock_timeout):
            raise LockTimeout(
                f"{self.dir}: another thread of this process has been changing it for {self.lock_timeout:g} s",
                mend="wait for that thread; inside a transaction use the transaction's own methods",
            )
        try:
            yield
        finally:
            guard.release()

    def keep_registry(self, registry_hash: str) -> None:
        """Have the registry in force on the disk before a change relies on it: its writer may not have come to that."""
        if self._registry_kept != registry_hash:
            keep_root(self.fs, self.root)
            self._registry_kept = registry_hash

    def keys(self) -> KeyState:
        """The key index as of now; the dataset's lock is held."""
        try:
            self._keys = _storage.key_state.follow(self.fs, self.dir, self._keys)
        except BaseException:
            self._keys = None  # it may be half brought up to date
            raise
        return self._keys

    def remember_log(self, event_bytes: bytes) -> None:
        """Remember the log as it is after the commit of these lines just made; the dataset's lock is held."""
        try:
            self._sound_log = found = self.fs.stat(self.dir / EVENTS)
        except OSError:  # no reason to call a change failed that is committed
            self._sound_log = found = None
        self._last_line = last_of(event_bytes, found.size) if found is not None else None

    def keys_are_current(self, *, wrote_base: bool) -> None:
        """Say that the index has the keys of the commit just made; the dataset's lock is held."""
        keys, self._keys = self._keys, None
        if keys is not None and self._sound_log is not None:
            keys.log_identity, keys.last = self._sound_log.identity, self._last_line
            with suppress(OSError):  # the change is committed: the keys are filled anew
                if wrote_base:
                    keys.base_is_written(self.fs, self.dir)
                self._keys = keys

    def save_keys(self) -> None:
        """Put the index on the disk if processes that begin would gain by it; the dataset's lock is held."""
        if self._keys is not None:
            try:
                followed = self._sound_log is not None and self._keys.log_identity == self._sound_log.identity
                keys = self._keys if followed else self.keys()
                if self.save_rule.wants(keys.index, keys.saved, keys.end):
                    _storage.key_state.save(self.fs, self.dir, keys, self.save_rule)
            except (
                OSError,
                SequencesError,
            ) as error:  # it is a cache; what is wrong is told where it is needed
                _log.debug("%s: the keys were not cached: %s", self.dir, error)

    def forget_keys(self) -> None:
        """Fill the index anew when it is needed next."""
        self._keys = None

    def batches(self) -> BatchIndex:
        """The committed batches as of the log's committed end now; no lock is needed."""
        with told_unreadable(self.dir):
            self._batches.follow(self.fs, self.dir)
        return self._batches
