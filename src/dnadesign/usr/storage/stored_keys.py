"""The keys of a dataset in a file: sorted, so that a look-up reads the few blocks that it needs.

A row is a key's first 64 bits, its other 12 bytes, and the ordinal of its base row; rows are sorted by the first 64 bits.
Beside the checksums of its blocks the file keeps the first 64 bits of each block, which say where to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dnadesign.usr.storage.checked_blocks import (
    DamagedCache,
    Form,
    StoredArray,
    in_whole_blocks,
    write_blocks,
)
from dnadesign.usr.storage.filesystem import OpenFile

Ordinals = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint8]
Prefixes = npt.NDArray[np.uint64]

DIGEST_BYTES = 20
MOST_KEYS = (1 << 32) - 1
_PREFIX_BYTES = 8
_REST = np.dtype((np.void, DIGEST_BYTES - _PREFIX_BYTES))
_ROW = np.dtype([("prefix", "<u8"), ("rest", _REST), ("ordinal", "<u4")])
_KEYS_AT_ONCE = 4096  # each may need a block of its own
_ROWS_PER_BLOCK = 170  # just below 4 KiB
_STEPS = [1 << bit for bit in reversed(range(_ROWS_PER_BLOCK.bit_length()))]


class KeyTwice(Exception):
    """A base has a key twice; a cache could tell only one of its rows."""


def prefixes_of(digests: Digests) -> Prefixes:
    """The first 64 bits of keys, which sort as the keys do; digests of shape (n, 20)."""
    return np.ascontiguousarray(digests[:, :_PREFIX_BYTES]).view(">u8").ravel().astype(np.uint64)


def _rests_of(digests: Digests) -> npt.NDArray[np.void]:
    """What keys have behind their first 64 bits."""
    return np.ascontiguousarray(digests[:, _PREFIX_BYTES:]).view(_REST).ravel()


class StoredKeys:
    """Keys with the ordinals 0 to ``len(keys) - 1``, read from their file as they are looked for.

    Args:
        file: The file, which is the keys' to close from now on.
        rows: How many keys there are.
        table_sha256: What :func:`write_keys` gave.

    Raises:
        DamagedCache: The file is not what was written.
    """

    def __init__(self, file: OpenFile, rows: int, table_sha256: str) -> None:
        form = Form(_ROW, rows, _ROWS_PER_BLOCK)
        self._array = StoredArray(file, form, table_sha256)
        if len(self._array.beside) != 8 * form.blocks:
            raise DamagedCache(f"{file.path}: its table is too short")
        self._firsts = np.frombuffer(self._array.beside, dtype="<u8")

    def __len__(self) -> int:
        """How many keys there are."""
        return self._array.form.rows

    def close(self) -> None:
        """Let go of the file."""
        self._array.close()

    def find(self, digests: Digests) -> Ordinals:
        """The ordinal of each key, -1 where it is not among them; digests of shape (n, 20).

        Raises:
            DamagedCache: A block that had to be read is not what was written.
        """
        if not len(self):
            return np.full(len(digests), -1, dtype=np.int64)
        prefixes = prefixes_of(digests)
        begin = self._blocks_of(prefixes) * _ROWS_PER_BLOCK
        self._array.load(begin)
        last = np.minimum(begin + _ROWS_PER_BLOCK, len(self)) - 1
        found, others = _look(self._array.values, begin, last, prefixes, digests)
        for one in others.tolist():
            found[one] = self._find_alike(digests[one : one + 1])
        return found

    def find_once(self, digests: Digests) -> Ordinals:
        """The same for keys that are not looked for again: only some blocks at a time are in memory.

        Raises:
            DamagedCache: A block that had to be read is not what was written.
        """
        found = np.full(len(digests), -1, dtype=np.int64)
        order = np.argsort(prefixes_of(digests)) if len(self) else np.zeros(0, dtype=np.int64)
        for start in range(0, len(order), _KEYS_AT_ONCE):
            some = order[start : start + _KEYS_AT_ONCE]  # near to one another in the file
            found[some] = self._find_in_order(digests[some])
        return found

    def _find_in_order(self, digests: Digests) -> Ordinals:
        """The same for keys in the order of their prefixes, each looked for in the block that begins before it."""
        prefixes = prefixes_of(digests)
        blocks, block = np.unique(self._blocks_of(prefixes), return_inverse=True)
        begin = block * _ROWS_PER_BLOCK
        count = np.minimum(_ROWS_PER_BLOCK, len(self) - blocks[block] * _ROWS_PER_BLOCK)
        found, others = _look(self._array.gather(blocks), begin, begin + count - 1, prefixes, digests)
        if len(others):
            found[others] = self.find(digests[others])
            self._array.forget()
        return found

    def _blocks_of(self, prefixes: Prefixes) -> Ordinals:
        """The last block that a key with this prefix may stand in."""
        return np.maximum(np.searchsorted(self._firsts, prefixes, side="right") - 1, 0)

    def _find_alike(self, digest: Digests) -> int:
        """The same for one key where another begins alike: it may stand behind that one, or in a block before."""
        prefix = prefixes_of(digest)
        place = max(int(np.searchsorted(self._firsts, prefix[0])) - 1, 0) * _ROWS_PER_BLOCK
        while place < len(self):
            last = min(place + _ROWS_PER_BLOCK, len(self)) - 1
            self._array.load(np.array([place]))
            rows = self._array.values[place : last + 1]
            same = rows[(rows["prefix"] == prefix[0]) & (rows["rest"] == _rests_of(digest))]
            if len(same):
                return int(same["ordinal"][0])
            if int(rows["prefix"][-1]) > int(prefix[0]):
                return -1
            place = last + 1
        return -1

    def rows(self) -> npt.NDArray[np.void]:
        """All rows, as :func:`write_keys` takes them.

        Raises:
            DamagedCache: A block is not what was written.
        """
        self._array.load_all()
        return self._array.values


def _look(
    rows: npt.NDArray[np.void], begin: Ordinals, last: Ordinals, prefixes: Prefixes, digests: Digests
) -> tuple[Ordinals, Ordinals]:
    """Look for each key from ``begin`` to ``last`` of sorted rows.

    Returns:
        The ordinal of each, -1 where it is not there; and which of those -1 say nothing, for another key begins alike.
    """
    at = np.minimum(_first_not_smaller(rows["prefix"], begin, last, prefixes), last)
    alike = rows["prefix"][at] == prefixes
    same = alike & (rows["rest"][at] == _rests_of(digests))
    return np.where(same, rows["ordinal"][at].astype(np.int64), -1), np.flatnonzero(alike & ~same)


def _first_not_smaller(stored: Prefixes, begin: Ordinals, last: Ordinals, wanted: Prefixes) -> Ordinals:
    """For each key the first place from ``begin`` to ``last`` that has no smaller one; the place behind if all are."""
    place = begin.copy()
    for step in _STEPS:  # over rows that are all smaller; beyond the last if that is, which is put right
        place += step * (stored[np.minimum(place + (step - 1), last)] < wanted)
    return np.minimum(place, last + 1)


def _check_once(rows: npt.NDArray[np.void], in_order: Prefixes) -> None:
    same = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    alike = rows[np.isin(rows["prefix"], same)] if len(same) else rows[:0]
    if len({(int(row["prefix"]), bytes(row["rest"])) for row in alike}) < len(alike):
        raise KeyTwice("a key is there twice")


def key_rows(prefixes: Prefixes, ordinals: Ordinals, digests: Digests) -> npt.NDArray[np.void]:
    """Rows for :func:`write_keys`, sorted: prefixes and ordinals of shape (n,), digests in the same order, (n, 20)."""
    rows = np.empty(len(prefixes), dtype=_ROW)
    rows["prefix"], rows["ordinal"] = prefixes, ordinals
    rows["rest"] = _rests_of(digests)
    return rows


def write_keys(file: OpenFile, runs: Sequence[npt.NDArray[np.void]]) -> str:
    """Write keys into an empty file: runs of sorted rows, put together; the sha256 that opens it again.

    Raises:
        KeyTwice: A key is there twice, so that it has no ordinal.
    """
    rows = runs[0] if len(runs) == 1 else np.concatenate(runs)
    if len(runs) > 1:
        order = np.argsort(rows["prefix"], kind="stable")
    _check_once(rows, rows["prefix"] if len(runs) == 1 else rows["prefix"][order])
    form = Form(_ROW, len(rows), _ROWS_PER_BLOCK)

    def pieces() -> Iterator[npt.NDArray[np.void]]:
        if len(runs) == 1:
            yield from in_whole_blocks(rows, form)
            return
        for places in in_whole_blocks(order, form):
            yield rows[places]

    starts = np.arange(0, len(rows), _ROWS_PER_BLOCK)
    firsts = rows["prefix"][starts if len(runs) == 1 else order[starts]]
    return write_blocks(file, pieces(), form, beside=firsts.astype("<u8").tobytes())
