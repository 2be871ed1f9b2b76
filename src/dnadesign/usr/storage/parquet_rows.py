"""The rows of one Parquet file, its columns asked for by name.

Arrow's own ``ParquetFile`` works out with every file where the leaves of every prefix of a nested name are, which takes
longer than parsing the footer of a small file. Here only whole columns are asked for, and files that are stored alike
share the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

Leaves = Mapping[str, Sequence[int]]


class ParquetRows:
    """A Parquet file to read; page checksums are verified. Arrow's errors are raised as they are.

    Args:
        source: The file, open.
        metadata: Its footer, where that was parsed before.
        leaves: Which leaves each of its columns has, where that is known.
        in_memory: Whether the source is bytes of Python's, which are read by the calling thread alone: one of Arrow's
            threads may let go of them last, and if the interpreter ends that moment, this kills the process.
    """

    def __init__(
        self,
        source: pa.NativeFile,
        *,
        metadata: pq.FileMetaData | None = None,
        leaves: Leaves | None = None,
        in_memory: bool = False,
    ) -> None:
        self._reader = pq.ParquetReader()
        self._reader.open(
            source,
            metadata=metadata,
            pre_buffer=not in_memory,
            page_checksum_verification=True,
            arrow_extensions_enabled=True,
        )
        self._threads = not in_memory
        if leaves is not None:
            self.leaves = leaves

    @property
    def metadata(self) -> pq.FileMetaData:
        """The footer."""
        return self._reader.metadata

    @property
    def schema(self) -> pa.Schema:
        """The columns in Arrow's types."""
        return self._reader.schema_arrow

    @cached_property
    def leaves(self) -> Leaves:
        """Which of the leaves, as Parquet counts them, each column has: one, but for nested columns."""
        found: dict[str, list[int]] = {}
        for number, path in enumerate(self._reader.column_paths):
            found.setdefault(path[0], []).append(number)
        return found

    def read(self, columns: Iterable[str] | None = None, *, use_threads: bool = True) -> pa.Table:
        """Columns as they are asked for, all of them when None; what the file has not is left out."""
        return self._reader.read_all(self._of(columns), use_threads=use_threads and self._threads)

    def read_row_groups(
        self, groups: Iterable[int], columns: Iterable[str] | None = None, *, use_threads: bool = True
    ) -> pa.Table:
        """The same of some row groups."""
        return self._reader.read_row_groups(
            list(groups), self._of(columns), use_threads=use_threads and self._threads
        )

    def iter_batches(
        self, rows: int, groups: Iterable[int], columns: Iterable[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The same as batches of at most so many rows; Arrow keeps in memory what it has read of all the groups."""
        leaves = self._of(columns)
        batches: Iterator[pa.RecordBatch] = self._reader.iter_batches(
            rows, list(groups), leaves, use_threads=self._threads
        )
        return batches

    def _of(self, columns: Iterable[str] | None) -> list[int] | None:
        if columns is None:
            return None
        return [leaf for name in columns for leaf in self.leaves.get(name, ())]
