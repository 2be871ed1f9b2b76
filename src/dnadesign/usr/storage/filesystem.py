"""The one seam for file operations, and the real file system behind it.

Everything that usr does to a disk goes through the two protocols here, so that a simulated file system can
stand in for the real one and crash at every single step. The methods are thin: one system call each, errors
as the plain ``OSError`` that the system gave. What has to be a loop or a rule is a function on top.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat as stat_module
import sys
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from dnadesign.usr.contract.errors import StorageError

Mode = Literal["read", "create", "write", "open_or_create", "feed"]

_FLAGS: dict[Mode, int] = {
    "read": os.O_RDONLY,
    "create": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "write": os.O_RDWR,
    "open_or_create": os.O_RDWR | os.O_CREAT,
    "feed": os.O_WRONLY,  # a pipe, which waits for its reader, or a device
}
Identity = tuple[int, int, int, int, int]

_COPY_CHUNK = 1 << 30
_PLAIN_CHUNK = 1 << 22
_NO_COPY_RANGE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}


class FileStat(NamedTuple):
    """What is known of a file without opening it; sizes in bytes, times in nanoseconds."""

    device: int
    inode: int
    size: int
    mode: int
    group: int
    modified_ns: int
    is_dir: bool
    is_special: bool = False  # a pipe, a device or a socket
    changed_ns: int = 0  # of contents or anything else of the file; unlike ``modified_ns`` nobody can set it

    @property
    def identity(self) -> Identity:
        """What another file under the same name, or other contents, do not have: device, inode, size and times of change."""
        return self.device, self.inode, self.size, self.modified_ns, self.changed_ns


class Entry(NamedTuple):
    """One name in a folder."""

    name: str
    is_dir: bool


Names = list[str]  # ``list`` is a method where it is needed


class OpenFile(Protocol):
    """An open file; ``fd`` is a descriptor of the operating system in every implementation."""

    @property
    def fd(self) -> int: ...
    @property
    def path(self) -> Path: ...
    def stat(self) -> FileStat: ...
    def read_at(self, offset: int, count: int) -> bytes: ...
    def write_at(self, offset: int, data: bytes) -> int: ...
    def truncate(self, size: int) -> None: ...
    def copy_from(self, source: OpenFile, *, offset: int, count: int) -> int: ...
    def sync(self) -> None: ...
    def try_lock(self) -> bool: ...
    def unlock(self) -> None: ...
    def close(self) -> None: ...


class FileSystem(Protocol):
    """The file operations that usr needs, a dozen."""

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> OpenFile: ...
    def stat(self, path: Path) -> FileStat | None: ...
    def list(self, path: Path) -> list[Entry]: ...
    def names(self, path: Path) -> Names: ...
    def mkdir(self, path: Path) -> None: ...
    def rmdir(self, path: Path) -> None: ...
    def rename(self, source: Path, target: Path) -> None: ...
    def unlink(self, path: Path) -> None: ...
    def sync_dir(self, path: Path) -> None: ...
    def free_bytes(self, path: Path) -> int: ...


def _file_stat(found: os.stat_result) -> FileStat:
    mode = found.st_mode
    kind = stat_module.S_IFMT(mode)
    return FileStat(
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size,
        mode=stat_module.S_IMODE(mode),
        group=found.st_gid,
        modified_ns=found.st_mtime_ns,
        is_dir=kind == stat_module.S_IFDIR,
        is_special=kind not in (stat_module.S_IFDIR, stat_module.S_IFREG),
        changed_ns=found.st_ctime_ns,
    )


def _full_sync(fd: int) -> None:
    if sys.platform == "darwin":  # fsync there leaves the data in the drive's cache
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)


class RealFile:
    """An open file of the operating system."""

    __slots__ = ("_path", "fd")

    def __init__(self, fd: int, path: Path) -> None:
        self.fd = fd
        self._path = path

    @property
    def path(self) -> Path:
        """The path that the file was opened under; it may have been renamed or unlinked since."""
        return self._path

    def stat(self) -> FileStat:
        """Size, identity and mode now."""
        return _file_stat(os.fstat(self.fd))

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``; fewer only at the end of the file."""
        chunks: list[bytes] = []
        while count > 0:
            chunk = os.pread(self.fd, min(count, _COPY_CHUNK), offset)
            if not chunk:
                break
            chunks.append(chunk)
            offset += len(chunk)
            count -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def write_at(self, offset: int, data: bytes) -> int:
        """Write at ``offset`` and return how many bytes went; see :func:`write_all`."""
        return os.pwrite(self.fd, data, offset)

    def truncate(self, size: int) -> None:
        """Cut or extend the file to ``size`` bytes."""
        os.ftruncate(self.fd, size)

    def copy_from(self, source: OpenFile, *, offset: int, count: int) -> int:
        """Copy up to ``count`` bytes at ``offset`` of ``source`` to the same offset here, in the kernel."""
        if not hasattr(os, "copy_file_range"):
            return self._plain_copy(source, offset, count)
        try:
            return os.copy_file_range(source.fd, self.fd, min(count, _COPY_CHUNK), offset, offset)
        except OSError as error:
            if error.errno not in _NO_COPY_RANGE:
                raise
            return self._plain_copy(source, offset, count)

    def _plain_copy(self, source: OpenFile, offset: int, count: int) -> int:
        return os.pwrite(self.fd, source.read_at(offset, min(count, _PLAIN_CHUNK)), offset)

    def sync(self) -> None:
        """Have the bytes on the disk before returning."""
        _full_sync(self.fd)

    def try_lock(self) -> bool:
        """Take the exclusive ``flock`` if nobody has it."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self) -> None:
        """Release the ``flock``, also for descriptors that a forked child has inherited."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the descriptor; closing again does nothing.

        An error is not told: what has to be on the disk was synced before, and a change that is committed must not be
        reported as failed because of it.
        """
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            with contextlib.suppress(OSError):
                os.close(fd)


class RealFileSystem:
    """The file system of this machine."""

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> RealFile:
        """Open ``path``; a new file follows the umask, or takes mode and group of ``like``."""
        fd = os.open(path, _FLAGS[mode] | os.O_CLOEXEC, 0o666)
        if like is not None:
            os.fchmod(fd, like.mode)
            with contextlib.suppress(PermissionError):  # the group can only be kept where we belong to it
                os.fchown(fd, -1, like.group)
        return RealFile(fd, path)

    def stat(self, path: Path) -> FileStat | None:
        """What lies at ``path``, or None."""
        try:
            return _file_stat(os.stat(path))  # noqa: PTH116 - the seam is where system calls are made
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list(self, path: Path) -> list[Entry]:
        """The names in a folder, sorted; none if there is no such folder."""
        try:
            with os.scandir(path) as found:
                return sorted([Entry(e.name, e.is_dir()) for e in found], key=itemgetter(0))
        except FileNotFoundError:
            return []

    def names(self, path: Path) -> Names:
        """The same without whether they are folders, which is quicker where there are thousands."""
        try:
            return sorted(os.listdir(path))  # noqa: PTH208 - the seam is where system calls are made
        except FileNotFoundError:
            return []

    def mkdir(self, path: Path) -> None:
        """Make one folder; one that is there already is fine."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)  # noqa: PTH102 - the seam is where system calls are made

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        os.rmdir(path)  # noqa: PTH106 - the seam is where system calls are made

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing the target in one step."""
        os.replace(source, target)  # noqa: PTH105 - the seam is where system calls are made

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        os.unlink(path)  # noqa: PTH108 - the seam is where system calls are made

    def sync_dir(self, path: Path) -> None:
        """Have the folder's names on the disk before returning."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _full_sync(fd)
        finally:
            os.close(fd)

    def free_bytes(self, path: Path) -> int:
        """Bytes that an unprivileged user may still write there."""
        return shutil.disk_usage(path).free


REAL = RealFileSystem()


def unreadable(error: OSError, where: Path) -> StorageError:
    """An error of the operating system while reading as ours, with what to do about it."""
    path = error.filename if isinstance(error.filename, str) else str(error.filename or where)
    mends = {
        errno.EACCES: "see who may read the file and enter its folder",
        errno.EMFILE: "merge the parts of its overlays (usr maintenance overlay-compact --namespace NAME --reason TEXT), or raise 'ulimit -n'",
        errno.ENFILE: "this machine has too many files open",
        errno.ENOTDIR: "a file is where a folder should be: move it away",
        errno.EISDIR: "a folder is where a file should be: move it away",
    }
    mend = mends.get(error.errno or 0, "look at the disk and the system's log")
    return StorageError(f"{path}: cannot be read: {error.strerror or error}", mend=mend)


@contextlib.contextmanager
def told_unreadable(where: Path) -> Iterator[None]:
    """Tell errors of the operating system while reading as ours; ``where`` is named if the system names no file.

    Raises:
        StorageError: The operating system did not let a file be read.
    """
    try:
        yield
    except OSError as error:
        raise unreadable(error, where) from error


def write_all(file: OpenFile, offset: int, data: bytes) -> None:
    """Write all of ``data`` at ``offset``, however little a single call takes."""
    done = 0
    while done < len(data):
        written = file.write_at(offset + done, data[done:] if done else data)
        if written <= 0:
            raise OSError(errno.EIO, "the file system took no bytes", str(file.path))
        done += written


def copy_range(source: OpenFile, target: OpenFile, *, offset: int, count: int) -> None:
    """Copy ``count`` bytes at ``offset`` from one file to the same offset of another."""
    done = 0
    while done < count:
        copied = target.copy_from(source, offset=offset + done, count=count - done)
        if copied <= 0:
            raise OSError(errno.EIO, f"the file ends {count - done} bytes early", str(source.path))
        done += copied


def read_bytes(fs: FileSystem, path: Path, *, most: int | None = None) -> bytes | None:
    """The whole of a small file, its first ``most`` bytes if that is given, or None if there is none."""
    try:
        with opened(fs, path, "read") as file:
            size = file.stat().size
            return file.read_at(0, size if most is None else min(size, most))
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def opened(fs: FileSystem, path: Path, mode: Mode, *, like: FileStat | None = None) -> Iterator[OpenFile]:
    """An open file that is closed at the end of the block."""
    file = fs.open(path, mode, like=like)
    try:
        yield file
    finally:
        file.close()


def write_file(fs: FileSystem, path: Path, data: bytes, *, like: FileStat | None = None) -> None:
    """Create a file with these bytes and have them on the disk before returning."""
    with opened(fs, path, "create", like=like) as file:
        write_all(file, 0, data)
        file.sync()


def make_dirs(fs: FileSystem, path: Path, *, sure_below: Path | None = None) -> None:
    """Make a folder and its missing ancestors, each durable in its parent before it is used.

    Args:
        fs: The file system.
        path: The folder.
        sure_below: Below this one, also make those durable that are there: whoever made them may have been killed
            before they were.
    """
    if path == sure_below or (sure_below is None and fs.stat(path) is not None):
        return
    make_dirs(fs, path.parent, sure_below=sure_below)
    fs.mkdir(path)
    fs.sync_dir(path.parent)


def keep_root(fs: FileSystem, root: Path) -> None:
    """Have a root and the names in it on the disk: whoever made them may have been killed before they were."""
    for folder in (root.parent, root):
        with contextlib.suppress(PermissionError):  # it may be open to its owner only
            fs.sync_dir(folder)


def replace_file(fs: FileSystem, path: Path, data: bytes, *, suffix: str) -> None:
    """Put new bytes in place of a file in one durable step; ``suffix`` makes the hidden name unique."""
    hidden = path.with_name(f".{path.name}.{suffix}")
    write_file(fs, hidden, data, like=fs.stat(path))
    fs.rename(hidden, path)
    fs.sync_dir(path.parent)


def descriptor_path(file: OpenFile) -> str:
    """A path that opens this very file again, whatever its name points to by now."""
    return f"/proc/self/fd/{file.fd}" if sys.platform == "linux" else f"/dev/fd/{file.fd}"
