"""A hash of what a table says, whatever its chunks, offsets, padding or bytes under nulls."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc


class Digest(Protocol):
    """What takes bytes for a hash."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""


def digest_text(digest: Digest, text: str) -> None:
    """Feed a text, with its length, so that two texts cannot run into each other."""
    data = text.encode()
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def digest_table(digest: Digest, table: pa.Table) -> None:
    """Feed a table: names, types and values of its columns, in their order and row order.

    Args:
        digest: A hash, such as ``hashlib.sha256()``.
        table: Columns of supported types in canonical form (no dictionaries, no views).
    """
    digest.update(table.num_rows.to_bytes(8, "little"))
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        digest_text(digest, name)
        digest_text(digest, str(column.type))
        if isinstance(column, pa.ChunkedArray):  # a column too long for one array of its type
            for chunk in column.chunks:
                _digest_array(digest, chunk)
        else:
            _digest_array(digest, column)


def _digest_array(digest: Digest, array: pa.Array) -> None:
    digest.update(len(array).to_bytes(8, "little"))
    _digest_flags(digest, array.is_valid())
    kind = array.type
    if pa.types.is_null(kind):
        return
    if pa.types.is_struct(kind):
        for field, child in zip(kind, array.flatten(), strict=True):
            digest_text(digest, field.name)
            _digest_array(digest, child)
    elif pa.types.is_fixed_size_list(kind):
        _digest_array(digest, array.flatten())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        _digest_values(digest, pc.fill_null(pc.cast(pc.list_value_length(array), pa.int64()), 0))
        _digest_array(digest, array.flatten())
    elif pa.types.is_boolean(kind):
        _digest_flags(digest, pc.fill_null(array, fill_value=False))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        text = pc.fill_null(pc.cast(array, pa.large_binary()), b"")
        _digest_values(digest, pc.cast(pc.binary_length(text), pa.int64()))
        digest.update(_text_bytes(text))
    else:
        _digest_values(digest, _plain(array))


def _plain(array: pa.Array) -> pa.Array:
    """Values of fixed width as integers of that width, zero under nulls."""
    width = {1: pa.int8(), 2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[array.type.bit_width // 8]
    return pc.fill_null(array.view(width), pa.scalar(0, width))


def _digest_flags(digest: Digest, flags: pa.Array) -> None:
    _digest_values(digest, pc.cast(flags, pa.int8()))


def _digest_values(digest: Digest, values: pa.Array) -> None:
    width = values.type.bit_width // 8
    data = values.buffers()[1]
    if data is not None and len(values):
        start = values.offset * width
        digest.update(data.slice(start, len(values) * width).to_pybytes())


def _text_bytes(text: pa.Array) -> bytes:
    offsets, data = text.buffers()[1:3]
    if data is None or not len(text):
        return b""
    bounds = pa.Array.from_buffers(pa.int64(), len(text) + 1, [None, offsets], offset=text.offset)
    start, end = bounds[0].as_py(), bounds[len(text)].as_py()
    found: bytes = data.slice(start, end - start).to_pybytes()
    return found
