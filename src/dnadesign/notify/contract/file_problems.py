"""What to say where the operating system refuses a file that no adapter has spoken for."""

from __future__ import annotations

import errno
import os

from dnadesign.notify.contract.errors import FileProblem

_MENDS = {
    errno.EACCES: "see who may read and write there, with: ls -ld",
    errno.EPERM: "see who may read and write there, with: ls -ld",
    errno.EROFS: "this disk takes no changes: name a folder on another one",
    errno.ENOSPC: "make room, see: df -h; then try again",
    errno.EDQUOT: "make room, see: df -h; then try again",
    errno.EIO: "the disk, or the way to it, failed: see that it works, then try again",
    errno.ESTALE: "the network disk lost the file: see that it works, then try again",
    errno.ENOENT: "make what is not there yet, or name another place",
    errno.ENOTDIR: "a file stands where a folder is expected: name another place",
    errno.EISDIR: "a folder stands where a file is expected: name a file",
    errno.EEXIST: "something is in the way there: name another place",
    errno.ENAMETOOLONG: "take a shorter name",
    errno.ELOOP: "its links go round in a circle: name the file itself",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
}


def file_problem(error: OSError) -> FileProblem | None:
    """The error of a user's file in words; None where it is no such thing, but a fault of this program."""
    mend = _MENDS.get(error.errno or 0)
    if mend is None:
        return None
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    if mend.endswith("ls -ld"):
        mend = f"{mend} {name}".rstrip()
    return FileProblem(f"{name}: {error.strerror}" if name else str(error.strerror), mend=mend)
