"""Coverage: which records have no row in a namespace, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.arguments import count_of
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE, check_namespace
from dnadesign.usr.operations._overlay_rows import BATCH_ROWS
from dnadesign.usr.operations._stored_keys import stored_digests
from dnadesign.usr.operations._view import DELETED
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Digests, KeySet
from dnadesign.usr.storage.parquet import batches_of, reading
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version


@dataclass(frozen=True, slots=True)
class OverlayCoverage:
    """Which records have a row in a namespace.

    Attributes:
        namespace: Which overlay.
        rows: How many records were looked at.
        covered: How many of them have a row, or values in a materialized base.
        missing: How many have neither.
        missing_ids: The first ids of those, in base order, up to the limit that was asked for.
    """

    namespace: str
    rows: int
    covered: int
    missing: int
    missing_ids: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "namespace": self.namespace,
            "rows": self.rows,
            "covered": self.covered,
            "missing": self.missing,
            "missing_ids": list(self.missing_ids),
        }


def coverage(store: Store, namespace: str, *, limit: int | None, include_deleted: bool) -> OverlayCoverage:
    """Which records of the newest committed version have a row in a namespace.

    Args:
        store: The dataset.
        namespace: A namespace that is registered, or stored.
        limit: How many missing ids to name; all when None.
        include_deleted: Whether records that are tombstoned count.

    Raises:
        NamespaceError: The namespace is neither registered nor stored.
        OverlayLayoutError: It is both a file and parts.
    """
    if limit is not None:
        count_of(limit, what="limit")
    check_namespace(namespace, allow_builtin=True)
    registry = load_registry(store.root, fs=store.fs)
    with store.pin() as version:
        version.check_layouts()
        if namespace not in version.overlays and namespace != TOMBSTONE_NAMESPACE:
            registry.namespace(namespace)
        return _coverage(version, namespace, limit=limit, include_deleted=include_deleted)


def _coverage(
    version: Version, namespace: str, *, limit: int | None, include_deleted: bool
) -> OverlayCoverage:
    keys = KeySet()
    for ids, _ in stored_digests(version, namespace, []):
        keys.add(ids)
    tombstones = None if include_deleted else _Tombstones(version)
    base = version.base
    own = [name for name in base.footer.schema.names if name.startswith(f"{namespace}__")]
    columns = dict.fromkeys(["id", *own, *(tombstones.columns if tombstones else ())])
    rows = covered = missing = 0
    shown: list[str] = []
    with reading(base.file, footer=base.footer) as parquet:
        for batch in batches_of(parquet, BATCH_ROWS, list(columns)):
            digests = digests_of(batch.column("id"), where=base.path)
            has = keys.find(digests) >= 0
            for name in own:
                has |= pc.is_valid(batch.column(name)).to_numpy(zero_copy_only=False)
            visible = tombstones.visible(batch, digests) if tombstones else np.ones(len(has), dtype=np.bool_)
            lacking = np.flatnonzero(visible & ~has)
            rows += int(visible.sum())
            covered += int((visible & has).sum())
            missing += len(lacking)
            wanted = lacking if limit is None else lacking[: limit - len(shown)]
            shown += batch.column("id").take(pa.array(wanted)).to_pylist()
    return OverlayCoverage(namespace, rows, covered, missing, tuple(shown))


class _Tombstones:
    """Which records are deleted: the overlay's word counts, and the base's where the overlay has none."""

    def __init__(self, version: Version) -> None:
        self.columns = [DELETED] if DELETED in version.base.footer.schema.names else []
        self._keys = KeySet()
        flags = [np.zeros(0, dtype=np.bool_)]
        for digests, table in stored_digests(version, TOMBSTONE_NAMESPACE, [DELETED]):
            self._keys.add(digests)
            flags.append(_flags(table.column(DELETED)))
        self._deleted = np.append(np.concatenate(flags), False)

    def visible(self, batch: pa.RecordBatch, digests: Digests) -> np.ndarray:
        """Which rows of the base are not deleted."""
        at = self._keys.find(digests)
        deleted = self._deleted[at]
        for name in self.columns:
            deleted |= (at < 0) & _flags(batch.column(name))
        return ~deleted


def _flags(column: pa.Array) -> np.ndarray:
    return pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False)
