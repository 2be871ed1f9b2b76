"""What a host knows of a file system that it shares with others over NFS: some of it is seconds old.

Modelled on the Linux client. The attributes of a file are remembered until the file is opened; a name looked for in vain
or removed from here is remembered as absent until its folder is opened, or this host makes it. A lock brings neither up
to date. What is remembered never expires here, which is the hardest case.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from dnadesign.usr.storage.filesystem import Entry, FileStat, Mode, Names, RealFile, RealFileSystem


class FarHost(RealFileSystem):
    """The file system as one host sees it.

    Attributes:
        names_no_parts: Whether no overlay part can get its name, as where this host loses the server at that point.
    """

    def __init__(self) -> None:
        self._known: dict[Path, FileStat | None] = {}
        self.names_no_parts = False

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        """Open a file, which brings what is known of it up to date."""
        if mode in {"read", "write"}:
            self._refuse_absent(path)
        try:
            file = _FileHere(super().open(path, mode, like=like).fd, path, self._known)
        except FileNotFoundError:
            self._known[Path(path)] = None
            raise
        self._known[Path(path)] = file.stat()
        return file

    def stat(self, path: Path) -> FileStat | None:
        """What is known of a file, else what is true."""
        path = Path(path)
        if path not in self._known:
            found = super().stat(path)
            if found is not None and found.is_dir:
                return found
            self._known[path] = found
        return self._known[path]

    def list(self, path: Path) -> list[Entry]:
        """The names in a folder, which is opened for it: names known as absent are looked for anew from now on."""
        self._open_folder(path)
        return super().list(path)

    def names(self, path: Path) -> Names:
        """The same without whether they are folders."""
        self._open_folder(path)
        return super().names(path)

    def _open_folder(self, path: Path) -> None:
        for name in [name for name, known in self._known.items() if name.parent == path and known is None]:
            del self._known[name]

    def rename(self, source: Path, target: Path) -> None:
        """Rename, which this host knows of."""
        if self.names_no_parts and target.name.startswith("part-"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
        self._refuse_absent(source)
        super().rename(source, target)
        self._known.pop(Path(target), None)
        self._known[Path(source)] = None

    def unlink(self, path: Path) -> None:
        """Remove, which this host knows of."""
        self._refuse_absent(path)
        super().unlink(path)
        self._known[Path(path)] = None

    def _refuse_absent(self, path: Path) -> None:
        if self._known.get(Path(path), path) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


class _FileHere(RealFile):
    """An open file whose attributes are known as its own writes leave them."""

    __slots__ = ("_known",)

    def __init__(self, fd: int, path: Path, known: dict[Path, FileStat | None]) -> None:
        super().__init__(fd, path)
        self._known = known

    def write_at(self, offset: int, data: bytes) -> int:
        """Write, after which this host knows the size."""
        written = super().write_at(offset, data)
        self._known[Path(self.path)] = self.stat()
        return written

    def truncate(self, size: int) -> None:
        """Cut, after which this host knows the size."""
        super().truncate(size)
        self._known[Path(self.path)] = self.stat()
