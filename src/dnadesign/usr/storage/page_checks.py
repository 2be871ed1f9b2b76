"""The pages of a Parquet file held against their checksums, for readers that do not look at these themselves.

A page is a header, one Thrift struct, and so many bytes; the header may have the CRC-32 of these bytes as they are
stored. Pages follow one another in the chunk of a column that the footer tells of, so that a file is checked without
being decoded: at the speed at which its bytes are read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow.parquet as pq

from dnadesign.usr.storage.filesystem import OpenFile
from dnadesign.usr.storage.parquet import Footer
from dnadesign.usr.storage.parquet_footer import ThriftWalker, misread

_SIZE, _STORED_SIZE, _CRC = 2, 3, 4  # fields of PageHeader (parquet.thrift)
_KINDS = {
    5: True,
    7: False,
    8: True,
}  # those of it that say how many values: of data, of a dictionary, of data again
_VALUES = 1  # field of each of these
_INTEGER, _STRUCT = 5, 12


class _Page(NamedTuple):
    header: int
    start: int
    stop: int
    size: int
    values: int
    crc: int | None


def check_pages(file: OpenFile, footer: Footer) -> None:
    """Read each page of a file and hold it against its checksum, where the writer kept one.

    Raises:
        CorruptFileError: A page is not what was written.
        StorageError: The operating system did not let it be read.
    """
    for column in _columns(footer):
        start, stored = _place(column)
        try:
            data = file.read_at(start, stored)
            if len(data) != stored:
                raise ValueError("it ends in the middle of a column")
            size = values = 0
            for page in _pages(data):
                size += page.start - page.header + page.size
                values += page.values
                if page.crc is not None and zlib.crc32(data[page.start : page.stop]) != page.crc:
                    raise ValueError(f"the page at byte {start + page.start} is not what was written")
            if (size, values) != (
                column.total_uncompressed_size,
                column.num_values,
            ):  # headers have no checksum
                raise ValueError(f"the pages from byte {start} on are not those that its footer tells of")
        except (IndexError, ValueError, OSError) as error:
            raise misread(file.path, error) from error


def _columns(footer: Footer) -> Iterator[pq.ColumnChunkMetaData]:
    metadata = footer.parsed()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        yield from map(group.column, range(group.num_columns if group.num_rows else 0))


def _place(column: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Where a column of a row group begins, and how many bytes it has."""
    starts = [column.data_page_offset]
    if column.has_dictionary_page and column.dictionary_page_offset:
        starts.append(column.dictionary_page_offset)
    return min(starts), column.total_compressed_size


def _pages(chunk: bytes) -> Iterator[_Page]:
    """The pages of a column's chunk.

    Raises:
        ValueError: A header is none.
        IndexError: Likewise.
    """
    walker = ThriftWalker(chunk)
    while walker.at < len(chunk):
        header, stored, size, values, crc, previous = walker.at, -1, 0, 0, None, 0
        while (found := walker.field(previous)) is not None:
            previous, kind = found
            if previous == _SIZE and kind == _INTEGER:
                size = walker.zigzag()
            elif previous == _STORED_SIZE and kind == _INTEGER:
                stored = walker.zigzag()
            elif previous == _CRC and kind == _INTEGER:
                crc = walker.zigzag() & 0xFFFFFFFF
            elif previous in _KINDS and kind == _STRUCT:
                values = _values(walker) * _KINDS[previous]
            else:
                walker.skip(kind)
        stop = walker.at + stored
        if stored < 0 or stop > len(chunk):
            raise ValueError("a page is longer than its column")
        yield _Page(header, walker.at, stop, size, values, crc)
        walker.at = stop


def _values(walker: ThriftWalker) -> int:
    """How many values a page says that it has."""
    values = previous = 0
    while (found := walker.field(previous)) is not None:
        previous, kind = found
        if previous == _VALUES and kind == _INTEGER:
            values = walker.zigzag()
        else:
            walker.skip(kind)
    return values
