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
        self._fs, self._open = fs, OrderedDict[str, OpenFile]()  # by path, whose text is hashed sooner
        self._used = Counter[str]()
        self._lock = threading.Lock()  # parts are decoded ahead by other threads

    def file(self, path: Path) -> OpenFile:
        """A file to read, opened when it is read."""
        return cast(OpenFile, FileInTurn(self, path))

    def opened(self, path: Path) -> OpenFile:
        """The file, open now; it stays open until others have been used."""
        name = str(path)
        with self._lock:
            if name not in self._open:
                while len(self._open) >= self.most and (oldest := self._oldest()) is not None:
                    self._open.pop(oldest).close()
                self._open[name] = self._fs.open(path, "read")
            self._open.move_to_end(name)
            return self._open[name]

    def _oldest(self) -> str | None:
        return next((name for name in self._open if not self._used[name]), None)

    @contextmanager
    def in_use(self, path: Path) -> Iterator[OpenFile]:
        """The file, open for the length of the block, whatever other threads open."""
        with self._lock:
            self._used[str(path)] += 1
        try:
            yield self.opened(path)
        finally:
            with self._lock:
                self._used[str(path)] -= 1

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
        with self.in_use() as file:
            return file.stat()

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``; fewer only at the end of the file."""
        with self.in_use() as file:
            return file.read_at(offset, count)

    def in_use(self) -> AbstractContextManager[OpenFile]:
        """The file itself, open for the length of a block."""
        return self._files.in_use(self.path)

    def close(self) -> None:
        """The others close it."""
