"""Put the keys that a writer knows on the disk, for processes that begin after it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnadesign.usr.contract.errors import CorruptFileError
from dnadesign.usr.contract.layout import KEYS
from dnadesign.usr.storage.checked_blocks import DamagedCache, Form, in_whole_blocks, write_blocks
from dnadesign.usr.storage.file_numbers import length_in_use
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, opened, write_all
from dnadesign.usr.storage.key_cache import LATER, later_form, numbers_form
from dnadesign.usr.storage.key_index import Coverage, KeyIndex
from dnadesign.usr.storage.key_manifest import (
    INDEX,
    BaseMark,
    LogMark,
    Manifest,
    NamespaceEntry,
    StoredFile,
    read_manifest,
)
from dnadesign.usr.storage.save_rule import SaveRule
from dnadesign.usr.storage.stored_keys import MOST_KEYS, KeyTwice, Ordinals, write_keys

_log = logging.getLogger("dnadesign.usr")
_NEW = ".new"  # there is one writer at a time; what a dead one left is removed


def save_keys(
    fs: FileSystem,
    dataset: Path,
    index: KeyIndex,
    saved: Manifest | None,
    *,
    marks: tuple[LogMark, BaseMark],
    rule: SaveRule,
) -> Manifest | None:
    """Write what is new of the keys, then the manifest, then remove files that it does not name.

    Args:
        fs: The file system.
        dataset: The dataset's folder; its lock is held.
        index: The keys.
        saved: The manifest that was read or written before.
        marks: The end of the log, and the base, as of which the index is true.
        rule: Whether to write the base's keys anew, and all of a coverage.

    Returns:
        The new manifest; None if the disk did not take it, or a key is there twice, which does no harm.
    """
    log, base = marks
    if len(index.base) > MOST_KEYS:
        return None
    try:
        fs.mkdir(dataset / KEYS)
        there = set(fs.names(dataset / KEYS))  # another writer may have removed some
        keep = saved is not None and not rule.wants_keys(index, saved) and saved.keys.name in there
        keys = saved.keys if saved is not None and keep else _save_base(fs, dataset, index)
        saving = _Saving(fs, dataset, saved.namespaces if saved is not None else {}, there, rule)
        manifest = Manifest(log, base, keys, _save_namespaces(saving, index))
        with _new_file(fs, dataset) as file:
            write_all(file, 0, manifest.to_bytes())
        fs.rename(dataset / KEYS / _NEW, dataset / INDEX)
        _remove_others(fs, dataset, manifest)
    except (OSError, DamagedCache, KeyTwice, CorruptFileError) as error:
        _log.debug("%s: the keys were not cached: %s", dataset, error)
        with contextlib.suppress(OSError):  # the disk may be full of what was begun
            _remove_others(fs, dataset, read_manifest(fs, dataset))
        return None
    for name, coverage in index.namespaces.items():
        coverage.new_files = coverage.new_rows = 0
        if name in manifest.namespaces and manifest.namespaces[name].later is None:
            coverage.stored_files = len(coverage.files)
    return manifest


def _save_base(fs: FileSystem, dataset: Path, index: KeyIndex) -> StoredFile:
    runs = index.base.sorted_rows()
    with _new_file(fs, dataset) as file:
        table_sha256 = write_keys(file, runs)
    return _named(fs, dataset, "base", sum(map(len, runs)), table_sha256)


@dataclass(frozen=True, slots=True)
class _Saving:
    """What a save of coverage goes by.

    Attributes:
        before: What is known to have been on the disk.
        there: The files of the cache that are there: another writer may have removed some.
    """

    fs: FileSystem
    dataset: Path
    before: Mapping[str, NamespaceEntry]
    there: Set[str]
    rule: SaveRule

    def kept(self, namespace: str) -> NamespaceEntry | None:
        """What was saved of a namespace, if all of it is there."""
        entry = self.before.get(namespace)
        return entry if entry is not None and all(f.name in self.there for f in entry.files) else None

    def first_file(self, namespace: str) -> StoredFile | None:
        """The first file of what was saved of a namespace, if that is there."""
        entry = self.before.get(namespace)
        return entry.file if entry is not None and entry.file.name in self.there else None


def _save_namespaces(saving: _Saving, index: KeyIndex) -> dict[str, NamespaceEntry]:
    found = {}
    for name in set(index.waiting) - index.unread:
        entry = saving.kept(name)
        if entry is not None:
            found[name] = entry
        else:
            index.coverage(name)
    for name, coverage in index.namespaces.items():
        if name in index.other_keys | index.not_ours or not coverage.is_plain or not coverage.files:
            continue
        file, later = _save_coverage(saving, name, coverage)
        footer = coverage.single.footer_sha256 if coverage.single is not None else None
        found[name] = NamespaceEntry(file, later, dict(index.stored_types.get(name, {})), footer)
    return found


def _save_coverage(
    saving: _Saving, namespace: str, coverage: Coverage
) -> tuple[StoredFile, StoredFile | None]:
    """Write what is new of a coverage: the rows that came after its first file was written, or all of it."""
    kept, first = saving.kept(namespace), saving.first_file(namespace)
    if kept is not None and not coverage.new_files:
        return kept.file, kept.later
    if first is not None and coverage.stored_files:
        rows = np.flatnonzero(coverage.numbers > coverage.stored_files)
        if not saving.rule.wants_whole(len(coverage.numbers), len(rows)):
            return first, _save_later(saving, namespace, coverage, rows)
    numbers = coverage.numbers[: length_in_use(coverage.numbers)]
    return _write(saving, namespace, numbers, numbers_form(len(numbers)), coverage.files), None


def _save_later(saving: _Saving, namespace: str, coverage: Coverage, rows: Ordinals) -> StoredFile:
    later = np.empty(len(rows), dtype=LATER)
    later["ordinal"], later["number"] = rows, coverage.numbers[rows]
    names = coverage.files[coverage.stored_files :]
    return _write(saving, f"{namespace}-later", later, later_form(len(rows)), names)


def _write(
    saving: _Saving, kind: str, rows: npt.NDArray[Any], form: Form, names: Sequence[str]
) -> StoredFile:
    """Write a file of the cache, the names of the overlay's files beside its rows."""
    with _new_file(saving.fs, saving.dataset) as file:
        table_sha256 = write_blocks(file, in_whole_blocks(rows, form), form, "\n".join(names).encode())
    return _named(saving.fs, saving.dataset, kind, len(rows), table_sha256)


@contextlib.contextmanager
def _new_file(fs: FileSystem, dataset: Path) -> Iterator[OpenFile]:
    """A file that has its name still to get."""
    hidden = dataset / KEYS / _NEW
    with contextlib.suppress(FileNotFoundError):  # what a dead writer left
        fs.unlink(hidden)
    with opened(fs, hidden, "create") as file:
        yield file


def _named(fs: FileSystem, dataset: Path, kind: str, rows: int, table_sha256: str) -> StoredFile:
    """Name the new file for its content."""
    name = f"{kind}-{table_sha256[:32]}"
    fs.rename(dataset / KEYS / _NEW, dataset / KEYS / name)
    return StoredFile(name, rows, table_sha256)


def _remove_others(fs: FileSystem, dataset: Path, manifest: Manifest | None) -> None:
    wanted = (manifest.names | {INDEX.removeprefix(f"{KEYS}/")}) if manifest is not None else set()
    for entry in fs.list(dataset / KEYS):
        if entry.name not in wanted and not entry.is_dir:
            fs.unlink(dataset / KEYS / entry.name)
