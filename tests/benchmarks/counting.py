"""The real file system, counting what goes through it."""

from collections import Counter
from pathlib import Path

from dnadesign.usr.storage.filesystem import Entry, FileStat, Mode, Names, OpenFile, RealFile, RealFileSystem


class CountingFile(RealFile):
    """An open file whose reads, writes, copies and syncs are counted."""

    __slots__ = ("_fs",)

    def __init__(self, fs: "CountingFileSystem", opened: RealFile) -> None:
        super().__init__(opened.fd, opened.path)
        self._fs = fs

    def read_at(self, offset: int, count: int) -> bytes:
        found = super().read_at(offset, count)
        self._fs.note("read", self.path, len(found))
        return found

    def write_at(self, offset: int, data: bytes) -> int:
        written = super().write_at(offset, data)
        self._fs.note("write", self.path, written)
        return written

    def copy_from(self, source: OpenFile, *, offset: int, count: int) -> int:
        copied = super().copy_from(source, offset=offset, count=count)
        self._fs.note("copy", self.path, copied)
        return copied

    def sync(self) -> None:
        super().sync()
        self._fs.note("sync", self.path)


class CountingFileSystem(RealFileSystem):
    """Counts calls and bytes by kind of operation, and lists the paths that were synced, opened or read from."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.synced: list[Path] = []
        self.opened: list[Path] = []
        self.read: list[Path] = []

    def forget(self) -> None:
        """Count from nothing again."""
        self.calls.clear()
        self.bytes.clear()
        self.synced.clear()
        self.opened.clear()
        self.read.clear()

    def note(self, kind: str, path: Path, size: int = 0) -> None:
        self.calls[kind] += 1
        self.bytes[kind] += size
        if kind == "sync":
            self.synced.append(path)
        if kind == "open":
            self.opened.append(path)
        if kind == "read":
            self.read.append(path)

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        self.note("open", path)
        return CountingFile(self, super().open(path, mode, like=like))

    def stat(self, path: Path) -> FileStat | None:
        self.note("stat", path)
        return super().stat(path)

    def list(self, path: Path) -> list[Entry]:
        self.note("list", path)
        return super().list(path)

    def names(self, path: Path) -> Names:
        self.note("list", path)
        return super().names(path)

    def rename(self, source: Path, target: Path) -> None:
        self.note("rename", source)
        super().rename(source, target)

    def sync_dir(self, path: Path) -> None:
        self.note("sync", path)
        super().sync_dir(path)
