"""Many files to read with few descriptors: each is open while it is used, and the ones not used for longest are closed.

For whoever holds the dataset's lock, so that a file that is opened again is the same file.
"""

from __future__ import annotations

import resource
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

from dnadesign.usr.storage.filesystem import FileStat, FileSystem, OpenFile

_MOST = 256
_SHARE = 8  # of all the descriptors that the process may have


class FilesInTurn:
    """Files that are open in turn; close them, or use them in a ``with`` block."""

    def __init__(self, fs: FileSystem) -> None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.most = _MOST if soft == resource.RLIM_INFINITY else max(_SHARE, min(_MOST, soft // _SHARE))
        self._fs, self._open = fs, OrderedDict[Path, OpenFile]()
        self._used = Counter[Path]()
        self._lock = threading.Lock()  # parts are decoded ahead by other threads

    def file(self, path: Path) -> OpenFile:
        """A file to read, opened when it is read."""
        return cast(OpenFile, FileInTurn(self, path))

    def opened(self, path: Path) -> OpenFile:
        """The file, open now; it stays open until others have been used."""
        with self._lock:
            if path not in self._open:
                while len(self._open) >= self.most and (oldest := self._oldest()) is not None:
                    self._open.pop(oldest).close()
                self._open[path] = self._fs.open(path, "read")
            self._open.move_to_end(path)
            return self._open[path]

    def _oldest(self) -> Path | None:
        return next((path for path in self._open if not self._used[path]), None)

    @contextmanager
    def in_use(self, path: Path) -> Iterator[None]:
        """Have a file stay open for the length of the block, whatever other threads open."""
        with self._lock:
            self._used[path] += 1
        try:
            yield
        finally:
            with self._lock:
                self._used[path] -= 1

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def __enter__(self) -> FilesInTurn:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of all files."""
        self.close()


class FileInTurn:
    """What an open file has to read it with, of the file as it is open at the moment of use."""

    def __init__(self, files: FilesInTurn, path: Path) -> None:
        self._files, self.path = files, path

    @property
    def fd(self) -> int:
        """Its descriptor, its own as long as it is in use."""
        return self._files.opened(self.path).fd

    def stat(self) -> FileStat:
        """Size, identity and mode now."""
        with self.in_use():
            file = self._files.opened(self.path)
            return file.stat()

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``; fewer only at the end of the file."""
        with self.in_use():
            return self._files.opened(self.path).read_at(offset, count)

    def in_use(self) -> AbstractContextManager[None]:
        """Have it stay open for the length of a block."""
        return self._files.in_use(self.path)

    def close(self) -> None:
        """The others close it."""
