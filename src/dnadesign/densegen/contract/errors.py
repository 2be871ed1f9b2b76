"""The errors of densegen: one tree, each with a stable code and an exit status.

DensegenError                 densegen_error       1
|-- ConfigError               config               2    the config file cannot be used as it is
|-- InputError                input                2    an input file cannot be used as it is
|-- RefusedError              refused              3    a rule stands against what was asked for
|-- NotFoundError             not_found            4    a file, run, plan or design that is not there
|-- FileError                 file                 1    the operating system refused a file
|-- BusyError                 busy                 5    another process does this very run
|-- SolverUnavailableError    solver_unavailable   3    the backend does not run on this machine
`-- StoreError                store                *    the usr dataset refused; status as usr gives it
"""

from __future__ import annotations

from typing import ClassVar


class DensegenError(Exception):
    """Base of every error that densegen raises on purpose.

    Args:
        message: What is wrong, where, and what was expected.
        mend: What the reader can do about it; shown on a line of its own.
    """

    code: ClassVar[str] = "densegen_error"
    exit_status: int = 1

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        """The message, with the mend behind it where there is one."""
        return f"{self.message}\nmend: {self.mend}" if self.mend else self.message


class ConfigError(DensegenError):
    """A config file that cannot be used as it is: syntax, unknown key, bad value, impossible plan."""

    code = "config"
    exit_status = 2


class InputError(DensegenError):
    """An input file of binding sites or motifs that cannot be used as it is."""

    code = "input"
    exit_status = 2


class RefusedError(DensegenError):
    """Something that was asked for and that a rule stands against."""

    code = "refused"
    exit_status = 3


class NotFoundError(DensegenError):
    """A file, run, plan or design that was named and is not there."""

    code = "not_found"
    exit_status = 4


class FileError(DensegenError):
    """A file that the operating system would not let be read or written."""

    code = "file"


class BusyError(DensegenError):
    """Another process is at work on this very run and shard."""

    code = "busy"
    exit_status = 5


class SolverUnavailableError(DensegenError):
    """A solver backend that does not run on this machine."""

    code = "solver_unavailable"
    exit_status = 3


class StoreError(DensegenError):
    """The usr dataset refused a read or a write; carries the status and the code that usr gave."""

    code = "store"

    def __init__(
        self, message: str, *, mend: str | None = None, exit_status: int = 1, cause_code: str = ""
    ) -> None:
        super().__init__(message, mend=mend)
        self.exit_status = exit_status
        self.cause_code = cause_code

    @property
    def busy(self) -> bool:
        """Whether another writer was in the way, so that trying again may help."""
        return self.exit_status == BusyError.exit_status
