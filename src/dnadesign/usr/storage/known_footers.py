"""Footers of parts that were read before: a part never changes, so a later version needs only those of newer parts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from dnadesign.usr import storage as _storage  # Arrow is loaded when a footer is asked for
from dnadesign.usr.storage.filesystem import OpenFile

if TYPE_CHECKING:  # only a name in signatures
    from dnadesign.usr.storage.parquet import Footer

_MOST_BYTES = 1 << 23  # of footers as they are stored; what is kept of each takes about twice as much

_Identity = tuple[Path, int, int, int, int]


class KnownFooters:
    """Footers by the file that they were read of, the ones used last up to so many bytes; safe to share by threads.

    A file counts as known if path, device, inode, size and time of change are those of then, so that a file that somebody
    changed in place is read anew.

    Args:
        most_bytes: How much is kept, counted as the footers are stored.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._found: OrderedDict[_Identity, Footer] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, file: OpenFile) -> Footer:
        """The footer of an open part.

        Raises:
            CorruptFileError: The file is truncated, empty or not Parquet.
        """
        there = file.stat()
        identity = (file.path, *there.identity)
        with self._guard:
            known = self._found.get(identity)
            if known is not None:
                self._found.move_to_end(identity)
                return known
        footer = _storage.parquet.read_footer(file)
        with self._guard:
            if identity not in self._found:
                self._found[identity] = footer
                self._bytes += len(footer.thrift)
            while self._bytes > self._most:
                _, dropped = self._found.popitem(last=False)
                self._bytes -= len(dropped.thrift)
        return footer
