"""What a person or a script is told when a command fails, and with which exit status."""

from __future__ import annotations

import errno
import json
import sys

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.mends import on_command_line

CHECK_FAILED = 1
USAGE = 2
INTERRUPTED = 130

_OF_THE_SYSTEM = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO})


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
    return error.errno in _OF_THE_SYSTEM


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
    return "system", f"{where}{error.strerror}", None, CHECK_FAILED
