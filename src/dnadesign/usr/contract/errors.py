"""The errors of usr: one tree, each with a stable code and an exit status.

    SequencesError                       sequences_error          1
    |-- ValidationError                  invalid                  3
    |   |-- SchemaError                  schema                   3
    |   |-- RegistryError                registry                 3
    |   |-- NamespaceError               namespace                3
    |   |   `-- NamespaceNotFound        namespace_not_found      4
    |   |-- AlphabetError                alphabet                 3
    |   |-- DuplicateIDError             duplicate_id             3
    |   |-- DuplicateKeyError            duplicate_key            3
    |   |-- MissingKeyError              missing_key              4
    |   |-- OverlayLayoutError           overlay_layout           3
    |   `-- BatchConflict                batch_conflict           3
    |-- DatasetNotFound                  dataset_not_found        4
    |-- MaintenanceRequired              maintenance_required     3
    |-- LockTimeout                      lock_timeout             5
    |-- ConcurrentChangeError            concurrent_change        5
    |-- EventLogError                    event_log                1
    |-- CommitOutcomeUnknown             commit_outcome_unknown   1
    |-- CorruptFileError                 corrupt_file             1
    |-- StorageError                     storage                  1
    |   `-- InputFileNotFound            file_not_found           4
    `-- UnsupportedFilesystem            unsupported_filesystem   3

A handler tells apart by class what it can do about an error: mend the input (``ValidationError``), wait and
try again (``LockTimeout``, ``ConcurrentChangeError``), look at the disk (``CorruptFileError``,
``EventLogError``, ``StorageError``), or ask what became of a change (``CommitOutcomeUnknown``).
"""

from __future__ import annotations

from typing import ClassVar


class SequencesError(Exception):
    """Base of every error that usr raises on purpose.

    Args:
        message: What is wrong, where, and what was expected.
        mend: What the reader can do about it; shown on a line of its own.
    """

    code: ClassVar[str] = "sequences_error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        """The message, with the mend behind it where there is one."""
        return f"{self.message}\n  mend: {self.mend}" if self.mend else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Let the error cross a process boundary whole (keyword arguments are lost otherwise)."""
        return (_rebuild, (type(self), self.message, self.mend))

    def to_dict(self) -> dict[str, str | None]:
        """The error for machine-readable output: code, message, mend."""
        return {"code": self.code, "message": self.message, "mend": self.mend}


def _rebuild(kind: type[SequencesError], message: str, mend: str | None) -> SequencesError:
    error = kind.__new__(kind)
    SequencesError.__init__(error, message, mend=mend)
    return error


class ValidationError(SequencesError):
    """Input or stored data that does not fit the contract."""

    code = "invalid"
    exit_status = 3


class SchemaError(ValidationError):
    """A column is missing, unknown, or of a type that the contract does not allow there."""

    code = "schema"


class RegistryError(ValidationError):
    """A registry file, a registration or a registry match that does not hold."""

    code = "registry"


class NamespaceError(ValidationError):
    """A namespace, dataset or column name outside the grammar, or one that is reserved."""

    code = "namespace"


class NamespaceNotFound(NamespaceError):
    """A namespace that the registry, or the dataset, does not have."""

    code = "namespace_not_found"
    exit_status = 4


class AlphabetError(ValidationError):
    """A sequence with symbols outside its alphabet, or an unknown alphabet or bio_type."""

    code = "alphabet"


class DuplicateIDError(ValidationError):
    """An id that the base table or the input has already."""

    code = "duplicate_id"


class DuplicateKeyError(ValidationError):
    """An overlay key that the namespace or the input has already."""

    code = "duplicate_key"


class MissingKeyError(ValidationError):
    """A key or id that the base table does not have."""

    code = "missing_key"
    exit_status = 4


class OverlayLayoutError(ValidationError):
    """A namespace that is stored both as a file and as parts, or in a form the operation cannot use."""

    code = "overlay_layout"


class BatchConflict(ValidationError):
    """A batch_id that is committed already with other content."""

    code = "batch_conflict"


class DatasetNotFound(SequencesError):
    """No dataset of that name under the root."""

    code = "dataset_not_found"
    exit_status = 4


class MaintenanceRequired(SequencesError):
    """An operation that is only allowed inside ``with dataset.maintenance(...)``."""

    code = "maintenance_required"
    exit_status = 3


class LockTimeout(SequencesError):
    """The lock was held by somebody else for the whole time allowed."""

    code = "lock_timeout"
    exit_status = 5


class ConcurrentChangeError(SequencesError):
    """One consistent version could not be had while others changed the dataset; try again."""

    code = "concurrent_change"
    exit_status = 5


class EventLogError(SequencesError):
    """The event log is damaged, of an unknown version, or could not be written."""

    code = "event_log"


class CommitOutcomeUnknown(SequencesError):
    """A commit failed half way and could not be taken back; the next lock settles it."""

    code = "commit_outcome_unknown"


class CorruptFileError(SequencesError):
    """A file whose bytes are not what they were written as."""

    code = "corrupt_file"


class StorageError(SequencesError):
    """The operating system refused a file operation; the dataset is as it was."""

    code = "storage"


class InputFileNotFound(StorageError):
    """A file to be read that is not there."""

    code = "file_not_found"
    exit_status = 4


class UnsupportedFilesystem(SequencesError):
    """A file system whose locks do not keep other hosts out."""

    code = "unsupported_filesystem"
    exit_status = 3
