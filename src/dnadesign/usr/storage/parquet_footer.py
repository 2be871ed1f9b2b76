"""Parquet footers without Arrow: what a glance needs of one, and one with fewer row groups.

A footer is one Thrift struct in the compact protocol (Apache Thrift, ``thrift-compact-protocol.md``). Arrow can join
row groups but not split them, and loading it takes longer than reading a few footers; all that is needed here is to
walk over values, most of them without understanding them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.errors import CorruptFileError, StorageError
from dnadesign.usr.contract.restoring import restore_mend
from dnadesign.usr.storage.filesystem import OpenFile, unreadable

MAGIC = b"PAR1"
ARROW_SCHEMA = b"ARROW:schema"
LONGEST_FOOTER = 1 << 28
_NEAR = 1 << 13  # bytes that are read with the end: the footer of a part is in there as a rule

_SCHEMA, _NUM_ROWS, _ROW_GROUPS, _KEY_VALUES = 2, 3, 4, 5  # fields of FileMetaData (parquet.thrift)
_NAME, _NUM_CHILDREN = 4, 5  # fields of SchemaElement
_KEY, _VALUE = 1, 2  # fields of KeyValue
_GROUP_NUM_ROWS = 3  # field of RowGroup
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _MAP, _STRUCT = (
    (1, 2),
    3,
    (4, 5, 6),
    7,
    8,
    (9, 10),
    11,
    12,
)
_MAX_DEPTH = 64
_MAX_SHIFT = 63


class Walker:
    """A position in compact-protocol bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        """The next byte."""
        value = self.data[self.at]
        self.at += 1
        return value

    def varint(self) -> int:
        """The next number without a sign."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > _MAX_SHIFT:
                raise ValueError("a number is longer than 64 bits")

    def zigzag(self) -> int:
        """The next number with a sign."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def field(self, previous: int) -> tuple[int, int] | None:
        """The next field's id and type, or None at the end of the struct."""
        header = self.byte()
        if header == 0:
            return None
        delta = header >> 4
        return (previous + delta if delta else self.zigzag()), header & 0x0F

    def list_header(self) -> tuple[int, int]:
        """Number and type of a list's elements, each of which takes a byte at least."""
        header = self.byte()
        count = header >> 4
        count = self.varint() if count == 15 else count
        if count > len(self.data) - self.at:
            raise ValueError("a list is longer than the footer")
        return count, header & 0x0F

    def binary(self) -> bytes:
        """A length and so many bytes."""
        length = self.varint()
        self.at += length
        if self.at > len(self.data):
            raise ValueError("a text is longer than the footer")
        return self.data[self.at - length : self.at]

    def skip(self, kind: int, depth: int = 0, *, in_list: bool = False) -> None:
        """Step over one value of any type."""
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        if kind in _BOOLEANS:
            self.at += in_list
        elif kind == _BYTE:
            self.at += 1
        elif kind in _INTEGERS:
            self.varint()
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            length = self.varint()
            self.at += length
        elif kind in _LISTS:
            count, element = self.list_header()
            for _ in range(count):
                self.skip(element, depth + 1, in_list=True)
        elif kind == _STRUCT:
            previous = 0
            while (found := self.field(previous)) is not None:
                previous = found[0]
                self.skip(found[1], depth + 1)
        else:
            raise ValueError(f"type {kind} is not of the Parquet format")


@dataclass(frozen=True, slots=True)
class FooterOutline:
    """What a glance needs of a footer: rows, the names of the columns, and the file's own metadata and size.

    Attributes:
        rows: The number of rows.
        columns: The top-level columns, in order.
        key_values: The file's metadata, less Arrow's own schema.
        size: The size of the file in bytes.
    """

    rows: int
    columns: tuple[str, ...]
    key_values: dict[bytes, bytes]
    size: int


def corrupt(path: Path, why: object) -> CorruptFileError:
    """A file that cannot be read as the Parquet file it should be."""
    return CorruptFileError(
        f"{path}: not a whole Parquet file: {why}",
        mend=restore_mend(path),
    )


def misread(path: Path, error: Exception) -> CorruptFileError | StorageError:
    """What an error in reading a Parquet file tells: an error of the operating system says nothing of the bytes."""
    if isinstance(error, OSError) and error.errno is not None:  # Arrow's own about the bytes have no number
        return unreadable(error, path)
    return corrupt(path, error)


def read_footer_bytes(file: OpenFile, *, longest: int = LONGEST_FOOTER) -> tuple[bytes, int]:
    """The Thrift bytes of a file's footer, and the file's size.

    Raises:
        CorruptFileError: The file is truncated, empty or not Parquet, or its footer longer than any that is written.
    """
    size = file.stat().size
    near = file.read_at(max(0, size - _NEAR), min(size, _NEAR))
    tail = near[-8:]
    if size < 12 or tail[4:] != MAGIC or file.read_at(0, 4) != MAGIC:
        raise corrupt(file.path, f"{size} bytes, without the marks at its start and end")
    length = int.from_bytes(tail[:4], "little")
    if length > size - 12:
        raise corrupt(file.path, "its footer is longer than the file")
    if length > longest:
        raise corrupt(file.path, f"its footer claims {length:,} bytes, the most that is read is {longest:,}")
    if length + 8 <= len(near):
        return near[-8 - length : -8], size
    return file.read_at(size - 8 - length, length), size


def read_outline(file: OpenFile) -> FooterOutline:
    """Read what a glance needs of a file's footer; all of it is walked over.

    Raises:
        CorruptFileError: The file is truncated, empty or not Parquet.
        StorageError: The operating system did not let it be read.
    """
    try:
        thrift, size = read_footer_bytes(file)
        return _outline(Walker(thrift), size)
    except (IndexError, ValueError, OSError) as error:
        raise misread(file.path, error) from error


def _outline(walker: Walker, size: int) -> FooterOutline:
    previous, rows, group_rows = 0, 0, 0
    columns: tuple[str, ...] = ()
    key_values: dict[bytes, bytes] = {}
    while (found := walker.field(previous)) is not None:
        previous, kind = found
        if kind in _LISTS and previous == _SCHEMA:
            columns = _top_level([_element(walker) for _ in range(walker.list_header()[0])])
        elif kind in _INTEGERS and previous == _NUM_ROWS:
            rows = walker.zigzag()
        elif kind in _LISTS and previous == _ROW_GROUPS:
            group_rows = sum(_group_rows(walker) for _ in range(walker.list_header()[0]))
        elif kind in _LISTS and previous == _KEY_VALUES:
            key_values = dict(_key_value(walker) for _ in range(walker.list_header()[0]))
        else:
            walker.skip(kind)
    if walker.at != len(walker.data) or rows != group_rows or rows < 0:
        raise ValueError("its footer is not whole")
    key_values.pop(ARROW_SCHEMA, None)
    return FooterOutline(rows, columns, key_values, size)


def _element(walker: Walker) -> tuple[str, int]:
    """Name and number of children of one element of a schema."""
    previous, name, children = 0, "", 0
    while (found := walker.field(previous)) is not None:
        previous, kind = found
        if previous == _NAME and kind == _BINARY:
            name = walker.binary().decode("utf-8")
        elif previous == _NUM_CHILDREN and kind in _INTEGERS:
            children = walker.zigzag()
        else:
            walker.skip(kind)
    return name, children


def _top_level(elements: list[tuple[str, int]]) -> tuple[str, ...]:
    """The names of the children of a schema's root; the elements stand in the order of a depth-first walk."""
    names: list[str] = []
    left = 0  # elements that belong to the column named last
    for name, children in elements[1:]:
        if left == 0:
            names.append(name)
            left = 1
        left += children - 1
    if left or not elements or len(names) != elements[0][1]:
        raise ValueError("its schema is not whole")
    return tuple(names)


def _key_value(walker: Walker) -> tuple[bytes, bytes]:
    previous, key, value = 0, b"", b""
    while (found := walker.field(previous)) is not None:
        previous, kind = found
        if kind == _BINARY and previous in {_KEY, _VALUE}:
            text = walker.binary()
            key, value = (text, value) if previous == _KEY else (key, text)
        else:
            walker.skip(kind)
    return key, value


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _group_rows(walker: Walker) -> int:
    """Step over one row group and return its number of rows."""
    previous, rows = 0, 0
    while (found := walker.field(previous)) is not None:
        previous = found[0]
        if previous == _GROUP_NUM_ROWS:
            rows = walker.zigzag()
        else:
            walker.skip(found[1])
    return rows


def keep_row_groups(footer: bytes, keep: int) -> bytes:
    """A footer with only the first ``keep`` row groups of ``footer``, and their number of rows.

    Args:
        footer: The Thrift bytes, without length and magic.
        keep: How many row groups to keep, at most as many as there are.

    Raises:
        CorruptFileError: The bytes are not a Parquet footer.
    """
    try:
        return _keep(footer, keep)
    except (IndexError, ValueError, struct.error) as error:
        raise CorruptFileError(
            f"a Parquet footer cannot be read: {error}", mend="restore the file from a backup"
        ) from error


def _keep(footer: bytes, keep: int) -> bytes:
    walker = Walker(footer)
    previous = 0
    rows_span = groups_span = (0, 0)
    new_groups, kept_rows = b"", 0
    while (found := walker.field(previous)) is not None:
        previous, kind = found
        start = walker.at
        if previous == _ROW_GROUPS:
            new_groups, kept_rows = _keep_groups(walker, keep)
            groups_span = (start, walker.at)
        else:
            walker.skip(kind)
            if previous == _NUM_ROWS:
                rows_span = (start, walker.at)
    if not rows_span[1] <= groups_span[0]:
        raise ValueError("its fields are not in the usual order")
    new_rows = _write_varint(kept_rows << 1)
    return b"".join(
        (
            footer[: rows_span[0]],
            new_rows,
            footer[rows_span[1] : groups_span[0]],
            new_groups,
            footer[groups_span[1] :],
        )
    )


def _keep_groups(walker: Walker, keep: int) -> tuple[bytes, int]:
    count, element = walker.list_header()
    if element != _STRUCT or not 0 <= keep <= count:
        raise ValueError(f"it has {count} row groups, not {keep} or more")
    start, kept_rows = walker.at, 0
    for _ in range(keep):
        kept_rows += _group_rows(walker)
    kept = walker.data[start : walker.at]
    for _ in range(count - keep):
        walker.skip(element)
    header = bytes([keep << 4 | element]) if keep < 15 else bytes([0xF0 | element]) + _write_varint(keep)
    return header + kept, kept_rows
