"""Few rows that a condition on one overlay picks: asked of the overlay's files first, then of the base.

A condition that does not hold where there is no overlay row holds for rows of the overlay only. DuckDB reads these with the
condition and skips what cannot meet it; the cached keys say to which base rows each file's rows belong, and of the base just
those of the hits are read. Each hit's key is held against that of the base row. Many hits, files that are not in base order,
and whatever else does not fit, are left to those who read all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.operations._base_source import paths_sql
from dnadesign.usr.operations._condition import told_with_condition
from dnadesign.usr.operations._duck import identifier, without_statistics
from dnadesign.usr.operations._join import stored_sql
from dnadesign.usr.operations._placed_rows import Places, as_batch, cast_to, one_array
from dnadesign.usr.operations._reads import reads_of
from dnadesign.usr.operations._row_condition import RowCondition
from dnadesign.usr.operations._view import DELETED, Column, Query, View
from dnadesign.usr.storage.checked_blocks import DamagedCache
from dnadesign.usr.storage.few_files import open_known_files
from dnadesign.usr.storage.filesystem import descriptor_path
from dnadesign.usr.storage.page_checks import check_pages
from dnadesign.usr.storage.parquet import Footer
from dnadesign.usr.storage.placement import NotPlaced, place

if TYPE_CHECKING:  # only a name in signatures, see _duck
    import duckdb

_MOST_HITS = 1 << 17
_MOST_BYTES = 1 << 26  # of the hits in memory, and of the base rows that are read at once
_BATCH_ROWS = 1 << 14
_FILE, _ROW, _WANTED = "__usr_file", "__usr_row", "__usr_wanted"


@dataclass(frozen=True, slots=True)
class _Hits:
    """Rows of an overlay in base order, and the base rows that they belong to."""

    rows: pa.Table
    ordinals: Places


def batches_of_hits(view: View, query: Query, *, batch_size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a query as batches of the view's types, in base order.

    Raises:
        NotPlaced: They are not found this way; what was handed out is right, and is all before its row.
        ValidationError: The condition is wrong.
    """
    if query.where is None or not _may_be_few(view, query):
        raise NotPlaced
    condition = RowCondition(view, query.where, threads=None)
    try:
        namespace = _namespace_of(condition, query)
        with reads_of(view, query, condition.columns).told():
            found = _found(view, query, namespace, condition)
        hits = _in_base_order(view, namespace, found)
        step = max(1, min(batch_size, _MOST_BYTES // _row_bytes(view.version.base.footer)))
        for start in range(0, len(hits.ordinals), step):
            ordinals = hits.ordinals[start : start + step]
            below = _base_rows(view, query, ordinals, condition.connection)
            rows = hits.rows.slice(start, step)
            if not below.column(KEY).equals(rows.column(KEY)):
                raise NotPlaced(int(ordinals[0]) if start else 0)
            arrays = [_values(column, below, rows) for column in query.columns]
            yield as_batch(arrays, query.columns, len(ordinals))
    finally:
        condition.close()


def _row_bytes(base: Footer) -> int:
    """How long a row of the base is in memory, about."""
    return max(1, sum(base.group_bytes) // max(1, base.rows))


def _may_be_few(view: View, query: Query) -> bool:
    """Whether the rows that meet a condition may be looked for this way: all are asked about, and none is hidden."""
    stored = view.version.base.footer.schema.names
    hides = not query.include_deleted and (TOMBSTONE_NAMESPACE in view.version.overlays or DELETED in stored)
    # A row without one of the overlay has what the base stores of its namespace.
    replaced = any(c.in_base and c.namespace is not None for c in query.columns)
    return query.shard is None and query.ids is None and not hides and not replaced


def _namespace_of(condition: RowCondition, query: Query) -> str:
    """The namespace whose rows alone can meet the condition.

    Raises:
        NotPlaced: There is none, or columns of others are wanted.
    """
    named = condition.columns
    spaces = {c.namespace for c in named} | ({c.namespace for c in query.columns} - {None})
    if len(spaces) != 1 or any(c.in_base for c in named):
        raise NotPlaced
    (namespace,) = spaces
    nothing = as_batch([pa.nulls(1, c.type) for c in named], named, 1)
    if namespace is None or condition.holds(nothing).any():
        raise NotPlaced
    return namespace


def _found(view: View, query: Query, namespace: str, condition: RowCondition) -> pa.Table:
    """The overlay rows that meet the condition: key, file, and the columns that are wanted.

    Raises:
        NotPlaced: They are many.
    """
    overlay = view.version.overlays[namespace]
    wanted = [c.name for c in query.columns if c.namespace == namespace and c.stored]
    columns = ", ".join(
        [identifier(KEY), f"filename AS {_FILE}", f"file_row_number AS {_ROW}", *map(identifier, wanted)]
    )
    source = stored_sql(overlay, places=True)
    sql = f"SELECT {columns} FROM {source} WHERE coalesce((\n{query.where}\n), false)"  # noqa: S608 - see check_condition
    found, rows, size = [], 0, 0
    for file in overlay.files:
        check_pages(file, {KEY, *wanted, *(column.name for column in condition.columns)})
    connection = condition.connection
    # Statistics in Parquet say nothing of NaN, which DuckDB has as the largest number: it would leave such rows out. Nor does
    # anything tell whether they are damaged.
    with told_with_condition(view, query.where), without_statistics(connection):
        reader = connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            found.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows > _MOST_HITS or size > _MOST_BYTES:
                raise NotPlaced
    return pa.Table.from_batches(found, reader.schema)


def _in_base_order(view: View, namespace: str, found: pa.Table) -> _Hits:
    """The hits in the order of their base rows, taking each file to be in base order.

    Raises:
        NotPlaced: The cached keys do not say which file has the rows of which base rows.
    """
    known = open_known_files(view.version)
    if known is None:
        raise NotPlaced
    try:
        placement = place(known, namespace)
    except DamagedCache as error:
        raise NotPlaced from error
    finally:
        known.close()
    numbers = {descriptor_path(file.file): number for number, file in enumerate(placement.files, start=1)}
    files = found.column(_FILE).combine_chunks().dictionary_encode()
    number = np.array([numbers[path] for path in files.dictionary.to_pylist()], dtype=np.int64)
    placed = np.flatnonzero(placement.numbers)
    by_file = placed[
        np.argsort(placement.numbers[placed], kind="stable")
    ]  # base rows, those of a file together
    counts = np.array([file.footer.rows for file in placement.files], dtype=np.int64)
    begins = (np.cumsum(counts) - counts)[number - 1]
    places = found.column(_ROW).to_numpy()
    ordinals = by_file[begins[files.indices.to_numpy()] + places] if len(found) else places
    order = np.argsort(ordinals)
    return _Hits(found.drop_columns([_FILE, _ROW]).take(pa.array(order)), ordinals[order])


def _base_rows(view: View, query: Query, ordinals: Places, connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The key and the wanted columns of these rows of the base, which ascend.

    Raises:
        NotPlaced: The base does not have them all.
    """
    names = list(dict.fromkeys([KEY, *(c.name for c in query.columns if c.in_base)]))
    source = f"read_parquet({paths_sql([view.version.base])}, file_row_number=true)"
    columns = ", ".join(["file_row_number", *map(identifier, names)])
    wanted = f"SELECT {_ROW} FROM {_WANTED}"  # noqa: S608 - names of this module
    sql = f"SELECT {columns} FROM {source} WHERE file_row_number IN ({wanted})"  # noqa: S608 - names are quoted
    ends = np.cumsum(view.version.base.footer.group_rows)
    check_pages(view.version.base, names, np.unique(np.searchsorted(ends, ordinals, side="right")).tolist())
    with told_with_condition(view, None):
        connection.register(_WANTED, pa.table({_ROW: ordinals}))
        found = connection.sql(sql).to_arrow_table()
    rows = found.column("file_row_number").to_numpy()
    order = np.argsort(rows)
    if not np.array_equal(rows[order], ordinals):
        raise NotPlaced
    return found.select(names).take(pa.array(order))


def _values(column: Column, base: pa.Table, rows: pa.Table) -> pa.Array:
    """A column of the view for these rows."""
    if column.namespace is None and column.in_base:
        stored = base.column(column.name)
    elif column.namespace is not None and column.stored:
        stored = rows.column(column.name)
    else:
        return pa.nulls(len(rows), column.type)
    pieces = [cast_to(chunk, column) for chunk in stored.chunks]
    return one_array(pa.chunked_array(pieces, column.type))
