"""An array in a file of which single blocks are read when they are asked for, each checked against its checksum.

The file is the array's bytes, then a table: the CRC-32 of each block of ``rows_per_block`` rows, and whatever the writer
wants to keep beside it. Who keeps the table's sha256 can trust all the rest. Blocks are read into memory and checked
there, rather than mapped: what was checked cannot change any more, and a file that is cut short is an error like any
other, where touching a mapping of it would kill the process.
"""

from __future__ import annotations

import hashlib
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dnadesign.usr.storage.filesystem import OpenFile, write_all

_READ_BYTES = 1 << 22
_WRITE_BLOCKS = 1 << 10
_MOST_AT_ONCE = 64
_MORE = 4  # times as many neighbours are read with a block, each time that many blocks were not there
_MANY = 32  # blocks that were not there
_BRIDGED = 6  # blocks so far apart are read in one go: a call costs as much as the blocks between them


class DamagedCache(Exception):
    """A file of a cache is not what was written; nothing of it is to be trusted."""


@dataclass(frozen=True, slots=True)
class Form:
    """How an array lies in its file: the type of a row, how many rows there are, and how many make a block."""

    dtype: np.dtype[Any]
    rows: int
    rows_per_block: int

    @property
    def block_bytes(self) -> int:
        """Size of a block."""
        return self.dtype.itemsize * self.rows_per_block

    @property
    def blocks(self) -> int:
        """How many blocks there are; the last one may be shorter."""
        return -(-self.rows // self.rows_per_block)

    @property
    def bytes(self) -> int:
        """Size of the array, which is where the table begins."""
        return self.dtype.itemsize * self.rows


def write_blocks(file: OpenFile, pieces: Iterator[npt.NDArray[Any]], form: Form, beside: bytes = b"") -> str:
    """Write an array into an empty file; no sync is needed, for damage is found when it is read.

    Args:
        file: The file.
        pieces: The rows in order, each piece but the last one whole blocks.
        form: How they lie in the file.
        beside: What to keep behind the checksums.

    Returns:
        The sha256 of the table.
    """
    at, checksums = 0, np.empty(form.blocks, dtype="<u4")
    for piece in pieces:
        data = np.ascontiguousarray(piece, dtype=form.dtype).tobytes()
        first = at // form.block_bytes
        for number, checksum in enumerate(_checksums(data, form.block_bytes), start=first):
            checksums[number] = checksum
        write_all(file, at, data)
        at += len(data)
    table = checksums.tobytes() + beside
    write_all(file, at, table)
    return hashlib.sha256(table).hexdigest()


def in_whole_blocks(values: npt.NDArray[Any], form: Form) -> Iterator[npt.NDArray[Any]]:
    """An array in pieces for :func:`write_blocks`."""
    step = _WRITE_BLOCKS * form.rows_per_block
    for first in range(0, len(values), step):
        yield values[first : first + step]


def _checksums(data: bytes, block_bytes: int) -> Iterator[int]:
    view = memoryview(data)
    for start in range(0, len(data), block_bytes):
        yield zlib.crc32(view[start : start + block_bytes])


class StoredArray:
    """The array as far as it has been read; ``values`` holds rows of blocks that were loaded, and nothing elsewhere.

    Args:
        file: The file, which is the array's to close from now on.
        form: How the array lies in it.
        table_sha256: What :func:`write_blocks` gave.

    Raises:
        DamagedCache: The file is shorter than that, or its table is another.
    """

    def __init__(self, file: OpenFile, form: Form, table_sha256: str) -> None:
        self._close = weakref.finalize(self, file.close)
        self.file, self.form = file, form
        try:
            size = file.stat().size
            table = file.read_at(form.bytes, max(0, size - form.bytes))
        except OSError as error:
            raise DamagedCache(f"{file.path}: cannot be read: {error}") from error
        if size < form.bytes or hashlib.sha256(table).hexdigest() != table_sha256:
            raise DamagedCache(f"{file.path}: its table is not what was written")
        self.checksums = np.frombuffer(table, dtype="<u4", count=form.blocks)
        self.beside = table[4 * form.blocks :]
        self.forget()

    def close(self) -> None:
        """Let go of the file; what was loaded stays."""
        self._close()

    def forget(self) -> None:
        """Let go of what was loaded, and of its memory; whoever has ``values`` keeps those."""
        self.values: npt.NDArray[Any] = np.empty(self.form.rows, dtype=self.form.dtype)
        self._writable = memoryview(self.values.view(np.uint8))
        self._loaded = np.zeros(self.form.blocks, dtype=np.bool_)
        self._missing = self.form.blocks
        self._at_once = 1

    def load(self, rows: npt.NDArray[np.int64]) -> None:
        """Have these rows in ``values``.

        Whoever asks for many again and again will ask for all in the end: more and more of their neighbours are read
        with them.

        Raises:
            DamagedCache: A block is not what was written.
        """
        if not self._missing:
            return
        wanted = np.zeros(self.form.blocks, dtype=np.bool_)
        wanted[rows // self.form.rows_per_block] = True
        missing = np.flatnonzero(wanted & ~self._loaded)
        if len(missing) > _MANY:
            beside = np.arange(self._at_once) - (missing % self._at_once)[:, np.newaxis]
            wanted[np.minimum(missing[:, np.newaxis] + beside, self.form.blocks - 1)] = True
            missing = np.flatnonzero(wanted & ~self._loaded)
            self._at_once = min(_MORE * self._at_once, _MOST_AT_ONCE)
        self._load_blocks(missing)

    def load_all(self) -> None:
        """Have all rows in ``values``.

        Raises:
            DamagedCache: A block is not what was written.
        """
        self._load_blocks(np.flatnonzero(~self._loaded))

    def gather(self, blocks: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The rows of some blocks, which ascend, one block behind the other; nothing of them is kept.

        Raises:
            DamagedCache: A block is not what was written.
        """
        size = self.form.block_bytes
        found = np.zeros(len(blocks) * self.form.rows_per_block, dtype=self.form.dtype)
        writable, wanted, at = memoryview(found.view(np.uint8)), blocks.tolist(), 0
        for first, stop in self._runs(blocks):
            data = self._checked(first, stop)
            while at < len(wanted) and wanted[at] < stop:
                start = (wanted[at] - first) * size
                piece = data[start : start + size]
                writable[at * size : at * size + len(piece)] = piece
                at += 1
        return found

    def _load_blocks(self, blocks: npt.NDArray[np.int64]) -> None:
        size = self.form.block_bytes
        for first, stop in self._runs(blocks):
            data = self._checked(first, stop)
            self._writable[first * size : first * size + len(data)] = data
            self._loaded[first:stop] = True
        self._missing = self.form.blocks - int(np.count_nonzero(self._loaded))

    def _runs(self, blocks: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """What is read in one go to have these blocks, from and to."""
        if not len(blocks):
            return
        breaks = np.flatnonzero(np.diff(blocks) > _BRIDGED) + 1
        firsts = blocks[np.concatenate([[0], breaks])].tolist()
        lasts = blocks[np.concatenate([breaks - 1, [-1]])].tolist()
        most = max(1, _READ_BYTES // self.form.block_bytes)
        for start, last in zip(firsts, lasts, strict=True):
            for first in range(start, last + 1, most):
                yield first, min(last + 1, first + most)

    def pieces(self) -> Iterator[npt.NDArray[Any]]:
        """All rows in order, some at a time; they are not kept.

        Raises:
            DamagedCache: A block is not what was written.
        """
        step = max(1, _READ_BYTES // self.form.block_bytes)
        for first in range(0, self.form.blocks, step):
            yield np.frombuffer(
                self._checked(first, min(first + step, self.form.blocks)), dtype=self.form.dtype
            )

    def _checked(self, first: int, stop: int) -> bytes:
        size = self.form.block_bytes
        start, end = first * size, min(stop * size, self.form.bytes)
        try:
            data = self.file.read_at(start, end - start)
        except OSError as error:
            raise DamagedCache(f"{self.file.path}: cannot be read: {error}") from error
        if stop == first + 1:  # as it is for most look-ups
            sound = zlib.crc32(data) == self.checksums[first]
        else:
            sound = list(_checksums(data, size)) == self.checksums[first:stop].tolist()
        if len(data) != end - start or not sound:
            raise DamagedCache(f"{self.file.path}: bytes {start} to {end} are not what was written")
        return data
