"""The rows that overlay files store, in the contract's types, with the base rows that they belong to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.layout import META_KEY
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.restoring import anew_mend
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.operations._keys import IdsOf, Key, check_key
from dnadesign.usr.operations._overlay import OverlayContract
from dnadesign.usr.operations._view import file_key
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Digests, KeySet, Ordinals
from dnadesign.usr.storage.parquet import batches_of, reading
from dnadesign.usr.storage.parquet_rows import ParquetRows
from dnadesign.usr.storage.threads import Threads
from dnadesign.usr.storage.version import Overlay, PinnedFile

BATCH_ROWS = 65_536
SHOWN = 5

_THREADS = 2
_AHEAD = 8  # files that are decoded before their turn
_AHEAD_BYTES = 1 << 23
_TOGETHER_BYTES = 1 << 26


@dataclass
class Places:
    """Where a key stands: the ordinal of its base row, or behind the last one if the base does not have it."""

    base: KeySet
    strangers: KeySet = field(default_factory=KeySet)

    def of(self, digests: Digests) -> Ordinals:
        """The place of each key, shape (n,)."""
        places = self.base.find(digests)
        unknown = np.flatnonzero(places < 0)
        if len(unknown):
            known = self.strangers.find(digests[unknown])
            fresh = np.unique(digests[unknown[known < 0]], axis=0)
            self.strangers.add(fresh)
            places[unknown] = len(self.base) + self.strangers.find(digests[unknown])
        return places


@dataclass
class Seen:
    """Which places have had a row, to find keys that come twice."""

    flags: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def again(self, places: Ordinals) -> list[int]:
        """Rows (0-based) whose place stands in an earlier row or has been noted before; then notes them all."""
        top = int(places.max(initial=-1)) + 1
        if top > len(self.flags):
            self.flags = np.concatenate([self.flags, np.zeros(top - len(self.flags), dtype=np.bool_)])
        first = np.zeros(len(places), dtype=np.bool_)
        first[np.unique(places, return_index=True)[1]] = True
        rows = np.flatnonzero(self.flags[places] | ~first)
        self.flags[places] = True
        return rows.tolist()


def key_kind(file: PinnedFile) -> Key:
    """What the key column of an overlay file holds."""
    return check_key(file.footer.key_values.get(META_KEY, b"id").decode("utf-8", "replace"))


def stored_columns(overlay: Overlay, contract: OverlayContract) -> list[str]:
    """The columns that any file of an overlay stores, in registry order; each file's own schema is read.

    Raises:
        SchemaError: A file has a column that the namespace does not.
    """
    found: set[str] = set()
    for file in overlay.files:
        own = set(file.footer.schema.names) - {file_key(file)}
        for name in sorted(own - set(contract.types)):
            raise SchemaError(
                f"{file.path}: column {name!r} is not registered in namespace {contract.namespace!r}",
                mend="register it again with the type it has, so that nothing is lost",
            )
        found |= own
    return contract.ordered(found)


def stored_rows(
    file: PinnedFile, contract: OverlayContract, columns: list[str], ids_of: Callable[[Key], IdsOf]
) -> Iterator[pa.Table]:
    """The rows of a stored file as ``id`` and those columns, in exactly the contract's types.

    Columns are matched by name; one that the file lacks is null. A sequence key of an older tool becomes the id.

    Args:
        file: An overlay file.
        contract: Its namespace.
        columns: Which columns, in which order.
        ids_of: Makes the function from keys to ids.

    Raises:
        SchemaError: A value does not fit the registered type, or a key is empty.
        CorruptFileError: The file is damaged.
    """
    schema = contract.schema(columns)
    key = file_key(file)
    resolve = ids_of(key_kind(file))
    there = [name for name in columns if name in file.footer.schema.names]
    row = 0
    with reading(file.file, footer=file.footer) as parquet:
        for batch in _batches(parquet, [key, *there], file.footer.rows):
            arrays = [resolve(stored_keys(batch.column(key), where=f"{file.path}, column {key!r}"))]
            for name in columns:
                kind = contract.types[name]
                if name not in there:
                    arrays.append(pa.nulls(batch.num_rows, kind))
                    continue
                column = _older_time(batch.column(name), kind, contract)
                arrays.append(_cast(column, kind, contract, where=f"{file.path}, column {name!r}", row=row))
            yield pa.Table.from_arrays(arrays, schema=schema)
            row += batch.num_rows


def _cast(
    column: pa.ChunkedArray, kind: pa.DataType, contract: OverlayContract, *, where: str, row: int
) -> pa.ChunkedArray:
    """A stored column in its registered type, which may have been another one when it was written.

    Raises:
        SchemaError: It does not fit.
    """
    try:
        return cast_column(column, kind, where=where, first_row=row)
    except SchemaError as error:
        raise SchemaError(error.message, mend=anew_mend(contract.namespace)) from error


def _batches(parquet: ParquetRows, columns: list[str], rows: int) -> Iterator[pa.Table | pa.RecordBatch]:
    """The rows of a file, those of a part all at once."""
    if rows <= BATCH_ROWS:
        yield parquet.read(columns=columns, use_threads=False)
    else:
        yield from batches_of(parquet, BATCH_ROWS, columns)


def rows_ahead(
    files: Iterable[PinnedFile], rows_of: Callable[[PinnedFile], Iterator[pa.Table]]
) -> Iterator[tuple[PinnedFile, pa.Table]]:
    """The rows of files in their order, with the file that each table is of; parts are decoded ahead in threads.

    Args:
        files: Overlay files; each is looked at a few files before its turn.
        rows_of: Reads one; Arrow lets other threads go on while it decodes.
    """
    waiting: deque[tuple[PinnedFile, Future[list[pa.Table]] | None]] = deque()
    with Threads(_THREADS, "usr-decode") as threads:
        for file in files:
            waiting.append((file, threads.begin(_all_rows, rows_of, file) if _is_small(file) else None))
            if len(waiting) > _AHEAD:
                yield from _in_turn(*waiting.popleft(), rows_of)
        while waiting:
            yield from _in_turn(*waiting.popleft(), rows_of)


def _is_small(file: PinnedFile) -> bool:
    """Whether a file can be decoded ahead: a few of them fit into memory, and nothing else has to be read for it."""
    size = sum(file.footer.group_bytes)
    return file.footer.rows <= BATCH_ROWS and size <= _AHEAD_BYTES and key_kind(file) == "id"


def _all_rows(rows_of: Callable[[PinnedFile], Iterator[pa.Table]], file: PinnedFile) -> list[pa.Table]:
    return list(rows_of(file))


def _in_turn(
    file: PinnedFile,
    decoded: Future[list[pa.Table]] | None,
    rows_of: Callable[[PinnedFile], Iterator[pa.Table]],
) -> Iterator[tuple[PinnedFile, pa.Table]]:
    for table in rows_of(file) if decoded is None else decoded.result():
        yield file, table


def together(found: Iterable[tuple[PinnedFile, pa.Table]]) -> Iterator[tuple[pa.Table, Digests]]:
    """Rows with the digests of their ids, small tables put together: looking keys up costs by the call.

    Raises:
        SchemaError: An id is not one; the message names its file.
    """
    tables: list[pa.Table] = []
    digests: list[Digests] = []
    rows = size = 0
    for file, table in found:
        tables.append(table)
        digests.append(digests_of(table.column("id"), where=file.path))
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= BATCH_ROWS or size >= _TOGETHER_BYTES:
            yield pa.concat_tables(tables), np.concatenate(digests)
            tables, digests, rows, size = [], [], 0, 0
    if tables:
        yield pa.concat_tables(tables), np.concatenate(digests)


def stored_keys(values: pa.Array, *, where: str) -> pa.Array:
    """A stored key column as strings.

    Raises:
        SchemaError: A key is empty.
    """
    text = cast_column(values, pa.string(), where=where).combine_chunks()
    if text.null_count:
        row = pc.indices_nonzero(text.is_null())[0].as_py()
        raise SchemaError(f"{where}, row {row}: the key is empty", mend="restore the file from a backup")
    return text


def _older_time(
    column: pa.Array | pa.ChunkedArray, kind: pa.DataType, contract: OverlayContract
) -> pa.Array | pa.ChunkedArray:
    """Older tools wrote when a record was deleted in nanoseconds, to which no clock is true."""
    if contract.namespace == TOMBSTONE_NAMESPACE and column.type == pa.timestamp("ns", "UTC"):
        return column.cast(kind, safe=False)
    return column


def placed(table: pa.Table, places: Places, *, where: str) -> Ordinals:
    """The places of rows by their ``id`` column.

    Raises:
        SchemaError: An id is not one.
    """
    return places.of(digests_of(table.column("id"), where=where))
