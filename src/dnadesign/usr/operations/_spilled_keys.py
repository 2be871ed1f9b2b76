"""Which keys are in a namespace twice or not in the base, told of any number of keys in bounded memory.

Keys are dealt by their first byte into lots, each of which lies on the disk beyond a bound. Keys that are alike are of
one lot, so that each lot is told by itself: sorted, a key stands beside all that are alike, those of the base first and
those of one namespace beside one another.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from dnadesign.usr.contract.wording import counted
from dnadesign.usr.storage.stored_keys import DIGEST_BYTES, Digests, Ordinals, prefixes_of

SHOWN = 5
HELD_BYTES = 1 << 24
_LOTS = 64
_RECORD = np.dtype([("digest", "u1", (DIGEST_BYTES,)), ("source", "<u4"), ("row", "<u8")])

type _Records = npt.NDArray[np.void]
type _Flags = npt.NDArray[np.bool_]


class KeysNotKept(Exception):
    """Keys could not be put aside, or not be had back: nothing is wrong with the dataset.

    Args:
        error: What the operating system said.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"{tempfile.tempdir or 'temporary files'}: {error.strerror or error}; this is where keys are put aside while "
            f"they are checked, {counted(_RECORD.itemsize, 'byte')} a row"
        )


@dataclass
class Found:
    """Rows of one source of which the same is to be told.

    Attributes:
        count: How many there are.
        rows: The first of them, as (row, key), in order.
    """

    count: int = 0
    rows: list[tuple[int, str]] = field(default_factory=list)

    def add(self, records: _Records) -> None:
        """Count these in."""
        self.count += len(records)
        first = records[np.argsort(records["row"], kind="stable")[:SHOWN]]
        keys = [(int(record["row"]), record["digest"].tobytes().hex()) for record in first]
        self.rows = sorted([*self.rows, *keys])[:SHOWN]


@dataclass
class Told:
    """What is wrong with the keys of one source.

    Attributes:
        again: Rows whose key is in the namespace (or base) in an earlier row.
        strangers: Rows whose key is not in the base.
    """

    again: Found = field(default_factory=Found)
    strangers: Found = field(default_factory=Found)


class SpilledKeys:
    """Keys of the base and of overlays; add those of the base first, and those of one namespace after one another.

    Args:
        held_bytes: How many bytes of keys are held in memory before they go to an unnamed temporary file.
    """

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._held_bytes, self._count = held_bytes, 0
        self._held: list[_Records] = []
        self._lots: list[list[tuple[int, int]]] = [[] for _ in range(_LOTS)]
        self._file: IO[bytes] | None = None
        self._end = 0
        self._namespaces: list[int] = []
        self._names: dict[str, int] = {"": 0}

    def new_source(self, namespace: str = "") -> int:
        """The number of one more source of keys: a file of a namespace, or the base, which has no name."""
        self._namespaces.append(self._names.setdefault(namespace, len(self._names)))
        return len(self._namespaces) - 1

    def add(self, source: int, first: int, digests: Digests) -> None:
        """Add keys of a source that stand in rows ``first`` and following; digests of shape (n, 20).

        Raises:
            KeysNotKept: They could not be written to the temporary file.
        """
        records = np.empty(len(digests), dtype=_RECORD)
        records["digest"], records["source"] = digests, source
        records["row"] = np.arange(first, first + len(digests))
        self._held.append(records)
        self._count += len(records)
        if self._count * _RECORD.itemsize > self._held_bytes:
            self._spill()

    def told(self) -> list[Told]:
        """What is wrong with the keys of each source, by its number.

        Raises:
            KeysNotKept: The temporary file could not be read.
        """
        told = [Told() for _ in self._namespaces]
        held = self._dealt()
        for number in range(_LOTS):
            records = np.concatenate([*self._spilled(number), held[number]])
            if len(records):
                self._tell(records[_order(records)], told)
        return told

    def _tell(self, records: _Records, told: list[Told]) -> None:
        namespaces = np.array(self._namespaces)[records["source"]]
        new_key = np.ones(len(records), dtype=np.bool_)
        new_key[1:] = (records["digest"][1:] != records["digest"][:-1]).any(axis=1)
        again = ~new_key
        again[1:] &= namespaces[1:] == namespaces[:-1]
        starts = np.flatnonzero(new_key)
        in_base = np.repeat(namespaces[starts] == 0, np.diff(np.append(starts, len(records))))
        for source, some in _by_source(records, again):
            told[source].again.add(some)
        for source, some in _by_source(records, ~in_base):
            told[source].strangers.add(some)

    def _dealt(self) -> list[_Records]:
        """What is held, by lot, in the order in which it came."""
        records = np.concatenate(self._held) if self._held else np.empty(0, dtype=_RECORD)
        lots = records["digest"][:, 0] % _LOTS
        order = np.argsort(lots, kind="stable")
        return np.split(records[order], np.searchsorted(lots[order], np.arange(1, _LOTS)))

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="usr-spill-")  # noqa: SIM115 - closed with the keys
            self._file.seek(self._end)
            for number, records in enumerate(self._dealt()):
                if len(records):
                    self._file.write(records.tobytes())
                    self._lots[number].append((self._end, len(records)))
                    self._end += records.nbytes
        except OSError as error:
            raise KeysNotKept(error) from error
        self._held, self._count = [], 0

    def _spilled(self, number: int) -> list[_Records]:
        if self._file is None:
            return []
        found = []
        try:
            for start, count in self._lots[number]:
                self._file.seek(start)
                found.append(np.frombuffer(self._file.read(count * _RECORD.itemsize), dtype=_RECORD))
        except OSError as error:
            raise KeysNotKept(error) from error
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = []
        if self._file is not None:
            with contextlib.suppress(
                OSError
            ):  # what could not be written is tried again, and nobody needs it
                self._file.close()


def _order(records: _Records) -> Ordinals:
    """How to sort records by key, those of one key in the order in which they came."""
    prefixes = prefixes_of(records["digest"])
    order = np.argsort(prefixes, kind="stable")
    in_order = prefixes[order]
    alike = np.flatnonzero(in_order[1:] == in_order[:-1])
    digests = records["digest"]
    mixed = alike[(digests[order[alike]] != digests[order[alike + 1]]).any(axis=1)]
    for prefix in np.unique(in_order[mixed]):  # keys that begin alike and are not the same
        low, high = np.searchsorted(in_order, prefix), np.searchsorted(in_order, prefix, side="right")
        some = order[low:high].tolist()
        order[low:high] = sorted(some, key=lambda row: (digests[row].tobytes(), row))
    return order


def _by_source(records: _Records, which: _Flags) -> list[tuple[int, _Records]]:
    """Some of the records, those of one source together."""
    some = records[which]
    if not len(some):
        return []
    some = some[np.argsort(some["source"], kind="stable")]
    starts = np.flatnonzero(np.diff(some["source"], prepend=some["source"][0])).tolist()
    return [(int(part["source"][0]), part) for part in np.split(some, starts)]
