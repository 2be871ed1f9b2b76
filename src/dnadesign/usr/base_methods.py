"""The facade's methods on the base table; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.layout import AUTOMATIC_KEPT
from dnadesign.usr.storage.maintenance import require
from dnadesign.usr.storage.paths import path_of
from dnadesign.usr.storage.store import Store

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    from dnadesign.usr.operations._snapshots import PruneResult, SnapshotResult
    from dnadesign.usr.operations.dedupe import DedupeKey, DedupeResult, Keep
    from dnadesign.usr.operations.import_file import ImportReport, OnConflict, OnInvalid
    from dnadesign.usr.operations.materialize import MaterializeResult, OverlaysAfter
    from dnadesign.usr.operations.merge_from import MergeResult, OnDuplicate


class BaseMethods:
    """What can be done with the base table of a dataset as a whole."""

    _store: Store

    def import_file(
        self,
        path: str | PathLike[str],
        *,
        bio_type: str | None = None,
        alphabet: str | None = None,
        source: str | None = None,
        format: str | None = None,
        on_conflict: OnConflict = "error",
        on_invalid: OnInvalid = "error",
        columns: Mapping[str, str] | None = None,
        dry_run: bool = False,
        batch_id: str | None = None,
        actor: Actor | None = None,
    ) -> ImportReport:
        """Import the sequences of a file in one commit, in bounded memory.

        A table needs a column ``sequence`` and may have the other columns of the base; a sequence file gives sequences
        only. Names of its records are told in the report, and not kept: attach them as an overlay by sequence.

        Args:
            path: CSV, TSV, JSONL, FASTA, FASTQ, GenBank (each plain, .gz or .zst) or Parquet.
            bio_type: For rows that do not say; that of the alphabet when None.
            alphabet: For rows that do not say. It is never guessed.
            source: For rows that do not say. When None that is the file's name, or empty if the file has this column.
            format: csv, tsv, jsonl, parquet, fasta, fastq or genbank; told by the file's ending when None.
            on_conflict: ``error`` refuses all when a row is in the dataset already or twice in the file, ``ignore``
                skips those.
            on_invalid: ``error`` refuses all when a row is wrong, ``skip`` leaves such rows out and reports them.
            columns: Core column to column of the file; other columns of the file are then left out.
            dry_run: Only report what would be done; a row that is wrong is reported, not raised.
            batch_id: A name under which these very rows are committed once only.
            actor: Who does it.

        Raises:
            AlphabetError: A row does not fit its alphabet, or nothing says which one it is of.
            SchemaError: The file does not fit its format, or a column is unknown, missing or of another type.
            DuplicateIDError: A row is there already, and conflicts are errors.
            CorruptFileError: The file is damaged or cut short.
        """
        step = _ops.import_file.ImportFile(
            path_of(path, what="path"),
            bio_type=bio_type,
            alphabet=alphabet,
            source=source,
            format=format,
            on_conflict=on_conflict,
            on_invalid=on_invalid,
            columns=columns,
            dry_run=dry_run,
        )
        return _ops.import_file.import_file(self._store, step, batch_id=batch_id, actor=actor)

    def snapshot(self, *, automatic: bool = False, actor: Actor | None = None) -> SnapshotResult:
        """Copy the base, byte for byte, to ``_snapshots/``.

        Args:
            automatic: Whether the copy may be pruned when newer automatic ones are taken; others are never pruned.
            actor: Who does it.
        """
        return _ops._mutation.run(self._store, [_ops.snapshot.Snapshot(automatic)], actor=actor)[2][0]

    def snapshot_prune(
        self, *, keep: int = AUTOMATIC_KEPT, maintenance: bool = False, actor: Actor | None = None
    ) -> PruneResult:
        """Delete the oldest automatic snapshots; those that were asked for are never touched.

        Args:
            keep: How many automatic ones stay.
            maintenance: Allow it outside a maintenance block.
            actor: Who does it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
        """
        permit = require(self._store.dir, "pruning snapshots", allowed=maintenance, actor=actor)
        return _ops._mutation.run(
            self._store, [_ops.snapshot.PruneSnapshots(keep)], actor=permit.actor, reason=permit.reason
        )[2][0]

    def materialize(
        self,
        *,
        overlays: OverlaysAfter = "keep",
        namespaces: Sequence[str] | None = None,
        drop_deleted: bool = False,
        maintenance: bool = False,
        actor: Actor | None = None,
    ) -> MaterializeResult:
        """Write the values of overlays into the base, in exactly their registered types.

        Tombstones and record state stay overlays. Rows imported later have null there; overlay rows written later
        replace the base's values of their namespace. A copy of the base of before is kept (see :meth:`snapshot`).

        Args:
            overlays: What becomes of the overlays: ``keep``, ``drop`` (delete) or ``archive`` (set aside).
            namespaces: Which overlays; all when None.
            drop_deleted: Also remove deleted records for good, with their rows in all overlays.
            maintenance: Allow it outside a maintenance block.
            actor: Who does it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
            NamespaceError: The dataset has no rows of a namespace, or it is usr's own.
            SchemaError: A stored column is not the registered one.
        """
        permit = require(self._store.dir, "materializing", allowed=maintenance, actor=actor)
        step = _ops.materialize.Materialize(overlays, namespaces, drop_deleted)
        return _ops._mutation.run(self._store, [step], actor=permit.actor, reason=permit.reason)[2][0]

    def dedupe(
        self,
        *,
        key: DedupeKey = "id",
        keep: Keep = "first",
        dry_run: bool = False,
        maintenance: bool = False,
        actor: Actor | None = None,
    ) -> DedupeResult:
        """Remove records that are there more than once, and their overlay rows with them.

        Records of different bio_types are never the same. One that is not deleted is kept rather than one that is.

        Args:
            key: By what records are compared: ``id``, ``sequence``, or ``sequence_ci`` (ignoring case, dna_4 only).
            keep: ``first`` or ``last`` in base order.
            dry_run: Only say what would be removed.
            maintenance: Allow it outside a maintenance block; a dry run needs none.
            actor: Who does it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
            SchemaError: The key is ``sequence_ci`` and the base has other alphabets than dna_4.
        """
        step = _ops.dedupe.Dedupe(key, keep)
        if dry_run:
            return step.preview(self._store)
        permit = require(self._store.dir, "removing duplicates", allowed=maintenance, actor=actor)
        return _ops._mutation.run(self._store, [step], actor=permit.actor, reason=permit.reason)[2][0]

    def merge_from(
        self,
        other: BaseMethods,
        *,
        columns: str | Sequence[str] = "all",
        on_duplicate: OnDuplicate = "error",
        dry_run: bool = False,
        maintenance: bool = False,
        actor: Actor | None = None,
    ) -> MergeResult:
        """Take the records of another dataset that are not deleted there, with their derived values.

        Args:
            other: The other dataset; it is only read.
            columns: Which derived columns come along: ``all`` (each must be registered here with the same type),
                ``shared`` (those that are), ``none``, or a list of names.
            on_duplicate: About records that both have: ``error`` refuses all, ``skip`` keeps this dataset's values,
                ``replace`` takes the other's derived values. The base row stays as it is.
            dry_run: Only say what would be done.
            maintenance: Allow it outside a maintenance block; a dry run needs none.
            actor: Who does it.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
            DuplicateIDError: Both have a record, and that is an error.
            SchemaError: A column is not there, or not registered here with the same type.
            OverlayLayoutError: Values would be replaced in a namespace that is stored as parts.
        """
        if not isinstance(other, BaseMethods):
            raise ValidationError(
                f"other: expected a dataset, found {type(other).__name__}",
                mend="open it: Dataset.open(root, name)",
            )
        step = _ops.merge_from.MergeFrom(other._store, columns, on_duplicate)
        if dry_run:
            return step.preview(self._store)
        permit = require(self._store.dir, "merging", allowed=maintenance, actor=actor)
        return _ops._mutation.run(self._store, [step], actor=permit.actor, reason=permit.reason)[2][0]
