"""What was read of files before: a part never changes, so a later version needs only what is in newer parts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from dnadesign.usr import storage as _storage  # Arrow is loaded when a file is read
from dnadesign.usr.storage.filesystem import FileStat, Identity, OpenFile

if TYPE_CHECKING:  # only names in signatures
    import pyarrow as pa

    from dnadesign.usr.storage.file_numbers import LaterRows
    from dnadesign.usr.storage.key_tail import Tail
    from dnadesign.usr.storage.parquet import Footer
    from dnadesign.usr.storage.stored_keys import Ordinals

_MOST_BYTES = 1 << 23
_BESIDE_BYTES = 1 << 10  # about what is kept of a file beside what was read of it: its path, say

_Identity = tuple[int | str, ...]
_LogIdentity = tuple[Identity, int, int]


class _Memory[Read]:
    """What was read of files, of the ones used last up to so many bytes; safe to share by threads."""

    def __init__(self, bytes_of: Callable[[Read], int], most_bytes: int) -> None:
        self._bytes_of, self._most, self._bytes = bytes_of, most_bytes, 0
        self._found: OrderedDict[_Identity, Read] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, file: OpenFile, read: Callable[[OpenFile], Read]) -> Read:
        """What was read of an open file, by ``read`` if it is not known."""
        known = self.get(file)
        if known is None:
            self.keep(file, known := read(file))
        return known

    def get(self, file: OpenFile, beside: _Identity = ()) -> Read | None:
        """What is known of an open file, beside what else it was worked out from; None if nothing is."""
        identity = (str(file.path), *file.stat().identity, *beside)
        with self._guard:
            known = self._found.get(identity)
            if known is not None:
                self._found.move_to_end(identity)
            return known

    def keep(self, file: OpenFile, found: Read, beside: _Identity = ()) -> None:
        """Keep what was read of an open file, or worked out from it and ``beside``."""
        identity = (str(file.path), *file.stat().identity, *beside)
        with self._guard:
            if identity not in self._found:
                self._found[identity] = found
                self._bytes += self._bytes_of(found)
            while self._bytes > self._most:
                _, dropped = self._found.popitem(last=False)
                self._bytes -= self._bytes_of(dropped)

    def __len__(self) -> int:
        """Of how many files something is kept."""
        return len(self._found)


class KnownFiles:
    """What was read before of files: footers, keys, and the base rows of keys; safe to share by threads.

    A file counts as known if path, device, inode, size and times of change are those of then, so that a file that somebody
    changed in place is read anew.

    Args:
        most_bytes: How much is kept of footers, counted as they are stored, of keys, of base rows, and of which pages were
            looked at.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.footers: _Memory[Footer] = _Memory(lambda footer: len(footer.thrift), most_bytes)
        self.ids: _Memory[pa.ChunkedArray] = _Memory(lambda ids: int(ids.nbytes) + _BESIDE_BYTES, most_bytes)
        self._checked: _Memory[bytearray] = _Memory(lambda pages: len(pages) + _BESIDE_BYTES, most_bytes)
        self.ordinals: _Memory[Ordinals] = _Memory(lambda found: found.nbytes + _BESIDE_BYTES, most_bytes)
        self.later: _Memory[LaterRows] = _Memory(lambda rows: rows.nbytes + _BESIDE_BYTES, most_bytes)
        self._tail: tuple[_LogIdentity, Tail] | None = None

    def footer_of(self, file: OpenFile) -> Footer:
        """The footer of an open part.

        Raises:
            CorruptFileError: The file is truncated, empty or not Parquet.
        """
        return self.footers.of(file, _storage.parquet.read_footer)

    def checked_of(self, file: OpenFile, columns: int) -> bytearray:
        """Which of so many columns of row groups were held against their checksums, for whoever does that to note."""
        return self._checked.of(file, lambda _: bytearray(columns))

    def tail_of(self, log: FileStat, start: int, end: int, read: Callable[[], Tail]) -> Tail:
        """What the events between two offsets of the log changed, of the log looked at last; not to be changed."""
        identity = (log.identity, start, end)
        known = self._tail
        if known is None or known[0] != identity:
            self._tail = known = (identity, read())
        return known[1]

    def ids_of(self, file: OpenFile, footer: Footer) -> pa.ChunkedArray:
        """The id column of an open part that has one.

        Raises:
            CorruptFileError: The file is damaged.
        """
        return self.ids.of(file, lambda new: _storage.key_index.read_ids(new, footer=footer))
