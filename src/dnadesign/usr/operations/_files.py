"""The files that a dataset has, as of one moment of its log."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from dnadesign.usr.contract.errors import ConcurrentChangeError
from dnadesign.usr.contract.layout import EVENTS, LOCK, PRIVATE, RECORDS, overlay_file, overlay_of
from dnadesign.usr.operations._accounts import Accounts, fold
from dnadesign.usr.storage.event_log import outline_in, read_all_lines
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, opened, told_unreadable
from dnadesign.usr.storage.intent import Intent, Publish
from dnadesign.usr.storage.lost_log import lost_log
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import not_found
from dnadesign.usr.storage.visibility import CommittedLog, committed_log_end

_IGNORED = frozenset({EVENTS, LOCK, PRIVATE})
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class FilesNow:
    """The files of a dataset.

    Attributes:
        sizes: In bytes, by path.
        places: Where a file lies that has not got its name yet.
        held: Those that another change may replace, open.
    """

    sizes: dict[str, int]
    places: dict[str, str] = field(default_factory=dict)
    held: dict[str, OpenFile] = field(default_factory=dict)

    @contextmanager
    def opened(self, store: Store, path: str) -> Iterator[OpenFile]:
        """One of the files, to read.

        Raises:
            FileNotFoundError: It has been set aside since.
        """
        if path in self.held:
            yield self.held[path]
            return
        place = self.places.get(path, path)
        with opened(store.fs, store.path(place), "read") as file:
            moved = place != path and not place.startswith(f"{PRIVATE}/")
            if moved and store.fs.stat(store.path(path)) is not None:
                raise FileNotFoundError(place)  # set aside since: another file may lie there by now
            yield file


def files_on_disk(fs: FileSystem, store: Store) -> dict[str, int]:
    """Every file of a dataset that is not private to the library, with its size in bytes."""
    found: dict[str, int] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        for entry in fs.list(store.path(folder)):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path in _IGNORED:
                continue
            if entry.is_dir:
                folders.append(path)
            elif (size := fs.stat(store.path(path))) is not None:
                found[path] = size.size
    return found


def consistent_files(store: Store, *, hold: ExitStack | None = None) -> tuple[Accounts, FilesNow]:
    """The fold of the log and the files on the disk, of one and the same moment.

    What a committed change still has to rename, because its writer died or is at it, counts as renamed.

    Args:
        store: The dataset.
        hold: Keeps the base and overlays of a single file open, which a change gives other contents under the same
            name; no file is kept open when None.

    Raises:
        ConcurrentChangeError: There was no such moment, often enough.
        StorageError: A file or folder cannot be read.
    """
    with told_unreadable(store.dir):
        return _consistent_files(store, hold)


def _consistent_files(store: Store, hold: ExitStack | None) -> tuple[Accounts, FilesNow]:
    for attempt in range(_ATTEMPTS):
        time.sleep(min(0.05, 0.001 * attempt) * random.random())  # noqa: S311 - spreads readers, no secret
        before = committed_log_end(store.fs, store.dir)
        if before.end == 0:
            raise lost_log(store.fs, store.dir) or not_found(store.dir)
        intent = before.intent if before.intent is not None and before.intent.synced else None
        # A file that is still staged now is published by the intent; one that is not has its name when files are listed.
        staged = (
            [p for p in intent.publishes if store.fs.stat(store.path(p.staged))] if intent is not None else []
        )
        found = files_on_disk(store.fs, store)
        settled = (
            intent is None or files_on_disk(store.fs, store) == found
        )  # no rename happened while files were listed
        now = _with_renames_done(found, intent, staged)
        held = _hold(store, now, hold) if hold is not None else {}
        after = committed_log_end(store.fs, store.dir)
        same = (before.device, before.inode, before.end) == (after.device, after.inode, after.end)
        if same and settled and _synced_txid(before) == _synced_txid(after):
            lines = read_all_lines(store.fs, store.dir, end=before.end, log=before)  # they stay as they are
            accounts = fold(map(outline_in, lines))
            accounts.settle(now.sizes)
            return accounts, replace(now, held=held)
    raise ConcurrentChangeError(
        f"{store.dir}: changed each of the {_ATTEMPTS} times that its files were listed", mend="try again"
    )


def _hold(store: Store, now: FilesNow, hold: ExitStack) -> dict[str, OpenFile]:
    """The files that may be replaced under their name, open; without those that are gone already."""
    held = {}
    for path in now.sizes:
        namespace = overlay_of(path)
        if path == RECORDS or (namespace is not None and path == overlay_file(namespace)):
            with contextlib.suppress(FileNotFoundError):
                held[path] = hold.enter_context(now.opened(store, path))
    return held


def _synced_txid(log: CommittedLog) -> str | None:
    return log.intent.txid if log.intent is not None and log.intent.synced else None


def _with_renames_done(found: dict[str, int], intent: Intent | None, staged: Iterable[Publish]) -> FilesNow:
    places: dict[str, str] = {}
    if intent is None:
        return FilesNow(found, places)
    for move in intent.moves:
        if _within(found, move.target):
            continue  # done; what lies at the source by now was published there since
        for path in _within(found, move.source):
            target = move.target + path[len(move.source) :]
            found[target], places[target] = found.pop(path), path
    for publish in staged:
        if publish.target not in _IGNORED:
            found[publish.target], places[publish.target] = publish.bytes, publish.staged
    for remove in intent.removes:
        found.pop(remove.target, None)
    return FilesNow(found, {target: place for target, place in places.items() if target in found})


def _within(found: Mapping[str, int], path: str) -> list[str]:
    """The files at a path or in the folder there."""
    return [p for p in found if p == path or p.startswith(f"{path}/")]
