"""Leave row groups out of a Parquet footer, which the Arrow library can join but not split.

A footer is one Thrift struct in the compact protocol (Apache Thrift, ``thrift-compact-protocol.md``). All that is
needed here is to walk over values without understanding them, note where each row group begins and ends, and put
together a footer with fewer of them.
"""

from __future__ import annotations

import struct

from dnadesign.usr.contract.errors import CorruptFileError

_NUM_ROWS, _ROW_GROUPS = 3, 4  # fields of FileMetaData (parquet.thrift)
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


class _Walker:
    """A position in compact-protocol bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        value = self.data[self.at]
        self.at += 1
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def zigzag(self) -> int:
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
        """Number and type of a list's elements."""
        header = self.byte()
        count = header >> 4
        return (self.varint() if count == 15 else count), header & 0x0F

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


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _group_rows(walker: _Walker) -> int:
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
    walker = _Walker(footer)
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


def _keep_groups(walker: _Walker, keep: int) -> tuple[bytes, int]:
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
