"""Which file of a namespace has the row of each base row: what the cached keys say of a pinned version, and what came later.

A placement is whole or there is none: each row of each file is the row of one base row, and no base row has two. So whoever
reads by it reads what a join of the same files gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.storage.few_files import FewFiles
from dnadesign.usr.storage.file_numbers import Numbers, no_numbers, of_rows, with_room_for
from dnadesign.usr.storage.key_index import digest_pieces
from dnadesign.usr.storage.stored_keys import DIGEST_BYTES, Ordinals
from dnadesign.usr.storage.version import PinnedFile

_COUNTED_AT_ONCE = 1 << 18


class NotPlaced(Exception):
    """The cached keys do not say where every row from base row ``row`` on belongs: a join finds out."""

    def __init__(self, row: int = 0) -> None:
        super().__init__(f"from row {row} on")
        self.row = row


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the rows of a namespace belong.

    Attributes:
        files: The files of the namespace.
        numbers: For each base row 1 and the index in ``files`` of the file that has its row, 0 if none has; shape (rows,).
    """

    files: tuple[PinnedFile, ...]
    numbers: Numbers


def place(known: FewFiles, namespace: str) -> Placement:
    """Where the rows of a namespace of a pinned version belong.

    Raises:
        NotPlaced: A file has a row of no base row, or one that another file has too.
        DamagedCache: The cached keys are not what was written.
        CorruptFileError: A file is damaged.
    """
    rows = known.version.base.footer.rows
    numbers = no_numbers(0, 0)
    by_path = {file.path: file for file in known.version.overlays[namespace].files}
    files: list[PinnedFile] = []
    if namespace in known.cached:
        coverage = known.cache.coverage(namespace)
        numbers = coverage.all_numbers()
        files += [by_path[path] for path in coverage.files]
    new = [by_path[path] for path in known.new[namespace]]
    numbers = with_room_for(_for_rows(numbers, rows), len(files) + len(new))
    for file, ordinals in zip(new, _ordinals_of(known, new), strict=True):
        files.append(file)
        if (ordinals < 0).any() or numbers[ordinals].any():
            raise NotPlaced
        numbers[ordinals] = len(files)
    return placed_whole(numbers, files, rows)


def _ordinals_of(known: FewFiles, files: Sequence[PinnedFile]) -> list[Ordinals]:
    """The base row of each row of some files, few in all; -1 where there is none.

    They are the same for as long as file, base and cached keys are.
    """
    base = known.version.base.file.stat().identity
    beside = (*base, known.cache.manifest.keys.table_sha256)
    found = [file.known.ordinals.get(file.file, beside) if file.known else None for file in files]
    missing = [number for number, ordinals in enumerate(found) if ordinals is None]
    for number, ordinals in zip(missing, _looked_up(known, [files[n] for n in missing]), strict=True):
        file, found[number] = files[number], ordinals
        if file.known is not None:
            file.known.ordinals.keep(file.file, ordinals, beside)
    return [ordinals for ordinals in found if ordinals is not None]


def _looked_up(known: FewFiles, files: Sequence[PinnedFile]) -> list[Ordinals]:
    """The same as the keys have them."""
    digests = [np.zeros((0, DIGEST_BYTES), dtype=np.uint8)]
    try:
        for file in files:
            pieces = digest_pieces(file.file, file.footer, where=file.path)
            digests.append(np.concatenate([digests[0], *pieces]))
    except SchemaError as error:  # a key that is no id is told where that is promised
        raise NotPlaced from error
    ordinals = known.ordinals(np.concatenate(digests))
    each = np.split(ordinals, np.cumsum([len(found) for found in digests[1:-1]]))[: len(files)]
    return [found.copy() for found in each]  # one that is remembered shall not keep all of them


def placed_whole(numbers: Numbers, files: Sequence[PinnedFile], rows: int) -> Placement:
    """The placement that these numbers of files are.

    Args:
        numbers: For each of the first base rows 1 and the index of its file, 0 if it has none.
        files: The files.
        rows: How many rows the base has.

    Raises:
        NotPlaced: They are not the rows of all the files, each once.
    """
    numbers = _for_rows(numbers, rows)
    if counted(numbers, len(files)).tolist() != [file.footer.rows for file in files]:
        raise NotPlaced
    return Placement(tuple(files), numbers)


def _for_rows(numbers: Numbers, rows: int) -> Numbers:
    """The numbers of so many base rows, those behind the known ones 0."""
    if numbers[rows:].any():
        raise NotPlaced
    return of_rows(numbers, rows)


def counted(numbers: Numbers, files: int) -> npt.NDArray[np.int64]:
    """How many of the numbers are each of 1 to ``files``; shape (files,).

    Raises:
        NotPlaced: One is larger.
    """
    counts = np.zeros(files + 1, dtype=np.int64)
    for start in range(0, len(numbers), _COUNTED_AT_ONCE):  # NumPy widens what it counts
        found = np.bincount(numbers[start : start + _COUNTED_AT_ONCE], minlength=files + 1)
        if len(found) > files + 1:
            raise NotPlaced
        counts += found
    return counts[1:]
