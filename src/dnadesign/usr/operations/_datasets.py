"""Which datasets a root has."""

from __future__ import annotations

from pathlib import Path

from dnadesign.usr.contract.errors import NamespaceError
from dnadesign.usr.contract.layout import EVENTS, RECORDS
from dnadesign.usr.contract.names import check_dataset_id
from dnadesign.usr.storage.filesystem import REAL, FileSystem, told_unreadable
from dnadesign.usr.storage.paths import path_of


def list_datasets(root: str | Path, *, fs: FileSystem = REAL) -> list[str]:
    """The ids of the datasets under a root, sorted; a folder is one if it has an event log, or a base that has lost its log.

    Raises:
        StorageError: A folder cannot be read.
    """
    folder = path_of(root, what="root")
    with told_unreadable(folder):
        return _datasets(folder, fs)


def _datasets(root: Path, fs: FileSystem) -> list[str]:
    found: list[str] = []
    for entry in fs.list(root):
        if not entry.is_dir or not _is_id(entry.name):
            continue
        if _is_dataset(fs, root / entry.name):
            found.append(entry.name)
            continue
        found += [
            name
            for inner in fs.list(root / entry.name)
            if inner.is_dir and _is_id(name := f"{entry.name}/{inner.name}") and _is_dataset(fs, root / name)
        ]
    return sorted(found)


def _is_dataset(fs: FileSystem, folder: Path) -> bool:
    found = fs.stat(folder / EVENTS)
    return (found is not None and found.size > 0) or fs.stat(folder / RECORDS) is not None


def _is_id(name: str) -> bool:
    if name.startswith(("_", ".")):
        return False
    try:
        check_dataset_id(name)
    except NamespaceError:
        return False
    return True
