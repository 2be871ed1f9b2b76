"""The errors of notify: one tree, each with a stable code and an exit status.

    NotifyError                     notify_error            1
    |-- InternalError               internal                1
    |-- DeliveryFailed              delivery_failed         1
    |-- StateFileError              state_file              1
    |-- FileProblem                 file                    1
    |-- SourceError                 source                  1
    |-- UsageProblem                usage                   2
    |-- ProfileError                profile                 2
    |-- Refused                     refused                 3
    |   |-- DestinationDisabled     destination_disabled    3
    |   |-- SecretRefused           secret_refused          3
    |   |-- LogChanged              log_changed             3
    |   |-- UnknownEventVersion     unknown_event_version   3
    |   `-- ExtraMissing            extra_missing           3
    |-- NotFound                    not_found               4
    `-- CursorBusy                  cursor_busy             5

No message of an error may hold a webhook address, a token or a signing secret.
"""

from __future__ import annotations

from typing import ClassVar


class NotifyError(Exception):
    """Base of every error that notify raises on purpose.

    Args:
        message: What is wrong, where, and what was expected.
        mend: What the reader can do about it; shown on a line of its own.
    """

    code: ClassVar[str] = "notify_error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        """The message, with the mend behind it where there is one."""
        return f"{self.message}\nmend: {self.mend}" if self.mend else self.message


class InternalError(NotifyError):
    """A mistake in this program; its message is the traceback, without the secrets that stood in it."""

    code = "internal"


class DeliveryFailed(NotifyError):
    """A message could not be delivered, after the tries that its destination is given."""

    code = "delivery_failed"


class StateFileError(NotifyError):
    """A cursor or spool file that cannot be read or written."""

    code = "state_file"


class FileProblem(NotifyError):
    """A file that the operating system would not let be read or written."""

    code = "file"


class SourceError(NotifyError):
    """The event log could not be read."""

    code = "source"


class UsageProblem(NotifyError):
    """Options that do not go together, or one that is missing."""

    code = "usage"
    exit_status = 2


class ProfileError(NotifyError):
    """A profile file that is not what it should be."""

    code = "profile"
    exit_status = 2


class Refused(NotifyError):
    """Something that a rule forbids."""

    code = "refused"
    exit_status = 3


class DestinationDisabled(Refused):
    """The destination said 410 Gone earlier; nothing is sent there until somebody enables it again."""

    code = "destination_disabled"


class SecretRefused(Refused):
    """A secret that others could read, or one that is no webhook address or signing secret."""

    code = "secret_refused"


class LogChanged(Refused):
    """The event log is not the one that the cursor knows: cut short or replaced."""

    code = "log_changed"


class UnknownEventVersion(Refused):
    """An event of a version that this program does not know."""

    code = "unknown_event_version"


class ExtraMissing(Refused):
    """An optional package is needed and not installed."""

    code = "extra_missing"


class NotFound(NotifyError):
    """A profile, file, variable, dataset or spooled message that is not there."""

    code = "not_found"
    exit_status = 4


class CursorBusy(NotifyError):
    """Another process holds the cursor or the spool."""

    code = "cursor_busy"
    exit_status = 5
