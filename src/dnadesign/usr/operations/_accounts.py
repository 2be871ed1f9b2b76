"""The files that the events say a dataset has, held against the files that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dnadesign.usr.contract.artifacts import listing_sha256
from dnadesign.usr.contract.errors import ConcurrentChangeError
from dnadesign.usr.contract.events import LIBRARY_ACTIONS, Event
from dnadesign.usr.contract.layout import ARTIFACTS, EVENTS, LOCK, META, PRIVATE, RECORDS
from dnadesign.usr.operations._report import Report
from dnadesign.usr.storage.event_log import read_all_events
from dnadesign.usr.storage.filesystem import FileSystem, told_unreadable
from dnadesign.usr.storage.intent import Intent
from dnadesign.usr.storage.staging import hash_file
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import not_found
from dnadesign.usr.storage.visibility import CommittedLog, committed_log_end

_IGNORED = frozenset({EVENTS, LOCK, PRIVATE})
_SHOWN = 20
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Account:
    """What the events say of one file; ``bytes`` and ``sha256`` are None where they do not say."""

    path: str
    bytes: int | None
    sha256: str | None
    event_id: str | None


@dataclass
class Accounts:
    """The fold of a log: the files that there should be after its last event.

    Attributes:
        files: By path, relative to the dataset.
        folders: Folded lists by folder: how many files, and the hash of their names and sizes.
        older: How many events are of older tools, which do not say what they wrote.
        events: How many events there are.
    """

    files: dict[str, Account] = field(default_factory=dict)
    folders: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    older: int = 0
    events: int = 0

    def add(self, event: Event) -> None:
        """Fold one event in."""
        self.events += 1
        if event.action not in LIBRARY_ACTIONS:
            return
        added, removed = event.artifacts.get("added"), event.artifacts.get("removed")
        if added is None or removed is None:
            self.older += 1
            return
        moved: dict[str, Account] = {}
        for entry in _entries(added):
            source = entry.get("moved_from")
            if isinstance(source, str) and source in self.files:
                moved[source] = self.files.pop(source)
        for entry in _entries(removed):
            self._remove(entry)
        for entry in _entries(added):
            self._add(entry, moved.get(str(entry.get("moved_from"))), event)

    def _remove(self, entry: Mapping[str, Any]) -> None:
        path = str(entry.get("path", ""))
        self.files.pop(path, None)
        if "files" in entry:
            self.folders.pop(path, None)
            for inner in [p for p in self.files if p.startswith(f"{path}/")]:
                del self.files[inner]

    def _add(self, entry: Mapping[str, Any], before: Account | None, event: Event) -> None:
        path = str(entry.get("path", ""))
        if "files" in entry:
            if not path.startswith(f"{ARTIFACTS}/"):  # arrays of many events lie in one folder
                self.folders[path] = entry
            return
        size, digest = entry.get("bytes"), entry.get("sha256")
        if before is not None:
            size, digest = before.bytes if size is None else size, before.sha256 if digest is None else digest
        self.files[path] = Account(
            path,
            size if isinstance(size, int) else None,
            digest if isinstance(digest, str) else None,
            event.event_id,
        )


def _entries(listed: object) -> list[Mapping[str, Any]]:
    if isinstance(listed, Mapping):
        return [listed]
    return [e for e in listed if isinstance(e, Mapping)] if isinstance(listed, list) else []


def fold(events: Iterable[Event]) -> Accounts:
    """Fold a log."""
    accounts = Accounts()
    for event in events:
        accounts.add(event)
    return accounts


@dataclass(frozen=True, slots=True)
class FilesNow:
    """The files of a dataset: sizes in bytes by path, and where a file lies that has not got its name yet."""

    sizes: dict[str, int]
    places: dict[str, str] = field(default_factory=dict)


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


def consistent_files(store: Store) -> tuple[Accounts, FilesNow]:
    """The fold of the log and the files on the disk, of one and the same moment.

    What a committed change still has to rename, because its writer died or is at it, counts as renamed.

    Raises:
        ConcurrentChangeError: There was no such moment, often enough.
        StorageError: A file or folder cannot be read.
    """
    with told_unreadable(store.dir):
        return _consistent_files(store)


def _consistent_files(store: Store) -> tuple[Accounts, FilesNow]:
    for _ in range(_ATTEMPTS):
        before = committed_log_end(store.fs, store.dir)
        if before.end == 0:
            raise not_found(store.dir)
        accounts = fold(read_all_events(store.fs, store.dir, end=before.end, log=before))
        pending = before.intent is not None and before.intent.synced
        found = files_on_disk(store.fs, store)
        settled = (
            not pending or files_on_disk(store.fs, store) == found
        )  # no rename happened while files were listed
        after = committed_log_end(store.fs, store.dir)
        same = (before.device, before.inode, before.end) == (after.device, after.inode, after.end)
        if same and settled and _synced_txid(before) == _synced_txid(after):
            return accounts, _with_renames_done(store, found, before.intent if pending else None)
    raise ConcurrentChangeError(
        f"{store.dir}: changed each of the {_ATTEMPTS} times that its files were listed", mend="try again"
    )


def _synced_txid(log: CommittedLog) -> str | None:
    return log.intent.txid if log.intent is not None and log.intent.synced else None


def _with_renames_done(store: Store, found: dict[str, int], intent: Intent | None) -> FilesNow:
    places: dict[str, str] = {}
    if intent is None:
        return FilesNow(found, places)
    for move in intent.moves:
        if _within(found, move.target):
            continue  # done; what lies at the source by now was published there since
        for path in _within(found, move.source):
            target = move.target + path[len(move.source) :]
            found[target], places[target] = found.pop(path), path
    for publish in intent.publishes:
        if store.fs.stat(store.path(publish.staged)) is not None:
            found[publish.target], places[publish.target] = publish.bytes, publish.staged
    for remove in intent.removes:
        found.pop(remove.target, None)
    return FilesNow(found, {target: place for target, place in places.items() if target in found})


def _within(found: Mapping[str, int], path: str) -> list[str]:
    """The files at a path or in the folder there."""
    return [p for p in found if p == path or p.startswith(f"{path}/")]


def check_accounts(store: Store, accounts: Accounts, files: FilesNow, report: Report, *, deep: bool) -> None:
    """Check that every file is accounted for and every account has its file, with its size (and hash if deep)."""
    problems, found = len(report.problems), files.sizes
    for account in accounts.files.values():
        _check_file(store, account, files, report, deep=deep)
    for path, entry in accounts.folders.items():
        _check_folder(path, entry, found, report)
    known = set(accounts.files) | {p for p in found for f in accounts.folders if p.startswith(f"{f}/")}
    strangers = sorted(p for p in found if p not in known and not p.startswith(f"{ARTIFACTS}/"))
    if strangers and accounts.older:
        report.note(
            "events.files",
            EVENTS,
            f"{len(strangers)} files are of {accounts.older} events of an older tool, which do not say what they wrote",
        )
    elif strangers:
        for path in strangers[:_SHOWN]:
            report.failed(
                "events.files",
                path,
                "no event accounts for this file",
                "it was put there outside usr: remove it, or write its rows with attach or write_overlay_part",
            )
    if len(report.problems) == problems:
        checked = "sizes and hashes" if deep else "sizes"
        report.passed(
            "events.files", EVENTS, f"{accounts.events} events, {len(accounts.files)} files: {checked}"
        )


def _check_file(store: Store, account: Account, files: FilesNow, report: Report, *, deep: bool) -> None:
    size = files.sizes.get(account.path)
    said = f"event {account.event_id}"
    if size is None:
        report.failed(
            "events.files",
            account.path,
            f"is missing; {said} wrote it",
            "restore it from a backup or a snapshot",
        )
    elif account.path == META:
        return  # notes are for people to change
    elif account.bytes is not None and size != account.bytes:
        report.failed(
            "events.files",
            account.path,
            f"has {size} bytes; {said} wrote {account.bytes}",
            "it was changed outside usr: restore it from a backup or a snapshot",
        )
    elif deep and account.sha256 is not None and account.path != RECORDS:
        digest = hash_file(store.fs, store.path(files.places.get(account.path, account.path)))[1]
        if digest != account.sha256:
            report.failed(
                "events.files",
                account.path,
                f"its bytes are not those that {said} wrote",
                "it is damaged, or was changed outside usr: restore it from a backup or a snapshot",
            )


def _check_folder(path: str, entry: Mapping[str, Any], found: Mapping[str, int], report: Report) -> None:
    inside = [(p[len(path) + 1 :], size) for p, size in found.items() if p.startswith(f"{path}/")]
    if len(inside) != entry.get("files") or listing_sha256(inside) != entry.get("sha256"):
        report.failed(
            "events.files",
            path,
            f"has {len(inside)} files; {entry.get('files')} were set aside there, or their sizes differ",
            "restore the folder from a backup, or remove it together with its record",
        )
