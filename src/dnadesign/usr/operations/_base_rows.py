"""The base row by row: which rows stay, the base without the others, and the overlays without theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dnadesign.usr.contract.events import Fingerprint
from dnadesign.usr.contract.identity import compute_id
from dnadesign.usr.contract.layout import RECORDS, overlay_file, part_file
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._keys import IdsOf, Key, ids_by
from dnadesign.usr.operations._mutation import Draft, Mutation, NewBase
from dnadesign.usr.operations._overlay import (
    overlay_contract,
    overlay_metadata,
    set_aside,
    stage_rows,
    stored_overlay,
)
from dnadesign.usr.operations._overlay_rows import stored_columns, stored_rows
from dnadesign.usr.storage.filesystem import OpenFile
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.intent import Remove
from dnadesign.usr.storage.journal import check_space
from dnadesign.usr.storage.key_index import KeySet
from dnadesign.usr.storage.parquet import Footer, batches_of, reading
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version

BATCH_ROWS = 16_384

Flags = npt.NDArray[np.bool_]


def base_batches(file: OpenFile, footer: Footer, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Columns of a base in row order, in pieces that fit into memory.

    Raises:
        CorruptFileError: The file is damaged.
    """
    with reading(file, footer=footer) as parquet:
        for batch in batches_of(parquet, BATCH_ROWS, columns):
            yield batch.select(columns)


@dataclass
class Removal:
    """Base rows that a change removes.

    Attributes:
        base: The base as it is.
        keep: Which rows stay, shape (rows,).
    """

    base: PinnedFile
    keep: Flags

    @cached_property
    def gone(self) -> KeySet:
        """The ids that no row has any more, and those that keys of older overlays resolve to in their place.

        An overlay keyed by ``sequence_ci`` finds a removed row under its upper-case sequence.
        """
        keys, kept = KeySet(), KeySet()
        found, start = [], 0
        for batch in base_batches(self.base.file, self.base.footer, ["id", "bio_type", "sequence"]):
            flags = self.keep[start : start + batch.num_rows]
            start += batch.num_rows
            digests = digests_of(batch.column(0), where=self.base.path)
            kept.add(digests[flags])
            lost = batch.filter(pa.array(~flags))
            upper = [
                compute_id(b, s.upper())
                for b, s in zip(lost.column(1).to_pylist(), lost.column(2).to_pylist(), strict=True)
            ]
            found += [digests[~flags], digests_of(pa.array(upper, pa.string()), where=self.base.path)]
        every = np.unique(np.concatenate([np.empty((0, 20), np.uint8), *found]), axis=0)
        keys.add(every[kept.find(every) < 0])
        return keys

    def columns(self, names: list[str]) -> pa.Table:
        """Columns of the rows that stay."""
        tables, start = [], 0
        for batch in base_batches(self.base.file, self.base.footer, names):
            flags = pa.array(self.keep[start : start + batch.num_rows])
            tables.append(pa.Table.from_batches([batch.filter(flags)]))
            start += batch.num_rows
        schema = pa.schema([self.base.footer.schema.field(name) for name in names])
        return pa.concat_tables([schema.empty_table(), *tables])

    def stage_base(self, mutation: Mutation) -> NewBase:
        """Stage the base without these rows; everything else of it stays as it is."""
        footer = self.base.footer
        check_space(mutation.store.fs, mutation.store.dir, footer.size)
        rows = int(self.keep.sum())
        staged = stage_rows(
            mutation,
            footer.schema,
            self._kept_tables(),
            mutation.base_key_values(),
            like=RECORDS,
            rows=rows,
        )
        return NewBase(staged, rows, len(footer.schema.names))

    def _kept_tables(self) -> Iterator[pa.Table]:
        start = 0
        for batch in base_batches(self.base.file, self.base.footer, self.base.footer.schema.names):
            flags = self.keep[start : start + batch.num_rows]
            start += batch.num_rows
            yield pa.Table.from_batches([batch.filter(pa.array(flags))])

    def drop_overlay_rows(self, mutation: Mutation, namespace: str, *, why: str) -> int:
        """Rewrite an overlay without the rows of these records, the old files set aside; how many rows went.

        Args:
            mutation: The change.
            namespace: Which overlay.
            why: The action that removes the rows, for the overlay's own event.

        Raises:
            SchemaError: A stored column is not registered.
        """
        with stored_overlay(mutation.store, namespace) as overlay:
            before = sum(file.footer.rows for file in overlay.files)
            rows = sum(int(flags.sum()) for _, flags in self._overlay_rows(mutation, overlay, []))
            if rows == before:
                return 0
            self._rewrite(mutation, overlay, rows, before - rows, why)
            return before - rows

    def count_overlay_rows(self, version: Version, registry: Registry) -> dict[str, int]:
        """How many rows of each overlay belong to these records; for a preview."""
        found: dict[str, int] = {}
        for namespace, overlay in version.overlays.items():
            contract = overlay_contract(registry, namespace)
            lost = 0
            for file in overlay.files:
                for table in stored_rows(file, contract, [], self._ids_of()):
                    lost += int((self.gone.find(digests_of(table.column("id"), where=file.path)) >= 0).sum())
            if lost:
                found[namespace] = lost
        return found

    def _ids_of(self) -> Callable[[Key], IdsOf]:
        where = self.base.path
        return lambda key: ids_by(key, self.columns, where=where)

    def _overlay_rows(
        self, mutation: Mutation, overlay: Overlay, columns: list[str]
    ) -> Iterator[tuple[pa.Table, Flags]]:
        """The rows of an overlay, and which of them stay."""
        contract = overlay_contract(mutation.registry, overlay.namespace)
        for file in overlay.files:
            for table in stored_rows(file, contract, columns, self._ids_of()):
                yield table, self.gone.find(digests_of(table.column("id"), where=file.path)) < 0

    def _rewrite(self, mutation: Mutation, overlay: Overlay, rows: int, lost: int, why: str) -> None:
        because = f"{why} removed the records of {counted(lost, 'row')}"
        if not rows:
            archive_overlay(mutation, overlay, because=because)
            return
        contract = overlay_contract(mutation.registry, overlay.namespace)
        columns = stored_columns(overlay, contract)
        size = sum(file.footer.size for file in overlay.files)
        check_space(mutation.store.fs, mutation.store.dir, size)
        as_part = overlay.layout == "parts"
        staged = stage_rows(
            mutation,
            contract.schema(columns),
            (
                table.filter(pa.array(flags))
                for table, flags in self._overlay_rows(mutation, overlay, columns)
            ),
            overlay_metadata(
                contract, mutation.registry_hash, txid=mutation.staging.txid if as_part else None
            ),
            like=overlay.files[0].path,
            rows=rows,
        )
        archived = set_aside(mutation, overlay)
        path = overlay_file(overlay.namespace)
        if as_part:
            path = part_file(overlay.namespace, moment=mutation.moment, uuid=uuid4().hex)
        mutation.publishes.append(staged.publish(path))
        mutation.note(
            Draft(
                action="compact_overlay",
                args={
                    "namespace": overlay.namespace,
                    "layout": "part" if as_part else "file",
                    "archive": archived.path,
                    "because": because,
                },
                metrics={
                    "namespace": overlay.namespace,
                    "rows": rows,
                    "rows_dropped": lost,
                    "files": len(overlay.files),
                    "bytes_before": size,
                    "bytes": staged.bytes,
                },
                added=[{"path": path, "bytes": staged.bytes, "sha256": staged.sha256}, *archived.added],
                removed=archived.removed,
                fingerprint=Fingerprint(rows, 1 + len(columns), staged.bytes),
            )
        )


def archive_overlay(mutation: Mutation, overlay: Overlay, *, because: str) -> None:
    """Have an overlay set aside as part of a commit, with an event of its own."""
    archived = set_aside(mutation, overlay)
    mutation.note(
        Draft(
            action="archive_overlay",
            args={"namespace": overlay.namespace, "archive": archived.path, "because": because},
            metrics=_counts(overlay),
            added=archived.added,
            removed=archived.removed,
            fingerprint=Fingerprint(),
        )
    )


def remove_overlay(mutation: Mutation, overlay: Overlay, *, because: str) -> None:
    """Have an overlay deleted as part of a commit, with an event of its own."""
    mutation.removes += [Remove(file.path) for file in overlay.files]
    mutation.note(
        Draft(
            action="remove_overlay",
            args={"namespace": overlay.namespace, "because": because},
            metrics=_counts(overlay),
            removed=[{"path": file.path, "bytes": file.footer.size} for file in overlay.files],
            fingerprint=Fingerprint(),
        )
    )


def _counts(overlay: Overlay) -> dict[str, int | str]:
    footers = [file.footer for file in overlay.files]
    return {
        "namespace": overlay.namespace,
        "rows": sum(footer.rows for footer in footers),
        "files": len(footers),
        "bytes": sum(footer.size for footer in footers),
    }
