"""Is this key in the base, and has this namespace already got it: answers whose cost does not grow.

The index holds, for every base row, the 20 bytes of its id, and sorted runs of the ids' first 64 bits, which are
searched; the full id decides on a hit. Per namespace it holds for every base row which file has its row. It is a
cache: it is filled from the files when first needed, or from what a writer has put on the disk (:mod:`key_cache`),
follows the log's tail from then on, and is filled anew whenever the log tells of a change that it cannot follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dnadesign.usr.contract.errors import CorruptFileError, SchemaError
from dnadesign.usr.contract.layout import META_KEY, RECORDS
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.storage.checked_blocks import DamagedCache
from dnadesign.usr.storage.file_numbers import Numbers, no_numbers, of_rows, with_room_for
from dnadesign.usr.storage.filesystem import Identity, OpenFile
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.parquet import Footer, read_footer, reading
from dnadesign.usr.storage.stored_keys import (
    DIGEST_BYTES,
    Prefixes,
    StoredKeys,
    key_rows,
    prefixes_of,
)

Ordinals = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint8]

_RUN_FAN = 8
_PIECE_ROWS = 1 << 20
_CHUNK_ROWS = 1 << 16  # rows that are looked at together, which bounds the memory of a look


@dataclass(frozen=True, slots=True)
class _Run:
    prefixes: Prefixes
    ordinals: Ordinals

    def __len__(self) -> int:
        return len(self.ordinals)


def _make_run(digests: Digests, first: int) -> _Run:
    prefixes = prefixes_of(digests)
    order = np.argsort(prefixes, kind="stable")
    return _Run(prefixes[order], (order + first).astype(np.int64))


def _merge(runs: list[_Run]) -> _Run:
    if len(runs) == 1:
        return runs[0]
    prefixes = np.concatenate([r.prefixes for r in runs])
    ordinals = np.concatenate([r.ordinals for r in runs])
    order = np.argsort(prefixes, kind="stable")
    return _Run(prefixes[order], ordinals[order])


@dataclass
class KeySet:
    """Keys in the order they came in, each with its ordinal (0-based).

    ``stored`` are the first of them, in a file of the cache; ``reread`` reads these from the base should that turn out
    to be damaged.
    """

    stored: StoredKeys | None = None
    reread: Callable[[], Digests] | None = field(default=None, repr=False)
    _digests: Digests = field(default_factory=lambda: np.empty((0, DIGEST_BYTES), dtype=np.uint8))
    _count: int = 0  # of the keys in memory, which come behind the stored ones
    _runs: list[_Run] = field(default_factory=list)

    def __len__(self) -> int:
        """How many keys there are."""
        return self.rows_stored + self._count

    @property
    def rows_stored(self) -> int:
        """How many of them are in a file."""
        return len(self.stored) if self.stored is not None else 0

    def add(self, digests: Digests) -> None:
        """Add keys behind the ones there are; that they are new is the caller's business."""
        if not len(digests):
            return
        self._reserve(self._count + len(digests))
        self._digests[self._count : self._count + len(digests)] = digests
        self._runs.append(_make_run(digests, self._count))
        self._count += len(digests)
        self._fold_runs()

    def expect(self, rows: int) -> None:
        """Have room for just so many keys if there are none in memory yet; a set that grows by and by has some to spare."""
        if not self._count:
            self._grow(rows)

    def _reserve(self, needed: int) -> None:
        if needed > len(self._digests):
            self._grow(max(needed, len(self._digests) * 3 // 2))

    def _grow(self, rows: int) -> None:
        if rows > len(self._digests):
            grown = np.empty((rows, DIGEST_BYTES), dtype=np.uint8)
            grown[: self._count] = self._digests[: self._count]
            self._digests = grown

    def _fold_runs(self) -> None:
        while len(self._runs) >= _RUN_FAN:
            tail = self._runs[-_RUN_FAN:]
            if len(tail[0]) > 2 * sum(map(len, tail[1:])) and len(self._runs) < 4 * _RUN_FAN:
                return
            self._runs[-_RUN_FAN:] = [_merge(tail)]

    def find(self, digests: Digests, *, once: bool = False) -> Ordinals:
        """The ordinal of each key, -1 where it is not in the set.

        Args:
            digests: Shape (n, 20).
            once: They are not looked for again: of stored keys only some at a time are in memory then.
        """
        found = np.empty(len(digests), dtype=np.int64)
        every = self._find_stored(digests, once=True) if once else found  # each block is read once for all
        for first in range(0, len(digests), _CHUNK_ROWS):
            rows = slice(first, first + _CHUNK_ROWS)
            stored = every[rows] if once else self._find_stored(digests[rows], once=False)
            found[rows] = self._or_in_memory(stored, digests[rows]) if self._runs else stored
        return found

    def _or_in_memory(self, stored: Ordinals, digests: Digests) -> Ordinals:
        memory = np.full(len(digests), -1, dtype=np.int64)
        prefixes = prefixes_of(digests)
        for run in self._runs:
            self._find_in(run, prefixes, digests, memory)
        return np.where(memory >= 0, memory + self.rows_stored, stored)

    def _find_stored(self, digests: Digests, *, once: bool) -> Ordinals:
        try:
            if self.stored is not None:
                return self.stored.find_once(digests) if once else self.stored.find(digests)
        except DamagedCache:
            self._forget_stored()
        return np.full(len(digests), -1, dtype=np.int64)

    def _forget_stored(self) -> None:
        """Have all keys in memory, those of the damaged file read anew."""
        if self.stored is None or self.reread is None:
            return
        digests = np.concatenate([self.reread(), self._digests[: self._count]])
        self.stored.close()
        self.stored = self.reread = None
        self._digests, self._count, self._runs = digests, len(digests), [_make_run(digests, 0)]

    def sorted_rows(self) -> list[npt.NDArray[np.void]]:
        """The keys as runs of sorted rows, for a file of the cache."""
        run = _merge(self._runs) if self._runs else _make_run(self._digests[:0], 0)
        memory = key_rows(run.prefixes, run.ordinals + self.rows_stored, self._digests[run.ordinals])
        return [self.stored.rows(), memory] if self.stored is not None else [memory]

    def _find_in(self, run: _Run, prefixes: Prefixes, digests: Digests, found: Ordinals) -> None:
        low = np.searchsorted(run.prefixes, prefixes)
        hits = np.flatnonzero(run.prefixes[np.minimum(low, len(run) - 1)] == prefixes)
        ordinals = run.ordinals[low[hits]]
        same = (self._digests[ordinals] == digests[hits]).all(axis=1)
        found[hits[same]] = ordinals[same]
        for row in hits[~same].tolist():  # another id begins alike: the ones behind it may be this one
            high = np.searchsorted(run.prefixes, prefixes[row], side="right")
            for ordinal in run.ordinals[low[row] + 1 : high].tolist():
                if bytes(self._digests[ordinal]) == bytes(digests[row]):
                    found[row] = ordinal


class FileMark(NamedTuple):
    """What a file is told by that can be replaced under its name.

    Attributes:
        identity: See :attr:`FileStat.identity`.
        footer_sha256: The hash of its footer, which tells when the identity does not.
    """

    identity: Identity
    footer_sha256: str


@dataclass
class Coverage:
    """Which file of a namespace has the row of each base row; keys outside the base are kept apart.

    Attributes:
        numbers: Of the file of each base row, the first file having 1; 0 where there is no row.
        files: The files in the order of their numbers, relative to the dataset.
        strangers: Keys that the base does not have, in datasets of older tools.
        repeated: Whether a key has several rows, as older tools let it.
        new_files: How many files came since this was last put on the disk, or read from there.
        new_rows: How many rows these have.
        stored_files: How many of the files the first file of the cache knows, 0 if it is to be written anew.
        single: The mark of a single-file overlay as it was when its keys were read; of parts None, for their names
            are unique.
    """

    numbers: Numbers = field(default_factory=lambda: no_numbers(0, 0))
    files: list[str] = field(default_factory=list)
    strangers: KeySet = field(default_factory=KeySet)
    repeated: bool = False
    new_files: int = 0
    new_rows: int = 0
    stored_files: int = 0
    single: FileMark | None = None

    def add(self, ordinals: Ordinals, digests: Digests, *, path: str, single: FileMark | None = None) -> None:
        """Note rows of a file: ordinals of shape (n,), digests of shape (n, 20)."""
        self.single = single
        top = int(ordinals.max(initial=-1)) + 1
        if top > len(self.numbers):
            self.numbers = of_rows(self.numbers, max(top, len(self.numbers) * 3 // 2))
        inside = ordinals[ordinals >= 0]
        self.repeated |= bool(self.numbers[inside].any()) or not np.diff(np.sort(inside)).all()
        self.files.append(path)
        self.numbers = with_room_for(self.numbers, len(self.files))
        self.numbers[inside] = len(self.files)
        self.strangers.add(digests[ordinals < 0])
        self.new_files, self.new_rows = self.new_files + 1, self.new_rows + len(ordinals)

    def has(self, ordinals: Ordinals) -> npt.NDArray[np.bool_]:
        """Which of these base rows have a row."""
        inside = ordinals < len(self.numbers)
        result = np.zeros(len(ordinals), dtype=np.bool_)
        result[inside] = self.numbers[ordinals[inside]] > 0
        return result

    def has_moved(self, path: str, new: str) -> None:
        """Note that a single-file overlay has the name of a part now."""
        self.single, self.stored_files = None, 0
        self.files = [new if known == path else known for known in self.files]
        self.new_files += 1

    def merged_into(self, path: str, single: FileMark | None) -> None:
        """Note that one file has all rows now, each key once."""
        self.single, self.stored_files = single, 0
        self.numbers, self.files, self.repeated = (self.numbers > 0).astype(np.uint8), [path], False
        self.new_files += 1
        self.new_rows += int(np.count_nonzero(self.numbers))

    @property
    def is_plain(self) -> bool:
        """Whether numbers and files say all: no key is outside the base or has several rows."""
        return not self.repeated and not len(self.strangers)


class OverlayKeys(NamedTuple):
    """The keys of the rows of one overlay file.

    Attributes:
        namespace: Whose rows they are.
        path: The file, relative to the dataset.
        digests: Shape (n, 20).
        single: Its mark if it is a single-file overlay.
    """

    namespace: str
    path: str
    digests: Digests
    single: FileMark | None


@dataclass
class KeyIndex:
    """The keys of one dataset as of one committed end of its log; see :mod:`key_state` for how it follows.

    ``stored_types`` has, by namespace, the columns that its files store and a type that one of them stores each as
    (and whether that file carries an Arrow schema, without which Parquet forgets some of a type). ``not_ours`` are the
    namespaces with a file that has columns of another one, which no writer of this library makes.
    """

    base: KeySet = field(default_factory=KeySet)
    namespaces: dict[str, Coverage] = field(default_factory=dict)
    waiting: dict[str, Callable[[], Coverage]] = field(
        default_factory=dict
    )  # namespaces whose coverage is on the disk, until it is asked for
    unread: set[str] = field(default_factory=set)  # those of them whose files are damaged
    other_keys: set[str] = field(
        default_factory=set
    )  # namespaces with files of older tools keyed by sequence
    not_ours: set[str] = field(default_factory=set)
    stored_types: dict[str, dict[str, tuple[pa.DataType, bool]]] = field(default_factory=dict)

    def add_base_rows(self, file: OpenFile, footer: Footer) -> None:
        """Note the rows of the base that are behind the ones known."""
        self.base.expect(footer.rows - len(self.base))
        for digests in digest_pieces(file, footer, from_row=len(self.base), where=str(file.path)):
            self.base.add(digests)

    def add_overlay_keys(self, files: Sequence[OverlayKeys]) -> None:
        """Note the rows of overlay files."""
        if not files:
            return
        ordinals, start = self.base.find(np.concatenate([file.digests for file in files]), once=True), 0
        for file in files:
            stop = start + len(file.digests)
            coverage = self.coverage(file.namespace)
            coverage.add(ordinals[start:stop], file.digests, path=file.path, single=file.single)
            start = stop

    def add_columns(self, namespace: str, schema: pa.Schema, *, arrow_schema: bool) -> None:
        """Note the columns of an overlay file, and whether it carries an Arrow schema."""
        known = self.stored_types.setdefault(namespace, {})
        for column in schema:
            if column.name.startswith(f"{namespace}__"):
                known.setdefault(column.name, (column.type, arrow_schema))
            elif column.name != KEY:
                self.not_ours.add(namespace)

    def leave_unread(self, namespace: str, read: Callable[[], Coverage]) -> None:
        """Have a namespace with a damaged file read again by whoever asks for it: the others can do without it."""
        self.forget_namespace(namespace)
        self.waiting[namespace] = read
        self.unread.add(namespace)

    def forget_namespace(self, namespace: str) -> None:
        """Forget all that is known of a namespace."""
        self.unread.discard(namespace)
        self.namespaces.pop(namespace, None)
        self.waiting.pop(namespace, None)
        self.forget_columns(namespace)

    def forget_columns(self, namespace: str) -> None:
        """Forget which columns and keys the files of a namespace have."""
        self.stored_types.pop(namespace, None)
        self.other_keys.discard(namespace)
        self.not_ours.discard(namespace)

    def coverage(self, namespace: str) -> Coverage:
        """The coverage of a namespace, empty if it has no rows yet.

        Raises:
            CorruptFileError: A file of it is damaged.
            SchemaError: A stored id is not one.
        """
        if namespace in self.waiting:
            self.namespaces[namespace] = self.waiting[namespace]()
            del self.waiting[namespace]
            self.unread.discard(namespace)
        return self.namespaces.setdefault(namespace, Coverage())


def read_ids(file: OpenFile, *, from_row: int = 0, footer: Footer | None = None) -> pa.ChunkedArray:
    """The id column of a file from a row on (0-based).

    Raises:
        CorruptFileError: The file is damaged, or has fewer rows than that.
    """
    pieces = list(id_pieces(file, footer or read_footer(file), from_row=from_row))
    kind = pieces[0].type if pieces else pa.string()
    return pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], kind)


def id_pieces(file: OpenFile, footer: Footer, *, from_row: int = 0) -> Iterator[pa.ChunkedArray]:
    """The id column of a file from a row on (0-based), about a million rows at a time.

    Raises:
        CorruptFileError: The file is damaged, or has fewer rows than that.
    """
    if from_row > footer.rows:
        raise CorruptFileError(
            f"{file.path}: has {counted(footer.rows, 'row')}, fewer than the {from_row} written before",
            mend="restore the file from a backup",
        )
    skipped, group = 0, 0
    while group < len(footer.group_rows) and skipped + footer.group_rows[group] <= from_row:
        skipped += footer.group_rows[group]
        group += 1
    skip = from_row - skipped
    while group < len(footer.group_rows):
        stop, rows = group, 0
        while stop < len(footer.group_rows) and rows < _PIECE_ROWS:
            stop, rows = stop + 1, rows + footer.group_rows[stop]
        with reading(file, footer=footer) as parquet:
            ids = parquet.read_row_groups(range(group, stop), columns=[KEY]).column(KEY)
        yield ids.slice(skip)
        group, skip = stop, 0


def digest_pieces(file: OpenFile, footer: Footer, *, where: str, from_row: int = 0) -> Iterator[Digests]:
    """The same as arrays of shape (n, 20).

    Raises:
        CorruptFileError: The file is damaged, or has fewer rows than that.
        SchemaError: A value is no id; the message names the file as ``where`` says, and the row.
    """
    for ids in id_pieces(file, footer, from_row=from_row):
        yield digests_of(ids, where=where, first_row=from_row)
        from_row += len(ids)


def keyed_by_id(footer: Footer, path: str) -> bool:
    """Whether an overlay file's key is the id (older tools also wrote sequence keys).

    Raises:
        SchemaError: The file says that its key is the id, and has no such column.
    """
    if footer.key_values.get(META_KEY, KEY.encode()) != KEY.encode():
        return False
    if KEY not in footer.schema.names:
        raise SchemaError(f"{path}: has no key column {KEY!r}", mend="restore the file from a backup")
    return True


def is_append(artifact: Mapping[str, Any]) -> bool:
    """Whether an event's artifact is rows appended to the base."""
    return artifact.get("path") == RECORDS and "prefix_bytes" in artifact
