"""What a dataset holds, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dnadesign.usr import storage as _storage  # Arrow is loaded only if there are tombstones to count
from dnadesign.usr.contract.layout import (
    META_CREATED_AT,
    META_REGISTRY_HASH,
    META_SCHEMA_VERSION,
)
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.operations._frozen import frozen_hash
from dnadesign.usr.storage.parquet_footer import read_outline
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Overlay, check_log_is_known, check_schema_version

_DELETED = "usr__deleted"


@dataclass(frozen=True, slots=True)
class OverlayInfo:
    """One namespace of a dataset: rows, sizes in bytes."""

    namespace: str
    layout: str
    files: int
    rows: int
    bytes: int
    columns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "namespace": self.namespace,
            "layout": self.layout,
            "files": self.files,
            "rows": self.rows,
            "bytes": self.bytes,
            "columns": list(self.columns),
        }


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A dataset at a glance: rows of the base (deleted ones included), how many are deleted, sizes in bytes."""

    dataset: str
    path: str
    rows: int
    deleted: int
    bytes: int
    created_at: str | None
    schema_version: str | None
    registry_hash: str | None
    frozen_registry_hash: str | None
    events_bytes: int
    overlays: tuple[OverlayInfo, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "dataset": self.dataset,
            "path": self.path,
            "rows": self.rows,
            "deleted": self.deleted,
            "bytes": self.bytes,
            "created_at": self.created_at,
            "schema_version": self.schema_version,
            "registry_hash": self.registry_hash,
            "frozen_registry_hash": self.frozen_registry_hash,
            "events_bytes": self.events_bytes,
            "overlays": [overlay.to_dict() for overlay in self.overlays],
        }


def info(store: Store) -> DatasetInfo:
    """What a dataset holds, from footers and tombstones alone.

    Raises:
        DatasetNotFound: There is no dataset.
        CorruptFileError: A file is damaged.
        OverlayLayoutError: An overlay is both a file and parts.
    """
    with store.pin(known_only=False) as version:
        check_log_is_known(store.dir, version.log)
        version.check_layouts()
        base = read_outline(version.base.file)
        check_schema_version(store.dir / version.base.path, base.key_values)
        said = {key: value.decode("utf-8", "replace") for key, value in base.key_values.items()}
        return DatasetInfo(
            dataset=store.name,
            path=str(store.dir),
            rows=base.rows,
            deleted=_deleted(version.overlays.get(TOMBSTONE_NAMESPACE)),
            bytes=base.size,
            created_at=said.get(META_CREATED_AT),
            schema_version=said.get(META_SCHEMA_VERSION),
            registry_hash=said.get(META_REGISTRY_HASH),
            frozen_registry_hash=frozen_hash(store, base.key_values),
            events_bytes=version.log.end,
            overlays=tuple(_overlay_info(overlay) for overlay in version.overlays.values()),
        )


def list_overlays(store: Store) -> tuple[OverlayInfo, ...]:
    """The namespaces that a dataset has rows of.

    Raises:
        OverlayLayoutError: One is both a file and parts.
    """
    with store.pin() as version:
        version.check_layouts()
        return tuple(_overlay_info(overlay) for overlay in version.overlays.values())


def _deleted(tombstones: Overlay | None) -> int:
    """How many records are deleted."""
    files = tombstones.files if tombstones is not None else ()
    marks = [_storage.parquet.read_columns(file.file, [_DELETED]).column(0) for file in files]
    return sum(mark.to_pylist().count(True) for mark in marks)


def _overlay_info(overlay: Overlay) -> OverlayInfo:
    footers = [read_outline(file.file) for file in overlay.files]
    names = dict.fromkeys(n for f in footers for n in f.columns if n.startswith(f"{overlay.namespace}__"))
    return OverlayInfo(
        namespace=overlay.namespace,
        layout=overlay.layout,
        files=len(footers),
        rows=sum(f.rows for f in footers),
        bytes=sum(f.size for f in footers),
        columns=tuple(names),
    )
