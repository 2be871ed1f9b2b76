"""What to say where the operating system refuses a file: one typed error, with the path and what to do.

No command catches such errors for itself: whatever file it is about, ``run_line`` turns the error into this one.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from dnadesign._streams import OUTPUT
from dnadesign.densegen.contract.errors import FileError

STANDARD_OUTPUT = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}


def _permissions(path: Path) -> str:
    return f"see who may read and write there: ls -ld {_quoted(_nearest(path))}"


def _another_disk(_: Path) -> str:
    return "this disk takes no changes: work in a folder on another one"


def _room(path: Path) -> str:
    if str(path) == OUTPUT:
        return "write it to a place that has room"
    return f"make room (see: df -h {_quoted(_nearest(path))}), then try again"


def _not_there(path: Path) -> str:
    if not path.parent.is_dir():
        return f"make the folder first: mkdir -p {_quoted(path.parent)}"
    return "name a file that is there"


_MENDS: dict[int, Callable[[Path], str]] = {
    errno.EACCES: _permissions,
    errno.EPERM: _permissions,
    errno.EROFS: _another_disk,
    errno.ENOSPC: _room,
    errno.EDQUOT: _room,
    errno.EIO: lambda _: "the disk, or the way to it, failed: see that it works, then try again",
    errno.ESTALE: lambda _: "the network disk lost the file: see that it works, then try again",
    errno.ENOENT: _not_there,
    errno.ENOTDIR: lambda path: f"{_nearest(path)} is a file and no folder: name another place",
    errno.EISDIR: lambda path: f"name a file in the folder, such as {_quoted(path / 'NAME')}",
    errno.EEXIST: lambda path: f"move {_quoted(path)} away, or name another place",
    errno.ENAMETOOLONG: lambda _: "take a shorter name",
    errno.ELOOP: lambda _: "its links go round in a circle: name the file itself",
    errno.EPIPE: lambda _: "its reader went away before the end: start it again, then try again",
    errno.EMFILE: lambda _: "allow more open files: ulimit -n 4096",
}


def file_error(error: OSError, path: Path | None = None) -> FileError | None:
    """The error of a user's file in words; None where it is no such thing, but a fault of this program.

    Args:
        error: What the operating system said.
        path: Which file the user knows it by, where that is not the one that the error names.
    """
    mend = _MENDS.get(error.errno or 0)
    if mend is None:
        return None
    name = path or (Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else None)
    where = f"{name}: " if name else ""
    return FileError(f"{where}{error.strerror}", mend=mend(name or Path()))


def check_output(path: Path) -> None:
    """Look whether a file can be written there, before the work that is to go into it.

    Raises:
        FileError: It is a folder, or its folder is not there or cannot be written.
    """
    if str(path) in STANDARD_OUTPUT:
        number = 0
    elif path.is_dir():
        number = errno.EISDIR
    elif is_fed(path):
        number = 0 if os.access(path, os.W_OK) else errno.EACCES
    elif not path.parent.exists():
        number = errno.ENOENT
    elif not path.parent.is_dir():
        number = errno.ENOTDIR
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        number = errno.EACCES
    else:
        number = 0
    refused = file_error(OSError(number, os.strerror(number), str(path)))
    if refused is not None:
        raise refused


def is_fed(path: Path) -> bool:
    """Whether what is there is written into, and not replaced as a file is: a pipe, a device."""
    return path.exists() and not path.is_file()


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    return next((one for one in (path, *path.parents) if os.path.lexists(one)), Path())


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
