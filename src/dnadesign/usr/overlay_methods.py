"""The facade's methods on overlays; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.storage.maintenance import require
from dnadesign.usr.storage.store import Store

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    import numpy as np

    from dnadesign.usr.operations._artifacts import ArtifactRef
    from dnadesign.usr.operations._keys import Key
    from dnadesign.usr.operations.artifacts import ArtifactInfo, PruneArtifactsResult
    from dnadesign.usr.operations.attach import AttachResult, Columns
    from dnadesign.usr.operations.compact import CompactResult, Layout, OnDuplicate
    from dnadesign.usr.operations.coverage import OverlayCoverage
    from dnadesign.usr.operations.describe import OverlayInfo
    from dnadesign.usr.operations.overlay_parts import OverlayPartResult
    from dnadesign.usr.operations.remove import RemoveMode, RemoveResult


class OverlayMethods:
    """What can be done with the overlays of a dataset."""

    _store: Store

    def write_overlay_part(
        self,
        namespace: str,
        data: Any,
        *,
        key: Key = "id",
        key_col: str | None = None,
        allow_missing: bool = False,
        batch_id: str | None = None,
        actor: Actor | None = None,
    ) -> OverlayPartResult:
        """Write one immutable part of an overlay; what it costs does not grow with what is there.

        Args:
            namespace: A registered namespace.
            data: A key column and columns of the namespace, through the Arrow interfaces.
            key: What the key column holds: id, sequence, sequence_norm or sequence_ci.
            key_col: Its name in the data; ``id`` or ``sequence`` when None.
            allow_missing: Leave out rows whose key is not in the base, instead of refusing them all.
            batch_id: A name under which this very input is committed once only.
            actor: Who does it.

        Raises:
            SchemaError: A column is not registered, or a value does not fit its type.
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the namespace already.
            OverlayLayoutError: The namespace is both a file and parts.
        """
        step = _ops.overlay_parts.WritePart(namespace, data, key, key_col, allow_missing)
        return _ops._mutation.run(self._store, [step], actor=actor, batch_id=batch_id)[2][0]

    def attach(
        self,
        path: str | PathLike[str],
        namespace: str,
        *,
        key: Key = "id",
        key_col: str | None = None,
        columns: Columns | None = None,
        format: str | None = None,
        allow_missing: bool = False,
        allow_overwrite: bool = False,
        parse_json: bool = True,
        dry_run: bool = False,
        actor: Actor | None = None,
    ) -> AttachResult:
        """Attach the columns of a file: write or merge the single-file form of an overlay.

        New columns are added; rows and columns that the file does not give keep their values.

        Args:
            path: A CSV, TSV, JSONL (plain, .gz, .zst) or Parquet file.
            namespace: A registered namespace; its types say how text is read. An empty cell is null.
            key: What the key column holds: id, sequence, sequence_norm or sequence_ci.
            key_col: Its name in the file; ``id`` or ``sequence`` when None.
            columns: Which columns to take, or ``{name in the file: registered name}``; all when None.
            format: csv, tsv, jsonl or parquet; told by the file's ending when None.
            allow_missing: Leave out rows whose key is not in the base, instead of refusing them all.
            allow_overwrite: Replace values of columns that are there already.
            parse_json: Whether text in place of a list or struct is read as JSON.
            dry_run: Only report what would be done; a row that is wrong is reported, not raised.
            actor: Who does it.

        Raises:
            SchemaError: A column is not registered, or a value does not fit its type; line and column are named, and
                the first twenty faults told.
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the file twice.
            ValidationError: A column is there already, and overwriting is not allowed.
            OverlayLayoutError: The namespace has parts.
        """
        step = _ops.attach.Attach(
            namespace,
            path,
            key=key,
            key_col=key_col,
            columns=columns,
            format=format,
            allow_missing=allow_missing,
            allow_overwrite=allow_overwrite,
            parse_json=parse_json,
            dry_run=dry_run,
        )
        return _ops.attach.attach(self._store, step, actor=actor)

    def write_overlay(
        self,
        namespace: str,
        data: Any,
        *,
        key: Key = "id",
        key_col: str | None = None,
        columns: Columns | None = None,
        allow_missing: bool = False,
        allow_overwrite: bool = False,
        parse_json: bool = True,
        dry_run: bool = False,
        actor: Actor | None = None,
    ) -> AttachResult:
        """Attach columns through the Arrow interfaces (pyarrow, polars, pandas, DuckDB); else like :meth:`attach`."""
        step = _ops.attach.Attach(
            namespace,
            data,
            key=key,
            key_col=key_col,
            columns=columns,
            allow_missing=allow_missing,
            allow_overwrite=allow_overwrite,
            parse_json=parse_json,
            dry_run=dry_run,
        )
        return _ops.attach.attach(self._store, step, actor=actor)

    def compact_overlay(
        self,
        namespace: str,
        *,
        maintenance: bool = False,
        layout: Layout = "file",
        on_duplicate: OnDuplicate = "error",
        actor: Actor | None = None,
    ) -> CompactResult:
        """Merge all files of an overlay into one, in base order and the registered types; the old ones are set aside.

        A sequence key of an older tool becomes the id. Every row is kept.

        Args:
            namespace: Which overlay.
            maintenance: Allow it without a surrounding ``with dataset.maintenance(...)``.
            layout: ``file``, or ``part``: one part, so that a running writer of parts can go on.
            on_duplicate: What to do about keys that older tools wrote twice: ``error``, or ``keep-newest`` (by
                creation time, then file name).
            actor: Who does it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
            DuplicateKeyError: A key comes twice, and that is an error.
            SchemaError: A stored column is not registered, or a value does not fit its type.
        """
        permit = require(self._store.dir, "compacting an overlay", allowed=maintenance, actor=actor)
        step = _ops.compact.Compact(namespace, layout, on_duplicate)
        return _ops._mutation.run(self._store, [step], actor=permit.actor, reason=permit.reason)[2][0]

    def remove_overlay(
        self,
        namespace: str,
        *,
        mode: RemoveMode = "archive",
        maintenance: bool = False,
        actor: Actor | None = None,
    ) -> RemoveResult:
        """Remove an overlay: set its files aside in ``_derived/_archived``, or delete them.

        Args:
            namespace: Which overlay; it need not be registered any more.
            mode: ``archive`` or ``delete``.
            maintenance: Allow it without a surrounding ``with dataset.maintenance(...)``.
            actor: Who does it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
            NamespaceError: The dataset has no rows of the namespace, or they are the tombstones.
        """
        permit = require(self._store.dir, "removing an overlay", allowed=maintenance, actor=actor)
        return _ops._mutation.run(
            self._store,
            [_ops.remove.RemoveOverlay(namespace, mode)],
            actor=permit.actor,
            reason=permit.reason,
        )[2][0]

    def coverage(
        self, namespace: str, *, limit: int | None = 100, include_deleted: bool = False
    ) -> OverlayCoverage:
        """Which records have no row in a namespace, and how many.

        Args:
            namespace: A registered or stored namespace.
            limit: How many missing ids to name; all when None.
            include_deleted: Whether tombstoned records count.
        """
        return _ops.coverage.coverage(self._store, namespace, limit=limit, include_deleted=include_deleted)

    def list_overlays(self) -> tuple[OverlayInfo, ...]:
        """The namespaces that the dataset has rows of."""
        return _ops.describe.list_overlays(self._store)

    def read_artifact(self, ref: ArtifactRef | Mapping[str, Any] | str) -> dict[str, np.ndarray]:
        """The arrays of an artifact, its hash checked before anything is read from it; nothing is unpickled.

        Args:
            ref: What :meth:`Transaction.write_artifact` gave, a row that refers to one artifact, or a path.

        Raises:
            ValidationError: It leads to no artifact of the dataset.
            CorruptFileError: The file is gone, or its bytes are not those that it is named after.
        """
        return _ops.artifacts.read_artifact(self._store, ref)

    def list_artifacts(self) -> tuple[ArtifactInfo, ...]:
        """All artifacts with their sizes, and whether any row (of archived overlays too) refers to them."""
        return _ops.artifacts.list_artifacts(self._store)

    def prune_artifacts(
        self, *, maintenance: bool = False, actor: Actor | None = None
    ) -> PruneArtifactsResult:
        """Remove the artifacts that no row refers to, archived overlays and snapshots included.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
        """
        permit = require(self._store.dir, "removing artifacts", allowed=maintenance, actor=actor)
        return _ops._mutation.run(
            self._store, [_ops.artifacts.PruneArtifacts()], actor=permit.actor, reason=permit.reason
        )[2][0]
