"""The keys of a dataset on the disk, for processes that begin: look-ups cost what they read, whatever is there.

A cache of the log's state at one offset, under ``.usr/keys`` (see :mod:`key_manifest`): the sorted keys of the base, and
per namespace the number of the file that has each base row. What the log says behind that offset is in no file here:
:func:`read_tail` tells of it. Everything read is checked; what is damaged, stale or gone is as good as not there, and
whoever asked goes back to the files. Writers put it there after a commit (:mod:`key_save`); readers never write.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dnadesign.usr.contract.layout import EVENTS, KEYS
from dnadesign.usr.storage.checked_blocks import DamagedCache, Form, StoredArray
from dnadesign.usr.storage.file_numbers import NONE_LATER, LaterRows, Numbers, no_numbers
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, opened
from dnadesign.usr.storage.key_manifest import Manifest, NamespaceEntry, StoredFile, log_has, read_manifest
from dnadesign.usr.storage.known_files import KnownFiles
from dnadesign.usr.storage.stored_keys import Digests, Ordinals, StoredKeys

_TRIES = 5
NUMBER = np.dtype("<u4")
NUMBERS_PER_BLOCK = 1024
LATER = np.dtype([("ordinal", "<u4"), ("number", "<u4")])


def numbers_form(rows: int) -> Form:
    """How the file numbers of a namespace lie in their file."""
    return Form(NUMBER, rows, NUMBERS_PER_BLOCK)


def later_form(rows: int) -> Form:
    """How base rows and the numbers of their files lie in a file of what came later, by base row."""
    return Form(LATER, rows, NUMBERS_PER_BLOCK)


class StoredCoverage:
    """The cached coverage of a namespace: which of ``files`` has the row of each base row.

    A file has the numbers of all base rows; a small one, if there is one, those of rows that came after it was written.

    Args:
        array: The first file, which is this object's to close from now on.
        later: The second one, likewise.
        known: Remembers what was read of the second one.

    Attributes:
        files: The files in the order of their numbers, relative to the dataset.
        first_files: How many of them the first file knows.
    """

    def __init__(
        self, array: StoredArray, later: StoredArray | None, known: KnownFiles | None = None
    ) -> None:
        self._array, self._later, self._known = array, later, known
        first, behind = _names(array), _names(later) if later is not None else ()
        self.files, self.first_files = (*first, *behind), len(first)

    def close(self) -> None:
        """Let go of the files."""
        self._array.close()
        if self._later is not None:
            self._later.close()

    @cached_property
    def _behind(self) -> LaterRows:
        """What came later."""
        later = self._later
        if later is None:
            return NONE_LATER
        if self._known is None:
            found = _rows_of(later)
        else:
            found = self._known.later.of(later.file, lambda _: _rows_of(later))
        if found.highest > len(self.files):
            raise _beyond(self.files)
        return found

    def numbers(self, ordinals: Ordinals) -> npt.NDArray[np.uint32]:
        """For each base row 1 and the index in ``files`` of the file that has its row, 0 if none has.

        Raises:
            DamagedCache: A block that had to be read is not what was written.
        """
        found = np.zeros(len(ordinals), dtype=NUMBER)
        inside = np.flatnonzero(ordinals < self._array.form.rows)
        self._array.load(ordinals[inside])
        found[inside] = self._array.values[ordinals[inside]]
        behind, numbers, _ = self._behind
        if len(behind):
            wanted = ordinals.astype(NUMBER)  # else all of them would be turned into what these are
            at = np.minimum(np.searchsorted(behind, wanted), len(behind) - 1)
            hits = behind[at] == wanted
            found[hits] = numbers[at[hits]]
        return found

    def all_numbers(self) -> Numbers:
        """The numbers of all base rows that have one in the file; the array is the caller's.

        Raises:
            DamagedCache: A block is not what was written.
        """
        behind, numbers, _ = self._behind
        rows = max(self._array.form.rows, int(behind.max(initial=0)) + 1 if len(behind) else 0)
        found, row = no_numbers(rows, len(self.files)), 0
        for piece in self._array.pieces():
            if piece.max() > len(self.files):
                raise _beyond(self.files)
            found[row : row + len(piece)] = piece
            row += len(piece)
        found[behind] = numbers
        return found


def _rows_of(later: StoredArray) -> LaterRows:
    later.load_all()
    numbers = np.ascontiguousarray(later.values["number"])
    return LaterRows(np.ascontiguousarray(later.values["ordinal"]), numbers, int(numbers.max(initial=0)))


def _names(array: StoredArray) -> tuple[str, ...]:
    return tuple(array.beside.decode().split("\n")) if array.beside else ()


def _beyond(files: Sequence[str]) -> DamagedCache:
    return DamagedCache(f"it has a number of a file beyond the {len(files)} that it names")


class KeyCache:
    """The cached keys, open; close them, or use them in a ``with`` block.

    Attributes:
        manifest: What they stand for.
    """

    def __init__(
        self, fs: FileSystem, dataset: Path, manifest: Manifest, known: KnownFiles | None = None
    ) -> None:
        self._fs, self._dataset, self.manifest, self._known = fs, dataset, manifest, known
        self.keys = StoredKeys(self._open(manifest.keys), manifest.keys.rows, manifest.keys.table_sha256)
        self._coverage: dict[str, StoredCoverage] = {}

    @property
    def log_end(self) -> int:
        """The offset in the log as of which all here is true."""
        return self.manifest.log.end

    @property
    def base_rows(self) -> int:
        """How many of the first base rows have their key here."""
        return len(self.keys)

    @property
    def namespaces(self) -> dict[str, NamespaceEntry]:
        """The namespaces whose coverage is cached."""
        return self.manifest.namespaces

    def ordinals(self, digests: Digests) -> Ordinals:
        """The base row of each key, -1 where it is not among the first ``base_rows``; digests of shape (n, 20).

        Raises:
            DamagedCache: The file is not what was written.
        """
        return self.keys.find_once(digests)

    def coverage(self, namespace: str) -> StoredCoverage:
        """The coverage of one of ``namespaces``, opened when first asked for.

        Raises:
            DamagedCache: Its file is gone, or not what was written.
        """
        if namespace not in self._coverage:
            entry = self.namespaces[namespace]
            array = StoredArray(
                self._open(entry.file), numbers_form(entry.file.rows), entry.file.table_sha256
            )
            later = None
            if entry.later is not None:
                form = later_form(entry.later.rows)
                later = StoredArray(self._open(entry.later), form, entry.later.table_sha256)
            self._coverage[namespace] = StoredCoverage(array, later, self._known)
        return self._coverage[namespace]

    def files(self, namespace: str) -> tuple[str, ...]:
        """The files of a namespace that the cache knows, relative to the dataset.

        Raises:
            DamagedCache: Its file is gone, or not what was written.
        """
        return self.coverage(namespace).files

    def part_of(self, namespace: str, ordinals: Ordinals) -> list[str | None]:
        """The file that has the row of each base row, None where none of :meth:`files` has.

        Raises:
            DamagedCache: Its file is gone, or not what was written.
        """
        coverage = self.coverage(namespace)
        names: Sequence[str | None] = (None, *coverage.files)
        return [names[number] for number in coverage.numbers(ordinals).tolist()]

    def _open(self, file: StoredFile) -> OpenFile:
        try:
            return self._fs.open(self._dataset / KEYS / file.name, "read")
        except OSError as error:
            raise DamagedCache(f"{self._dataset / KEYS / file.name}: {error}") from error

    def close(self) -> None:
        """Let go of the files."""
        self.keys.close()
        for coverage in self._coverage.values():
            coverage.close()

    def __enter__(self) -> KeyCache:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the files."""
        self.close()


def open_key_cache(
    fs: FileSystem, dataset: Path, *, end: int, known: KnownFiles | None = None
) -> KeyCache | None:
    """The cached keys of a dataset; no lock is needed.

    Args:
        fs: The file system.
        dataset: The dataset's folder.
        end: A committed end of its log; the cache is as of that offset or an earlier one.
        known: What was read before.

    Returns:
        The cache, or None where there is none that is true of this log and whole as far as was read.
    """
    for _ in range(_TRIES):  # a writer may be replacing it this moment
        manifest = read_manifest(fs, dataset)
        if manifest is None or manifest.log.end > end:
            return None
        try:
            with opened(fs, dataset / EVENTS, "read") as log:
                if not log_has(log, manifest.log):
                    return None
            return KeyCache(fs, dataset, manifest, known)
        except (DamagedCache, OSError):
            if read_manifest(fs, dataset) == manifest:
                return None
    return None
