"""Compact an overlay: all its files become one, in base order and today's form; the old ones are set aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import uuid4

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import OverlayLayoutError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import (
    META_OVERLAY_CREATED_AT,
    RECORDS,
    overlay_file,
    parse_isoformat,
    part_file,
)
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import STATE_NAMESPACE, TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._by_position import PieceReader, plan_for
from dnadesign.usr.operations._keys import base_columns, ids_by
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import (
    Archived,
    OverlayContract,
    event_count,
    no_overlay,
    overlay_contract,
    overlay_metadata,
    set_aside,
    stage_rows,
    stored_overlay,
    unpacked_bytes,
)
from dnadesign.usr.operations._overlay_merge import duplicate_keys
from dnadesign.usr.operations._overlay_rows import (
    Places,
    Seen,
    key_kind,
    rows_ahead,
    stored_columns,
    stored_rows,
    together,
)
from dnadesign.usr.operations._placed_rows import one_array
from dnadesign.usr.operations._spill import BaseOrder, Buckets, plan_buckets
from dnadesign.usr.operations._view import Column
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.journal import check_space
from dnadesign.usr.storage.key_manifest import mark_single
from dnadesign.usr.storage.parquet import read_footer
from dnadesign.usr.storage.placement import NotPlaced, placed_whole
from dnadesign.usr.storage.staging import Staged, Staging
from dnadesign.usr.storage.version import Overlay, PinnedFile

Layout = Literal["file", "part"]
OnDuplicate = Literal["error", "keep-newest"]


@dataclass(frozen=True, slots=True)
class CompactResult:
    """What compaction made.

    Attributes:
        namespace: Which overlay.
        rows: How many rows it has.
        rows_dropped: How many older rows of repeated keys were left out (``on_duplicate="keep-newest"``).
        rows_outside: How many rows have a key that the base does not have; they are kept.
        files: How many files were merged.
        bytes_before: Their size together.
        bytes: Size of the new file.
        path: Where it lies, relative to the dataset.
        archive: Where the old files lie now, relative to the dataset.
    """

    namespace: str
    rows: int
    rows_dropped: int
    rows_outside: int
    files: int
    bytes_before: int
    bytes: int
    path: str
    archive: str

    def to_dict(self) -> dict[str, Any]:
        """The result for machine-readable output."""
        return {
            "namespace": self.namespace,
            "rows": self.rows,
            "rows_dropped": self.rows_dropped,
            "rows_outside": self.rows_outside,
            "files": self.files,
            "bytes_before": self.bytes_before,
            "bytes": self.bytes,
            "path": self.path,
            "archive": self.archive,
        }


@dataclass
class Compact:
    """The step that merges all files of a namespace.

    Attributes:
        namespace: Which overlay.
        layout: ``file``, or ``part`` so that a running writer of parts can go on.
        on_duplicate: What to do about keys that older tools wrote twice: ``error`` or ``keep-newest``.
    """

    namespace: str
    layout: Layout = "file"
    on_duplicate: OnDuplicate = "error"
    contract: OverlayContract = field(init=False)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the options.

        Raises:
            NamespaceError: The namespace is not registered.
            ValidationError: An option has an unknown value.
            OverlayLayoutError: A namespace of usr's own cannot be stored as parts.
        """
        for option, value, known in (
            ("layout", self.layout, get_args(Layout)),
            ("on_duplicate", self.on_duplicate, get_args(OnDuplicate)),
        ):
            choice_of(value, known, what=option)
        self.contract = overlay_contract(registry, self.namespace)
        if self.layout == "part" and self.namespace in (TOMBSTONE_NAMESPACE, STATE_NAMESPACE):
            raise OverlayLayoutError(
                f"namespace {self.namespace!r} is kept by usr as one file",
                mend=spelled("compact it with {}", ("layout='file'", "--layout file")),
            )

    def content(self, digest: Digest) -> None:
        """Feed the options."""
        digest_text(digest, f"{self.namespace}:{self.layout}:{self.on_duplicate}")

    def apply(self, mutation: Mutation) -> CompactResult:
        """Write the new file, and have the old ones set aside.

        Raises:
            NamespaceError: The dataset has no rows of the namespace.
            SchemaError: A stored column is not registered, or a value does not fit its type.
            DuplicateKeyError: A key comes twice, and that is an error.
        """
        with stored_overlay(mutation.store, self.namespace) as overlay:
            if not overlay.files:
                raise no_overlay(mutation, self.namespace)
            before = sum(file.footer.size for file in overlay.files)
            check_space(mutation.store.fs, mutation.store.dir, before)
            rewritten = _rewrite(self, mutation, overlay)
            archived = set_aside(mutation, overlay)
            if self.layout == "part":
                path = part_file(self.namespace, moment=mutation.moment, uuid=uuid4().hex)
            else:
                path = overlay_file(self.namespace)
            mutation.publishes.append(rewritten.staged.publish(path))
            _note_keys(mutation, overlay, rewritten, path)
            result = CompactResult(
                namespace=self.namespace,
                rows=rewritten.rows,
                rows_dropped=rewritten.dropped,
                rows_outside=rewritten.outside,
                files=len(overlay.files),
                bytes_before=before,
                bytes=rewritten.staged.bytes,
                path=path,
                archive=archived.path,
            )
        self._note(mutation, result, rewritten, archived)
        return result

    def _note(
        self, mutation: Mutation, result: CompactResult, rewritten: _Rewritten, archived: Archived
    ) -> None:
        counts = result.to_dict()
        mutation.note(
            Draft(
                action="compact_overlay",
                args={
                    "namespace": self.namespace,
                    "layout": self.layout,
                    "on_duplicate": self.on_duplicate,
                    "archive": result.archive,
                },
                metrics={name: counts[name] for name in counts if name not in ("path", "archive")},
                added=[
                    {"path": result.path, "bytes": result.bytes, "sha256": rewritten.staged.sha256},
                    *archived.added,
                ],
                removed=archived.removed,
                fingerprint=Fingerprint(result.rows, len(rewritten.schema), result.bytes),
            )
        )

    def replay(self, event: Event) -> CompactResult:
        """The result of the same compaction, committed before."""
        names = ("rows", "rows_dropped", "rows_outside", "files", "bytes_before", "bytes")
        rows, dropped, outside, files, before, size = (event_count(event, name) for name in names)
        added = event.artifacts.get("added")
        path = str(added[0].get("path")) if isinstance(added, list) and isinstance(added[0], dict) else ""
        archive = str(event.args.get("archive"))
        return CompactResult(self.namespace, rows, dropped, outside, files, before, size, path, archive)


@dataclass
class _Rewritten:
    staged: Staged
    rows: int
    dropped: int
    outside: int
    schema: pa.Schema


def _note_keys(mutation: Mutation, overlay: Overlay, rewritten: _Rewritten, path: str) -> None:
    """Have the key index know the new file, so that the next writer and reader need not look each of its keys up."""
    index, namespace = mutation.index, overlay.namespace
    coverage = index.coverage(namespace)
    if sorted(coverage.files) == [file.path for file in overlay.files]:  # else it is filled anew
        mutation.index_touched = True
        single = None
        if path == overlay_file(namespace):
            with opened(mutation.store.fs, mutation.store.path(rewritten.staged.path), "read") as file:
                single = mark_single(file, read_footer(file))
        coverage.merged_into(path, single)
        index.stored_types.pop(namespace, None)
        index.add_columns(namespace, rewritten.schema, arrow_schema=True)


def _rewrite(step: Compact, mutation: Mutation, overlay: Overlay) -> _Rewritten:
    """Stage all rows as one file in base order, by position if the keys say where each belongs."""
    columns = stored_columns(overlay, step.contract)
    try:
        return _rewrite_by_position(step, mutation, overlay, columns)
    except (NotPlaced, pa.ArrowException):  # such as texts that are too long for one array
        return _rewrite_by_key(step, mutation, overlay, columns)


def _rewrite_by_position(
    step: Compact, mutation: Mutation, overlay: Overlay, columns: list[str]
) -> _Rewritten:
    """Stage all rows while the next ones are read: each is the row of one base row, and these are gone through in order.

    Raises:
        NotPlaced: The keys do not say that, or values have to be converted.
    """
    schema = step.contract.schema(columns)
    files = {file.path: file for file in overlay.files}
    coverage = mutation.index.coverage(step.namespace)
    if sorted(coverage.files) != list(files) or not all(_is_alike(file, schema) for file in overlay.files):
        raise NotPlaced
    stored = sum(file.footer.rows for file in overlay.files)
    with opened(mutation.store.fs, mutation.store.path(RECORDS), "read") as file:
        base = PinnedFile(RECORDS, file)
        placement = placed_whole(coverage.numbers, [files[path] for path in coverage.files], base.footer.rows)
        plan = plan_for(base.footer, {step.namespace: placement})
        wanted = {
            name: Column(name, step.contract.types[name], False, step.namespace, True) for name in columns
        }
        reader = PieceReader(base, plan, wanted)

        def tables() -> Iterator[pa.Table]:
            for number in range(len(plan.pieces)):
                keys, beside = reader.piece(number)
                rows = np.flatnonzero(beside[step.namespace].is_there)
                placed = beside[step.namespace].of(rows)
                ids = one_array(keys.column(KEY).take(pa.array(rows))).cast(pa.string())
                yield pa.Table.from_arrays([ids, *map(placed.values, wanted.values())], schema=schema)

        try:
            staged = _stage(step, mutation, overlay, schema, tables(), rows=stored)
        finally:
            reader.close()
    return _Rewritten(staged, stored, 0, 0, schema)


def _is_alike(file: PinnedFile, schema: pa.Schema) -> bool:
    """Whether a file is keyed by id and stores its columns in just the types of the schema."""
    own = file.footer.schema
    return key_kind(file) == KEY and all(field.type == schema.field(field.name).type for field in own)


def _stage(
    step: Compact,
    mutation: Mutation,
    overlay: Overlay,
    schema: pa.Schema,
    tables: Iterator[pa.Table],
    *,
    rows: int,
) -> Staged:
    metadata = overlay_metadata(
        step.contract, mutation.registry_hash, txid=mutation.staging.txid if step.layout == "part" else None
    )
    like = overlay_file(step.namespace) if overlay.layout == "file" else overlay.files[-1].path
    return stage_rows(mutation, schema, tables, metadata, like=like, rows=rows)


def _rewrite_by_key(step: Compact, mutation: Mutation, overlay: Overlay, columns: list[str]) -> _Rewritten:
    """Stage all rows, each looked up by its key; of rows with one key the last in age is kept, if that is wanted."""
    schema = step.contract.schema(columns)
    places = Places(mutation.index.base)
    stored = sum(file.footer.rows for file in overlay.files)
    buckets = plan_buckets(len(places.base), unpacked_bytes(overlay))
    with BaseOrder(schema, buckets) as order:
        again = _collect(step, mutation, overlay, columns, into=(places, order))
        staged = _stage(step, mutation, overlay, schema, _newest(order, buckets), rows=stored - again)
    return _Rewritten(staged, stored - again, again, len(places.strangers), schema)


def _collect(
    step: Compact,
    mutation: Mutation,
    overlay: Overlay,
    columns: list[str],
    *,
    into: tuple[Places, BaseOrder],
) -> int:
    """Deal all rows into base order, oldest file first; how many come again with a key that was there."""
    places, order = into
    where, seen, again = str(mutation.store.dir), Seen(), 0
    first: tuple[pa.Table, list[int]] | None = None
    files = sorted(overlay.files, key=lambda f: _age(f, mutation))

    def rows_of(file: PinnedFile) -> Iterator[pa.Table]:
        return stored_rows(
            file, step.contract, columns, lambda key: ids_by(key, base_columns(mutation), where=where)
        )

    for table, digests in together(rows_ahead(files, rows_of)):
        at = places.of(digests)
        rows = seen.again(at)
        if rows and first is None:
            first = table, rows
        again += len(rows)
        order.add(at, table)
    if first is not None and step.on_duplicate == "error":
        raise duplicate_keys(mutation.store, step.namespace, *first, count=again)
    return again


def _age(file: PinnedFile, mutation: Mutation) -> tuple[Any, str]:
    """What files are ordered by, oldest first: when they were made, then their names."""
    said = file.footer.key_values.get(META_OVERLAY_CREATED_AT, b"").decode("utf-8", "replace")
    return parse_isoformat(said, fallback=mutation.moment), file.path


def _newest(order: BaseOrder, buckets: Buckets) -> Iterator[pa.Table]:
    """The rows of each bucket in base order, the last of each place."""
    for number in range(buckets.count):
        places, table = order.bucket(number)
        last = np.append(np.diff(places) > 0, True)[: len(places)]
        yield table if last.all() else table.filter(pa.array(last))
