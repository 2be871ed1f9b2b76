"""Write one immutable overlay part: the way in for tools that add columns as they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.content import Digest, digest_table, digest_text
from dnadesign.usr.contract.errors import (
    DuplicateKeyError,
    OverlayLayoutError,
    SchemaError,
    ValidationError,
)
from dnadesign.usr.contract.event_fields import DAMAGED_LOG
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import (
    META_OVERLAY_CREATED_AT,
    overlay_dir,
    overlay_file,
    overlay_of,
    parse_isoformat,
    part_file,
    parts_of,
)
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.restoring import anew_mend
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.types import describe_type, same_stored_type
from dnadesign.usr.contract.wording import part_of
from dnadesign.usr.operations._artifacts import (
    Artifact,
    check_all_used,
    check_references,
    not_there_yet,
    stage_artifacts,
)
from dnadesign.usr.operations._keys import Key, key_column, missing_keys, resolve, shown_keys
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import (
    OverlayContract,
    check_registered,
    folded,
    overlay_metadata,
    user_contract,
)
from dnadesign.usr.operations._rows import arrow_table, unique_columns
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.id_digests import digests_of, repeated
from dnadesign.usr.storage.intent import Move
from dnadesign.usr.storage.key_index import Digests, Ordinals, keyed_by_id
from dnadesign.usr.storage.parquet import encode, read_footer
from dnadesign.usr.storage.registry_file import registry_hash_of
from dnadesign.usr.storage.staging import Staged, Staging, hash_range
from dnadesign.usr.storage.version import layout_conflict


@dataclass(frozen=True, slots=True)
class OverlayPartResult:
    """What became of the rows of a part.

    Attributes:
        namespace: Its namespace.
        rows: How many rows it has.
        rows_missing: How many were left out because their key is not in the base (``allow_missing``).
        bytes: Size of its file.
        path: Where it lies, relative to the dataset; None where no row was left to write.
    """

    namespace: str
    rows: int
    rows_missing: int
    bytes: int
    path: str | None

    def to_dict(self) -> dict[str, Any]:
        """The counts for machine-readable output."""
        return {
            "namespace": self.namespace,
            "rows": self.rows,
            "rows_missing": self.rows_missing,
            "bytes": self.bytes,
            "path": self.path,
        }


@dataclass
class WritePart:
    """The step that writes one part.

    Attributes:
        namespace: Where the columns belong.
        data: The rows, through the Arrow interfaces.
        key: What the key column holds.
        key_col: The key column's name in the data.
        allow_missing: Leave out rows whose key is not in the base, instead of refusing them all.
        artifacts: Arrays that the rows refer to, committed with them.
    """

    namespace: str
    data: Any
    key: Key = "id"
    key_col: str | None = None
    allow_missing: bool = False
    artifacts: tuple[Artifact, ...] = ()
    keys: pa.Array = field(init=False)
    columns: pa.Table = field(init=False)
    contract: OverlayContract = field(init=False)
    registry_hash: str = field(init=False)
    txid: str = field(init=False)
    staged: Staged | None = field(init=False, default=None)
    staged_artifacts: dict[str, Staged] = field(init=False, default_factory=dict)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the columns against the registry, and stage the part if nothing in it depends on the base.

        Raises:
            NamespaceError: The namespace is reserved or not registered.
            SchemaError: A column is not registered, or a value does not fit its type.
        """
        self.contract = user_contract(registry, self.namespace)
        what = f"data for namespace {self.namespace!r}"
        table = unique_columns(arrow_table(self.data, what=what), what=what)
        name, self.keys = key_column(table, key=self.key, key_col=self.key_col, what=what)
        self.columns = registered_columns(table.drop_columns([name]), self.contract, what=what)
        check_all_used(self.artifacts, self.columns, namespace=self.namespace, what=what)
        if staging is None:
            return
        self.registry_hash, self.txid = registry_hash_of(registry), staging.txid
        self.staged_artifacts = stage_artifacts(staging, self.artifacts)
        if self.key == "id" and not self.allow_missing:
            self.staged = self._stage(staging, self.keys, self.columns)

    def content(self, digest: Digest) -> None:
        """Feed keys, columns and options."""
        digest_text(digest, f"{self.namespace}:{self.key}:{self.allow_missing}")
        digest_table(digest, pa.table({"key": self.keys}))
        digest_table(digest, self.columns)

    def apply(self, mutation: Mutation) -> OverlayPartResult:
        """Check that every key is in the base and new to the namespace, and publish the part.

        Raises:
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the namespace already, or twice in the data.
            OverlayLayoutError: The namespace is stored in a form that a part cannot join.
        """
        where = f"{mutation.store.dir}, namespace {self.namespace!r}"
        mutation.index.coverage(
            self.namespace
        )  # read now, if a file was damaged before: else nothing is known to join
        self._check_joins(mutation)
        promoted = self._join_file(mutation)
        ids, columns, digests, ordinals = self._present_rows(mutation, where)
        missing = len(self.keys) - len(ids)
        covered = mutation.index.coverage(self.namespace).has(ordinals).nonzero()[0].tolist()
        for rows, why in ((repeated(digests), "twice in the data"), (covered, "in the namespace already")):
            if rows:
                raise DuplicateKeyError(
                    f"{where}: {part_of(len(rows), len(ids), 'key')} {why}: {shown_keys(ids, rows)}",
                    mend="an overlay has one row per key; leave these out",
                )
        if not len(ids):
            result = OverlayPartResult(self.namespace, 0, missing, 0, None)
            self._note(mutation, result, promoted, [], Fingerprint(0, 1 + columns.num_columns, 0))
            return result
        written = self._publish_artifacts(mutation, columns, where)
        staged = self.staged or self._stage(mutation.staging, ids, columns)
        path = part_file(self.namespace, moment=mutation.moment, uuid=uuid4().hex)
        mutation.publishes.append(staged.publish(path))
        mutation.add_overlay_keys(self.namespace, ordinals, digests, path=path)
        mutation.index.add_columns(self.namespace, columns.schema, arrow_schema=True)
        result = OverlayPartResult(self.namespace, len(ids), missing, staged.bytes, path)
        part = {"path": path, "bytes": staged.bytes, "sha256": staged.sha256}
        fingerprint = Fingerprint(result.rows, 1 + columns.num_columns, staged.bytes)
        self._note(mutation, result, promoted, [part, *written], fingerprint)
        return result

    def replay(self, event: Event) -> OverlayPartResult:
        """The result of the same part, committed before."""
        found = dict(event.metrics)
        added = event.artifacts.get("added")
        paths = [
            a["path"]
            for a in (added if isinstance(added, list) else [])
            if isinstance(a, dict) and "moved_from" not in a and overlay_of(str(a["path"])) == self.namespace
        ]
        try:
            rows, missing, size = (_count(found[name]) for name in ("rows", "rows_missing", "bytes"))
            path = str(paths[-1]) if rows else None
        except (KeyError, IndexError) as error:
            raise ValidationError(
                f"event {event.event_id}: does not say what it wrote", mend=DAMAGED_LOG
            ) from error
        return OverlayPartResult(self.namespace, rows, missing, size, path)

    def _publish_artifacts(self, mutation: Mutation, columns: pa.Table, where: str) -> list[dict[str, Any]]:
        """Publish the arrays that the dataset does not have yet; the event's list of them."""
        sizes = {publish.target: publish.bytes for publish in mutation.publishes}
        sizes |= {path: staged.bytes for path, staged in self.staged_artifacts.items()}
        check_references(mutation.store, columns, sizes=sizes, what=where)
        known = {publish.target for publish in mutation.publishes}
        new = not_there_yet(mutation.store, self.staged_artifacts)
        new = {path: staged for path, staged in new.items() if path not in known}
        mutation.publishes += [staged.publish(path) for path, staged in new.items()]
        return folded([{"path": p, "bytes": s.bytes, "sha256": s.sha256} for p, s in new.items()])

    def _note(
        self,
        mutation: Mutation,
        result: OverlayPartResult,
        promoted: list[dict[str, Any]],
        written: list[dict[str, Any]],
        fingerprint: Fingerprint,
    ) -> None:
        mutation.note(
            Draft(
                action="write_overlay_part",
                args={"namespace": self.namespace, "key": self.key, "allow_missing": self.allow_missing},
                metrics={
                    "namespace": self.namespace,
                    "rows": result.rows,
                    "rows_incoming": len(self.keys),
                    "rows_missing": result.rows_missing,
                    "bytes": result.bytes,
                    "artifacts": len(self.staged_artifacts),
                },
                added=promoted + written,
                removed=[
                    {"path": p["moved_from"], "bytes": p["bytes"], "sha256": p["sha256"]} for p in promoted
                ],
                fingerprint=fingerprint,
            )
        )

    def _present_rows(self, mutation: Mutation, where: str) -> tuple[pa.Array, pa.Table, Digests, Ordinals]:
        """The rows whose key is in the base: ids, columns, digests of the ids, and the base rows they belong to."""
        ids = resolve(mutation, self.key, self.keys)
        digests = digests_of(ids, where=where)
        ordinals = mutation.index.base.find(digests)
        missing = np.flatnonzero(ordinals < 0)
        if not len(missing):
            return ids, self.columns, digests, ordinals
        if not self.allow_missing:
            raise missing_keys(where, self.keys, missing.tolist(), len(ids))
        rows = np.flatnonzero(ordinals >= 0)
        present = pa.array(rows)
        return ids.take(present), self.columns.take(present), digests[rows], ordinals[rows]

    def _check_joins(self, mutation: Mutation) -> None:
        """Refuse a part that could not be read together with what the namespace has already.

        Raises:
            OverlayLayoutError: That is keyed by sequence.
            SchemaError: A column is stored in another type, from before it was registered anew.
        """
        store, index = mutation.store, mutation.index
        if self.namespace in index.other_keys:
            raise self._keyed_by_sequence(mutation)
        for name, (kind, arrow_schema) in index.stored_types.get(self.namespace, {}).items():
            wanted = self.contract.types.get(name)
            if wanted is not None and not same_stored_type(kind, wanted, arrow_schema=arrow_schema):
                raise SchemaError(
                    f"{store.dir}: namespace {self.namespace!r} stores column {name!r} as {describe_type(kind)}, and it "
                    f"is registered as {describe_type(wanted)} by now",
                    mend=anew_mend(self.namespace),
                )

    def _keyed_by_sequence(self, mutation: Mutation) -> OverlayLayoutError:
        store = mutation.store
        return OverlayLayoutError(
            f"{store.dir}: namespace {self.namespace!r} is keyed by sequence, so parts keyed by id cannot join it",
            mend=f"convert it first: usr maintenance overlay-compact {store.name} --namespace {self.namespace} --reason "
            "TEXT",
        )

    def _join_file(self, mutation: Mutation) -> list[dict[str, Any]]:
        """Turn a single-file overlay into the first part; the artifact of that part, if there was one."""
        store = mutation.store
        single = store.path(overlay_file(self.namespace))
        if store.fs.stat(single) is None or any(
            m.source == overlay_file(self.namespace) for m in mutation.moves
        ):
            return []
        if parts_of(store.fs.names(store.path(overlay_dir(self.namespace)))):
            raise layout_conflict(store.dir, self.namespace)
        with opened(store.fs, single, "read") as file:
            footer = read_footer(file)
            if not keyed_by_id(footer, str(single)):
                raise self._keyed_by_sequence(mutation)
            sha256 = hash_range(file, 0, footer.size)
        created = parse_isoformat(
            footer.key_values.get(META_OVERLAY_CREATED_AT, b"").decode("utf-8", "replace"),
            fallback=mutation.moment,
        )
        target = part_file(self.namespace, moment=created, uuid=uuid4().hex)
        mutation.rename_overlay_file(self.namespace, Move(source=overlay_file(self.namespace), target=target))
        moved_from = overlay_file(self.namespace)
        return [{"path": target, "bytes": footer.size, "sha256": sha256, "moved_from": moved_from}]

    def _stage(self, staging: Staging, ids: pa.Array, columns: pa.Table) -> Staged:
        table = columns.add_column(0, pa.field("id", pa.string(), nullable=False), ids)
        metadata = overlay_metadata(self.contract, self.registry_hash, txid=self.txid)
        return staging.write(encode(table, metadata))


def _count(value: object) -> int:
    if not isinstance(value, int):
        raise ValidationError(f"{value!r} is not a count", mend=DAMAGED_LOG)
    return value


def registered_columns(table: pa.Table, contract: OverlayContract, *, what: str) -> pa.Table:
    """Columns in the registry's order and types, every value kept.

    Raises:
        SchemaError: A column is not registered, there is none, or a value does not fit.
    """
    check_registered(table.column_names, contract, what=what)
    names = contract.ordered(set(table.column_names))
    columns = [
        cast_column(table.column(name), contract.types[name], where=f"{what}, column {name!r}")
        for name in names
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema([(name, contract.types[name]) for name in names]))
