"""Ids as the bytes that their digits stand for, of which the key index is made."""

from __future__ import annotations

from binascii import Error as HexError
from binascii import unhexlify
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.storage.stored_keys import DIGEST_BYTES, Digests, prefixes_of

ID_DIGITS = 40
_OFFSETS: dict[pa.DataType, type[np.signedinteger[Any]]] = {
    pa.string(): np.int32,
    pa.large_string(): np.int64,
}
_CHUNK_ROWS = 1 << 16  # rows that are looked at together, which bounds the memory of a look
_CASE_BITS, _UPPER_CASE = 0x60, 0x40  # which of A to F, a to f and 0 to 9 only A to F has


def digests_of(ids: pa.ChunkedArray | pa.Array, *, where: str, first_row: int = 0) -> Digests:
    """Ids as an array of shape (n, 20), uint8.

    Args:
        ids: string column of 40 lower-case hex digits each, no nulls.
        where: File or argument that errors name.
        first_row: The row there that the first id stands in.

    Raises:
        SchemaError: A value is not such an id; the message gives its row (0-based).
    """
    several = (
        isinstance(ids, pa.ChunkedArray) and ids.num_chunks != 1
    )  # together they may not fit into a string array
    text = pc.cast(ids, pa.large_string()) if several or ids.type not in _OFFSETS else ids
    text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    digests = np.empty((len(text), DIGEST_BYTES), dtype=np.uint8)
    if len(text) == 0:
        return digests
    _, offsets, data = text.buffers()
    ends = np.frombuffer(offsets, dtype=_OFFSETS[text.type])[text.offset : text.offset + len(text) + 1]
    if text.null_count or (np.diff(ends) != ID_DIGITS).any():
        raise _not_an_id(text, where, first_row)
    start = int(ends[0])
    digits = memoryview(data)[start : start + len(text) * ID_DIGITS]
    for row in range(0, len(text), _CHUNK_ROWS):
        chunk = bytes(digits[row * ID_DIGITS : (row + _CHUNK_ROWS) * ID_DIGITS])
        values = _from_hex(chunk)
        if values is None:
            raise _not_an_id(text, where, first_row)
        digests[row : row + _CHUNK_ROWS] = np.frombuffer(values, dtype=np.uint8).reshape(-1, DIGEST_BYTES)
    return digests


def _from_hex(digits: bytes) -> bytes | None:
    """The bytes of lower-case hex digits, None if there is any other symbol among them."""
    try:
        values = unhexlify(digits)
    except HexError:
        return None
    symbols = np.frombuffer(digits, dtype=np.uint8)
    return None if ((symbols & _CASE_BITS) == _UPPER_CASE).any() else values  # unhexlify takes that too


def _not_an_id(text: pa.Array, where: str, first_row: int) -> SchemaError:
    right = pc.match_substring_regex(text.cast(pa.large_binary()), f"^[0-9a-f]{{{ID_DIGITS}}}\\z")
    row = int(pc.indices_nonzero(pc.invert(pc.fill_null(right, fill_value=False)))[0].as_py())
    return SchemaError(
        f"{where}: row {first_row + row}, column 'id': {text[row].as_py()!r} is not an id (40 lower-case hex digits)",
        mend="ids are computed by usr from bio_type and sequence; see compute_id",
    )


def repeated(digests: Digests) -> list[int]:
    """Rows (0-based) whose key stands in an earlier row of the same input."""
    if len(digests) < 2:
        return []
    prefixes = np.sort(prefixes_of(digests))
    if not (prefixes[1:] == prefixes[:-1]).any():
        return []
    seen: set[bytes] = set()
    rows = []
    for row, digest in enumerate(map(bytes, digests)):
        if digest in seen:
            rows.append(row)
        seen.add(digest)
    return rows
