"""Merge rows into a single-file overlay: given columns replace, everything else keeps its value.

A key that the overlay has no row for begins with the values that a materialized base has of the namespace, because
an overlay row replaces all of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import DuplicateKeyError, OverlayLayoutError
from dnadesign.usr.contract.layout import RECORDS, overlay_dir, overlay_file
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._keys import BaseColumns, IdsOf, Key, base_columns, columns_of_base, ids_by
from dnadesign.usr.operations._mutation import Mutation
from dnadesign.usr.operations._overlay import (
    OverlayContract,
    overlay_metadata,
    stage_rows,
    stored_overlay,
    unpacked_bytes,
)
from dnadesign.usr.operations._overlay_rows import SHOWN, Places, Seen, placed, stored_columns, stored_rows
from dnadesign.usr.operations._spill import BaseOrder, plan_buckets
from dnadesign.usr.storage.filesystem import OpenFile, opened
from dnadesign.usr.storage.journal import check_space
from dnadesign.usr.storage.key_index import KeySet, Ordinals
from dnadesign.usr.storage.parquet import Footer, reading
from dnadesign.usr.storage.staging import Staged
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Overlay, Version


@dataclass
class MergedOverlay:
    """What a merge made.

    Attributes:
        path: The overlay's file, relative to the dataset.
        columns: The derived columns that it has now.
        rows: How many rows it has now.
        rows_new: How many of the incoming rows had none before.
        rows_changed: How many replaced values of a row that was there.
        staged: The new file, None where there was nothing to change.
    """

    path: str
    columns: list[str]
    rows: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    staged: Staged | None = None


@dataclass
class BaseValues:
    """The columns of a namespace that a materialized base has, read range by range."""

    file: OpenFile
    footer: Footer
    contract: OverlayContract
    columns: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = self.contract.ordered(set(self.footer.schema.names))

    def rows(self, places: Ordinals) -> pa.Table:
        """The values of these base rows (ascending), in the contract's types."""
        schema = pa.schema([(name, self.contract.types[name]) for name in self.columns])
        if not len(places) or not self.columns:
            return schema.empty_table()
        ends = np.cumsum(self.footer.group_rows)
        low, high = np.searchsorted(ends, [places[0], places[-1]], side="right").tolist()
        with reading(self.file, footer=self.footer) as parquet:
            read = parquet.read_row_groups(range(low, high + 1), columns=self.columns)
        start = int(ends[low - 1]) if low else 0
        taken = read.combine_chunks().take(pa.array(places - start))
        where = f"{self.file.path}, column"
        columns = [cast_column(taken.column(f.name), f.type, where=f"{where} {f.name!r}") for f in schema]
        return pa.Table.from_arrays(columns, schema=schema)


def check_single_file(store: Store, overlay: Overlay) -> None:
    """Refuse a namespace with parts.

    Raises:
        OverlayLayoutError: It has some.
    """
    if overlay.files and overlay.layout == "parts":
        namespace = overlay.namespace
        raise OverlayLayoutError(
            f"{store.path(overlay_dir(namespace))}: namespace {namespace!r} is stored as parts, which cannot be merged "
            "into",
            mend=f"write another part (write_overlay_part), or make one file of them first: "
            f"usr maintenance overlay-compact {store.name} --namespace {namespace} --reason TEXT",
        )


@dataclass(frozen=True, slots=True)
class MergeTarget:
    """What rows are merged into.

    Attributes:
        store: The dataset.
        contract: The namespace.
        overlay: Its files as they are, none if it has none.
        base: The base as it is.
        footer: Of the base.
        keys: Of the base rows as they will be.
        read: Reads columns of the base.
    """

    store: Store
    contract: OverlayContract
    overlay: Overlay
    base: OpenFile
    footer: Footer
    keys: KeySet
    read: BaseColumns

    @property
    def is_parts(self) -> bool:
        """Whether the namespace has parts."""
        return bool(self.overlay.files) and self.overlay.layout == "parts"

    def ids_of(self, key: Key) -> IdsOf:
        """The function from keys of one kind to ids."""
        return ids_by(key, self.read, where=str(self.store.dir))


@contextmanager
def target_of(mutation: Mutation, contract: OverlayContract) -> Iterator[MergeTarget]:
    """What is there now that rows are merged into.

    Raises:
        OverlayLayoutError: The namespace is both a file and parts.
    """
    store = mutation.store
    with (
        stored_overlay(store, contract.namespace) as overlay,
        opened(store.fs, store.path(RECORDS), "read") as base,
    ):
        yield MergeTarget(
            store, contract, overlay, base, mutation.footer, mutation.index.base, base_columns(mutation)
        )


def target_in(version: Version, store: Store, contract: OverlayContract, keys: KeySet) -> MergeTarget:
    """What a pinned version has that rows would be merged into, for a preview.

    Raises:
        OverlayLayoutError: The namespace is both a file and parts.
    """
    overlay, base = version.overlays.get(contract.namespace), version.base
    if overlay is not None:
        overlay.check_layout(store.dir)
    return MergeTarget(
        store,
        contract,
        overlay or Overlay(contract.namespace, ()),
        base.file,
        base.footer,
        keys,
        columns_of_base(base),
    )


def merge_rows(
    mutation: Mutation,
    contract: OverlayContract,
    columns: list[str],
    incoming: Iterable[tuple[Ordinals, pa.Table]],
    *,
    incoming_bytes: int,
    known_only: bool = False,
    unless_same: Sequence[str] = (),
) -> MergedOverlay:
    """Stage the namespace's file as it will be with the incoming rows; the caller publishes it.

    Args:
        mutation: The change; the dataset's lock is held.
        contract: The namespace.
        columns: The incoming columns, in registry order.
        incoming: Places in the base and tables of ``contract.schema(columns)``; no place comes twice.
        incoming_bytes: About how large they are.
        known_only: Leave out incoming rows for which neither overlay nor base has a value of the namespace.
        unless_same: Leave out incoming rows whose values in these columns are there already; none when empty.

    Raises:
        OverlayLayoutError: The namespace has parts.
        DuplicateKeyError: The file that is there has a key twice.
        CorruptFileError: It is damaged.
    """
    store = mutation.store
    with target_of(mutation, contract) as target:
        check_single_file(store, target.overlay)
        stored_bytes = sum(file.footer.size for file in target.overlay.files)
        check_space(store.fs, store.dir, stored_bytes + incoming_bytes)
        merging = _Merging(target, columns, known_only=known_only, unless_same=unless_same)
        merged, metadata = merging.merged, overlay_metadata(contract, mutation.registry_hash)
        with merging.tables(incoming, incoming_bytes) as tables:
            staged = stage_rows(mutation, merging.schema, tables, metadata, like=merged.path)
        if merged.rows_new or merged.rows_changed:
            merged.staged = staged
        return merged


def merge_preview(
    target: MergeTarget,
    columns: list[str],
    incoming: Iterable[tuple[Ordinals, pa.Table]],
    *,
    incoming_bytes: int,
) -> MergedOverlay:
    """What :func:`merge_rows` would do, all that is there being read as it would; nothing is staged.

    Raises:
        OverlayLayoutError: The namespace has parts.
        DuplicateKeyError: The file that is there has a key twice.
        CorruptFileError: It is damaged.
    """
    check_single_file(target.store, target.overlay)
    merging = _Merging(target, columns)
    with merging.tables(incoming, incoming_bytes) as tables:
        for _ in tables:
            pass
    return merging.merged


@dataclass
class _Merging:
    target: MergeTarget
    columns: list[str]
    known_only: bool = False
    unless_same: Sequence[str] = ()
    base: BaseValues = field(init=False)
    stored: list[str] = field(init=False)
    merged: MergedOverlay = field(init=False)
    schema: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        target, contract = self.target, self.target.contract
        self.base = BaseValues(target.base, target.footer, contract)
        self.stored = stored_columns(target.overlay, contract)
        wanted = contract.ordered({*self.stored, *self.columns, *self.base.columns})
        self.merged, self.schema = (
            MergedOverlay(overlay_file(contract.namespace), wanted),
            contract.schema(wanted),
        )

    @contextmanager
    def tables(
        self, incoming: Iterable[tuple[Ordinals, pa.Table]], incoming_bytes: int
    ) -> Iterator[Iterator[pa.Table]]:
        """The merged rows in base order; ``merged`` counts them as they come."""
        target, contract = self.target, self.target.contract
        buckets = plan_buckets(len(target.keys), unpacked_bytes(target.overlay) + incoming_bytes)
        with (
            BaseOrder(contract.schema(self.stored), buckets) as old,
            BaseOrder(contract.schema(self.columns), buckets) as new,
        ):
            _add_stored(target, self.stored, old)
            for places, table in incoming:
                new.add(places, table)
            yield (
                _merge_bucket(
                    self.merged,
                    self.schema,
                    self.base,
                    old.bucket(n),
                    new.bucket(n),
                    known_only=self.known_only,
                    unless_same=self.unless_same,
                )
                for n in range(buckets.count)
            )


def _add_stored(target: MergeTarget, columns: list[str], order: BaseOrder) -> None:
    places_of, seen = Places(target.keys), Seen()
    for file in target.overlay.files:
        for table in stored_rows(file, target.contract, columns, target.ids_of):
            places = placed(table, places_of, where=file.path)
            again = seen.again(places)
            if again:
                raise duplicate_keys(target.store, target.contract.namespace, table, again)
            order.add(places, table)


def duplicate_keys(
    store: Store, namespace: str, table: pa.Table, rows: list[int], *, count: int | None = None
) -> DuplicateKeyError:
    """The error for keys that the stored rows of a namespace have more than once."""
    shown = ", ".join(table.column("id")[row].as_py() for row in rows[:SHOWN])
    return DuplicateKeyError(
        f"{store.dir}: namespace {namespace!r} has {counted(count or len(rows), 'row')} with a key that it has already: "
        f"{shown}{', ...' if (count or len(rows)) > SHOWN else ''}",
        mend="keep the newest row of each key: usr maintenance overlay-compact "
        f"{store.name} --namespace {namespace} --on-duplicate keep-newest --reason TEXT",
    )


def _at(places: Ordinals, wanted: Ordinals) -> Ordinals:
    """Where each wanted place stands in the sorted ``places``, -1 where it does not."""
    if not len(places):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    return np.where(places[found] == wanted, found, -1)


def _merge_bucket(
    merged: MergedOverlay,
    schema: pa.Schema,
    base: BaseValues,
    old: tuple[Ordinals, pa.Table],
    new: tuple[Ordinals, pa.Table],
    *,
    known_only: bool,
    unless_same: Sequence[str],
) -> pa.Table:
    """The rows of one bucket as they will be; counts what is new and what changed."""
    places = np.union1d(old[0], new[0])
    old_at, new_at = _at(old[0], places), _at(new[0], places)
    based = places[(old_at < 0) & (places < base.footer.rows) & bool(base.columns)]
    values = base.rows(based)
    base_at = _at(based, places)
    if known_only:
        known = (old_at >= 0) | _has_values(values, base_at)
        old_at, new_at, base_at = old_at[known], new_at[known], base_at[known]
    if unless_same:
        new_at = np.where(
            _same(unless_same, [(values, base_at), (old[1], old_at)], (new[1], new_at)), -1, new_at
        )
        there = (old_at >= 0) | (new_at >= 0)
        old_at, new_at, base_at = old_at[there], new_at[there], base_at[there]
    merged.rows += len(old_at)
    merged.rows_new += int(((old_at < 0) & (new_at >= 0)).sum())
    merged.rows_changed += int(((old_at >= 0) & (new_at >= 0)).sum())
    columns = [
        _pick(name, kind, [(values, base_at), (old[1], old_at), (new[1], new_at)])
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _same(
    names: Sequence[str], stored: list[tuple[pa.Table, Ordinals]], incoming: tuple[pa.Table, Ordinals]
) -> np.ndarray:
    """Which rows have the incoming values in these columns already."""
    table, at = incoming
    nothing = (table.slice(0, 0), np.full(len(at), -1, dtype=np.int64))
    same = np.ones(len(at), dtype=np.bool_)
    for name in names:
        kind = table.schema.field(name).type
        before, after = _pick(name, kind, [*stored, nothing]), _pick(name, kind, [incoming])
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        same &= np.fromiter((one == other for one, other in pairs), np.bool_, len(at))
    return same


def _has_values(values: pa.Table, at: Ordinals) -> np.ndarray:
    """Which rows have any value in the base; ``at`` is -1 for rows that are not in it."""
    has = np.zeros(values.num_rows + 1, dtype=np.bool_)  # the last one stands for -1
    for column in values.columns:
        has[:-1] |= pc.is_valid(column).to_numpy()
    return has[at]


def _pick(name: str, kind: pa.DataType, sources: list[tuple[pa.Table, Ordinals]]) -> pa.ChunkedArray:
    """One column, each row from the last source that has it; a source with the row and without the column is null.

    The last source is the incoming one: it does not replace what it has no column for.
    """
    at = np.full(len(sources[0][1]), -1, dtype=np.int64)
    pieces: list[pa.ChunkedArray] = []
    done = 0
    for number, (table, rows) in enumerate(sources):
        if name in table.column_names:
            at = np.where(rows >= 0, rows + done, at)
            pieces.append(table.column(name))
            done += table.num_rows
        elif number < len(sources) - 1:
            at = np.where(rows >= 0, -1, at)
    every = pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], kind).combine_chunks()
    return every.take(pa.array(at, mask=at < 0)) if len(every) else pa.nulls(len(at), kind)
