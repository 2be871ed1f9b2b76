"""Rows held in memory up to a bound and on disk beyond it, and brought into base order one bucket at a time.

Rows are dealt into buckets of neighbouring base rows; each bucket fits into memory and is sorted there. Values stay in
Arrow's own form throughout, so that every type comes out as it went in.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

import numpy as np
import pyarrow as pa

from dnadesign.usr.storage.key_index import Ordinals

HELD_BYTES = 1 << 28
BUCKET_BYTES = 1 << 26
MAX_BUCKETS = 128  # each may have a temporary file open

_PLACE = "__usr_place"


class Spool:
    """Tables of one schema in the order they came in; what is flushed lies in an unnamed temporary file."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.held_bytes = 0
        self.total_bytes = 0
        self.rows = 0
        self._held: list[pa.Table] = []
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows; columns in the schema's order and types. What is too much to hold is the caller's to flush."""
        if table.num_rows:
            self._held.append(table)
            self.held_bytes += table.nbytes
            self.total_bytes += table.nbytes
            self.rows += table.num_rows

    def flush(self) -> None:
        """Move what is held to the disk."""
        if not self._held:
            return
        if self._writer is None:
            self._file = tempfile.TemporaryFile(prefix="usr-spill-")  # noqa: SIM115 - closed with the spool
            weakref.finalize(self, self._file.close)
            self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, "w"), self.schema)
        for table in self._held:
            self._writer.write_table(table)
        self._held, self.held_bytes = [], 0

    def tables(self) -> Iterator[pa.Table]:
        """All tables again; nothing can be flushed any more."""
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.seek(0)
            with pa.ipc.open_stream(pa.PythonFile(self._file, "r")) as reader:
                for batch in reader:
                    yield pa.Table.from_batches([batch])
        yield from self._held

    def close(self) -> None:
        """Let go of everything."""
        self._held = []
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True)
class Buckets:
    """How places are dealt: ``width`` neighbouring ones into each of ``count`` buckets, all beyond into the last."""

    width: int
    count: int

    def numbers(self, places: Ordinals) -> Ordinals:
        """The bucket of each place."""
        return np.minimum(places // self.width, self.count - 1)


def plan_buckets(places: int, total_bytes: int) -> Buckets:
    """Buckets of about ``BUCKET_BYTES`` each, if the rows are spread evenly over the places."""
    count = min(max(1, -(-total_bytes // BUCKET_BYTES)), MAX_BUCKETS, max(1, places))
    return Buckets(width=max(1, -(-places // count)), count=count)


class BaseOrder:
    """Rows with their places in the base, handed out bucket by bucket in order of place.

    Rows of one place keep the order in which they were added.
    """

    def __init__(self, schema: pa.Schema, buckets: Buckets) -> None:
        self._schema = schema.append(pa.field(_PLACE, pa.int64()))
        self._buckets = buckets
        self._spools = [Spool(self._schema) for _ in range(buckets.count)]

    def add(self, places: Ordinals, table: pa.Table) -> None:
        """Add rows of the schema, whose places are of shape (rows,)."""
        placed = table.append_column(self._schema.field(_PLACE), pa.array(places, pa.int64()))
        numbers = self._buckets.numbers(places)
        first = int(numbers[0]) if len(numbers) else 0
        if (numbers == first).all():
            self._spools[first].add(placed)
        else:
            for number in np.unique(numbers).tolist():
                self._spools[number].add(placed.take(pa.array(np.flatnonzero(numbers == number))))
        if sum(spool.held_bytes for spool in self._spools) > HELD_BYTES:
            for spool in self._spools:
                spool.flush()

    def bucket(self, number: int) -> tuple[Ordinals, pa.Table]:
        """The rows of one bucket in order of place, and their places of shape (rows,); once only."""
        spool = self._spools[number]
        table = pa.concat_tables([self._schema.empty_table(), *spool.tables()])
        spool.close()
        places = table.column(_PLACE).to_numpy()
        table = table.drop_columns([_PLACE])
        if (np.diff(places) >= 0).all():
            return places, table
        order = np.argsort(places, kind="stable")
        return places[order], table.combine_chunks().take(pa.array(order))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for spool in self._spools:
                stack.callback(spool.close)
