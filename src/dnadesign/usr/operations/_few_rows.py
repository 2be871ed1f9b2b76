"""Few rows of the merged view, read with Arrow from only the files that have them.

The rows are those that the join in :mod:`_merge` gives, with the same types: an overlay's row replaces what the base
has of its namespace, whole, and a tombstone hides. What is promised of keys is promised for the rows that are read: the
cached keys were complete and without a key twice when they were saved, a file that is opened is held against them and
against the files that came later, and a key with several rows is refused. Where they do not fit, or the view is not told
by the registry alone, there is no answer here (None), and the caller joins as for a scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import CorruptFileError
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.records import KEY
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._join import duplicate_keys
from dnadesign.usr.operations._placed_rows import PlacedRows, alive, merged_column
from dnadesign.usr.operations._view import DELETED, Column, View, can_be, registered_columns, view_of
from dnadesign.usr.storage.checked_blocks import DamagedCache
from dnadesign.usr.storage.few_files import FewFiles
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Ordinals
from dnadesign.usr.storage.parquet import reading
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import PinnedFile

MOST_ROWS = 10_000  # beyond that a scan is as quick
_MOST_LOOKED_AT = 1 << 16  # base rows that a head may pass over because they are deleted


class _NoShortWay(Exception):
    """What is read does not fit what is known; caught in this module."""


def few_rows(
    store: Store,
    *,
    columns: Sequence[str] | None,
    include_deleted: bool,
    ids: Sequence[str] | None = None,
    first: int = 0,
) -> pa.Table | None:
    """The rows of these ids, or the first ones, in base order; None where a join has to be asked.

    Args:
        store: The dataset.
        columns: Which columns, all when None; the ids come behind them where ``ids`` are given.
        include_deleted: Also rows that are tombstoned.
        ids: Which records; those that are not there are left out.
        first: How many of the first rows, where no ids are given.

    Raises:
        SchemaError: There is no such column.
        DuplicateKeyError: A key has several rows in a namespace.
        CorruptFileError: A file that was read is damaged.
    """
    if max(first, len(ids or ())) > MOST_ROWS:
        return None
    few = store.pin_few()
    if few is None:
        return None
    try:
        view = _view(few, load_registry(store.root, fs=store.fs))
        picked = view.pick(columns)
        if ids is not None:
            picked += [column for column in view.pick([KEY]) if column not in picked]
        if any(column.misfit is not None for column in picked):
            return None
        reader = _Reader(few, view, tuple(picked), include_deleted)
        found = reader.rows_of(ids) if ids is not None else reader.first(first)
        return found if few.is_current() else None
    except (
        _NoShortWay,
        DamagedCache,
        FileNotFoundError,
        CorruptFileError,
    ):  # the long way tells what is needed
        return None
    finally:
        few.close()


def _view(few: FewFiles, registry: Registry) -> View:
    for namespace, stored in few.stored.items():
        # The order and types of other columns are told by the files, all of them.
        if not set(stored) <= set(registered_columns(namespace, registry)):
            raise _NoShortWay
    return view_of(few.version, registry, few.stored)


@dataclass(frozen=True, slots=True)
class _Reader:
    few: FewFiles
    view: View
    columns: tuple[Column, ...]
    include_deleted: bool

    def rows_of(self, ids: Sequence[str]) -> pa.Table:
        """The rows of these ids that are there."""
        digests = digests_of(pa.array(ids, pa.string()), where="ids")
        ordinals = self.few.ordinals(digests)
        there = np.flatnonzero(ordinals >= 0)
        order = there[np.argsort(ordinals[there], kind="stable")]
        base = self._base_rows(ordinals[order])
        if base.column(KEY).to_pylist() != [ids[i] for i in order.tolist()]:
            raise _NoShortWay
        return self._merged(base, ordinals[order])

    def first(self, count: int) -> pa.Table:
        """So many of the first rows."""
        rows = self.few.version.base.footer.rows
        found: list[pa.Table] = [self._merged_at(0, 0)]
        start, size = 0, count
        while count > 0 and start < rows:
            if start > _MOST_LOOKED_AT:
                raise _NoShortWay
            stop = min(start + size, rows)
            found.append(self._merged_at(start, stop).slice(0, count))
            count -= found[-1].num_rows
            start, size = stop, 2 * size
        return pa.concat_tables(found)

    def _merged_at(self, start: int, stop: int) -> pa.Table:
        ordinals = np.arange(start, stop, dtype=np.int64)
        return self._merged(self._base_rows(ordinals), ordinals)

    def _base_rows(self, ordinals: Ordinals) -> pa.Table:
        stored = self.few.version.base.footer.schema.names
        wanted = [KEY, *(c.name for c in self.columns if c.in_base), *(n for n in stored if n == DELETED)]
        return _rows_at(self.few.version.base, ordinals, list(dict.fromkeys(wanted)))

    def _merged(self, base: pa.Table, ordinals: Ordinals) -> pa.Table:
        """The query's columns of these base rows, without the ones that are hidden."""
        overlays = {c.namespace for c in self.columns if c.namespace is not None}
        hiding = not self.include_deleted and TOMBSTONE_NAMESPACE in self.few.stored
        overlays |= {TOMBSTONE_NAMESPACE} if hiding else set()
        rows = {name: self._overlay_rows(name, base.column(KEY), ordinals) for name in sorted(overlays)}
        arrays = [merged_column(c, base, rows) for c in self.columns]
        schema = pa.schema([(c.name, c.type) for c in self.columns])
        table = pa.table(arrays, schema=schema)
        return table if self.include_deleted else table.filter(pa.array(alive(base, rows)))

    def _overlay_rows(self, namespace: str, ids: pa.ChunkedArray, ordinals: Ordinals) -> PlacedRows:
        """The rows that a namespace has for these ids, each checked to be there where the cached keys say, and once."""
        names, files = self.few.files_of(namespace, ordinals)
        wanted = [c.name for c in self.columns if c.namespace == namespace and c.stored]
        wanted += [DELETED] if namespace == TOMBSTONE_NAMESPACE and DELETED not in wanted else []
        tables, source = [], np.full(len(ids), -1, dtype=np.int64)
        count = 0
        new = set(self.few.new[namespace])
        files = files if len(ordinals) else []
        hit = self.few.with_any([file for file in files if file.path in new], ids)
        for file in files:
            self._check_columns(file, namespace)
            if file.path in new and file.path not in hit:
                continue
            table = _rows_with(file, ids, wanted)
            places = pc.index_in(table.column(KEY), value_set=ids).to_numpy()
            if (source[places] >= 0).any() or len(np.unique(places)) < len(places):
                raise duplicate_keys(self.view)
            known = [i for i, name in enumerate(names) if name == file.path]
            unknown = set(places.tolist()) - set(known)
            if not set(known) <= set(places.tolist()) or (unknown and file.path not in new):
                raise _NoShortWay
            source[places] = np.arange(count, count + len(places))
            tables.append(table)
            count += len(places)
        return PlacedRows(tuple(tables), source)

    def _check_columns(self, file: PinnedFile, namespace: str) -> None:
        """Leave files with columns that the cached keys do not know, or of types that a scan refuses, to the scan."""
        known, wanted = self.few.stored[namespace], {c.name: c.type for c in self.columns}
        if namespace == TOMBSTONE_NAMESPACE and DELETED not in file.footer.schema.names:
            raise _NoShortWay
        for field in file.footer.schema:
            strange = field.name != KEY and field.name not in known
            if strange or (field.name in wanted and not can_be(field.type, wanted[field.name], field.name)):
                raise _NoShortWay


def _rows_at(file: PinnedFile, ordinals: Ordinals, columns: Sequence[str]) -> pa.Table:
    """Rows of a file by their ordinals, which ascend; a few at the beginning are read without the rest of their group."""
    found, start = [], 0
    with reading(file.file, footer=file.footer) as parquet:
        for group, count in enumerate(file.footer.group_rows):
            inside = ordinals[(ordinals >= start) & (ordinals < start + count)] - start
            if len(inside):
                size = int(inside[-1]) + 1
                batch = next(parquet.iter_batches(size, [group], columns))
                found.append(pa.Table.from_batches([batch]).take(pa.array(inside)))
            start += count
    schema = pa.schema([file.footer.schema.field(name) for name in columns])
    return pa.concat_tables(found) if found else schema.empty_table()


def _rows_with(file: PinnedFile, ids: pa.ChunkedArray, columns: Iterable[str]) -> pa.Table:
    """The rows of an overlay file that have one of these ids; only row groups with a hit are read whole."""
    stored = [KEY, *(name for name in columns if name in file.footer.schema.names)]
    found = [pa.schema([file.footer.schema.field(name) for name in stored]).empty_table()]
    with reading(file.file, footer=file.footer) as parquet:
        for group in range(len(file.footer.group_rows)):
            keys = parquet.read_row_groups([group], [KEY], use_threads=False).column(KEY)
            hits = pc.indices_nonzero(pc.is_in(keys, value_set=ids))
            if len(hits):
                rows = parquet.read_row_groups([group], stored, use_threads=False)
                found.append(rows.select(stored).take(hits))
    return pa.concat_tables(t.replace_schema_metadata(None) for t in found)
