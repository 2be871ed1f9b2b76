"""The files that have the rows of few records, found by the cached keys, without opening the others.

What is read is one committed version, as with :mod:`version`: between two looks at the log that found the same end, with
no change under way, the files are listed and those that matter are opened. The cached keys say which these are as of
their own end of the log; files that they do not know, and new rows of the base, are looked into. Anything that does not fit
means that there is no such short way: whoever asked pins the whole version instead. Of a version that is pinned, the
cached keys tell in the same way which file has which row (see :mod:`placement`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import ConcurrentChangeError, CorruptFileError, EventLogError
from dnadesign.usr.contract.layout import EVENTS, META_KEY, RECORDS, overlay_file
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.storage.checked_blocks import DamagedCache
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.key_cache import KeyCache, open_key_cache
from dnadesign.usr.storage.key_index import KeySet, Ordinals, digest_pieces, read_ids
from dnadesign.usr.storage.key_manifest import INDEX, NamespaceEntry, mark_of
from dnadesign.usr.storage.key_tail import Tail, read_tail
from dnadesign.usr.storage.known_files import KnownFiles
from dnadesign.usr.storage.stored_keys import Digests
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version, stored_overlays
from dnadesign.usr.storage.visibility import CommittedLog, committed_log_end

_MOST_TAIL = 1 << 20  # bytes of the log; to parse more would take longer than to open all files
_MOST_NEW = 64  # files that the cached keys do not know, each of which is looked into for few rows
_MOST_NEW_ROWS = 1 << 19  # of these files together
_MOST_NEW_OF_ALL = 1024  # the same for whoever reads all of them
_MOST_NEW_ROWS_OF_ALL = 1 << 21


@dataclass
class FewFiles:
    """A version of which only the files are open that were asked for; close it when done.

    Attributes:
        version: The base, and of each overlay the files opened so far; there may be more.
        pinned: Whether all its files were open before, by somebody else who closes them.
        stored: By namespace, the columns that its files store.
        new: By namespace, the files that the cached keys do not know.
        cached: The namespaces of which they know the other files.
    """

    version: Version
    cache: KeyCache
    known: KnownFiles | None
    pinned: bool = False
    stored: dict[str, dict[str, pa.DataType]] = field(default_factory=dict)
    new: dict[str, list[str]] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)

    def ordinals(self, digests: Digests) -> Ordinals:
        """The base row of each key, -1 for a key that the base does not have; digests of shape (n, 20).

        Raises:
            DamagedCache: The cached keys are not what was written.
        """
        found = self.cache.ordinals(digests)
        known, base = self.cache.base_rows, self.version.base
        missing = np.flatnonzero(found < 0)
        if len(missing) and base.footer.rows > known:
            behind = self._appended.find(digests[missing])
            found[missing] = np.where(behind >= 0, behind + known, -1)
        return found

    @cached_property
    def _appended(self) -> KeySet:
        """The keys of base rows behind those that the cached keys know."""
        appended, base = KeySet(), self.version.base
        known, where = self.cache.base_rows, str(base.file.path)
        for digests in digest_pieces(base.file, base.footer, from_row=known, where=where):
            appended.add(digests)
        return appended

    def files_of(self, namespace: str, ordinals: Ordinals) -> tuple[list[str | None], list[PinnedFile]]:
        """The file that is known to have the row of each base row, and all files that may have any, open.

        Raises:
            DamagedCache: The cached keys are not what was written.
            FileNotFoundError: A file went away.
        """
        nowhere: list[str | None] = [None] * len(ordinals)
        names = self.cache.part_of(namespace, ordinals) if namespace in self.cached else nowhere
        wanted = {name for name in names if name is not None}
        files = [self.opened(namespace, path) for path in sorted(wanted | set(self.new[namespace]))]
        if any(self.is_younger(file) for file in files if file.path in wanted):
            raise DamagedCache(f"{self.version.dataset}: a part was changed after its keys were cached")
        return names, files

    def with_any(self, files: Sequence[PinnedFile], ids: pa.ChunkedArray) -> set[str]:
        """The paths of those overlay files that have a row for one of these ids; all their keys are looked at together.

        Raises:
            CorruptFileError: A file is damaged.
        """
        found: set[str] = set()
        by_type: dict[pa.DataType, list[tuple[PinnedFile, pa.ChunkedArray]]] = {}
        for file in files:
            keys = self._ids_of(file)
            by_type.setdefault(keys.type, []).append((file, keys))
        for kind, alike in by_type.items():
            every = pa.chunked_array([chunk for _, keys in alike for chunk in keys.chunks], kind)
            hits = pc.indices_nonzero(pc.is_in(every, value_set=ids)).to_numpy()
            ends = np.cumsum([len(keys) for _, keys in alike])
            found |= {alike[i][0].path for i in np.searchsorted(ends, hits, side="right").tolist()}
        return found

    def _ids_of(self, file: PinnedFile) -> pa.ChunkedArray:
        if self.known is None:
            return read_ids(file.file, footer=file.footer)
        return self.known.ids_of(file.file, file.footer)

    def is_younger(self, file: PinnedFile) -> bool:
        """Whether a file was changed after the cached keys were written."""
        return file.file.stat().modified_ns > self._written_ns

    @cached_property
    def _written_ns(self) -> int:
        path = self.version.dataset / INDEX
        try:
            found = self.version.fs.stat(path)
        except OSError as error:
            raise DamagedCache(f"{path}: {error}") from error
        return found.modified_ns if found is not None else 0

    def opened(self, namespace: str, path: str) -> PinnedFile:
        """One overlay file, opened if it was not yet."""
        overlay = self.version.overlays[namespace]
        for pinned in overlay.files:
            if pinned.path == path:
                return pinned
        pinned = PinnedFile(path, self.version.fs.open(self.version.dataset / path, "read"), self.known)
        self.version.overlays[namespace] = Overlay(namespace, (*overlay.files, pinned))
        return pinned

    def is_current(self) -> bool:
        """Whether nothing was committed since it was opened, so that all files are of one version."""
        one, now = self.version.log, committed_log_end(self.version.fs, self.version.dataset)
        return (one.device, one.inode, one.end) == (now.device, now.inode, now.end)

    def close(self) -> None:
        """Let go of the files."""
        self.cache.close()
        if not self.pinned:
            self.version.close()


def open_few_files(fs: FileSystem, dataset: Path, known: KnownFiles) -> FewFiles | None:
    """The newest committed version, only its base open; None where the cached keys do not tell all of it.

    Where a file is damaged they do not either: whoever opens the files that it needs finds out.

    Raises:
        ConcurrentChangeError: The log was replaced each time that it was looked at.
    """
    log = committed_log_end(fs, dataset)
    usable = bool(log.end) and log.intent is None
    cache = open_key_cache(fs, dataset, end=log.end, known=known) if usable else None
    if cache is None:
        return None
    few = None
    try:
        tail = _tail_of(fs, dataset, cache, log, known)
        if tail is not None:
            base = PinnedFile(RECORDS, fs.open(dataset / RECORDS, "read"))
            few = FewFiles(Version(fs, dataset, log, base), cache, known)
            if _is_base_of(few, tail) and _add_overlays(few, tail, stored_overlays(fs, dataset, None)):
                return few
    except (FileNotFoundError, DamagedCache, CorruptFileError):
        pass
    except BaseException:
        _close(few, cache)
        raise
    _close(few, cache)
    return None


def open_known_files(version: Version) -> FewFiles | None:
    """What the cached keys tell of a pinned version; None where they do not tell all of it, or a file is damaged.

    The version stays the caller's.
    """
    fs, log, dataset = version.fs, version.log, version.dataset
    cache = open_key_cache(fs, dataset, end=log.end) if log.end and log.intent is None else None
    if cache is None:
        return None
    few = FewFiles(version, cache, None, pinned=True)
    try:
        tail = _tail_of(fs, dataset, cache, log, None)
        paths = {name: [file.path for file in overlay.files] for name, overlay in version.overlays.items()}
        if tail is not None and _is_base_of(few, tail) and _add_overlays(few, tail, paths):
            return few
    except (DamagedCache, CorruptFileError):
        pass
    except BaseException:
        few.close()
        raise
    few.close()
    return None


def _close(few: FewFiles | None, cache: KeyCache) -> None:
    if few is not None:
        few.close()
    else:
        cache.close()


def _tail_of(
    fs: FileSystem, dataset: Path, cache: KeyCache, log: CommittedLog, known: KnownFiles | None
) -> Tail | None:
    start, end = cache.log_end, log.end
    if end - start > _MOST_TAIL:
        return None
    there = fs.stat(dataset / EVENTS) if known is not None else None
    read = partial(read_tail, fs, dataset, start=start, end=end, log=log)
    try:
        tail = known.tail_of(there, start, end, read) if known is not None and there is not None else read()
    except (EventLogError, ConcurrentChangeError):  # told where events are read; the files are as they are
        return None
    return None if tail.everything else tail


def _is_base_of(few: FewFiles, tail: Tail) -> bool:
    """Whether the base is the one that the cached keys are of, or that one with rows behind it."""
    known, footer = few.cache.manifest.base, few.version.base.footer
    return footer.rows >= known.rows and (tail.appended or tail.restamped or mark_of(footer) == known)


def _add_overlays(few: FewFiles, tail: Tail, stored: dict[str, list[str]]) -> bool:
    """Note which overlays are stored and which of their files are new; whether these are few enough to look into.

    A part is never changed and its name never used again, so that what is cached of it holds for as long as it is there;
    one that somebody changed all the same is younger than the cache.
    """
    new_rows = 0
    most, most_rows = (_MOST_NEW_OF_ALL, _MOST_NEW_ROWS_OF_ALL) if few.pinned else (_MOST_NEW, _MOST_NEW_ROWS)
    for namespace, paths in stored.items():
        if overlay_file(namespace) in paths and len(paths) > 1:
            return False  # it is both a file and parts, which is told where all files are asked
        few.version.overlays.setdefault(namespace, Overlay(namespace, ()))
        known = _known_files(few, namespace, paths) if namespace not in tail.refill else frozenset()
        few.new[namespace] = new = [path for path in paths if path not in known]
        if sum(map(len, few.new.values())) > most:
            return False
        if known:
            few.cached.add(namespace)
        entry = few.cache.namespaces[namespace] if known else None
        few.stored[namespace] = {n: kind for n, (kind, _) in entry.columns.items()} if entry else {}
        for path in new:
            file = few.opened(namespace, path)
            new_rows += file.footer.rows
            if new_rows > most_rows or not _add_columns(few, namespace, file):
                return False
    return True


def _known_files(few: FewFiles, namespace: str, paths: list[str]) -> frozenset[str]:
    """The files that the cached keys tell the rows of: all that they know of a namespace, or none."""
    entry = few.cache.namespaces.get(namespace)
    known = frozenset(few.cache.files(namespace) if entry is not None else ())
    single = overlay_file(namespace)
    if entry is None or sum(path in known for path in paths) < len(known):
        return frozenset()
    if single in known and not _is_still(few.opened(namespace, single), entry):
        return frozenset()
    if few.pinned and any(
        few.is_younger(file) for file in few.version.overlays[namespace].files if file.path in known
    ):
        return frozenset()
    return known


def _is_still(file: PinnedFile, entry: NamespaceEntry) -> bool:
    """Whether a file that can be replaced under its name is the one that the cached keys are of."""
    return mark_of(file.footer).footer_sha256 == entry.footer_sha256


def _add_columns(few: FewFiles, namespace: str, file: PinnedFile) -> bool:
    """Note the columns of a new file; whether it is keyed by id, and has such a column."""
    for column in file.footer.schema:
        if column.name != KEY:
            few.stored[namespace].setdefault(column.name, column.type)
    keyed_by_id = file.footer.key_values.get(META_KEY, KEY.encode()) == KEY.encode()
    return keyed_by_id and KEY in file.footer.schema.names
