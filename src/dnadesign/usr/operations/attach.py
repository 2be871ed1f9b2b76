"""Attach columns to records: write or merge the single-file form of an overlay."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.arguments import mapping_of, texts_of
from dnadesign.usr.contract.content import Digest, digest_table, digest_text
from dnadesign.usr.contract.errors import DuplicateKeyError, MissingKeyError, SchemaError, ValidationError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import overlay_file
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.formats.tables import PIECE_ROWS, ArrowPiece, Piece, place, read_pieces
from dnadesign.usr.operations._artifacts import check_references
from dnadesign.usr.operations._deleted import deleted_among, deleted_now
from dnadesign.usr.operations._keys import Key, base_columns, check_key, ids_by
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import (
    OverlayContract,
    check_registered,
    event_count,
    stored_overlay,
    user_contract,
)
from dnadesign.usr.operations._overlay_merge import MergedOverlay, check_single_file, merge_rows
from dnadesign.usr.operations._overlay_rows import SHOWN, Seen, stored_columns
from dnadesign.usr.operations._rows import arrow_stream, unique_names
from dnadesign.usr.operations._spill import HELD_BYTES, Spool
from dnadesign.usr.storage.key_index import Ordinals, digests_of
from dnadesign.usr.storage.staging import Staging

Columns = Sequence[str] | Mapping[str, str]

_KEY = pa.field("__usr_key", pa.string())
_ID = r"^[0-9a-f]{40}\z"
_NUMBER = pa.field("__usr_number", pa.int64())
_UNCOUNTED = ("columns", "path", "missing", "rows_deleted")


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
    contract: OverlayContract = field(init=False)
    what: str = field(init=False)
    unit: str = field(init=False, default="row")
    names: list[str] = field(init=False)
    rows: Spool = field(init=False)

    def prepare(self, registry: Registry, staging: Staging) -> None:
        """Read the source into registered types.

        Raises:
            NamespaceError: The namespace is reserved or not registered.
            SchemaError: A column is not registered, or a value does not fit its type.
        """
        self.contract = user_contract(registry, self.namespace)
        check_key(self.key)
        if self.columns is not None:
            texts_of(_names(self.columns), what="columns")
        is_file = isinstance(self.source, (str, os.PathLike))
        self.what = os.fspath(self.source) if is_file else f"data for namespace {self.namespace!r}"
        pieces = read_pieces(Path(self.source), format=self.format) if is_file else self._arrow_pieces()
        found: set[str] = set()
        for number, piece in enumerate(pieces):
            taken = self._taken(piece)
            if number == 0:
                self._begin(piece, set(taken))
            self._add(piece, taken)
            found |= set(taken)
        self.names = self.contract.ordered(found)
        self._check_found(self.names)

    def _arrow_pieces(self) -> Iterator[Piece]:
        first = 0
        for table in arrow_stream(self.source, what=self.what, rows=PIECE_ROWS):
            yield ArrowPiece(table, first)
            first += table.num_rows

    @property
    def _key_name(self) -> str:
        return self.key_col if self.key_col is not None else ("id" if self.key == "id" else "sequence")

    def _taken(self, piece: Piece) -> dict[str, str]:
        """The registered columns that a piece has, with their names in it."""
        unique_names(piece.names, what=self.what)
        if self._key_name not in piece.names and (piece.every_name or piece.numbers):
            raise SchemaError(
                f"{self.what}: key column {self._key_name!r} is missing; there are "
                f"{', '.join(piece.names) or 'no columns'}",
                mend="name the column that holds the key with key_col (--key-column)",
            )
        given = self.columns if self.columns is not None else [n for n in piece.names if n != self._key_name]
        renamed = given.items() if isinstance(given, Mapping) else zip(given, given, strict=True)
        taken: dict[str, str] = {}
        for name, registered in renamed:
            if registered in taken:
                raise SchemaError(
                    f"{self.what}: two columns are to become {registered!r}", mend="name each column once"
                )
            if name in piece.names:
                taken[registered] = name
        if taken:
            check_registered(list(taken), self.contract, what=self.what)
        if piece.every_name:
            self._check_found(list(taken))
        return taken

    def _check_found(self, found: list[str]) -> None:
        """Refuse a source without any of the namespace's columns, or without one that was asked for."""
        if self.columns is None:
            check_registered(found, self.contract, what=self.what)
            return
        wanted = self.columns.items() if isinstance(self.columns, Mapping) else ((n, n) for n in self.columns)
        for name, registered in wanted:
            if registered not in found:
                raise SchemaError(
                    f"{self.what}: has no column {name!r}",
                    mend="name columns as the source does (NAME=COLUMN where the registry's name is another)",
                )
        check_registered(found, self.contract, what=self.what)

    def _begin(self, piece: Piece, taken: set[str]) -> None:
        """Make room for the rows; where a later piece may have more names, for all columns of the namespace."""
        self.unit = piece.unit
        names = self.contract.ordered(taken) if piece.every_name else list(self.contract.types)
        fields = [pa.field(name, self.contract.types[name]) for name in names]
        self.rows = Spool(pa.schema([_KEY, _NUMBER, *fields]))

    def _add(self, piece: Piece, taken: dict[str, str]) -> None:
        count = len(piece.numbers)
        if not count:
            return
        keys = piece.column(self._key_name, pa.string(), what=self.what, parse_json=False)
        if keys.null_count:
            row = pc.indices_nonzero(keys.is_null())[0].as_py()
            raise SchemaError(
                f"{place(piece, row, self._key_name, what=self.what)}: the key is empty",
                mend="give every row its key, or leave the row out",
            )
        strange = pc.indices_nonzero(pc.invert(pc.match_substring_regex(keys, _ID)))
        if self.key == "id" and len(strange):
            row = strange[0].as_py()
            raise SchemaError(
                f"{place(piece, row, self._key_name, what=self.what)}: {keys[row].as_py()!r:.80} is not an id (40 "
                "lower-case hex digits)",
                mend="say what the key column holds with key (id, sequence, sequence_norm or sequence_ci)",
            )
        columns = [keys, pa.array(piece.numbers, pa.int64())]
        for name in self.rows.schema.names[2:]:
            kind = self.contract.types[name]
            columns.append(
                piece.column(taken[name], kind, what=self.what, parse_json=self.parse_json)
                if name in taken
                else pa.nulls(count, kind)
            )
        self.rows.add(pa.Table.from_arrays(columns, schema=self.rows.schema))
        if self.rows.held_bytes > HELD_BYTES:
            self.rows.flush()

    def content(self, digest: Digest) -> None:
        """Feed keys, columns and options."""
        options = (self.namespace, self.key, self.allow_missing, self.allow_overwrite)
        digest_text(digest, ":".join(map(str, options)))
        for table in self.rows.tables():
            digest_table(digest, table.select([_KEY.name, *self.names]))

    def apply(self, mutation: Mutation) -> AttachResult:
        """Merge the rows into the overlay's file.

        Raises:
            OverlayLayoutError: The namespace has parts.
            ValidationError: A column is there already, and overwriting is not allowed.
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the source twice.
        """
        if not self.allow_overwrite:
            self._refuse_overwriting(mutation)
        incoming = _Incoming(self, mutation)
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

    def _refuse_overwriting(self, mutation: Mutation) -> None:
        with stored_overlay(mutation.store, self.namespace) as overlay:
            check_single_file(mutation, overlay)
            there = {*stored_columns(overlay, self.contract), *mutation.footer.schema.names}
        again = [name for name in self.names if name in there]
        if again:
            raise ValidationError(
                f"{mutation.store.dir}: namespace {self.namespace!r} has {', '.join(again)} already",
                mend="pass allow_overwrite=True (--allow-overwrite) to replace the values of the rows given",
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
                metrics={"rows_incoming": self.rows.rows}
                | {name: counts[name] for name in counts if name not in _UNCOUNTED},
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


def _names(columns: Columns) -> Columns:
    """The registered names that are asked for."""
    return list(mapping_of(columns, what="columns").values()) if isinstance(columns, Mapping) else columns


class _Incoming:
    """The rows of a source with the base rows they belong to, checked as they pass."""

    def __init__(self, step: Attach, mutation: Mutation) -> None:
        self.missing = 0
        self.missing_shown: list[str] = []
        self.deleted = 0
        self._deleted_rows = deleted_now(mutation.store, mutation.registry)
        self._step = step
        self._index, self._store = mutation.index, mutation.store
        self._where = f"{mutation.store.dir}, namespace {step.namespace!r}"
        self._ids = ids_by(step.key, base_columns(mutation), where=str(mutation.store.dir))
        self._seen = Seen()
        self._again = 0
        self._again_shown: list[str] = []

    def rows(self) -> Iterator[tuple[Ordinals, pa.Table]]:
        """Places and rows; an error about keys is raised at the end, when all of them are known.

        Raises:
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the source twice.
        """
        schema = self._step.contract.schema(self._step.names)
        for piece in self._step.rows.tables():
            ids = self._ids(piece.column(_KEY.name).combine_chunks())
            places = self._index.base.find(digests_of(ids, where=self._step.what))
            self._note_missing(piece, np.flatnonzero(places < 0))
            table = piece.append_column("id", ids)
            if (places < 0).any():
                table, places = table.take(np.flatnonzero(places >= 0)), places[places >= 0]
            self.deleted += int(deleted_among(places, self._deleted_rows).sum())
            self._note_again(table, self._seen.again(places))
            rows = table.select(schema.names).cast(schema)
            check_references(self._store, rows, sizes={}, what=self._step.what)
            yield places, rows
        self._raise_problems()

    def _note_missing(self, table: pa.Table, rows: np.ndarray) -> None:
        self.missing += len(rows)
        self.missing_shown += self._shown(table, rows.tolist(), SHOWN - len(self.missing_shown))

    def _note_again(self, table: pa.Table, rows: list[int]) -> None:
        self._again += len(rows)
        self._again_shown += self._shown(table, rows, SHOWN - len(self._again_shown))

    def _shown(self, table: pa.Table, rows: list[int], count: int) -> list[str]:
        keys, numbers = table.column(_KEY.name), table.column(_NUMBER.name)
        return [
            f"{self._step.unit} {numbers[row].as_py()} ({keys[row].as_py()[:60]!r})"
            for row in rows[: max(0, count)]
        ]

    def _raise_problems(self) -> None:
        total = self._step.rows.rows
        if self.missing and not self._step.allow_missing:
            raise MissingKeyError(
                f"{self._where}: {self.missing} of {total} keys are not in the base: {', '.join(self.missing_shown)}"
                f"{', ...' if self.missing > SHOWN else ''}",
                mend="add their sequences first, or pass allow_missing=True (--allow-missing) to leave these rows out",
            )
        if self._again:
            raise DuplicateKeyError(
                f"{self._where}: {self._again} of {total} keys are in the data twice: {', '.join(self._again_shown)}"
                f"{', ...' if self._again > SHOWN else ''}",
                mend="an overlay has one row per key; leave these out",
            )
