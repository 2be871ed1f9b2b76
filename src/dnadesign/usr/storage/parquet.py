"""Parquet in and out: write with page checksums, splice rows or metadata onto a file, read footers.

Files are always opened by descriptor, so that a rename or removal meanwhile changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.usr.contract.wording import counted
from dnadesign.usr.storage.base_pieces import Piece, hash_pieces
from dnadesign.usr.storage.files_in_turn import FileInTurn
from dnadesign.usr.storage.filesystem import OpenFile, copy_range, descriptor_path, unreadable, write_all
from dnadesign.usr.storage.parquet_footer import (
    ARROW_SCHEMA,
    MAGIC,
    corrupt,
    keep_row_groups,
    misread,
    read_footer_bytes,
)
from dnadesign.usr.storage.parquet_rows import Leaves, ParquetRows
from dnadesign.usr.storage.row_groups import fold_from, in_groups, write_groups
from dnadesign.usr.storage.staging import hash_range

_PLAIN_COLUMNS = frozenset({"id", "sequence"})  # all values differ, so a dictionary would only cost
# Of floats a dictionary is tried, found too large, and written for nothing.
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_SMALL_BYTES = 1 << 19  # a file up to that is read at once: a call for each column costs as much as its bytes
_TOGETHER_BYTES = 1 << 25  # of row groups that are read together, decompressed
_READ_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What files of one writer share, as thousands of parts do.

    Attributes:
        schema: The Arrow schema, without metadata.
        stored: How its columns are stored, as Parquet says it: of nested ones the innermost names only.
        leaves: Which leaves, as Parquet counts them, each column has.
    """

    schema: pa.Schema
    stored: pq.ParquetSchema
    leaves: Leaves


_FORMS_SEEN: deque[Form] = deque(maxlen=8)


@dataclass(frozen=True)
class Footer:
    """What the end of a Parquet file says of it; sizes and offsets in bytes.

    Attributes:
        thrift: The footer as it stands in the file.
        size: Of the file.
        rows: How many rows it has.
        group_rows: The number of rows of each row group.
        group_bytes: The size of each row group, decompressed.
        form: Its columns and how they are stored.
        key_values: The file's metadata, less Arrow's own schema.
        has_arrow_schema: Whether the writer kept the Arrow schema; without it Parquet forgets zones and list sizes.
    """

    thrift: bytes
    size: int
    rows: int
    group_rows: tuple[int, ...]
    group_bytes: tuple[int, ...]
    form: Form
    key_values: dict[bytes, bytes]
    has_arrow_schema: bool

    @classmethod
    def parse(cls, thrift: bytes, size: int) -> Footer:
        """The footer of a file of that size, from its bytes."""
        parsed = _parse(thrift)
        metadata = parsed.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        found: Mapping[bytes, bytes] = metadata.metadata or {}
        return cls(
            thrift=thrift,
            size=size,
            rows=int(metadata.num_rows),
            group_rows=tuple(group.num_rows for group in groups),
            group_bytes=tuple(group.total_byte_size for group in groups),
            form=_form_of(parsed),
            key_values={k: v for k, v in found.items() if k != ARROW_SCHEMA},
            has_arrow_schema=ARROW_SCHEMA in found,
        )

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, without metadata."""
        return self.form.schema

    @cached_property
    def metadata(self) -> pq.FileMetaData:
        """All of it as Arrow has it, which takes ten times the memory."""
        return self.parsed()

    def parsed(self) -> pq.FileMetaData:
        """The same, not kept: for those of thousands of files."""
        return self.__dict__.get("metadata") or _parse(self.thrift).metadata

    @property
    def data_end(self) -> int:
        """Where row data stops."""
        return self.size - 8 - len(self.thrift)

    def group_start(self, group: int) -> int:
        """Where a row group's data begins, in bytes; the end of the data for the group after the last."""
        while group < len(self.group_rows) and self.group_rows[group] == 0:
            group += 1  # an empty row group has no data and no place
        if group == len(self.group_rows):
            return self.data_end
        found = self.metadata.row_group(group)
        columns = [found.column(i) for i in range(found.num_columns)]
        return int(min(c.dictionary_page_offset or c.data_page_offset for c in columns))

    def group_ends(self, *, after: int) -> list[int]:
        """Where the row groups that lie behind an offset end, in bytes."""
        starts = sorted({self.group_start(group) for group, rows in enumerate(self.group_rows) if rows})
        ends = [*starts[1:], self.data_end]  # the first one stands behind the mark at the file's start
        return [end for end in ends if end > after]


def _form_of(parsed: ParquetRows) -> Form:
    """How a file's columns are stored; an equal form that was seen before, as each would hold on to all of its footer."""
    stored = parsed.metadata.schema
    schema = stored.to_arrow_schema().remove_metadata()
    for known in tuple(_FORMS_SEEN):
        if known.schema.equals(schema, check_metadata=True) and known.stored.equals(stored):
            return known
    _FORMS_SEEN.append(form := Form(schema, stored, parsed.leaves))
    return form


def read_footer(file: OpenFile) -> Footer:
    """Read a file's footer.

    Raises:
        CorruptFileError: The file is truncated, empty or not Parquet.
        StorageError: The operating system did not let it be read.
    """
    try:
        with _in_use(file) as opened:
            thrift, size = read_footer_bytes(opened)
        return Footer.parse(thrift, size)
    except _READ_ERRORS as error:
        raise misread(file.path, error) from error


def _parse(thrift: bytes) -> ParquetRows:
    """A footer by itself, as Arrow reads it."""
    framed = MAGIC + thrift + len(thrift).to_bytes(4, "little") + MAGIC
    return ParquetRows(pa.BufferReader(framed), in_memory=True)


@contextmanager
def reading(file: OpenFile, *, footer: Footer | None = None) -> Iterator[ParquetRows]:
    """The file as Arrow reads it, page checksums verified; what Arrow raises is told as damage.

    Raises:
        CorruptFileError: The bytes are not what they were written as.
        StorageError: The operating system did not let them be read.
    """
    try:
        if footer is not None and footer.size <= _SMALL_BYTES:
            data = file.read_at(0, footer.size)
            if len(data) != footer.size or data[footer.data_end : -8] != footer.thrift:
                raise corrupt(file.path, "it is not the file any more that it was when it was opened")
            yield ParquetRows(pa.BufferReader(data), leaves=footer.form.leaves, in_memory=True)
            return
        with _in_use(file), _source(file) as source:
            leaves = footer.form.leaves if footer is not None else None
            yield ParquetRows(source, metadata=_metadata_of(footer), leaves=leaves)
    except _READ_ERRORS as error:
        raise misread(file.path, error) from error


def batches_of(
    parquet: ParquetRows, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """All rows in order, at most ``rows`` at a time, in memory for one row group or some small ones.

    Large row groups are asked for one by one: Arrow keeps what it has read of all those that it was asked for together.
    """
    metadata = parquet.metadata
    found = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    for groups in groups_together([(group.num_rows, group.total_byte_size) for group in found], rows):
        yield from parquet.iter_batches(rows, groups, columns)


def groups_together(
    groups: Iterable[tuple[int, int]], most_rows: int, most_bytes: int = _TOGETHER_BYTES
) -> Iterator[range]:
    """Row groups in order, as many as are small together, or one that is not.

    Args:
        groups: Rows and bytes of each.
        most_rows: How many rows are small.
        most_bytes: How many bytes are.
    """
    first = stop = rows = size = 0
    for number, (count, taken) in enumerate(groups):
        if rows and (rows + count > most_rows or size + taken > most_bytes):
            yield range(first, number)
            first, rows, size = number, 0, 0
        stop, rows, size = number + 1, rows + count, size + taken
    if first < stop:
        yield range(first, stop)


def _source(file: OpenFile) -> pa.OSFile:
    """The file once more, for Arrow, which gives some errors of the operating system no number: none is of the bytes."""
    try:
        return pa.OSFile(descriptor_path(file), "r")
    except OSError as error:
        raise unreadable(error, file.path) from error


def _metadata_of(footer: Footer | None) -> pq.FileMetaData | None:
    """What Arrow need not parse again; kept where a file has several row groups, which are read one after the other."""
    if footer is None:
        return None
    return footer.metadata if len(footer.group_rows) > 1 else footer.parsed()


def _in_use(file: OpenFile) -> AbstractContextManager[OpenFile]:
    """The file; one that is open in turn with others stays open, as its descriptor would soon be another file's."""
    return file.in_use() if isinstance(file, FileInTurn) else nullcontext(file)


def read_columns(file: OpenFile, columns: Sequence[str] | None = None) -> pa.Table:
    """Columns of a file as a table, all of them when None."""
    with reading(file) as parquet:
        return parquet.read(columns)


def _options(schema: pa.Schema) -> dict[str, Any]:
    with_dictionary, with_statistics = _leaves_with(schema)
    return {
        "compression": "zstd",
        "write_page_checksum": True,
        "use_dictionary": list(with_dictionary),
        "write_statistics": list(with_statistics),
    }


@lru_cache(maxsize=64)  # a writer writes the same few schemas again and again
def _leaves_with(schema: pa.Schema) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of the leaves that get a dictionary, and of those that get statistics.

    A dictionary is for values that may well come again: not the keys, nor measured or computed numbers. Statistics are for
    all but floats: they leave NaN out, and DuckDB takes them for all values, so that a query would miss those rows.
    """
    empty = pa.BufferOutputStream()
    with pq.ParquetWriter(empty, schema):
        pass
    parquet = pq.read_metadata(pa.BufferReader(empty.getvalue())).schema
    leaves = [parquet.column(i) for i in range(len(parquet.names))]
    with_dictionary = (
        leaf.path
        for leaf in leaves
        if leaf.path.split(".", 1)[0] not in _PLAIN_COLUMNS and leaf.physical_type not in _FLOATS
    )
    with_statistics = (
        leaf.path
        for leaf in leaves
        if leaf.physical_type not in _FLOATS and leaf.logical_type.type != "FLOAT16"
    )
    return tuple(with_dictionary), tuple(with_statistics)


def encode(table: pa.Table, key_values: Mapping[bytes, bytes]) -> bytes:
    """A table as the bytes of a Parquet file with that metadata; for tables that fit in memory."""
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata(dict(key_values))
    with pq.ParquetWriter(sink, schema, **_options(table.schema)) as writer:
        if table.num_rows:  # an empty table would leave an empty row group behind
            write_groups(writer, [table])
    data: bytes = sink.getvalue().to_pybytes()
    return data


def write_stream(
    target: OpenFile, schema: pa.Schema, tables: Iterable[pa.Table], key_values: Mapping[bytes, bytes]
) -> int:
    """Write tables one after the other into an open file, small ones put together, and return the number of rows."""
    with (
        pa.OSFile(descriptor_path(target), "w") as sink,
        pq.ParquetWriter(sink, schema.with_metadata(dict(key_values)), **_options(schema)) as writer,
    ):
        return write_groups(writer, in_groups(tables, schema))


@dataclass(frozen=True, slots=True)
class Spliced:
    """A file made of an old one's bytes and new row groups; offsets and sizes in bytes."""

    bytes: int
    rows: int
    prefix_bytes: int
    appended_sha256: str
    pieces: tuple[Piece, ...]
    footer_bytes: int
    footer_sha256: str
    rows_before: int


def splice(
    source: OpenFile,
    target: OpenFile,
    tables: Iterable[pa.Table],
    key_values: Mapping[bytes, bytes],
    *,
    incoming: int,
) -> Spliced:
    """Write the old file and new rows behind them into ``target`` without decoding the old rows.

    Row groups that had piled up small at the tail are folded into one. With no rows, only the metadata is new.

    Args:
        source: The file as it is.
        target: An empty staged file.
        tables: New rows; columns in the old file's order and types. They are read once and need not fit into memory.
        key_values: The new file's metadata, all of it.
        incoming: How many new rows there are.

    Raises:
        CorruptFileError: The old file is damaged.
        SchemaError: The new rows' columns are not the old file's.
    """
    footer = read_footer(source)
    keep = fold_from(footer.group_rows, footer.group_bytes, incoming)
    prefix_end = footer.group_start(keep)
    folded = keep < len(footer.group_rows)
    if folded:
        tables = chain(_groups(source, footer, keep), tables)
    appended = None
    if incoming:
        appended = _append_groups(source, target, footer.schema, prefix_end, tables)
    else:
        copy_range(source, target, offset=0, count=prefix_end)
    metadata = _empty_metadata(footer.schema, key_values)
    metadata.append_row_groups(
        _parse(keep_row_groups(footer.thrift, keep)).metadata if folded else footer.metadata
    )
    if appended is not None:
        metadata.append_row_groups(appended.metadata)
    data_end = appended.data_end if appended is not None else prefix_end
    tail = _footer_bytes(metadata)
    target.truncate(data_end)
    write_all(target, data_end, tail)
    ends = appended.group_ends(after=prefix_end) if appended is not None else []
    pieces = hash_pieces(target, start=prefix_end, ends=ends)
    return Spliced(
        bytes=data_end + len(tail),
        rows=int(metadata.num_rows),
        prefix_bytes=prefix_end,
        appended_sha256=pieces[0].sha256 if len(pieces) == 1 else hash_range(target, prefix_end, data_end),
        pieces=pieces,
        footer_bytes=len(tail),
        footer_sha256=hashlib.sha256(tail).hexdigest(),
        rows_before=sum(footer.group_rows[:keep]),
    )


def _groups(source: OpenFile, footer: Footer, first: int) -> Iterator[pa.Table]:
    """The row groups of a file from one on, each when its turn comes."""
    with reading(source, footer=footer) as parquet:
        for group in range(first, len(footer.group_rows)):
            yield parquet.read_row_groups([group])


def _append_groups(
    source: OpenFile, target: OpenFile, schema: pa.Schema, prefix_end: int, tables: Iterable[pa.Table]
) -> Footer:
    """Copy the old bytes and let Arrow write behind them."""
    with (
        pa.OSFile(descriptor_path(target), "w") as sink,
        pq.ParquetWriter(sink, schema, **_options(schema)) as writer,
    ):
        copy_range(source, target, offset=4, count=prefix_end - 4)  # Arrow has written the first four bytes
        os.lseek(sink.fileno(), prefix_end, os.SEEK_SET)  # Arrow asks its descriptor where it stands
        rows = write_groups(writer, in_groups(tables, schema))
    footer = read_footer(target)
    if footer.rows != rows:
        raise corrupt(target.path, f"{counted(footer.rows, 'row')} read back where {rows:,} were written")
    return footer


def _empty_metadata(schema: pa.Schema, key_values: Mapping[bytes, bytes]) -> pq.FileMetaData:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema.with_metadata(dict(key_values)), **_options(schema)):
        pass
    return pq.read_metadata(pa.BufferReader(sink.getvalue()))


def _footer_bytes(metadata: pq.FileMetaData) -> bytes:
    sink = pa.BufferOutputStream()
    metadata.write_metadata_file(sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data[len(MAGIC) :]
