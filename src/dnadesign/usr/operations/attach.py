"""Attach columns to records: write or merge the single-file form of an overlay."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.arguments import columns_of, mapping_of, texts_of
from dnadesign.usr.contract.content import Digest, digest_table, digest_text
from dnadesign.usr.contract.errors import SchemaError, ValidationError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import overlay_file
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import nearest
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.formats.tables import PIECE_ROWS, ArrowPiece, Piece, read_pieces
from dnadesign.usr.operations._deleted import Flags, deleted_now, deleted_rows
from dnadesign.usr.operations._incoming_rows import FAULTY, KEY, NUMBER, Incoming, PieceFaults
from dnadesign.usr.operations._keys import Key, base_columns, check_key, ids_by, mend_key
from dnadesign.usr.operations._mutation import Draft, Mutation, run
from dnadesign.usr.operations._overlay import (
    OverlayContract,
    check_registered,
    event_count,
    stored_overlay,
    user_contract,
)
from dnadesign.usr.operations._overlay_merge import (
    MergedOverlay,
    check_single_file,
    merge_preview,
    merge_rows,
    target_in,
)
from dnadesign.usr.operations._overlay_rows import stored_columns
from dnadesign.usr.operations._refusals import Refusal, Refusals
from dnadesign.usr.operations._rows import arrow_stream, unique_names
from dnadesign.usr.operations._spill import HELD_BYTES, Spool
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import KeySet, read_ids
from dnadesign.usr.storage.parquet import Footer
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Overlay, Version

Columns = Sequence[str] | Mapping[str, str]

_COUNTS = ("namespace", "rows", "rows_new", "rows_missing", "rows_total", "bytes")


@dataclass(frozen=True, slots=True)
class AttachResult:
    """What became of the rows that were attached.

    Attributes:
        namespace: Where they belong.
        rows: How many rows of the input were written.
        rows_new: How many of them had no row in the overlay before.
        rows_missing: How many were left out because their key is not in the base (``allow_missing``).
        missing: The first five of them: row or line number in the source, and key.
        rows_total: How many rows the overlay has now; 0 where nothing was written.
        columns: The columns that were written.
        bytes: Size of the overlay's file now; 0 where nothing was written.
        path: Where it lies, relative to the dataset; None where no row was left to write.
        rows_deleted: How many of the rows written are of deleted records, and so not seen until these are restored.
        refused: How many rows could not be taken; only a dry run tells of them, else they are an error.
        refusals: What is wrong with them, a cell each; at most 10,000 are listed.
        dry_run: Whether nothing was changed, and the counts say what would be.
        ok: Whether the rows were attached; for a dry run, whether they would be.
    """

    namespace: str
    rows: int
    rows_new: int
    rows_missing: int
    missing: tuple[str, ...]
    rows_total: int
    columns: tuple[str, ...]
    bytes: int
    path: str | None
    rows_deleted: int = 0
    refused: int = 0
    refusals: tuple[Refusal, ...] = ()
    dry_run: bool = False
    ok: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The counts for machine-readable output."""
        return {
            "namespace": self.namespace,
            "rows": self.rows,
            "rows_new": self.rows_new,
            "rows_missing": self.rows_missing,
            "missing": list(self.missing),
            "rows_total": self.rows_total,
            "columns": list(self.columns),
            "bytes": self.bytes,
            "path": self.path,
            "rows_deleted": self.rows_deleted,
            "refused": self.refused,
            "refusals": [refusal.to_dict() for refusal in self.refusals],
            "dry_run": self.dry_run,
            "ok": self.ok,
        }


@dataclass
class Attach:
    """The step that merges rows into the single-file form of an overlay.

    Attributes:
        namespace: Where the columns belong.
        source: A file, or data through the Arrow interfaces.
        key: What the key column holds.
        key_col: Its name in the source.
        columns: Which columns to take, or from names in the source to registered names; all when None.
        format: The file's format; told by its ending when None.
        allow_missing: Leave out rows whose key is not in the base, instead of refusing them all.
        allow_overwrite: Replace values of columns that are there.
        parse_json: Whether text in place of a list or struct is JSON.
        dry_run: Only say what would be attached; rows that are wrong are reported, not raised.
    """

    namespace: str
    source: Any
    key: Key = "id"
    key_col: str | None = None
    columns: Columns | None = None
    format: str | None = None
    allow_missing: bool = False
    allow_overwrite: bool = False
    parse_json: bool = True
    dry_run: bool = False
    contract: OverlayContract = field(init=False)
    wanted: dict[str, str] | None = field(init=False, default=None)
    what: str = field(init=False)
    unit: str = field(init=False, default="row")
    names: list[str] = field(init=False)
    rows: Spool = field(init=False)
    dropped: int = field(init=False, default=0)
    refusals: Refusals = field(init=False, default_factory=Refusals)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Read the source into registered types; what is wrong with its rows is put aside, to be told all at once.

        Raises:
            NamespaceError: The namespace is reserved or not registered.
            SchemaError: A column is not registered, or of a type that no row can be read from.
        """
        self.contract = user_contract(registry, self.namespace)
        check_key(self.key)
        self.wanted = self._wanted()
        is_file = isinstance(self.source, (str, os.PathLike))
        self.what = os.fspath(self.source) if is_file else f"data for namespace {self.namespace!r}"
        pieces = (
            read_pieces(Path(self.source), format=self.format, refuse=self._refuse_line)
            if is_file
            else self._arrow_pieces()
        )
        found: set[str] = set()
        for number, piece in enumerate(pieces):
            taken = self._taken(piece)
            if number == 0:
                self._begin(piece, set(taken))
            self._add(piece, taken)
            found |= set(taken)
        self.names = self.contract.ordered(found)
        if not found:
            self.refusals.raise_each(self.what)
        self._check_found(self.names)

    def _refuse_line(self, line: int, fault: SchemaError) -> None:
        reason = fault.message.removeprefix(f"{self.what}, line {line}").lstrip(": ")
        self.refusals.add(Refusal("line", line, None, None, reason, fault.mend, fault.code))
        self.dropped += 1

    def _arrow_pieces(self) -> Iterator[Piece]:
        first = 0
        for table in arrow_stream(self.source, what=self.what, rows=PIECE_ROWS):
            yield ArrowPiece(table, first)
            first += table.num_rows

    def _wanted(self) -> dict[str, str] | None:
        """The registered columns that are asked for, with their names in the source; None for all that it has.

        The key goes with every column, so it may be named among them.
        """
        if self.columns is None:
            return None
        if isinstance(self.columns, Mapping):
            pairs = mapping_of(self.columns, what="columns")
            texts_of(pairs.values(), what="columns")
        else:
            pairs = {name: name for name in columns_of(self.columns)}
        wanted: dict[str, str] = {}
        for name, registered in pairs.items():
            if registered in wanted:
                raise SchemaError(
                    f"columns: {wanted[registered]!r} and {name!r} are both to become {registered!r}",
                    mend="name each column once",
                )
            if name != self.key_name or registered != name or name in self.contract.types:
                wanted[registered] = name
        return wanted

    @property
    def key_name(self) -> str:
        """What the key column is called in the source."""
        return self.key_col if self.key_col is not None else ("id" if self.key == "id" else "sequence")

    def _taken(self, piece: Piece) -> dict[str, str]:
        """The registered columns that a piece has, with their names in it."""
        unique_names(piece.names, what=self.what)
        if self.key_name not in piece.names and (piece.every_name or piece.numbers):
            raise SchemaError(
                f"{self.what}: key column {self.key_name!r} is missing; there are "
                f"{', '.join(piece.names) or 'no columns'}",
                mend=mend_key(self.key_name, piece.names, asked=self.key_col is not None),
            )
        wanted = self.wanted
        if wanted is None:
            wanted = {name: name for name in piece.names if name != self.key_name}
        taken = {registered: name for registered, name in wanted.items() if name in piece.names}
        if taken:
            check_registered(list(taken), self.contract, what=self.what)
        if piece.every_name:
            self._check_found(list(taken), there=piece.names)
        return taken

    def _check_found(self, found: list[str], *, there: Sequence[str] = ()) -> None:
        """Refuse a source without any of the namespace's columns, or without one that was asked for."""
        for registered, name in (self.wanted or {}).items():
            if registered not in found:
                meant = nearest(name, there)
                raise SchemaError(
                    f"{self.what}: has no column {name!r}"
                    + (f"; there are {', '.join(there):.200}" if there else ""),
                    mend=(f"did you mean {meant!r}? If not, " if meant else "")
                    + "name columns as the source does (NAME=COLUMN where the registry's name is another)",
                )
        check_registered(found, self.contract, what=self.what)

    def _begin(self, piece: Piece, taken: set[str]) -> None:
        """Make room for the rows; where a later piece may have more names, for all columns of the namespace."""
        self.unit = piece.unit
        names = self.contract.ordered(taken) if piece.every_name else list(self.contract.types)
        fields = [pa.field(name, self.contract.types[name]) for name in names]
        self.rows = Spool(pa.schema([KEY, NUMBER, FAULTY, *fields]))

    def _add(self, piece: Piece, taken: dict[str, str]) -> None:
        count = len(piece.numbers)
        if not count:
            return
        faults = PieceFaults(self, piece)
        keys = faults.cells(self.key_name, pa.string(), parse_json=False)
        faults.check_keys(keys)
        usable = ~faults.rows
        columns = [keys, pa.array(piece.numbers, pa.int64())]
        cells: list[pa.Array] = []
        for name in self.rows.schema.names[3:]:
            kind = self.contract.types[name]
            cells.append(
                faults.cells(taken[name], kind, parse_json=self.parse_json)
                if name in taken
                else pa.nulls(count, kind)
            )
        columns += [pa.array(faults.rows), *cells]
        rows = pa.Table.from_arrays(columns, schema=self.rows.schema)
        self.dropped += int((~usable).sum())
        self.rows.add(rows if usable.all() else rows.filter(pa.array(usable)))
        if self.rows.held_bytes > HELD_BYTES:
            self.rows.flush()

    def content(self, digest: Digest) -> None:
        """Feed keys, columns and options."""
        options = (self.namespace, self.key, self.allow_missing, self.allow_overwrite)
        digest_text(digest, ":".join(map(str, options)))
        for table in self.rows.tables():
            digest_table(digest, table.select([KEY.name, *self.names]))

    def apply(self, mutation: Mutation) -> AttachResult:
        """Merge the rows into the overlay's file.

        Raises:
            OverlayLayoutError: The namespace has parts.
            ValidationError: A column is there already, and overwriting is not allowed.
            SchemaError: A value does not fit its type.
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the source twice.
        """
        if not self.allow_overwrite:
            with stored_overlay(mutation.store, self.namespace) as overlay:
                self.check_overwriting(mutation.store, overlay, mutation.footer)
        ids = ids_by(self.key, base_columns(mutation), where=str(mutation.store.dir))
        deleted = deleted_now(mutation.store, mutation.registry)
        incoming = Incoming(self, mutation.store, mutation.index.base, ids, deleted=deleted)
        if self.refusals.count:
            incoming.read_through()
        merged = merge_rows(
            mutation, self.contract, self.names, incoming.rows(), incoming_bytes=self.rows.total_bytes
        )
        staged = merged.staged
        result = AttachResult(
            namespace=self.namespace,
            rows=merged.rows_new + merged.rows_changed,
            rows_new=merged.rows_new,
            rows_missing=incoming.missing,
            missing=tuple(incoming.missing_shown),
            rows_total=merged.rows if staged is not None else 0,
            columns=tuple(self.names),
            bytes=staged.bytes if staged is not None else 0,
            path=merged.path if staged is not None else None,
            rows_deleted=incoming.deleted,
        )
        if staged is not None:
            mutation.publishes.append(staged.publish(merged.path))
            self._note(mutation, merged, result, staged.sha256)
        return result

    def check_overwriting(self, store: Store, overlay: Overlay, base: Footer) -> None:
        """Refuse columns that are there already.

        Raises:
            OverlayLayoutError: The namespace has parts.
            ValidationError: A column is there already.
        """
        check_single_file(store, overlay)
        there = {*stored_columns(overlay, self.contract), *base.schema.names}
        again = [name for name in self.names if name in there]
        if again:
            raise ValidationError(
                f"{store.dir}: namespace {self.namespace!r} has {', '.join(again)} already",
                mend=spelled(
                    "pass {} to replace the values of the rows given",
                    ("allow_overwrite=True", "--allow-overwrite"),
                ),
            )

    def _note(self, mutation: Mutation, merged: MergedOverlay, result: AttachResult, sha256: str) -> None:
        counts = result.to_dict()
        mutation.note(
            Draft(
                action="attach",
                args={
                    "namespace": self.namespace,
                    "source": self.what if isinstance(self.source, (str, os.PathLike)) else None,
                    "key": self.key,
                    "columns": self.names,
                    "allow_missing": self.allow_missing,
                    "allow_overwrite": self.allow_overwrite,
                },
                metrics={"rows_incoming": self.rows.rows} | {name: counts[name] for name in _COUNTS},
                added=[{"path": merged.path, "bytes": result.bytes, "sha256": sha256}],
                fingerprint=Fingerprint(merged.rows, 1 + len(merged.columns), result.bytes),
            )
        )

    def replay(self, event: Event) -> AttachResult:
        """The result of the same rows, committed before."""
        rows, new, missing, total, size = (
            event_count(event, name) for name in ("rows", "rows_new", "rows_missing", "rows_total", "bytes")
        )
        path = overlay_file(self.namespace)
        return AttachResult(self.namespace, rows, new, missing, (), total, tuple(self.names), size, path)


def attach(store: Store, step: Attach, *, actor: Actor | None = None) -> AttachResult:
    """Attach columns, or only say what attaching them would do.

    Raises:
        DatasetNotFound: There is no dataset.
    """
    if not step.dry_run:
        return run(store, [step], actor=actor)[2][0]
    with store.pin() as version:  # a preview takes no lock and writes nothing
        version.check_layouts()
        registry = load_registry(store.root, fs=store.fs)
        step.prepare(registry, None)
        return _preview(store, step, version, deleted=deleted_rows(version, registry))


def _preview(store: Store, step: Attach, version: Version, *, deleted: Flags) -> AttachResult:
    base = KeySet()
    base.add(digests_of(read_ids(version.base.file, footer=version.base.footer), where=str(store.dir)))
    target = target_in(version, store, step.contract, base)
    check_single_file(store, target.overlay)
    if not step.allow_overwrite:
        step.check_overwriting(store, target.overlay, version.base.footer)
    incoming = Incoming(step, store, base, target.ids_of(step.key), deleted=deleted)
    merged = merge_preview(target, step.names, incoming.rows(), incoming_bytes=step.rows.total_bytes)
    rows = merged.rows_new + merged.rows_changed
    return AttachResult(
        namespace=step.namespace,
        rows=rows,
        rows_new=merged.rows_new,
        rows_missing=incoming.missing,
        missing=tuple(incoming.missing_shown),
        rows_total=merged.rows if rows else 0,
        columns=tuple(step.names),
        bytes=0,
        path=None,
        rows_deleted=incoming.deleted,
        refused=step.dropped + incoming.refused,
        refusals=tuple(sorted(step.refusals.listed, key=lambda refusal: refusal.number)),
        dry_run=True,
        ok=not step.refusals.count,
    )
