"""Write the values of overlays into the base, so that a plain reader of one file sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import NamespaceError, SchemaError, ValidationError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import RECORDS
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import STATE_NAMESPACE, TOMBSTONE_NAMESPACE, check_namespace
from dnadesign.usr.contract.records import CORE_SCHEMA
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._base_rows import (
    Flags,
    Removal,
    archive_overlay,
    remove_overlay,
)
from dnadesign.usr.operations._deleted import deleted_rows
from dnadesign.usr.operations._merge import merged_batches
from dnadesign.usr.operations._mutation import Draft, Mutation, NewBase
from dnadesign.usr.operations._overlay import (
    event_count,
    no_overlay,
    stage_rows,
    stored_overlay,
    unpacked_bytes,
)
from dnadesign.usr.operations._snapshots import snapshot_before
from dnadesign.usr.operations._view import Query, View, check_fits, make_view
from dnadesign.usr.storage.journal import check_space
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.version import Version

OverlaysAfter = Literal["keep", "drop", "archive"]

BATCH_ROWS = 65_536
_OWN = (TOMBSTONE_NAMESPACE, STATE_NAMESPACE)


@dataclass(frozen=True, slots=True)
class MaterializeResult:
    """What materializing did.

    Attributes:
        namespaces: Whose values were written into the base.
        columns: Their columns, in the order of the base.
        overlays: What became of these overlays: ``keep``, ``drop`` or ``archive``.
        rows: Base rows now.
        rows_dropped: How many deleted records went.
        overlay_rows_dropped: How many rows of other overlays went with them, by namespace.
        bytes: Size of the base now.
        snapshot: The automatic copy of the base of before, relative to the dataset; None where nothing was changed.
    """

    namespaces: tuple[str, ...]
    columns: tuple[str, ...]
    overlays: OverlaysAfter
    rows: int
    rows_dropped: int
    overlay_rows_dropped: dict[str, int]
    bytes: int
    snapshot: str | None

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return self.snapshot is not None

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "namespaces": list(self.namespaces),
            "columns": list(self.columns),
            "overlays": self.overlays,
            "rows": self.rows,
            "rows_dropped": self.rows_dropped,
            "overlay_rows_dropped": dict(self.overlay_rows_dropped),
            "bytes": self.bytes,
            "snapshot": self.snapshot,
        }


@dataclass
class Materialize:
    """The step that materializes.

    Attributes:
        overlays: What becomes of the overlays that are in the base now.
        namespaces: Which overlays; all but usr's own when None.
        drop_deleted: Also remove deleted records for good.
    """

    overlays: OverlaysAfter = "keep"
    namespaces: Sequence[str] | None = None
    drop_deleted: bool = False

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the options.

        Raises:
            ValidationError: ``overlays`` has an unknown value.
            NamespaceError: A namespace is outside the grammar, not registered, or usr's own.
        """
        choice_of(self.overlays, get_args(OverlaysAfter), what="overlays")
        if isinstance(self.namespaces, str):
            raise ValidationError(
                f"namespaces {self.namespaces!r}: expected a list of names",
                mend=f"pass a list: [{self.namespaces!r}]",
            )
        for namespace in self.namespaces or ():
            if namespace in _OWN:
                raise NamespaceError(
                    f"{namespace!r} is kept by usr as an overlay, and never written into the base",
                    mend=spelled(
                        "deleted records are removed with {}", ("drop_deleted=True", "--drop-deleted")
                    ),
                )
            check_namespace(namespace)
            registry.namespace(namespace)

    def content(self, digest: Digest) -> None:
        """Feed the options."""
        digest_text(digest, f"{self.overlays}:{','.join(self.namespaces or ('*',))}:{int(self.drop_deleted)}")

    def apply(self, mutation: Mutation) -> MaterializeResult:
        """Rewrite the base; nothing is changed where there is nothing to write into it or to remove.

        Raises:
            NamespaceError: The dataset has no rows of a namespace that is asked for.
            SchemaError: A stored column is not the registered one.
        """
        with mutation.store.pin() as version:
            chosen = self._chosen(mutation, version)
            keep = np.ones(version.base.footer.rows, dtype=np.bool_)
            if self.drop_deleted:
                keep = ~deleted_rows(version, mutation.registry)
            view = make_view(version, mutation.registry, namespaces=chosen)
            columns = _registered_columns(view, chosen, mutation.registry)
            footer = version.base.footer
            if not chosen and keep.all():
                return MaterializeResult((), (), self.overlays, footer.rows, 0, {}, footer.size, None)
            snapshot = snapshot_before(mutation)
            new = self._stage(mutation, view, chosen, keep)
            mutation.replace_base(new)
            draft = Draft(action="materialize", args=self._args(chosen), writes_base=True)
            mutation.note(draft)
            for namespace in chosen if self.overlays != "keep" else ():
                self._put_away(mutation, namespace)
            lost = self._drop_rows(mutation, version, keep, () if self.overlays == "keep" else chosen)
        result = MaterializeResult(
            tuple(chosen),
            tuple(columns),
            self.overlays,
            new.rows,
            int((~keep).sum()),
            lost,
            new.staged.bytes,
            snapshot.path,
        )
        draft.metrics = {
            "rows": result.rows,
            "rows_dropped": result.rows_dropped,
            "overlay_rows_dropped": sum(lost.values()),
            "namespaces": len(chosen),
            "columns": new.cols,
        }
        return result

    def _args(self, chosen: list[str]) -> dict[str, Any]:
        return {"overlays": self.overlays, "namespaces": chosen, "drop_deleted": self.drop_deleted}

    def _chosen(self, mutation: Mutation, version: Version) -> list[str]:
        if self.namespaces is None:
            return [namespace for namespace in version.overlays if namespace not in _OWN]
        for namespace in self.namespaces:
            if namespace not in version.overlays:
                raise no_overlay(mutation, namespace)
        return list(dict.fromkeys(self.namespaces))

    def _stage(self, mutation: Mutation, view: View, chosen: Sequence[str], keep: Flags) -> NewBase:
        version = view.version
        stored = version.base.footer.schema
        fields = [_base_field(column.name, column.type, stored) for column in view.columns]
        schema = pa.schema(fields)
        size = version.base.footer.size + sum(unpacked_bytes(version.overlays[name]) for name in chosen)
        check_space(mutation.store.fs, mutation.store.dir, size)
        rows = int(keep.sum())
        staged = stage_rows(
            mutation,
            schema,
            _merged_rows(view, keep, schema),
            mutation.base_key_values(),
            like=RECORDS,
            rows=rows,
        )
        return NewBase(staged, rows, len(schema.names))

    def _put_away(self, mutation: Mutation, namespace: str) -> None:
        because = "materialize wrote its values into the base"
        with stored_overlay(mutation.store, namespace) as overlay:
            if self.overlays == "drop":
                remove_overlay(mutation, overlay, because=because)
            else:
                archive_overlay(mutation, overlay, because=because)

    def _drop_rows(
        self, mutation: Mutation, version: Version, keep: Flags, put_away: Sequence[str]
    ) -> dict[str, int]:
        if keep.all():
            return {}
        removal = Removal(version.base, keep)
        return {
            namespace: rows
            for namespace in version.overlays
            if namespace not in put_away
            and (rows := removal.drop_overlay_rows(mutation, namespace, why="materialize"))
        }

    def replay(self, event: Event) -> MaterializeResult:
        """What the same step did before."""
        rows, dropped, size = (event_count(event, name) for name in ("rows", "rows_dropped", "bytes"))
        return MaterializeResult((), (), self.overlays, rows, dropped, {}, size, None)


def _base_field(name: str, kind: pa.DataType, stored: pa.Schema) -> pa.Field:
    """A column of the new base: as it is stored already, or as the format says."""
    if name in stored.names and stored.field(name).type == kind:
        return stored.field(name)
    return CORE_SCHEMA.field(name) if name in CORE_SCHEMA.names else pa.field(name, kind)


def _registered_columns(view: View, chosen: Sequence[str], registry: Registry) -> list[str]:
    """The columns of these namespaces, each in its registered type.

    Raises:
        SchemaError: One is not registered, or stored as another type.
    """
    columns = [c for c in view.columns if "__" in c.name and c.name.partition("__")[0] in chosen]
    check_fits(view, columns)
    for column in columns:
        if registry.column_type(column.name) is None:
            raise SchemaError(
                f"{view.version.dataset}: column {column.name!r} is stored as {column.type}, and not registered",
                mend="'usr validate' names the files; 'usr namespace diff' shows what changed in the registry",
            )
    return [column.name for column in columns]


def _merged_rows(view: View, keep: Flags, schema: pa.Schema) -> Iterator[pa.Table]:
    """The merged rows that stay, in base order."""
    query = Query(columns=view.columns, include_deleted=True)
    start = 0
    for batch in merged_batches(view, query, batch_size=BATCH_ROWS):
        flags = keep[start : start + batch.num_rows]
        start += batch.num_rows
        rows = batch if flags.all() else batch.filter(pa.array(flags))
        yield pa.Table.from_arrays(rows.columns, schema=schema)
