"""A file system in memory that can lose power, fail, and lie, at every single operation."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from dnadesign.usr.storage.filesystem import Entry, FileStat, Mode, Names, OpenFile
from dnadesign.usr.testing.disk import Disk, os_error
from dnadesign.usr.testing.nodes import Cut, Node, Write

Kind = Literal[
    "open", "create", "stat", "list", "mkdir", "rmdir", "rename", "unlink", "sync_dir", "free_bytes",
    "fstat", "read", "write", "truncate", "copy", "sync", "try_lock", "unlock",
]  # fmt: skip
Effect = Literal["none", "whole", "half", "lost"]

CHANGING: frozenset[Kind] = frozenset(
    {"create", "mkdir", "rmdir", "rename", "unlink", "sync_dir", "write", "truncate", "copy", "sync"}
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call through the seam, before it has any effect.

    Attributes:
        index: Its number, from 0.
        kind: What it does; ``create`` is an open that makes a file.
        path: Of what; for a rename, the source.
        target: Of a rename, the target.
    """

    index: int
    kind: Kind
    path: Path
    target: Path | None = None

    @property
    def changes(self) -> bool:
        """Whether it changes what is, or what stays, on the disk."""
        return self.kind in CHANGING


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with an operation.

    Attributes:
        error: What is raised; None raises nothing.
        effect: ``none``: it has no effect, and without an error claims to have had one. ``whole``: it takes effect all
            the same. ``half``: a write or copy takes the first half of its bytes; without an error that is a short
            write. ``lost``: a sync after which what was written counts as clean, although it is not on the disk.
    """

    error: BaseException | None
    effect: Effect = "none"


Before = Callable[[Operation], Fault | None]


class SimulatedFileSystem:
    """Files and folders in memory, and what of them a power cut would leave; see :mod:`dnadesign.usr.testing.nodes`.

    Args:
        folders: Folders that are there, and on the disk, from the beginning.
        before: Called before every operation; may raise, or return what goes wrong with it.
        indifferent: Names of files whose content nobody looks at after a crash, such as locks: it is not varied.
    """

    def __init__(
        self,
        *,
        folders: Iterable[Path | str] = (),
        before: Before | None = None,
        indifferent: Iterable[str] = (),
    ) -> None:
        self.before = before
        self.free = 1 << 40
        self.operations = 0
        self.indifferent = frozenset(indifferent)
        self._disk = Disk()
        self._locks: dict[int, SimulatedFile] = {}
        self._memory: dict[int, tuple[int, int]] = {}  # node -> descriptor of its content, number of users
        for path in map(Path, folders):
            for folder in [*reversed(path.parents), path][1:]:
                if self._disk.lookup(folder) is None:
                    self._disk.add(folder, is_dir=True)
        self._disk.settle_all()

    # -- the seam ------------------------------------------------------------------------------------------------

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> SimulatedFile:
        """Open a file as ``RealFileSystem.open`` does."""
        creates = mode in ("create", "open_or_create")
        there = self._disk.lookup(path)
        fault = self._step("create" if creates and there is None else "open", path)
        if self.before is not None:
            there = self._disk.lookup(path)  # again: the step may have let time pass
        if there is not None and mode == "create":
            raise os_error(errno.EEXIST, path)
        if there is not None and self._disk.nodes[there].is_dir:
            raise os_error(errno.EISDIR, path)
        if there is None:
            if not creates:
                raise os_error(errno.ENOENT, path)
            there = self._disk.add(path, is_dir=False, like=like)
        _raise(fault)
        return SimulatedFile(self, there, path, writable=mode != "read")

    def stat(self, path: Path) -> FileStat | None:
        """What lies at a path, or None."""
        _raise(self._step("stat", path))
        found = self._disk.lookup(path)
        if found is not None and found in self._memory:
            self._read_back(found)
        return self._disk.stat(found) if found is not None else None

    def list(self, path: Path) -> list[Entry]:
        """The names in a folder, sorted; none if there is no such folder."""
        _raise(self._step("list", path))
        found = self._disk.lookup(path)
        if found is None:
            return []
        entries = self._disk.nodes[self._disk.folder(path)].entries
        return [Entry(name, self._disk.nodes[number].is_dir) for name, number in sorted(entries.items())]

    def names(self, path: Path) -> Names:
        """The same without whether they are folders."""
        return [entry.name for entry in self.list(path)]

    def mkdir(self, path: Path) -> None:
        """Make one folder; one that is there already is fine."""
        fault = self._step("mkdir", path)
        if _happens(fault) and self._disk.lookup(path) is None:
            self._disk.add(path, is_dir=True)
        _raise(fault)

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        fault = self._step("rmdir", path)
        number = self._disk.folder(path)
        if self._disk.nodes[number].entries:
            raise os_error(errno.ENOTEMPTY, path)
        if _happens(fault):
            self._disk.rename(number, ((self._disk.folder(path.parent), path.name, None),))
        _raise(fault)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing a file or an empty folder in one step."""
        fault, disk = self._step("rename", source, target), self._disk
        number, parent, replaced = disk.present(source), disk.folder(target.parent), disk.lookup(target)
        if replaced is not None and replaced != number:
            old = disk.nodes[replaced]
            if old.is_dir != disk.nodes[number].is_dir:
                raise os_error(errno.EISDIR if old.is_dir else errno.ENOTDIR, target)
            if old.entries:
                raise os_error(errno.ENOTEMPTY, target)
        if _happens(fault) and replaced != number:
            away = (disk.folder(source.parent), source.name, None)
            disk.rename(number, (away, (parent, target.name, number)))
        _raise(fault)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        fault = self._step("unlink", path)
        number = self._disk.present(path)
        if self._disk.nodes[number].is_dir:
            raise os_error(errno.EISDIR, path)
        if _happens(fault):
            self._disk.rename(number, ((self._disk.folder(path.parent), path.name, None),))
        _raise(fault)

    def sync_dir(self, path: Path) -> None:
        """Have the folder's names on the disk before returning."""
        fault = self._step("sync_dir", path)
        folder = self._disk.folder(path)
        if _happens(fault):
            self._disk.settle(folder)
        _raise(fault)

    def free_bytes(self, path: Path) -> int:
        """The attribute ``free``."""
        _raise(self._step("free_bytes", path))
        return self.free

    # -- what tests do with it -----------------------------------------------------------------------------------

    def clone(self) -> SimulatedFileSystem:
        """What other processes would find, were all present ones killed: everything as it is, no lock held."""
        self._read_all_back()
        return self._with(self._disk.clone())

    def become(self, other: SimulatedFileSystem) -> None:
        """Take over a clone's files, as if time had passed; what is open stays open."""
        self._disk = other._disk.clone()

    def crashes(self, *, most: int = 64, random: Random | None = None) -> Iterator[SimulatedFileSystem]:
        """What a power cut now may leave, each state once.

        Args:
            most: How many at most; if there are fewer, then all.
            random: Where samples are drawn from.
        """
        self._read_all_back()
        source = random or Random(0)  # noqa: S311 - samples, the same each time; no secret
        found = self._disk.after_power_cut(most=most, random=source, indifferent=self.indifferent)
        yield from map(self._with, found)

    def settle_all(self) -> None:
        """Have everything on the disk, as after a long time without a crash."""
        self._read_all_back()
        self._disk.settle_all()

    @property
    def unsynced(self) -> bool:
        """Whether a power cut could lose anything now."""
        return self._disk.unsynced

    def fingerprint(self) -> int:
        """A hash of all names, kinds and contents, to tell states apart within this process."""
        self._read_all_back()
        return self._disk.fingerprint(self.indifferent)

    def pending_mark(self) -> int:
        """A hash of what is not on the disk yet; 0 if that is nothing."""
        self._read_all_back()
        return self._disk.pending_mark(self.indifferent)

    def files(self, under: Path | str = "/") -> dict[str, bytes | None]:
        """The contents of all files below a folder by their relative path; None stands for a folder."""
        self._read_all_back()
        return self._disk.files(Path(under))

    # -- inside --------------------------------------------------------------------------------------------------

    def _with(self, disk: Disk) -> SimulatedFileSystem:
        twin = SimulatedFileSystem.__new__(SimulatedFileSystem)
        twin.before, twin.free, twin.operations = None, self.free, 0
        twin.indifferent, twin._disk, twin._locks, twin._memory = self.indifferent, disk, {}, {}
        return twin

    def _step(self, kind: Kind, path: Path, target: Path | None = None) -> Fault | None:
        """Count an operation and learn what goes wrong with it; raises where it is to have no effect."""
        index, self.operations = self.operations, self.operations + 1
        if self.before is None:
            return None
        fault = self.before(Operation(index, kind, path, target))
        if fault is not None and fault.effect == "none" and fault.error is not None:
            raise fault.error
        return fault

    # Arrow and DuckDB read and write by descriptor: the content of such a file is kept in memory that has one.

    def _descriptor(self, number: int) -> int:
        memory, users = self._memory.get(number, (-1, 0))
        if memory < 0:
            memory = os.memfd_create(f"simulated-{number}")
            os.pwrite(memory, self._disk.nodes[number].content, 0)
        self._memory[number] = (memory, users + 1)
        return os.dup(memory)

    def _release(self, number: int, fd: int) -> None:
        os.close(fd)
        self._read_back(number)
        memory, users = self._memory.pop(number)
        if users > 1:
            self._memory[number] = (memory, users - 1)
        else:
            os.close(memory)

    def _read_all_back(self) -> None:
        for number in self._memory:
            self._read_back(number)

    def _read_back(self, number: int) -> None:
        """Notice what was written by descriptor."""
        memory, _ = self._memory[number]
        content = os.pread(memory, os.fstat(memory).st_size, 0)
        before = self._disk.nodes[number].content
        if content != before:
            if len(content) < len(before):
                self._disk.write(number, Cut(len(content)))
            self._disk.write(number, Write(0, content))

    def _write_through(self, number: int) -> None:
        """Let descriptors see what was written through the seam."""
        if number in self._memory:
            memory, _ = self._memory[number]
            os.ftruncate(memory, 0)
            os.pwrite(memory, self._disk.nodes[number].content, 0)


class SimulatedFile:
    """An open file of the simulation."""

    __slots__ = ("_closed", "_fd", "_fs", "_number", "_path", "_writable")

    def __init__(self, fs: SimulatedFileSystem, number: int, path: Path, *, writable: bool) -> None:
        self._fs = fs
        self._number = number
        self._path = path
        self._writable = writable
        self._fd = -1
        self._closed = False

    @property
    def fd(self) -> int:
        """A descriptor of the operating system, which leads to the file's content in memory."""
        if self._fd < 0 and not self._closed:
            self._fd = self._fs._descriptor(self._number)
        return self._fd

    @property
    def path(self) -> Path:
        """The path that the file was opened under."""
        return self._path

    def stat(self) -> FileStat:
        """Size, identity and mode now."""
        _raise(self._fs._step("fstat", self._path))
        return self._fs._disk.stat(self._node().number)

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``; fewer only at the end of the file."""
        _raise(self._fs._step("read", self._path))
        return self._node().content[offset : offset + count]

    def write_at(self, offset: int, data: bytes) -> int:
        """Write at ``offset`` and return how many bytes went."""
        return self._put("write", offset, data)

    def copy_from(self, source: OpenFile, *, offset: int, count: int) -> int:
        """Copy up to ``count`` bytes at ``offset`` of ``source`` to the same offset here."""
        return self._put("copy", offset, os.pread(source.fd, count, offset))

    def truncate(self, size: int) -> None:
        """Cut or extend the file to ``size`` bytes."""
        fault = self._fs._step("truncate", self._path)
        self._node(writing=True)
        if _happens(fault):
            self._fs._disk.write(self._number, Cut(size))
            self._fs._write_through(self._number)
        _raise(fault)

    def sync(self) -> None:
        """Have the bytes on the disk before returning."""
        fault, node = self._fs._step("sync", self._path), self._node()
        if _happens(fault):
            self._fs._disk.nodes[self._number] = node.synced()
        elif fault is not None and fault.effect == "lost":
            self._fs._disk.nodes[self._number] = node.falsely_clean()
        _raise(fault)

    def try_lock(self) -> bool:
        """Take the exclusive lock if nobody has it."""
        _raise(self._fs._step("try_lock", self._path))
        self._node()
        return self._fs._locks.setdefault(self._number, self) is self

    def unlock(self) -> None:
        """Release the lock."""
        _raise(self._fs._step("unlock", self._path))
        self._let_go()

    def close(self) -> None:
        """Close the file; closing again does nothing."""
        if not self._closed:
            self._closed = True
            self._let_go()
            if self._fd >= 0:
                fd, self._fd = self._fd, -1
                self._fs._release(self._number, fd)

    def _let_go(self) -> None:
        if self._fs._locks.get(self._number) is self:
            del self._fs._locks[self._number]

    def _node(self, *, writing: bool = False) -> Node:
        if self._closed or (writing and not self._writable):
            raise os_error(errno.EBADF, self._path)
        if self._number in self._fs._memory:
            self._fs._read_back(self._number)
        return self._fs._disk.nodes[self._number]

    def _put(self, kind: Literal["write", "copy"], offset: int, data: bytes) -> int:
        fault = self._fs._step(kind, self._path)
        self._node(writing=True)
        half = fault is not None and fault.effect == "half"
        taken = data[: (len(data) + 1) // 2] if half else data
        if taken and (half or _happens(fault)):
            self._fs._disk.write(self._number, Write(offset, bytes(taken)))
            self._fs._write_through(self._number)
        _raise(fault)
        return len(taken)


def _happens(fault: Fault | None) -> bool:
    return fault is None or fault.effect == "whole"


def _raise(fault: Fault | None) -> None:
    if fault is not None and fault.error is not None:
        raise fault.error
