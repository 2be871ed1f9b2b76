"""Universal Sequence Record: datasets of DNA, RNA and protein sequences that long-running tools can trust.

Names are resolved when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names, for type checkers; at run time __getattr__ finds them
    from dnadesign.usr.contract.actor import Actor, use_actor
    from dnadesign.usr.contract.errors import (
        AlphabetError,
        BatchConflict,
        CommitOutcomeUnknown,
        ConcurrentChangeError,
        CorruptFileError,
        DatasetNotFound,
        DuplicateIDError,
        DuplicateKeyError,
        EventLogError,
        LockTimeout,
        MaintenanceRequired,
        MissingKeyError,
        NamespaceError,
        OverlayLayoutError,
        RegistryError,
        SchemaError,
        SequencesError,
        StorageError,
        UnsupportedFilesystem,
        ValidationError,
    )
    from dnadesign.usr.contract.events import Event
    from dnadesign.usr.contract.identity import (
        compute_id,
        normalize_sequence,
        validate_alphabet,
        validate_bio_type,
    )
    from dnadesign.usr.contract.registry import Namespace, Registry, RegistryColumn, parse_columns_spec
    from dnadesign.usr.contract.types import arrow_type_str, parse_type_str
    from dnadesign.usr.dataset import Dataset
    from dnadesign.usr.operations.describe import DatasetInfo, OverlayInfo, list_datasets
    from dnadesign.usr.operations.freeze import FreezeResult
    from dnadesign.usr.operations.ingest import AddSequencesResult
    from dnadesign.usr.operations.overlay_parts import OverlayPartResult
    from dnadesign.usr.operations.register import RegisterResult, register_namespace
    from dnadesign.usr.operations.transaction import TransactionResult
    from dnadesign.usr.operations.validate import Report
    from dnadesign.usr.storage.batch_index import BatchRecord
    from dnadesign.usr.storage.event_follow import EventFollower
    from dnadesign.usr.storage.log_file import LogLine, LogPosition
    from dnadesign.usr.storage.registry_file import load_registry, registry_hash
    from dnadesign.usr.transaction import Transaction

_ERRORS = (
    "AlphabetError", "BatchConflict", "CommitOutcomeUnknown", "ConcurrentChangeError", "CorruptFileError",
    "DatasetNotFound", "DuplicateIDError", "DuplicateKeyError", "EventLogError", "LockTimeout",
    "MaintenanceRequired", "MissingKeyError", "NamespaceError", "OverlayLayoutError", "RegistryError",
    "SchemaError", "SequencesError", "StorageError", "UnsupportedFilesystem", "ValidationError",
)  # fmt: skip

_HOMES = {
    "contract.actor": ("Actor", "use_actor"),
    "contract.errors": _ERRORS,
    "contract.events": ("Event",),
    "contract.identity": ("compute_id", "normalize_sequence", "validate_alphabet", "validate_bio_type"),
    "contract.registry": ("Namespace", "Registry", "RegistryColumn", "parse_columns_spec"),
    "contract.types": ("arrow_type_str", "parse_type_str"),
    "dataset": ("Dataset",),
    "operations.describe": ("DatasetInfo", "OverlayInfo", "list_datasets"),
    "operations.freeze": ("FreezeResult",),
    "operations.ingest": ("AddSequencesResult",),
    "operations.overlay_parts": ("OverlayPartResult",),
    "operations.register": ("RegisterResult", "register_namespace"),
    "operations.transaction": ("TransactionResult",),
    "operations.validate": ("Report",),
    "storage.batch_index": ("BatchRecord",),
    "storage.event_follow": ("EventFollower",),
    "storage.log_file": ("LogLine", "LogPosition"),
    "storage.registry_file": ("load_registry", "registry_hash"),
    "transaction": ("Transaction",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list of names, made from the table above


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in, when the name is first used."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
