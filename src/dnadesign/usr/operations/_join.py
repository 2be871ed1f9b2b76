"""The SQL that joins the base and overlays of a version, and its rows in base order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.errors import DuplicateKeyError, SequencesError
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.operations import _reorder
from dnadesign.usr.operations._base_source import base_sql, paths_sql
from dnadesign.usr.operations._condition import check_condition, named_in, told_with_condition
from dnadesign.usr.operations._duck import connect, identifier, told_as_ours
from dnadesign.usr.operations._placed_rows import as_batch, cast_to
from dnadesign.usr.operations._reads import Reads, reads_of
from dnadesign.usr.operations._view import DELETED, JOIN_KEYS, Column, Query, View, file_key, key_kind
from dnadesign.usr.storage.page_checks import check_pages
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version

if TYPE_CHECKING:  # only a name in signatures, see _duck
    import duckdb

ROW = "__usr_row"
KEEP = "__usr_keep"
_PIECE_ROWS = 1 << 16


def merge_sql(
    connection: duckdb.DuckDBPyConnection,
    view: View,
    query: Query,
    *,
    in_order: bool = False,
    sorted_from: int | None = None,
) -> str:
    """The SQL of a query: row number in the base, whether the row is wanted, then the query's columns.

    With ``sorted_from`` the rows from that one on, sorted.

    Whether a row is wanted is a column and not a condition: a filter above the join would let the optimizer turn the
    join into one that loses the base's order.

    Raises:
        ValidationError: The condition is not one whole expression.
    """
    wanted = KEEP
    if query.where is not None:
        wanted = f"{KEEP} AND coalesce((\n{check_condition(connection, query.where)}\n), false)"
    inner = _joined_sql(view, query, named_in(view, connection, query.where), in_order=in_order)
    columns = ", ".join([ROW, f"{wanted} AS {KEEP}", *(identifier(c.name) for c in query.columns)])
    # Few rows are sorted at the end: a long list of ids is a join below everything that could hold the order.
    order = f" ORDER BY {ROW}" if in_order and query.ids is not None else ""
    if sorted_from is not None:
        order = f" WHERE {ROW} >= {sorted_from} ORDER BY {ROW}"
    return f"SELECT {columns} FROM ({inner}){order}"


def _joined_sql(view: View, query: Query, named: Sequence[Column], *, in_order: bool) -> str:
    """The columns of the query and those that its condition may name, joined; every base row of the shard or ids."""
    version = view.version
    hide = not query.include_deleted and TOMBSTONE_NAMESPACE in version.overlays
    wanted = {c.name: c for c in (*named, *query.columns)}
    joined = {c.namespace for c in wanted.values() if c.namespace is not None}
    joined |= {TOMBSTONE_NAMESPACE} if hide else set()
    base, always = base_sql(version, shard=query.shard, ids=query.ids, in_order=in_order)
    sources = [base]
    sources += [_joined(version, version.overlays[namespace]) for namespace in sorted(joined)]
    alive = _alive(version, hide=hide, include_deleted=query.include_deleted)
    columns = [f"b.file_row_number AS {ROW}", f"{always} AND {alive} AS {KEEP}"]
    columns += [f"{_expression(c)} AS {identifier(c.name)}" for c in wanted.values()]
    return f"SELECT {', '.join(columns)} FROM {' '.join(sources)}"


def _alive(version: Version, *, hide: bool, include_deleted: bool) -> str:
    """Whether a row is not tombstoned, as SQL."""
    stored = f"b.{identifier(DELETED)}" if DELETED in version.base.footer.schema.names else None
    if include_deleted or not (hide or stored):
        return "true"
    if not hide:
        return f"NOT coalesce({stored}, false)"
    alias = _alias(TOMBSTONE_NAMESPACE)
    deleted = f"{alias}.{identifier(DELETED)}"
    return f"NOT coalesce(CASE WHEN {alias}.{_HAS} THEN {deleted} ELSE {stored or 'false'} END, false)"


def _expression(column: Column) -> str:
    name = identifier(column.name)
    if column.namespace is None:
        return f"b.{name}" if column.in_base else "NULL"
    alias = _alias(column.namespace)
    value = f"{alias}.{name}" if column.stored else "NULL"
    if column.in_base:
        return f"CASE WHEN {alias}.{_HAS} THEN {value} ELSE b.{name} END"
    return value


_HAS = "__usr_has"
_KEY = "__usr_key"


def _joined(version: Version, overlay: Overlay) -> str:
    column, normal = JOIN_KEYS[key_kind(version, overlay)]
    key, alias = identifier(file_key(overlay.files[0])), _alias(overlay.namespace)
    return (
        f"LEFT JOIN (SELECT *, {normal.format(key)} AS {_KEY}, true AS {_HAS} FROM {stored_sql(overlay)}) {alias} "
        f"ON {normal.format(f'b.{column}')} = {alias}.{_KEY}"
    )


def stored_sql(overlay: Overlay, *, places: bool = False) -> str:
    """The rows of an overlay's files, each with its file's path and its number there if ``places`` are wanted."""
    union = "" if _alike(overlay.files) else ", union_by_name=true"
    return f"read_parquet({paths_sql(overlay.files)}{union}{', filename=true, file_row_number=true' if places else ''})"


def _some_key_comes_twice(version: Version) -> bool:
    with told_as_ours(str(version.dataset)), connect(keep_order=False) as connection:
        for overlay in version.overlays.values():
            key = JOIN_KEYS[key_kind(version, overlay)][1].format(identifier(file_key(overlay.files[0])))
            for file in overlay.files:
                check_pages(file, [file_key(file)])
            twice = f"SELECT 1 FROM {stored_sql(overlay)} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
            if connection.execute(twice).fetchall():
                return True
    return False


def _alike(files: Sequence[PinnedFile]) -> bool:
    """Whether all files have the same columns in the same order, so that DuckDB need not match them by name.

    Parquet's own comparison looks at the innermost names and at how they are stored, Arrow's at all names.
    """
    first = files[0].footer
    others = (file.footer for file in files[1:])
    return all(
        first.schema.equals(other.schema) and first.form.stored.equals(other.form.stored) for other in others
    )


def _alias(namespace: str) -> str:
    return identifier(f"o_{namespace}")


def joined_batches(view: View, query: Query, *, batch_size: int, begin: int = 0) -> Iterator[pa.RecordBatch]:
    """The rows of a query as batches of exactly the view's types, in base order.

    Args:
        view: The view.
        query: What to read of it; its limit is the caller's to keep.
        batch_size: How many rows a batch has at most.
        begin: Leave out the base rows before this one.

    Raises:
        DuplicateKeyError: A key has several rows in a namespace.
        ValidationError: The condition is wrong.
        SchemaError: The condition names a column that is not there.
    """
    last = begin - 1
    for batch in _in_order(view, query, batch_size, begin):
        last = _check_order(view, batch.column(0), last)
        keep = batch.column(1)
        yield _restore(batch if keep.true_count == len(keep) else batch.filter(keep), query.columns)


def _in_order(view: View, query: Query, batch_size: int, begin: int) -> Iterator[pa.RecordBatch]:
    """The rows of :func:`merge_sql` in base order, sorted from where the join has lost it: one that does not fit into memory."""
    following, whole = begin, query.shard is None and query.ids is None
    for batch in _numbered(view, query, batch_size, begin):
        numbers = batch.column(0).to_numpy()
        if whole and not np.array_equal(numbers, np.arange(following, following + len(numbers))):
            if _some_key_comes_twice(view.version):
                raise duplicate_keys(view)
            yield from _joined_rows(view, query, batch_size, threads=2, sorted_from=following)
            return
        following += len(numbers)
        yield batch


def _numbered(view: View, query: Query, batch_size: int, begin: int) -> Iterator[pa.RecordBatch]:
    """The rows of :func:`merge_sql` in base order: of two threads where all rows are wanted, and put back in order."""
    base = view.version.base.footer
    whole = query.shard is None and query.ids is None and query.limit is None and begin == 0
    if whole and _reorder.may_be_reordered(base):
        try:
            yield from _reorder.in_base_order(
                _joined_rows(view, query, max(batch_size, _PIECE_ROWS), threads=2),
                base.rows,
                batch_size=batch_size,
                most_rows=_reorder.MOST_ROWS,
                most_bytes=_reorder.MOST_BYTES,
            )
            return
        except _reorder.RowTwice:
            raise duplicate_keys(view) from None
        except _reorder.TooMuchWaits as found:
            begin = found.row  # one thread keeps the order
    for batch in _joined_rows(view, query, batch_size, threads=1):
        # Where a beginning is left out, all rows of the base come, and the first one of a batch says how many to skip.
        done = max(0, begin - batch.column(0)[0].as_py()) if begin and batch.num_rows else 0
        if done < batch.num_rows:
            yield batch.slice(done)


def _joined_rows(
    view: View, query: Query, batch_size: int, *, threads: int, sorted_from: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of the query's SQL as they come."""
    connection = connect(keep_order=True, threads=threads)
    try:
        sql = merge_sql(connection, view, query, in_order=threads == 1, sorted_from=sorted_from)
        with told_with_condition(view, query.where):
            relation = connection.sql(sql)
        reads = reads_of(view, query, named_in(view, connection, query.where))
        reads.check_overlays()
        with reads.told(), told_with_condition(view, query.where):
            reader = relation.to_arrow_reader(batch_size)
        while True:
            with reads.told(), told_with_condition(view, query.where):
                batch = next(reader, None)
            if batch is None:
                reads.check_end()
                return
            _check_read(reads, batch)
            yield batch
    finally:
        connection.close()


def _check_read(reads: Reads, batch: pa.RecordBatch) -> None:
    """Look at the pages of the base that rows of :func:`merge_sql` come from."""
    if batch.num_rows:
        numbers, kept = batch.column(0).to_numpy(), batch.column(1).to_numpy(zero_copy_only=False)
        reads.check_base(numbers[kept], int(numbers.max()) + 1)


def _check_order(view: View, rows: pa.Array, last: int) -> int:
    """Hold the promise of base order, and find keys that a namespace has twice: their base row comes twice."""
    if not len(rows):
        return last
    numbers = rows.to_numpy()
    smallest = int(np.diff(numbers, prepend=last).min())
    if smallest > 0:
        return int(numbers[-1])
    if smallest == 0 or _some_key_comes_twice(view.version):  # a join gives second rows behind others
        raise duplicate_keys(view)
    raise SequencesError(
        f"{view.version.dataset}: rows came out of order",
        mend="this is a fault of the library: please report it",
    )


def duplicate_keys(view: View) -> DuplicateKeyError:
    """The error for a view in which a base row comes twice."""
    return DuplicateKeyError(
        f"{view.version.dataset}: a key has several rows in one of the namespaces {', '.join(view.version.overlays)}",
        mend="'usr validate' names the keys; this keeps the newest row of each: usr maintenance overlay-compact "
        "--namespace NAME --on-duplicate keep-newest --reason TEXT",
    )


def _restore(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """The batch without its first two columns, in exactly the view's types (DuckDB has fewer)."""
    arrays = [cast_to(batch.column(position), column) for position, column in enumerate(columns, start=2)]
    return as_batch(arrays, columns, batch.num_rows)
