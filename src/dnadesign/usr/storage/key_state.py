"""How the key index follows the log: read what the new events added, fill anew what they cannot tell.

A process begins with what is cached on the disk, as far as that is true of the log and the files, else with the files.
The caller holds the dataset's lock and has recovered, so the files are those of the log's end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from dnadesign.usr.contract.errors import ConcurrentChangeError, CorruptFileError, EventLogError, SchemaError
from dnadesign.usr.contract.layout import EVENTS, RECORDS, overlay_file
from dnadesign.usr.storage.checked_blocks import DamagedCache
from dnadesign.usr.storage.filesystem import FileSystem, Identity, opened
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_cache import KeyCache, StoredCoverage, open_key_cache
from dnadesign.usr.storage.key_index import (
    Coverage,
    FileMark,
    KeyIndex,
    KeySet,
    OverlayKeys,
    digest_pieces,
    keyed_by_id,
    read_ids,
)
from dnadesign.usr.storage.key_manifest import (
    BaseMark,
    Manifest,
    mark_base,
    mark_log,
    mark_of,
    mark_single,
)
from dnadesign.usr.storage.key_save import save_keys
from dnadesign.usr.storage.key_tail import Tail, read_tail
from dnadesign.usr.storage.log_lines import RawLine, is_still_there, read_lines_backward
from dnadesign.usr.storage.parquet import read_footer
from dnadesign.usr.storage.save_rule import SaveRule
from dnadesign.usr.storage.stored_keys import Digests
from dnadesign.usr.storage.version import stored_overlays

_MOST_TAIL = 1 << 24  # bytes of the log; to parse more takes longer than to read all keys
_KEYS_TOGETHER = (
    1 << 17
)  # that are looked up at once, each block of the stored keys being read once for all of them


@dataclass
class KeyState:
    """A key index and the end of the log that it stands for.

    ``log_identity`` is the log's as of that end, and ``last`` the line that ends there, None where it has to be looked
    at; ``base`` is the base as of that end, None where it has to be looked at, and ``base_identity`` tells whether it is
    still that file; ``saved`` is what is known to be on the disk.
    """

    log_identity: Identity
    last: RawLine | None = None
    index: KeyIndex = field(default_factory=KeyIndex)
    base: BaseMark | None = None
    base_identity: Identity | None = None
    saved: Manifest | None = None

    @property
    def end(self) -> int:
        """The offset in the log that it stands for."""
        return self.log_identity[2]

    def base_is_written(self, fs: FileSystem, dataset: Path) -> None:
        """Note that the base is another file now, by a change that the keys know of."""
        there = fs.stat(dataset / RECORDS)
        self.base, self.base_identity = None, there.identity if there is not None else None


def follow(fs: FileSystem, dataset: Path, state: KeyState | None) -> KeyState:
    """The key index as of the log's end now, of the files that are there: one that somebody replaced is read anew.

    Args:
        fs: The file system.
        dataset: The dataset's folder; its lock is held.
        state: The state at an earlier look, which is brought up to date in place; None to begin anew.

    Raises:
        CorruptFileError: A file of the dataset is damaged.
        SchemaError: A stored id is not one.
    """
    log, last = _log_now(fs, dataset, state)
    if state is not None and _is_still_log(fs, dataset, state, log):
        tail = read_tail(fs, dataset, start=state.end, end=log[2]) if state.end < log[2] else Tail()
        if not tail.everything and _is_still_base(fs, dataset, state, tail):
            tail.refill.update(_replaced_under_their_names(fs, dataset, state.index))
            _apply(fs, dataset, state, tail)
            state.log_identity, state.last = log, last
            return state
    return _adopt(fs, dataset, KeyState(log, last)) or _fill(fs, dataset, KeyState(log, last))


def _fill(fs: FileSystem, dataset: Path, fresh: KeyState) -> KeyState:
    """The keys as the files have them."""
    _fill_base(fs, dataset, fresh)
    _fill_namespaces(fs, dataset, fresh.index)
    return fresh


def save(fs: FileSystem, dataset: Path, state: KeyState, rule: SaveRule) -> None:
    """Put the index on the disk.

    Args:
        fs: The file system.
        dataset: The dataset's folder; its lock is held.
        state: The keys; the files of the cache are as of ``state.end`` from then on.
        rule: What of it is written anew.
    """
    log = mark_log(fs, dataset, state.end)
    base = state.base or mark_base(fs, dataset / RECORDS)
    if log is None or base.rows != len(state.index.base):
        return
    saved = save_keys(fs, dataset, state.index, state.saved, marks=(log, base), rule=rule)
    state.saved = saved or state.saved


def _is_still_base(fs: FileSystem, dataset: Path, state: KeyState, tail: Tail) -> bool:
    """Whether the base is the file that the keys are of, or what events made of it."""
    there = fs.stat(dataset / RECORDS)
    if tail.appended or tail.restamped or there is None or there.identity == state.base_identity:
        return True  # one that is gone is told by whoever needs it
    if state.base is None or mark_base(fs, dataset / RECORDS) != state.base:
        return False
    state.base_identity = there.identity
    return True


def _replaced_under_their_names(fs: FileSystem, dataset: Path, index: KeyIndex) -> set[str]:
    """The namespaces whose single file is not the one that their keys were read from."""
    return {
        namespace
        for namespace, coverage in index.namespaces.items()
        if coverage.single is not None and not _is_still(fs, dataset, namespace, coverage)
    }


def _is_still(fs: FileSystem, dataset: Path, namespace: str, coverage: Coverage) -> bool:
    path = dataset / overlay_file(namespace)
    there = fs.stat(path)
    if there is None or coverage.single is None:
        return False
    if there.identity == coverage.single.identity:
        return True
    try:
        known, coverage.single = coverage.single, _single_now(fs, path)
    except CorruptFileError:
        return False
    return coverage.single.footer_sha256 == known.footer_sha256


def _single_now(fs: FileSystem, path: Path) -> FileMark:
    with opened(fs, path, "read") as file:
        return mark_single(file, read_footer(file))


def _log_now(fs: FileSystem, dataset: Path, state: KeyState | None) -> tuple[Identity, RawLine | None]:
    """The log's identity and its last line, which is not read again where it is the log of ``state`` as it was."""
    found = fs.stat(dataset / EVENTS)
    if found is None:
        return (0, 0, 0, 0, 0), None
    if state is not None and state.log_identity == found.identity:
        return found.identity, state.last
    with opened(fs, dataset / EVENTS, "read") as log:
        return found.identity, next(read_lines_backward(log, found.size), None)


def _is_still_log(fs: FileSystem, dataset: Path, state: KeyState, now: Identity) -> bool:
    """Whether the log begins with the one that the keys are of; one put back from a backup may have its inode."""
    if state.log_identity == now or state.log_identity[:2] != now[:2] or state.end > now[2]:
        return state.log_identity == now
    return state.end == 0 if state.last is None else is_still_there(fs, dataset / EVENTS, state.last)


# -- from the cache ----------------------------------------------------------------------------------------------------


def _adopt(fs: FileSystem, dataset: Path, state: KeyState) -> KeyState | None:
    """The keys as the cache and the log's tail behind it have them; None where that cannot be."""
    cache = open_key_cache(fs, dataset, end=state.end)
    if cache is None:
        return None
    state.saved = cache.manifest
    tail = _tail_behind(fs, dataset, cache.log_end, state.end)
    if tail is None or not _adopt_base(fs, dataset, state, cache, tail):
        cache.close()
        return None
    for namespace, paths in stored_overlays(fs, dataset, None).items():
        coverage = _coverage_of(fs, dataset, cache, namespace, paths=paths, tail=tail)
        if coverage is None:
            tail.refill.add(namespace)
            continue
        single = cache.namespaces[namespace].footer_sha256
        state.index.waiting[namespace] = partial(
            _load, fs, dataset, state.index, namespace, stored=coverage, footer_sha256=single
        )
        state.index.stored_types[namespace] = dict(cache.namespaces[namespace].columns)
    _apply_overlays(fs, dataset, state.index, tail)
    return state


def _tail_behind(fs: FileSystem, dataset: Path, start: int, end: int) -> Tail | None:
    if end - start > _MOST_TAIL:
        return None
    try:
        tail = read_tail(fs, dataset, start=start, end=end)
    except (
        EventLogError,
        ConcurrentChangeError,
    ):  # whoever reads the events tells; the files are as they are
        return None
    return None if tail.everything else tail


def _adopt_base(fs: FileSystem, dataset: Path, state: KeyState, cache: KeyCache, tail: Tail) -> bool:
    """Take the base's keys from the cache, and those appended since from the base."""
    with opened(fs, dataset / RECORDS, "read") as file:
        footer = read_footer(file)
        state.base, state.base_identity = mark_of(footer), file.stat().identity
        changed = tail.appended or tail.restamped
        if footer.rows < cache.manifest.base.rows or not (changed or state.base == cache.manifest.base):
            return False  # another base was put in its place
        reread = partial(_first_digests, fs, dataset, cache.base_rows)
        state.index.base = KeySet(stored=cache.keys, reread=reread)
        state.index.add_base_rows(file, footer)
    return True


def _first_digests(fs: FileSystem, dataset: Path, rows: int) -> Digests:
    with opened(fs, dataset / RECORDS, "read") as file:
        return np.concatenate(list(digest_pieces(file, read_footer(file), where=str(file.path))))[:rows]


def _coverage_of(
    fs: FileSystem, dataset: Path, cache: KeyCache, namespace: str, *, paths: list[str], tail: Tail
) -> StoredCoverage | None:
    """The cached coverage of a namespace if that and the tail tell of just these files."""
    if namespace not in cache.namespaces or namespace in tail.refill:
        return None
    try:
        coverage = cache.coverage(namespace)
        if paths == [overlay_file(namespace)]:
            footer_sha256 = cache.namespaces[namespace].footer_sha256
            if mark_base(fs, dataset / paths[0]).footer_sha256 != footer_sha256:
                return None
    except (DamagedCache, CorruptFileError):
        return None
    new = [path for path, owner in tail.parts.items() if owner == namespace]
    return coverage if sorted([*coverage.files, *new]) == paths else None


def _load(
    fs: FileSystem,
    dataset: Path,
    index: KeyIndex,
    namespace: str,
    *,
    stored: StoredCoverage,
    footer_sha256: str | None,
) -> Coverage:
    """The coverage of a namespace from the cache, from the files if that is damaged or of another single file."""
    single = _single_now(fs, dataset / overlay_file(namespace)) if footer_sha256 is not None else None
    try:
        if single is None or single.footer_sha256 == footer_sha256:
            found = Coverage(stored.all_numbers(), list(stored.files), single=single)
            found.stored_files = stored.first_files
            return found
    except DamagedCache:
        pass
    finally:
        stored.close()
    index.forget_columns(namespace)
    return _coverage_from(fs, dataset, index, namespace, stored.files)


# -- from the files ----------------------------------------------------------------------------------------------------


def _apply(fs: FileSystem, dataset: Path, state: KeyState, tail: Tail) -> None:
    if tail.appended:
        _fill_base(fs, dataset, state)
    if tail.restamped:
        state.base_is_written(fs, dataset)
    _apply_overlays(fs, dataset, state.index, tail)


def _apply_overlays(fs: FileSystem, dataset: Path, index: KeyIndex, tail: Tail) -> None:
    parts = [(name, path) for path, name in tail.parts.items() if name not in tail.refill]
    _fill_files(fs, dataset, index, parts)
    for namespace in sorted(tail.refill):
        index.forget_namespace(namespace)
    if tail.refill:
        _fill_namespaces(fs, dataset, index, tail.refill)


def _fill_base(fs: FileSystem, dataset: Path, state: KeyState) -> None:
    with opened(fs, dataset / RECORDS, "read") as file:
        footer = read_footer(file)
        state.index.add_base_rows(file, footer)
        state.base, state.base_identity = mark_of(footer), file.stat().identity


def _fill_namespaces(
    fs: FileSystem, dataset: Path, index: KeyIndex, wanted: Collection[str] | None = None
) -> None:
    stored = stored_overlays(fs, dataset, None)
    names = sorted(stored if wanted is None else stored.keys() & wanted)
    _fill_files(fs, dataset, index, [(name, path) for name in names for path in stored[name]])


def _fill_files(fs: FileSystem, dataset: Path, index: KeyIndex, files: Sequence[tuple[str, str]]) -> None:
    """Note the rows of overlay files, by namespace and path; the keys of many are looked up together."""
    held: list[OverlayKeys] = []
    count = 0
    for namespace, path in files:
        if namespace in index.unread:
            continue
        try:
            keys = _keys_of(fs, dataset, index, namespace, path)
        except (CorruptFileError, SchemaError):
            held = [one for one in held if one.namespace != namespace]
            index.leave_unread(namespace, partial(_read_again, fs, dataset, index, namespace))
            continue
        if keys is not None:
            held.append(keys)
            count += len(keys.digests)
        if count >= _KEYS_TOGETHER:
            index.add_overlay_keys(held)
            held, count = [], 0
    index.add_overlay_keys(held)


def _keys_of(fs: FileSystem, dataset: Path, index: KeyIndex, namespace: str, path: str) -> OverlayKeys | None:
    """The keys of one overlay file, its columns being noted; None where they are no ids."""
    with opened(fs, dataset / path, "read") as file:
        footer = read_footer(file)
        index.add_columns(namespace, footer.schema, arrow_schema=footer.has_arrow_schema)
        if not keyed_by_id(footer, str(file.path)):
            index.other_keys.add(namespace)
            return None
        digests = digests_of(read_ids(file, footer=footer), where=str(file.path))
        single = mark_single(file, footer) if path == overlay_file(namespace) else None
        return OverlayKeys(namespace, path, digests, single)


def _read_again(fs: FileSystem, dataset: Path, index: KeyIndex, namespace: str) -> Coverage:
    """The coverage of a namespace with a damaged file, which may have been restored since."""
    index.forget_columns(namespace)  # what an earlier try noted before it failed
    paths = stored_overlays(fs, dataset, None).get(namespace, [])
    return _coverage_from(fs, dataset, index, namespace, paths)


def _coverage_from(
    fs: FileSystem, dataset: Path, index: KeyIndex, namespace: str, paths: Sequence[str]
) -> Coverage:
    """The coverage of a namespace as its files have it."""
    coverage = Coverage()
    for path in paths:
        keys = _keys_of(fs, dataset, index, namespace, path)
        if keys is not None:
            ordinals = index.base.find(keys.digests, once=True)
            coverage.add(ordinals, keys.digests, path=path, single=keys.single)
    return coverage
