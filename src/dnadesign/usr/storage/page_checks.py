"""Pages of a Parquet file held against their checksums without decoding them: for readers that do not look at these.

DuckDB hands out what a damaged page decodes to, and often that is no error: a bit more or less in a number, one base
for another. Walking over the pages costs a few hundredths of what decoding them does.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow.parquet as pq

from dnadesign.usr.storage.filesystem import OpenFile
from dnadesign.usr.storage.parquet_footer import Walker, corrupt, misread
from dnadesign.usr.storage.version import PinnedFile

_INTEGER, _STRUCT = 5, 12  # types of the compact protocol
_TYPE, _UNPACKED, _SIZE, _CRC = 1, 2, 3, 4  # fields of PageHeader (parquet.thrift)
_NUM_VALUES = 1  # field of the header of each type of page
_OF_TYPE = {0: (5, (1, 2, 3, 4), 2), 2: (7, (1, 2), 2), 3: (8, (1, 2, 3, 4, 5, 6), 4)}
"""By type of page: the field with its own header, the integers that are in there, and the one that is the encoding."""
_ENCODINGS = {
    0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 4: "BIT_PACKED", 5: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY",
    7: "DELTA_BYTE_ARRAY", 8: "RLE_DICTIONARY", 9: "BYTE_STREAM_SPLIT",
}  # fmt: skip
_DATA_TYPES = (0, 3)
_READ_BYTES = 1 << 20
_LONGEST_HEADERS = (1 << 10, 1 << 20)  # statistics of long texts stand in there


@dataclass(frozen=True, slots=True)
class _Page:
    """What a page's header says: its own length, of the body length and checksum, and of data encoding and number of values."""

    header_bytes: int
    body_bytes: int
    unpacked_bytes: int
    encoding: str | None
    crc: int | None
    values: int


class _Window:
    """The bytes of a file, read some way ahead."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._start, self._data = 0, b""

    def bytes(self, at: int, count: int) -> memoryview:
        """Up to so many bytes; fewer only at the end of the file."""
        if not self._start <= at <= at + count <= self._start + len(self._data):
            self._start, self._data = at, self._file.read_at(at, max(count, _READ_BYTES))
        return memoryview(self._data)[at - self._start : at - self._start + count]


def check_pages(pinned: PinnedFile, columns: Collection[str], groups: Iterable[int] | None = None) -> None:
    """Hold the pages of some columns against their checksums, each once for a pinned file.

    Pages without one, as other tools write them, are not looked into; that a column's pages are as long together and
    have as many values as the footer says is checked of all.

    Args:
        pinned: The file.
        columns: Which columns; what the file has not is left out.
        groups: Which row groups; all when None.

    Raises:
        CorruptFileError: A page is not what was written.
        StorageError: The operating system did not let it be read.
    """
    footer = pinned.footer
    checked, width = pinned.checked, len(footer.form.stored)
    leaves = [(leaf, name) for name in columns for leaf in footer.form.leaves.get(name, ())]
    wanted = [
        (group, leaf, name)
        for group in (range(len(footer.group_rows)) if groups is None else groups)
        for leaf, name in sorted(leaves)
        if not checked[group * width + leaf]
    ]
    if not wanted:
        return
    window = _Window(pinned.file)
    metadata = footer.metadata if len(footer.group_rows) > 1 else footer.parsed()
    for group, leaf, name in wanted:
        chunk = metadata.row_group(group).column(leaf)
        start = chunk.data_page_offset
        if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
            start = chunk.dictionary_page_offset
        try:
            _check_chunk(window, start, chunk)
        except (IndexError, ValueError) as error:
            raise corrupt(pinned.file.path, f"column {name!r}, row group {group}: {error}") from error
        except OSError as error:
            raise misread(pinned.file.path, error) from error
        checked[group * width + leaf] = 1


def _check_chunk(window: _Window, start: int, chunk: pq.ColumnChunkMetaData) -> None:
    """Walk over the pages of a column in a row group."""
    at, end, values, unpacked, checked = start, start + chunk.total_compressed_size, 0, 0, True
    while at < end:
        page = _page(window, at, end)
        body = at + page.header_bytes
        if page.body_bytes < 0 or body + page.body_bytes > end:
            raise ValueError(f"the page at byte {at} is longer than its column")
        if page.crc is not None and zlib.crc32(window.bytes(body, page.body_bytes)) != page.crc:
            raise ValueError(f"the page at byte {at} does not have its checksum")
        if page.crc is not None and page.encoding is not None and page.encoding not in chunk.encodings:
            raise ValueError(f"the page at byte {at} has another encoding than its column")
        checked &= page.crc is not None
        values += page.values
        unpacked += page.header_bytes + page.unpacked_bytes
        at = body + page.body_bytes
    if values != chunk.num_values or (checked and unpacked != chunk.total_uncompressed_size):
        raise ValueError("its pages are not those that were written")


def _page(window: _Window, at: int, end: int) -> _Page:
    for longest in _LONGEST_HEADERS:
        data = bytes(window.bytes(at, min(longest, end - at)))
        try:
            return _parsed(Walker(data))
        except IndexError:
            if len(data) < longest:
                break
    raise ValueError(f"the header of the page at byte {at} is not whole")


def _parsed(walker: Walker) -> _Page:
    integers, own = _fields(walker)
    kind = integers.get(_TYPE, -1)
    if not {_TYPE, _UNPACKED, _SIZE} <= integers.keys() or kind not in _OF_TYPE:
        raise ValueError("a page has no header of its own")
    field, needed, encoding = _OF_TYPE[kind]
    if not set(needed) <= own.get(field, {}).keys():
        raise ValueError("a page has the header of another type of page")
    crc = integers.get(_CRC)
    crc = None if crc is None else crc & 0xFFFFFFFF
    sizes = walker.at, integers[_SIZE], integers[_UNPACKED]
    if kind not in _DATA_TYPES:
        return _Page(*sizes, None, crc, 0)
    return _Page(*sizes, _ENCODINGS.get(own[field][encoding], "unknown"), crc, own[field][_NUM_VALUES])


def _fields(walker: Walker, *, depth: int = 0) -> tuple[dict[int, int], dict[int, dict[int, int]]]:
    """The integers of a struct by their fields, and those of the structs in it; all else is stepped over."""
    previous = 0
    integers: dict[int, int] = {}
    structs: dict[int, dict[int, int]] = {}
    while (found := walker.field(previous)) is not None:
        previous, kind = found
        if kind == _INTEGER:
            integers[previous] = walker.zigzag()
        elif kind == _STRUCT and not depth:
            structs[previous] = _fields(walker, depth=1)[0]
        else:
            walker.skip(kind)
    return integers, structs
