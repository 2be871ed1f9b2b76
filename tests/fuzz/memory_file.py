"""An open file whose bytes lie in memory, and a folder for readers that insist on a path."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import cast

from dnadesign.usr.storage.filesystem import FileStat, OpenFile


class _MemoryFile:
    """What reading needs of an :class:`OpenFile`; anything else is missing on purpose."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.path = Path("memory")

    def stat(self) -> FileStat:
        return FileStat(1, 1, len(self.data), 0o600, 0, 0, is_dir=False)

    def read_at(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + count]

    def close(self) -> None:
        pass


def memory_file(data: bytes) -> OpenFile:
    """A file with these bytes, for reading."""
    return cast("OpenFile", _MemoryFile(data))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fuzz-")  # goes with the process


def written(data: bytes, name: str) -> Path:
    """A file of that name with these bytes, which the next call replaces."""
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return path
