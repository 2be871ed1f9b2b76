"""Put the rows of a join that several threads ran back into base order, in a bounded window.

Two threads take turns at pieces of the base, so that rows come out of order by whole pieces only, and each base row comes
once. What comes early waits until the rows before it have come; some hundred thousand rows wait at most, as a rule.
Small pieces are the exception: a join holds fewer than 64 rows back until it has nearly 2,048 of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from dnadesign.usr.storage.parquet import Footer

LEAST_ROWS = 200_000  # of a base, for several threads to be worth it
MOST_ROWS = 1 << 20  # that wait
MOST_BYTES = 1 << 28
_MOST_GROUP_BYTES = 1 << 26  # of a row group, of which every thread has one in memory
_CHUNK_ROWS = 2048  # of a join
_HELD_BACK = 64


class TooMuchWaits(Exception):
    """The rows from ``row`` on did not come before too many others; they have to be asked for in order."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row} does not come")
        self.row = row


class RowTwice(Exception):
    """A base row came twice."""


def may_be_reordered(base: Footer) -> bool:
    """Whether the rows of a base are many, and its row groups such that a join of several threads holds little back."""
    rests = [rows % _CHUNK_ROWS for rows in base.group_rows[:-1]]
    if base.rows < LEAST_ROWS or any(0 < rest < _HELD_BACK for rest in rests):
        return False
    return max(base.group_bytes) <= _MOST_GROUP_BYTES


def in_base_order(
    batches: Iterator[pa.RecordBatch], rows: int, *, batch_size: int, most_rows: int, most_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The rows of batches in the order of their first column, which counts the base's rows from 0.

    Args:
        batches: The rows, each once, in any order.
        rows: How many rows there are.
        batch_size: Of the batches that are handed out, in rows.
        most_rows: So many rows may wait.
        most_bytes: And so many bytes.

    Raises:
        TooMuchWaits: More would have to wait; what was handed out is right, and is all below its row.
        RowTwice: A row came twice.
    """
    early: dict[int, pa.RecordBatch] = {}
    ready = _Ready(batch_size)
    waiting = waiting_bytes = following = 0
    for batch in batches:
        for start, piece in _pieces(batch):
            if start < following or start in early:
                raise RowTwice
            early[start] = piece
            waiting, waiting_bytes = waiting + piece.num_rows, waiting_bytes + piece.nbytes
        while following in early:
            piece = early.pop(following)
            following += piece.num_rows
            waiting, waiting_bytes = waiting - piece.num_rows, waiting_bytes - piece.nbytes
            ready.add(piece)
        yield from ready.whole()
        if waiting > most_rows or waiting_bytes > most_bytes:
            yield from ready.rest()
            raise _not_there(early, following)
    yield from ready.rest()
    if early or following != rows:
        raise _not_there(early, following)


def _not_there(early: dict[int, pa.RecordBatch], following: int) -> Exception:
    return RowTwice() if any(start < following for start in early) else TooMuchWaits(following)


def _pieces(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The batch cut where its rows do not follow each other, and the number of the first row of each piece."""
    numbers = batch.column(0).to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
    for start, end in pairwise(cuts):
        if end > start:
            yield int(numbers[start]), batch.slice(start, end - start)


class _Ready:
    """Pieces whose turn has come, handed out as batches of one size."""

    def __init__(self, size: int) -> None:
        self._size, self._rows = size, 0
        self._pieces: deque[pa.RecordBatch] = deque()

    def add(self, piece: pa.RecordBatch) -> None:
        self._pieces.append(piece)
        self._rows += piece.num_rows

    def whole(self) -> Iterator[pa.RecordBatch]:
        while self._rows >= self._size:
            yield self._take(self._size)

    def rest(self) -> Iterator[pa.RecordBatch]:
        yield from self.whole()
        if self._rows:
            yield self._take(self._rows)

    def _take(self, count: int) -> pa.RecordBatch:
        taken: list[pa.RecordBatch] = []
        self._rows -= count
        while count:
            piece = self._pieces.popleft()
            if piece.num_rows > count:
                self._pieces.appendleft(piece.slice(count))
                piece = piece.slice(0, count)
            taken.append(piece)
            count -= piece.num_rows
        return taken[0] if len(taken) == 1 else pa.concat_batches(taken)
