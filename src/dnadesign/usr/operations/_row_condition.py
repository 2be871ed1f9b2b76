"""A condition held against rows that are in memory, where it says the same of a row whatever rows stand beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from dnadesign.usr.operations._condition import (
    check_condition,
    nodes_of,
    parsed_condition,
    told_with_condition,
)
from dnadesign.usr.operations._duck import connect, identifier
from dnadesign.usr.operations._placed_rows import Flags
from dnadesign.usr.operations._view import Column, View
from dnadesign.usr.storage.placement import NotPlaced

_ROW = "__usr_row"
_ROWS = "__usr_rows"
_ONE_ROW_AT_A_TIME = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
     "LAMBDA", "OPERATOR", "TYPE"}
)  # fmt: skip
"""Classes of expressions that look at one row; others may look at more."""


class RowCondition:
    """A condition, ready to be asked; close it when done.

    Args:
        view: The view whose columns it names.
        condition: One expression in DuckDB's SQL.
        threads: How many threads DuckDB may use; as many as there are processors when None.

    Attributes:
        columns: The columns that it names.
        connection: What it is asked through.

    Raises:
        ValidationError: It is not one whole expression of one value.
        NotPlaced: It may look at more than one row, or at values that DuckDB has otherwise when it reads them itself.
    """

    def __init__(self, view: View, condition: str, *, threads: int | None = 1) -> None:
        self._view, self._condition = view, condition
        self.connection = connect(keep_order=False, threads=threads, statistics=True)  # rows are in memory
        try:
            check_condition(self.connection, condition)
            self.columns = tuple(self._named())
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Let go of DuckDB."""
        self.connection.close()

    def holds(self, rows: pa.RecordBatch) -> Flags:
        """For which of these rows it holds; they have :attr:`columns`.

        Raises:
            ValidationError: A value cannot be compared.
        """
        arrays = [_plain(array) for array in rows.columns] if self.columns else []
        arrays.append(pa.array(np.arange(rows.num_rows)))
        table = pa.Table.from_arrays(arrays, names=[*(c.name for c in self.columns), _ROW])
        wanted = f"true AND coalesce((\n{self._condition}\n), false)"
        sql = f"SELECT {identifier(_ROW)}, {wanted} AS found FROM (SELECT * FROM {_ROWS})"
        with told_with_condition(self._view, self._condition):
            self.connection.register(_ROWS, table.to_reader())
            found = self.connection.sql(sql).to_arrow_table()
        holds = np.zeros(rows.num_rows, dtype=np.bool_)
        holds[found.column(0).to_numpy()] = found.column(1).to_numpy()
        return holds

    def _named(self) -> Iterator[Column]:
        by_name = {column.name.lower(): column for column in self._view.columns}
        named: dict[str, Column] = {}
        strange: set[str] = set()
        parameters: set[str] = set()
        trees = parsed_condition(self.connection, self._condition)
        for node in _expressions([tree["statements"][0]["node"]["select_list"] for tree in trees]):
            if node["class"] not in _ONE_ROW_AT_A_TIME:
                raise NotPlaced
            if node["class"] == "LAMBDA":
                parameters |= {str(c["column_names"][0]).lower() for c in _columns_in(node["lhs"])}
            if node["class"] == "COLUMN_REF":
                first = str(node["column_names"][0]).lower()  # behind it may stand fields of a struct
                if first in by_name:
                    named[first] = by_name[first]
                else:
                    strange.add(first)
        if strange - parameters or not all(_is_stored_alike(self._view, column) for column in named.values()):
            raise NotPlaced
        return iter(named.values())


def _expressions(tree: Any) -> Iterator[dict[str, Any]]:
    return (node for node in nodes_of(tree) if "class" in node)


def _columns_in(tree: Any) -> Iterator[dict[str, Any]]:
    return (node for node in _expressions(tree) if node["class"] == "COLUMN_REF")


def _is_stored_alike(view: View, column: Column) -> bool:
    """Whether each file stores a column in the type that it is handed out in, and DuckDB reads that alike everywhere."""
    files = [view.version.base] if column.in_base else []
    if column.namespace is not None and column.stored:
        files += view.version.overlays[column.namespace].files
    schemas = {id(f.footer.form): f.footer.schema for f in files}.values()  # hundreds share one
    kinds = [schema.field(column.name).type for schema in schemas if column.name in schema.names]
    return bool(kinds) and all(kind == column.type for kind in kinds) and _is_alike(column.type)


def _is_alike(kind: pa.DataType) -> bool:
    """Whether DuckDB has the values of an Arrow type as it has them when it reads them from Parquet."""
    if isinstance(kind, pa.ListType | pa.LargeListType):
        return not isinstance(kind.value_type, pa.FixedSizeListType) and _is_alike(kind.value_type)
    if isinstance(kind, pa.FixedSizeListType):  # handed over as a list
        return pa.types.is_floating(kind.value_type) and _is_alike(kind.value_type)
    if isinstance(kind, pa.StructType):
        inner = [kind.field(i).type for i in range(kind.num_fields)]
        return all(_is_alike(one) and not isinstance(one, pa.FixedSizeListType) for one in inner)
    if isinstance(kind, pa.TimestampType):
        return kind.tz is not None or kind.unit in ("us", "ns")
    return bool(
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_date32(kind)
    )


def _plain(array: pa.Array) -> pa.Array:
    """The values as DuckDB reads them from Parquet: it knows no lists of a fixed size there."""
    kind = array.type
    return array.cast(pa.list_(kind.value_type)) if isinstance(kind, pa.FixedSizeListType) else array
