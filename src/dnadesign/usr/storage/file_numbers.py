"""Which file has the row of each base row: 1 and the file's index, 0 where none has, in as few bytes as that takes.

There is one such number for every base row, so their width is what a namespace costs in memory: two bytes a base row as
a rule, one up to 255 files.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.unsignedinteger[Any]]


def no_numbers(rows: int, files: int) -> Numbers:
    """Room for the numbers of so many files; shape (rows,), all 0."""
    return np.zeros(rows, dtype=np.min_scalar_type(files))


def with_room_for(numbers: Numbers, files: int) -> Numbers:
    """The same numbers, wide enough for so many files; a copy only where they were not."""
    return numbers.astype(np.promote_types(numbers.dtype, np.min_scalar_type(files)), copy=False)


def of_rows(numbers: Numbers, rows: int) -> Numbers:
    """The numbers of just so many rows, 0 for those behind the known ones; shape (rows,)."""
    if len(numbers) >= rows:
        return numbers[:rows]
    found = np.zeros(rows, dtype=numbers.dtype)
    found[: len(numbers)] = numbers
    return found


def length_in_use(numbers: Numbers) -> int:
    """How many numbers there are up to the last that is not 0."""
    step, end = 1 << 16, len(numbers)
    while end:
        there = np.flatnonzero(numbers[max(0, end - step) : end])
        if len(there):
            return max(0, end - step) + int(there[-1]) + 1
        end = max(0, end - step)
    return 0


class LaterRows(NamedTuple):
    """Base rows that came later, ascending, the numbers of their files, and the highest of these."""

    ordinals: npt.NDArray[np.uint32]
    numbers: npt.NDArray[np.uint32]
    highest: int

    @property
    def nbytes(self) -> int:
        """Their size in memory."""
        return self.ordinals.nbytes + self.numbers.nbytes


NONE_LATER = LaterRows(np.zeros(0, np.uint32), np.zeros(0, np.uint32), 0)
