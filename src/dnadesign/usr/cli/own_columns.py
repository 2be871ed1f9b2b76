"""The columns that usr keeps itself, which tables for people leave out while they say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnadesign.usr.contract.names import STATE_NAMESPACE, TOMBSTONE_NAMESPACE

if TYPE_CHECKING:
    import pyarrow as pa


def is_own(column: str) -> bool:
    """Whether a column is one of the tombstones or of the state of records."""
    return column.startswith((f"{TOMBSTONE_NAMESPACE}__", f"{STATE_NAMESPACE}__"))


def without_empty(table: pa.Table) -> pa.Table:
    """Rows without those columns of usr's own that say nothing about any of them."""
    return table.drop_columns(
        [name for name in table.schema.names if is_own(name) and not _says(name, table.column(name))]
    )


def _says(name: str, values: pa.ChunkedArray) -> bool:
    """Whether there is any value; that a record is not deleted (any more) is none."""
    if name.startswith(f"{TOMBSTONE_NAMESPACE}__"):
        return any(values.to_pylist())
    return values.null_count < len(values)
