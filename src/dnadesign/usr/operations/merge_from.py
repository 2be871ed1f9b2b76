"""Take the records of another dataset, with their derived values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args
from uuid import uuid4

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import DuplicateIDError, OverlayLayoutError, ValidationError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import part_file
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.records import CORE_COLUMNS
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._base_rows import Flags, base_batches
from dnadesign.usr.operations._merge_source import ColumnPolicy, MergeSource, Wanted, open_source
from dnadesign.usr.operations._mutation import Draft, Mutation, RowStream
from dnadesign.usr.operations._overlay import (
    OverlayContract,
    event_count,
    overlay_contract,
    overlay_metadata,
    stage_rows,
)
from dnadesign.usr.operations._overlay_merge import (
    MergeTarget,
    merge_preview,
    merge_rows,
    target_in,
    target_of,
)
from dnadesign.usr.operations._overlay_rows import stored_rows
from dnadesign.usr.operations._snapshots import snapshot_before
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import KeySet, Ordinals, read_ids
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store

OnDuplicate = Literal["error", "skip", "replace"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What merging did, or would do.

    Attributes:
        source: The other dataset's folder.
        rows_incoming: Records of the other dataset that are not deleted there.
        rows_added: How many were new here.
        rows_known: How many were here already.
        rows_deleted: How many of the other's records were left out because they are deleted there.
        overlay_rows: How many rows of derived values came along, by namespace.
        columns: The derived columns that came along.
        columns_left_out: Those of the other dataset that did not.
        snapshot: The automatic copy of the base of before, relative to the dataset; None where nothing was changed.
        dry_run: Whether nothing was changed.
        ok: Whether the merge went through; for a dry run, whether it would.
    """

    source: str
    rows_incoming: int
    rows_added: int
    rows_known: int
    rows_deleted: int
    overlay_rows: dict[str, int]
    columns: tuple[str, ...]
    columns_left_out: tuple[str, ...]
    snapshot: str | None
    dry_run: bool
    ok: bool = True

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "source": self.source,
            "rows_incoming": self.rows_incoming,
            "rows_added": self.rows_added,
            "rows_known": self.rows_known,
            "rows_deleted": self.rows_deleted,
            "overlay_rows": dict(self.overlay_rows),
            "columns": list(self.columns),
            "columns_left_out": list(self.columns_left_out),
            "snapshot": self.snapshot,
            "dry_run": self.dry_run,
            "ok": self.ok,
        }


@dataclass
class MergeFrom:
    """The step that merges another dataset into this one.

    Attributes:
        other: The other dataset.
        columns: Which derived columns come along: ``all``, ``shared`` (registered alike here), ``none``, or names.
        on_duplicate: About records that both have: ``error``, ``skip`` (this dataset's values stay) or ``replace`` (the
            other's derived values replace this one's; the base row stays).
    """

    other: Store
    columns: ColumnPolicy = "all"
    on_duplicate: OnDuplicate = "error"
    wanted: Wanted = field(init=False)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the options against both registries.

        Raises:
            ValidationError: ``on_duplicate`` has an unknown value.
            SchemaError: A column is not there, or not registered here with the same type.
            DatasetNotFound: There is no such other dataset.
        """
        choice_of(self.on_duplicate, get_args(OnDuplicate), what="on_duplicate")
        with open_source(self.other, registry, self.columns) as source:
            self.wanted = source.wanted

    def content(self, digest: Digest) -> None:
        """Feed the options and the other dataset's place."""
        digest_text(digest, f"{self.other.dir}:{self.columns}:{self.on_duplicate}")

    def apply(self, mutation: Mutation) -> MergeResult:
        """Append the new records and write the derived values.

        Raises:
            ValidationError: The other dataset is this one.
            DuplicateIDError: Both have a record, and that is an error.
            OverlayLayoutError: Values are to be replaced in a namespace that is stored as parts.
        """
        self._check_other(mutation.store)
        source = mutation.held.enter_context(open_source(self.other, mutation.registry, self.columns))
        self.wanted = source.wanted
        known = self._known(source, mutation.index.base, str(mutation.store.dir))
        result = self._result(source, known, dry_run=False)
        taken = KeySet()
        taken.add(source.digests[source.alive & (~known | (self.on_duplicate == "replace"))])
        if not len(taken):
            return result
        snapshot = snapshot_before(mutation)
        draft = Draft(
            action="merge",
            args={
                "source": str(self.other.dir),
                "columns": self.columns if isinstance(self.columns, str) else list(self.columns),
                "on_duplicate": self.on_duplicate,
            },
            writes_base=result.rows_added > 0,
        )
        mutation.note(draft)
        if result.rows_added:
            self._append(mutation, source, source.alive & ~known)
        rows = {
            namespace: count
            for namespace in source.wanted.columns
            if (count := self._write(mutation, source, draft, namespace, taken))
        }
        result = replace(result, overlay_rows=rows, snapshot=snapshot.path)
        overlay_bytes = sum(int(entry["bytes"]) for entry in draft.added)
        draft.metrics = {
            "rows": result.rows_added,
            "rows_incoming": result.rows_incoming,
            "rows_known": result.rows_known,
            "rows_deleted": result.rows_deleted,
            "overlay_rows": sum(rows.values()),
            "overlay_bytes": overlay_bytes,
            "namespaces": sorted(rows),
        } | ({} if result.rows_added else {"bytes": overlay_bytes})
        return result

    def preview(self, store: Store) -> MergeResult:
        """What the step would do; takes no lock and writes nothing."""
        registry = load_registry(store.root, fs=store.fs)
        self.prepare(registry, None)
        self._check_other(store)
        with store.pin() as version, open_source(self.other, registry, self.columns) as source:
            base, taken = KeySet(), KeySet()
            base.add(
                digests_of(read_ids(version.base.file, footer=version.base.footer), where=str(store.dir))
            )
            known = base.find(source.digests) >= 0
            result = self._result(source, known, dry_run=True)
            taken.add(source.digests[source.alive & (~known | (self.on_duplicate == "replace"))])
            conflicts = bool(result.rows_known) and self.on_duplicate == "error"
            base.add(source.digests[source.alive & ~known])
            rows = {}
            for namespace, columns in source.wanted.columns.items() if len(taken) else ():
                if conflicts:  # which end the merge before it looks at the overlays here
                    rows[namespace] = sum(t.num_rows for t in source.rows(namespace, columns, taken))
                else:
                    target = target_in(version, store, overlay_contract(registry, namespace), base)
                    rows[namespace] = _fitting_rows(source, target, columns, taken)
        return replace(
            result, overlay_rows={name: count for name, count in rows.items() if count}, ok=not conflicts
        )

    def _check_other(self, store: Store) -> None:
        if self.other.dir.resolve() == store.dir.resolve():
            raise ValidationError(
                f"{store.dir}: a dataset cannot be merged into itself",
                mend=spelled("remove duplicates with {}", ("dedupe", "usr maintenance dedupe --reason TEXT")),
            )

    def _known(self, source: MergeSource, base: KeySet, where: str) -> Any:
        """Which of the other's rows this dataset has, a flag each."""
        known = base.find(source.digests) >= 0
        both = np.flatnonzero(known & source.alive)
        if len(both) and self.on_duplicate == "error":
            shown = ", ".join(bytes(source.digests[row]).hex() for row in both[:_SHOWN].tolist())
            raise DuplicateIDError(
                f"{where}: has {len(both)} of the {counted(int(source.alive.sum()), 'record')} of {self.other.dir} already: "
                f"{shown}{', ...' if len(both) > _SHOWN else ''}",
                mend=spelled(
                    "pass {} to leave them out, or {} to take their derived values",
                    ("on_duplicate='skip'", "--on-duplicate skip"),
                    ("on_duplicate='replace'", "--on-duplicate replace"),
                ),
            )
        return known

    def _result(self, source: MergeSource, known: Any, *, dry_run: bool) -> MergeResult:
        alive = source.alive
        return MergeResult(
            source=str(self.other.dir),
            rows_incoming=int(alive.sum()),
            rows_added=int((alive & ~known).sum()),
            rows_known=int((alive & known).sum()),
            rows_deleted=int((~alive).sum()),
            overlay_rows={},
            columns=tuple(name for names in source.wanted.columns.values() for name in names),
            columns_left_out=source.wanted.left_out,
            snapshot=None,
            dry_run=dry_run,
        )

    def _append(self, mutation: Mutation, source: MergeSource, new: Any) -> None:
        base = source.version.base
        stream = RowStream(int(new.sum()), base.footer.size, _new_rows(source, new))
        mutation.add_base_stream(stream, source.digests[new])

    def _write(
        self, mutation: Mutation, source: MergeSource, draft: Draft, namespace: str, taken: KeySet
    ) -> int:
        """Write the derived values of one namespace; how many rows."""
        columns = source.wanted.columns[namespace]
        contract = overlay_contract(mutation.registry, namespace)
        tables = source.rows(namespace, columns, taken)
        with target_of(mutation, contract) as target:
            covered = _covered(target) if target.is_parts else None
        if covered is not None:
            return self._write_part(mutation, draft, contract, columns, _uncovered(target, covered, tables))
        merged = merge_rows(
            mutation,
            contract,
            columns,
            _placed(target, tables),
            incoming_bytes=source.bytes_of(namespace),
        )
        if merged.staged is None:
            return 0
        mutation.publishes.append(merged.staged.publish(merged.path))
        draft.added.append(
            {"path": merged.path, "bytes": merged.staged.bytes, "sha256": merged.staged.sha256}
        )
        return merged.rows_new + merged.rows_changed

    def _write_part(
        self,
        mutation: Mutation,
        draft: Draft,
        contract: OverlayContract,
        columns: list[str],
        placed: Iterator[tuple[Ordinals, pa.Table]],
    ) -> int:
        path = part_file(contract.namespace, moment=mutation.moment, uuid=uuid4().hex)
        added: list[tuple[Ordinals, Any]] = []

        def noted() -> Iterator[pa.Table]:
            for ordinals, table in placed:
                added.append((ordinals, digests_of(table.column("id"), where=contract.namespace)))
                yield table

        staged = stage_rows(
            mutation,
            contract.schema(columns),
            noted(),
            overlay_metadata(contract, mutation.registry_hash, txid=mutation.staging.txid),
            like=path,
        )
        rows = sum(len(ordinals) for ordinals, _ in added)
        if not rows:
            return 0
        for ordinals, digests in added:
            mutation.add_overlay_keys(contract.namespace, ordinals, digests, path=path)
        mutation.publishes.append(staged.publish(path))
        draft.added.append({"path": path, "bytes": staged.bytes, "sha256": staged.sha256})
        return rows

    def replay(self, event: Event) -> MergeResult:
        """What the same step did before."""
        incoming, added, known, deleted = (
            event_count(event, name) for name in ("rows_incoming", "rows", "rows_known", "rows_deleted")
        )
        columns = tuple(name for names in self.wanted.columns.values() for name in names)
        return MergeResult(
            str(self.other.dir),
            incoming,
            added,
            known,
            deleted,
            {},
            columns,
            self.wanted.left_out,
            None,
            False,
        )


def _new_rows(source: MergeSource, new: Any) -> Iterator[pa.Table]:
    """The base columns of the other's rows that are new."""
    base, start = source.version.base, 0
    for batch in base_batches(base.file, base.footer, list(CORE_COLUMNS)):
        flags = new[start : start + batch.num_rows]
        start += batch.num_rows
        if flags.any():
            yield pa.Table.from_batches([batch.filter(pa.array(flags))])


def _placed(target: MergeTarget, tables: Iterable[pa.Table]) -> Iterator[tuple[Ordinals, pa.Table]]:
    for table in tables:
        yield target.keys.find(digests_of(table.column("id"), where=target.contract.namespace)), table


def _covered(target: MergeTarget) -> Flags:
    """Which base rows have a row in the parts of a namespace; each of them is read."""
    found = np.zeros(len(target.keys), dtype=np.bool_)
    for file in target.overlay.files:
        for table in stored_rows(file, target.contract, [], target.ids_of):
            ordinals = target.keys.find(digests_of(table.column("id"), where=file.path))
            found[ordinals[ordinals >= 0]] = True
    return found


def _uncovered(
    target: MergeTarget, covered: Flags, tables: Iterable[pa.Table]
) -> Iterator[tuple[Ordinals, pa.Table]]:
    """Rows that become a part, with their places.

    Raises:
        OverlayLayoutError: One of them has a row already.
    """
    for ordinals, table in _placed(target, tables):
        if covered[ordinals].any():
            store, namespace = target.store, target.contract.namespace
            raise OverlayLayoutError(
                f"{store.dir}: namespace {namespace!r} is stored as parts, in which values cannot be replaced",
                mend=f"make one file of them first: usr maintenance overlay-compact {store.name} --namespace "
                f"{namespace} --reason TEXT",
            )
        yield ordinals, table


def _fitting_rows(source: MergeSource, target: MergeTarget, columns: list[str], taken: KeySet) -> int:
    """How many rows of derived values would be written, all that is there being read as the merge would."""
    namespace = target.contract.namespace
    tables = source.rows(namespace, columns, taken)
    if target.is_parts:
        return sum(table.num_rows for _, table in _uncovered(target, _covered(target), tables))
    merged = merge_preview(
        target, columns, _placed(target, tables), incoming_bytes=source.bytes_of(namespace)
    )
    return merged.rows_new + merged.rows_changed
