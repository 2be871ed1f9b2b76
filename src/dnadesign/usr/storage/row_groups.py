"""Row groups of the files that are written: bounded in rows and bytes, few, each written while the next is being made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.storage.threads import Threads

ROW_GROUP_ROWS = 122_880
ROW_GROUP_BYTES = 1 << 27  # in memory; long sequences make groups of fewer rows
FOLD_FAN = 16


def write_groups(writer: pq.ParquetWriter, groups: Iterable[pa.Table]) -> int:
    """Write tables, a large one by a thread of its own while the next is being made; the number of their rows."""
    rows = 0
    begun: Future[None] | None = None
    with Threads(1, "usr-write") as threads:
        for table in groups:
            rows += table.num_rows
            if begun is not None:
                begun.result()
            begun = None
            size = table.get_total_buffer_size()  # told sooner than nbytes; slices count as what they are of
            if is_full(table.num_rows, size):
                begun = threads.begin(writer.write_table, table, row_group_size=ROW_GROUP_ROWS)
            else:
                writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        if begun is not None:
            begun.result()
    return rows


def in_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables as few row groups: small ones are put together, large ones pass as they are, empty ones vanish.

    Raises:
        SchemaError: A table's columns are not the schema's.
    """
    held: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        if table.schema.names != schema.names:
            raise SchemaError(
                f"expected columns {schema.names}, found {table.schema.names}",
                mend="this is a fault of the library: please report it",
            )
        if not table.num_rows:
            continue
        held.append(table.cast(schema) if table.schema != schema else table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if is_full(rows, size):
            yield pa.concat_tables(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)


def is_full(rows: int, size: int) -> bool:
    """Whether so many rows, or bytes in memory, make a row group."""
    return rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES


def fold_from(group_rows: Sequence[int], group_bytes: Sequence[int], incoming: int) -> int:
    """From which row group on the tail is folded together with ``incoming`` rows; their number if not at all.

    Works like carrying in base ``FOLD_FAN``: once that many groups of about one size stand at the tail they become
    one, so that every row is folded a few times at most and the number of groups stays logarithmic. A group that is
    large, by rows or by bytes, stays as it is.

    Args:
        group_rows: How many rows each group has.
        group_bytes: How large each is in memory, about.
        incoming: How many rows come behind them.
    """
    keep, total = len(group_rows), incoming
    if incoming == 0:
        return keep
    while True:
        run = 0
        while run < keep and _is_folded(group_rows[keep - 1 - run], group_bytes[keep - 1 - run], total):
            run += 1
        if run < FOLD_FAN - 1:
            return keep
        total += sum(group_rows[keep - run : keep])
        keep -= run


def _is_folded(rows: int, size: int, total: int) -> bool:
    return rows <= min(2 * total, ROW_GROUP_ROWS // 2) and size <= ROW_GROUP_BYTES // 2
