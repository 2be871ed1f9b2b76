"""Universal Sequence Record: datasets of DNA, RNA and protein sequences that long-running tools can trust.

Names are resolved when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing itself would be most of what the import costs
if TYPE_CHECKING:  # the same names, for type checkers; at run time __getattr__ finds them
    import typing

    from dnadesign.usr.contract.actor import Actor as Actor
    from dnadesign.usr.contract.actor import use_actor as use_actor
    from dnadesign.usr.contract.errors import (
        AlphabetError as AlphabetError,
    )
    from dnadesign.usr.contract.errors import (
        BatchConflict as BatchConflict,
    )
    from dnadesign.usr.contract.errors import (
        CommitOutcomeUnknown as CommitOutcomeUnknown,
    )
    from dnadesign.usr.contract.errors import (
        ConcurrentChangeError as ConcurrentChangeError,
    )
    from dnadesign.usr.contract.errors import (
        CorruptFileError as CorruptFileError,
    )
    from dnadesign.usr.contract.errors import (
        DatasetNotFound as DatasetNotFound,
    )
    from dnadesign.usr.contract.errors import (
        DuplicateIDError as DuplicateIDError,
    )
    from dnadesign.usr.contract.errors import (
        DuplicateKeyError as DuplicateKeyError,
    )
    from dnadesign.usr.contract.errors import (
        EventLogError as EventLogError,
    )
    from dnadesign.usr.contract.errors import (
        InputFileNotFound as InputFileNotFound,
    )
    from dnadesign.usr.contract.errors import (
        LockTimeout as LockTimeout,
    )
    from dnadesign.usr.contract.errors import (
        MaintenanceRequired as MaintenanceRequired,
    )
    from dnadesign.usr.contract.errors import (
        MissingKeyError as MissingKeyError,
    )
    from dnadesign.usr.contract.errors import (
        NamespaceError as NamespaceError,
    )
    from dnadesign.usr.contract.errors import (
        NamespaceNotFound as NamespaceNotFound,
    )
    from dnadesign.usr.contract.errors import (
        OverlayLayoutError as OverlayLayoutError,
    )
    from dnadesign.usr.contract.errors import (
        RegistryError as RegistryError,
    )
    from dnadesign.usr.contract.errors import (
        SchemaError as SchemaError,
    )
    from dnadesign.usr.contract.errors import (
        SequencesError as SequencesError,
    )
    from dnadesign.usr.contract.errors import (
        StorageError as StorageError,
    )
    from dnadesign.usr.contract.errors import (
        UnsupportedFilesystem as UnsupportedFilesystem,
    )
    from dnadesign.usr.contract.errors import (
        ValidationError as ValidationError,
    )
    from dnadesign.usr.contract.events import Event as Event
    from dnadesign.usr.contract.identity import (
        compute_id as compute_id,
    )
    from dnadesign.usr.contract.identity import (
        normalize_sequence as normalize_sequence,
    )
    from dnadesign.usr.contract.identity import (
        validate_alphabet as validate_alphabet,
    )
    from dnadesign.usr.contract.identity import (
        validate_bio_type as validate_bio_type,
    )
    from dnadesign.usr.contract.registry import (
        Namespace as Namespace,
    )
    from dnadesign.usr.contract.registry import (
        Registry as Registry,
    )
    from dnadesign.usr.contract.registry import (
        RegistryColumn as RegistryColumn,
    )
    from dnadesign.usr.contract.registry import (
        parse_columns_spec as parse_columns_spec,
    )
    from dnadesign.usr.contract.types import (
        arrow_type_str as arrow_type_str,
    )
    from dnadesign.usr.contract.types import (
        parse_type_str as parse_type_str,
    )
    from dnadesign.usr.dataset import Dataset as Dataset
    from dnadesign.usr.operations._artifacts import ArtifactRef as ArtifactRef
    from dnadesign.usr.operations._datasets import list_datasets as list_datasets
    from dnadesign.usr.operations._record_values import RecordsResult as RecordsResult
    from dnadesign.usr.operations._refusals import Refusal as Refusal
    from dnadesign.usr.operations._snapshots import PruneResult as PruneResult
    from dnadesign.usr.operations._snapshots import SnapshotResult as SnapshotResult
    from dnadesign.usr.operations.archive_events import ArchiveResult as ArchiveResult
    from dnadesign.usr.operations.artifacts import ArtifactInfo as ArtifactInfo
    from dnadesign.usr.operations.artifacts import PruneArtifactsResult as PruneArtifactsResult
    from dnadesign.usr.operations.attach import AttachResult as AttachResult
    from dnadesign.usr.operations.compact import CompactResult as CompactResult
    from dnadesign.usr.operations.coverage import OverlayCoverage as OverlayCoverage
    from dnadesign.usr.operations.dedupe import DedupeResult as DedupeResult
    from dnadesign.usr.operations.dedupe import DuplicateRecords as DuplicateRecords
    from dnadesign.usr.operations.describe import (
        DatasetInfo as DatasetInfo,
    )
    from dnadesign.usr.operations.describe import (
        OverlayInfo as OverlayInfo,
    )
    from dnadesign.usr.operations.export import ExportResult as ExportResult
    from dnadesign.usr.operations.freeze import FreezeResult as FreezeResult
    from dnadesign.usr.operations.import_file import Duplicate as Duplicate
    from dnadesign.usr.operations.import_file import ImportReport as ImportReport
    from dnadesign.usr.operations.ingest import AddSequencesResult as AddSequencesResult
    from dnadesign.usr.operations.manifest import Manifest as Manifest
    from dnadesign.usr.operations.manifest import ManifestFile as ManifestFile
    from dnadesign.usr.operations.materialize import MaterializeResult as MaterializeResult
    from dnadesign.usr.operations.merge_from import MergeResult as MergeResult
    from dnadesign.usr.operations.overlay_parts import OverlayPartResult as OverlayPartResult
    from dnadesign.usr.operations.recover import RecoveryReport as RecoveryReport
    from dnadesign.usr.operations.register import (
        RegisterResult as RegisterResult,
    )
    from dnadesign.usr.operations.register import (
        register_namespace as register_namespace,
    )
    from dnadesign.usr.operations.registry_diff import (
        BrokenOverlay as BrokenOverlay,
    )
    from dnadesign.usr.operations.registry_diff import (
        RegistryDiff as RegistryDiff,
    )
    from dnadesign.usr.operations.registry_diff import (
        diff_registry as diff_registry,
    )
    from dnadesign.usr.operations.registry_diff import (
        preview_registration as preview_registration,
    )
    from dnadesign.usr.operations.remove import RemoveResult as RemoveResult
    from dnadesign.usr.operations.transaction import TransactionResult as TransactionResult
    from dnadesign.usr.operations.validate import Report as Report
    from dnadesign.usr.storage.batch_index import BatchRecord as BatchRecord
    from dnadesign.usr.storage.event_follow import EventFollower as EventFollower
    from dnadesign.usr.storage.log_file import LogLine as LogLine
    from dnadesign.usr.storage.log_file import LogPosition as LogPosition
    from dnadesign.usr.storage.registry_file import (
        load_registry as load_registry,
    )
    from dnadesign.usr.storage.registry_file import (
        registry_hash as registry_hash,
    )
    from dnadesign.usr.transaction import Transaction as Transaction

_ERRORS = (
    "AlphabetError", "BatchConflict", "CommitOutcomeUnknown", "ConcurrentChangeError", "CorruptFileError",
    "DatasetNotFound", "DuplicateIDError", "DuplicateKeyError", "EventLogError", "LockTimeout",
    "MaintenanceRequired", "MissingKeyError", "NamespaceError", "NamespaceNotFound", "OverlayLayoutError",
    "InputFileNotFound", "RegistryError", "SchemaError", "SequencesError", "StorageError", "UnsupportedFilesystem", "ValidationError",
)  # fmt: skip

_HOMES = {
    "contract.actor": ("Actor", "use_actor"),
    "contract.errors": _ERRORS,
    "contract.events": ("Event",),
    "contract.identity": ("compute_id", "normalize_sequence", "validate_alphabet", "validate_bio_type"),
    "contract.registry": ("Namespace", "Registry", "RegistryColumn", "parse_columns_spec"),
    "contract.types": ("arrow_type_str", "parse_type_str"),
    "dataset": ("Dataset",),
    "operations._record_values": ("RecordsResult",),
    "operations._artifacts": ("ArtifactRef",),
    "operations.artifacts": ("ArtifactInfo", "PruneArtifactsResult"),
    "operations.attach": ("AttachResult",),
    "operations._datasets": ("list_datasets",),
    "operations.compact": ("CompactResult",),
    "operations.coverage": ("OverlayCoverage",),
    "operations._refusals": ("Refusal",),
    "operations.describe": ("DatasetInfo", "OverlayInfo"),
    "operations.freeze": ("FreezeResult",),
    "operations.import_file": ("Duplicate", "ImportReport"),
    "operations.ingest": ("AddSequencesResult",),
    "operations.overlay_parts": ("OverlayPartResult",),
    "operations.registry_diff": ("BrokenOverlay", "RegistryDiff", "diff_registry", "preview_registration"),
    "operations.register": ("RegisterResult", "register_namespace"),
    "operations.remove": ("RemoveResult",),
    "operations._snapshots": ("PruneResult", "SnapshotResult"),
    "operations.archive_events": ("ArchiveResult",),
    "operations.dedupe": ("DedupeResult", "DuplicateRecords"),
    "operations.export": ("ExportResult",),
    "operations.manifest": ("Manifest", "ManifestFile"),
    "operations.materialize": ("MaterializeResult",),
    "operations.merge_from": ("MergeResult",),
    "operations.recover": ("RecoveryReport",),
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


def __getattr__(name: str) -> typing.Any:
    """Import the module that a public name lives in, when the name is first used."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
