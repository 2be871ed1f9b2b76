"""Overlay rows laid beside base rows by position, and the columns of the merged view made of both.

An overlay's row replaces what the base has of its namespace, whole, and a tombstone hides: what the join of :mod:`_merge`
says in SQL. Whoever lays the rows has held their keys against those of the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.operations._view import DELETED, Column

_SHORT_RUN = 16  # rows; below that, rows are taken one by one

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PlacedRows:
    """Rows of an overlay: tables one behind the other, and for each base row which of their rows it has, -1 for none."""

    tables: tuple[pa.Table, ...]
    source: Places

    @property
    def is_there(self) -> Flags:
        """Which base rows have one."""
        return self.source >= 0

    def of(self, rows: Places) -> PlacedRows:
        """The same for only these of the base rows."""
        return PlacedRows(self.tables, self.source[rows])

    def values(self, column: Column) -> pa.Array:
        """A column of the overlay, for each base row; null where a file does not store it."""
        pieces: list[pa.Array] = []
        for table in self.tables:
            if column.name in table.column_names:
                pieces += [cast_to(chunk, column) for chunk in table.column(column.name).chunks]
            else:
                pieces.append(pa.nulls(table.num_rows, column.type))
        values = pa.chunked_array(pieces, column.type)
        if self._runs is None:
            return one_array(values.take(pa.array(self.source, mask=self.source < 0)))
        laid: list[pa.Array] = []
        for start, stop in self._runs:
            first = int(self.source[start])
            if first < 0:
                laid.append(pa.nulls(stop - start, column.type))
            else:
                laid += values.slice(first, stop - start).chunks
        return one_array(pa.chunked_array(laid, column.type))

    @cached_property
    def _runs(self) -> list[tuple[int, int]] | None:
        """Where rows follow one another in the tables, or are missing, from and to; None where that is nowhere for long."""
        here, there = self.source[:-1], self.source[1:]
        goes_on = np.where(here < 0, there < 0, there == here + 1)
        cuts = np.flatnonzero(~goes_on) + 1
        if len(cuts) * _SHORT_RUN > len(self.source):
            return None
        return list(pairwise([0, *cuts.tolist(), len(self.source)])) if len(self.source) else []


def merged_column(column: Column, base: pa.Table, rows: Mapping[str, PlacedRows]) -> pa.Array:
    """A column of the view for these base rows and the overlay rows laid beside them."""
    below = None
    if column.in_base:
        pieces = [cast_to(chunk, column) for chunk in base.column(column.name).chunks]
        below = one_array(pa.chunked_array(pieces, column.type))
    if column.namespace is None:
        return below if below is not None else pa.nulls(base.num_rows, column.type)
    overlay = rows[column.namespace]
    value = overlay.values(column)
    if below is None:
        return value
    both = pa.chunked_array([below, value], column.type)
    own = np.arange(len(below))
    return one_array(both.take(pa.array(np.where(overlay.is_there, own + len(below), own))))


def alive(base: pa.Table, rows: Mapping[str, PlacedRows]) -> Flags:
    """Which rows are not tombstoned; a row of the namespace decides, else what the base stores."""
    deleted = np.zeros(base.num_rows, dtype=np.bool_)
    if DELETED in base.column_names:
        deleted = _true(base.column(DELETED))
    if TOMBSTONE_NAMESPACE in rows:
        overlay = rows[TOMBSTONE_NAMESPACE]
        told = _true(overlay.values(Column(DELETED, pa.bool_(), False, TOMBSTONE_NAMESPACE, True)))
        deleted = np.where(overlay.is_there, told, deleted)
    return ~deleted


def as_batch(arrays: Sequence[pa.Array], columns: Sequence[Column], rows: int) -> pa.RecordBatch:
    """Columns as a batch; also no columns, which still are so many rows."""
    if not arrays:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([(c.name, c.type) for c in columns]))


def cast_to(values: pa.Array, column: Column) -> pa.Array:
    """Stored values in the type that a column is handed out in."""
    if values.type == column.type:
        return values
    try:
        return values.cast(column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return one_array(cast_column(values, column.type, where=f"column {column.name!r}"))


def one_array(values: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if values.num_chunks == 1:
        return values.chunk(0)
    found = values.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


def _true(values: pa.Array | pa.ChunkedArray) -> Flags:
    return np.asarray(pc.fill_null(values, fill_value=False).to_numpy(zero_copy_only=False), dtype=np.bool_)
