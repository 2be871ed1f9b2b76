"""What a person or a script is told when a command fails, and with which exit status."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.mends import on_command_line

CHECK_FAILED = 1
USAGE = 2
INTERRUPTED = 130

_PERMISSIONS = "see who may read and write it: ls -ld"
_ROOM = "make room (see: df -h), then try again"
_MENDS = {
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: "this disk takes no changes: name a place on another one",
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EIO: "the disk, or the way to it, failed: see that it works, then try again",
    errno.ESTALE: "the network disk lost the file: see that it works, then try again",
    errno.ENOTDIR: "a part of that path is a file and no folder: name another place",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "its links go round in a circle: name the file itself",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
}


class UsageProblem(Exception):
    """A command line that cannot be meant.

    Args:
        message: What is wrong with it.
        mend: What to type instead.
    """

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


def is_told(error: OSError) -> bool:
    """Whether an error of the operating system is the reader's to mend, and not a bug."""
    return error.errno in _MENDS


def tell(error: SequencesError | UsageProblem | OSError, *, as_json: bool) -> int:
    """Say on stderr what went wrong and what to do about it.

    Args:
        error: What ended the command.
        as_json: One JSON object on one line (``error``: code, message, mend, exit_status) instead of text.

    Returns:
        The exit status.
    """
    code, message, mend, status = _parts(error)
    if as_json:
        told = {"code": code, "message": message, "mend": mend, "exit_status": status}
        text = json.dumps({"error": told}, ensure_ascii=False)
    else:
        text = f"error: {message}" + (f"\nmend: {mend}" if mend else "")
    print(text, file=sys.stderr, flush=True)
    return status


def _parts(error: SequencesError | UsageProblem | OSError) -> tuple[str, str, str | None, int]:
    if isinstance(error, SequencesError):
        return error.code, error.message, on_command_line(error.mend), error.exit_status
    if isinstance(error, UsageProblem):
        return "usage", error.message, error.mend, USAGE
    where = f"{error.filename}: " if error.filename else ""
    mend = _MENDS.get(error.errno or 0)
    if mend == _PERMISSIONS and error.filename:
        mend = f"{mend} {shlex.quote(os.fsdecode(error.filename))}"
    return "system", f"{where}{error.strerror}", mend, CHECK_FAILED
