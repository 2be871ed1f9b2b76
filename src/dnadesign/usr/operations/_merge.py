"""The merged view of one version: which columns it has, the SQL that joins it, and its rows in base order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import (
    DuplicateKeyError,
    OverlayLayoutError,
    SchemaError,
    SequencesError,
    ValidationError,
)
from dnadesign.usr.contract.layout import META_KEY
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE, nearest
from dnadesign.usr.contract.records import CORE_SCHEMA
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.types import parse_type_str, same_logical_type, same_stored_type
from dnadesign.usr.operations._duck import connect, identifier, literal, told_as_ours
from dnadesign.usr.storage.filesystem import descriptor_path
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version

ROW = "__usr_row"
KEEP = "__usr_keep"
TOMBSTONE_TYPES: dict[str, pa.DataType] = {
    "usr__deleted": pa.bool_(),
    "usr__deleted_at": pa.timestamp("us", "UTC"),
    "usr__deleted_reason": pa.string(),
}
DELETED = "usr__deleted"

_JOIN_KEYS = {
    "id": ("id", "{}"),
    "sequence": ("sequence", "{}"),
    "sequence_norm": ("sequence", "trim({})"),
    "sequence_ci": ("sequence", "upper({})"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the merged view.

    Attributes:
        name: Its name.
        type: The type that readers are handed: the registered one where there is one.
        in_base: Whether the base stores it.
        namespace: The overlay it comes from, or None for a column of the base alone.
        stored: Whether any file of the overlay stores it; a registered column that none has is null.
    """

    name: str
    type: pa.DataType
    in_base: bool
    namespace: str | None
    stored: bool


@dataclass(frozen=True, slots=True)
class View:
    """The merged view of a version: its columns in order, and the registry that they are typed by."""

    version: Version
    columns: tuple[Column, ...]
    registry: Registry

    @property
    def schema(self) -> pa.Schema:
        """The view's Arrow schema."""
        return pa.schema([(c.name, c.type) for c in self.columns])

    def pick(self, names: Sequence[str] | None) -> list[Column]:
        """The columns of those names, all when None; a registered column that no row has yet is null.

        Raises:
            SchemaError: A name is not in the view; the nearest one is shown.
        """
        if names is None:
            return list(self.columns)
        known = {c.name: c for c in self.columns}
        for name in names:
            registered = self.registry.column_type(name)
            if name not in known and registered is not None:
                known[name] = Column(name, parse_type_str(registered), False, None, False)
            if name not in known:
                meant = nearest(name, [*known, *(c.name for n in self.registry for c in n.columns)])
                raise SchemaError(
                    f"{self.version.dataset}: has no column {name!r}",
                    mend=f"did you mean {meant!r}?" if meant else f"it has {', '.join(known)}",
                )
        return [known[name] for name in names]


def make_view(version: Version, registry: Registry, *, namespaces: Sequence[str] | None = None) -> View:
    """The merged view of a version.

    Args:
        version: The pinned files.
        registry: The registry that says types and column order.
        namespaces: Only these overlays; all when None.

    Raises:
        OverlayLayoutError: An overlay is both a file and parts, or its parts differ in their key.
        SchemaError: Parts disagree about a column's type, or a namespace is unknown.
    """
    version.check_layouts()
    base = {f.name: f.type for f in version.base.footer.schema}
    for name in namespaces or ():
        if name not in version.overlays:
            meant = nearest(name, version.overlays)
            raise SchemaError(
                f"{version.dataset}: has no overlay {name!r}",
                mend=f"did you mean {meant!r}?"
                if meant
                else f"it has {', '.join(version.overlays) or 'none'}",
            )
    columns = {
        name: Column(name, _handed_out(name, kind, registry), True, None, True) for name, kind in base.items()
    }
    for namespace, overlay in version.overlays.items():
        if namespaces is not None and namespace not in namespaces:
            continue
        stored = overlay_columns(version, overlay)
        for (
            name,
            kind,
        ) in base.items():  # an overlay row replaces the base's values of its namespace, whole row
            if name.partition("__")[0] == namespace and name not in stored:
                columns[name] = Column(name, _handed_out(name, kind, registry), True, namespace, False)
        for name in _ordered(namespace, stored, registry):
            kind = _handed_out(name, stored.get(name), registry)
            columns[name] = Column(name, kind, name in base, namespace, name in stored)
    return View(version, tuple(columns.values()), registry)


def _ordered(namespace: str, stored: dict[str, pa.DataType], registry: Registry) -> list[str]:
    """Registered columns in the registry's order, then what is stored beside them."""
    contract = registry.get(namespace)
    known = (
        list(TOMBSTONE_TYPES)
        if namespace == TOMBSTONE_NAMESPACE
        else list(contract.types if contract else ())
    )
    return known + [name for name in stored if name not in known]


def _handed_out(name: str, stored: pa.DataType | None, registry: Registry) -> pa.DataType:
    """The type of a column for readers; a stored one that the registry contradicts is handed out as it is."""
    if name in CORE_SCHEMA.names:
        return CORE_SCHEMA.field(name).type
    registered = registry.column_type(name)
    wanted = TOMBSTONE_TYPES.get(name) or (parse_type_str(registered) if registered is not None else None)
    if wanted is None or (stored is not None and not _can_be(stored, wanted, name)):
        return stored if stored is not None else pa.null()
    return wanted


def _can_be(stored: pa.DataType, wanted: pa.DataType, name: str) -> bool:
    if name in TOMBSTONE_TYPES and pa.types.is_timestamp(stored) and pa.types.is_timestamp(wanted):
        return True  # older tools wrote nanoseconds
    # with or without Arrow's own schema in the file; the values decide, when they are cast
    return any(same_stored_type(stored, wanted, arrow_schema=known) for known in (True, False))


def overlay_columns(version: Version, overlay: Overlay) -> dict[str, pa.DataType]:
    """The derived columns that the files of an overlay store, each file's own schema read.

    Raises:
        SchemaError: Two files disagree about a column's type.
    """
    found: dict[str, tuple[pa.DataType, PinnedFile]] = {}
    for file in overlay.files:
        key = file_key(file)
        for field in file.footer.schema:
            if field.name == key:
                continue
            kind, other = found.setdefault(field.name, (field.type, file))
            if kind == field.type or same_logical_type(kind, field.type):
                continue
            if not _is_vaguer(field.type, file, kind):
                if not _is_vaguer(kind, other, field.type):
                    raise SchemaError(
                        f"{version.dataset / file.path}: column {field.name!r} is {field.type}, in {other.path} it is "
                        f"{kind}",
                        mend="the parts of a namespace must agree; set the part that is wrong aside",
                    )
                found[field.name] = (field.type, file)
    return {name: kind for name, (kind, _) in found.items()}


def _is_vaguer(kind: pa.DataType, file: PinnedFile, other: pa.DataType) -> bool:
    """Whether a file without an Arrow schema gives a type that may have been the other one."""
    return not file.footer.has_arrow_schema and same_stored_type(kind, other, arrow_schema=False)


def file_key(file: PinnedFile) -> str:
    """The name of an overlay file's key column.

    Raises:
        SchemaError: The file has no such column.
    """
    key = file.footer.key_values.get(META_KEY, b"id").decode("utf-8", "replace")
    column = key if key in file.footer.schema.names else _JOIN_KEYS.get(key, (key, ""))[0]
    if column not in file.footer.schema.names:
        raise SchemaError(f"{file.path}: has no key column {key!r}", mend="restore the file from a backup")
    return column


def key_kind(version: Version, overlay: Overlay) -> str:
    """What the key column of an overlay's files holds.

    Raises:
        OverlayLayoutError: The files differ in that, or it is of no known kind.
    """
    kinds = {f.footer.key_values.get(META_KEY, b"id").decode("utf-8", "replace") for f in overlay.files}
    if len(kinds) > 1 or not kinds <= set(_JOIN_KEYS):
        raise OverlayLayoutError(
            f"{version.dataset}: the files of namespace {overlay.namespace!r} are keyed by {', '.join(sorted(kinds))}",
            mend="the parts of a namespace need one kind of key: usr maintenance overlay-compact makes it ids",
        )
    return kinds.pop()


@dataclass(frozen=True, slots=True)
class Query:
    """What to read of a view.

    Attributes:
        columns: Which columns, in which order.
        where: A condition in DuckDB's SQL over the view's columns.
        shard: ``(i, n)``: the i-th of n ranges of ids, 0-based.
        ids: Only these ids.
        limit: At most so many rows.
        include_deleted: Also rows that are tombstoned.
    """

    columns: tuple[Column, ...]
    where: str | None = None
    shard: tuple[int, int] | None = None
    ids: tuple[str, ...] | None = None
    limit: int | None = None
    include_deleted: bool = False


def merge_sql(view: View, query: Query) -> str:
    """The SQL of a query: row number in the base, whether the row is wanted, then the query's columns.

    Whether a row is wanted is a column and not a condition: a filter above the join would let the optimizer turn the
    join into one that loses the base's order.
    """
    inner = _joined_sql(view, query)
    wanted = [KEEP] if query.where is None else [f"{KEEP} AND coalesce((\n{query.where}\n), false)"]
    columns = ", ".join([ROW, f"{wanted[0]} AS {KEEP}", *(identifier(c.name) for c in query.columns)])
    return f"SELECT {columns} FROM ({inner})"


def _joined_sql(view: View, query: Query) -> str:
    """All columns that the query or its condition may need, joined; every base row of the shard or ids."""
    version = view.version
    hide = not query.include_deleted and TOMBSTONE_NAMESPACE in version.overlays
    needed = list(view.columns) if query.where is not None else []
    wanted = {c.name: c for c in (*needed, *query.columns)}
    joined = {c.namespace for c in wanted.values() if c.namespace is not None}
    joined |= {TOMBSTONE_NAMESPACE} if hide else set()
    sources = [f"read_parquet({_paths([version.base])}, file_row_number=true) b"]
    sources += [_joined(version, version.overlays[namespace]) for namespace in sorted(joined)]
    alive = _alive(version, hide=hide, include_deleted=query.include_deleted)
    columns = [f"b.file_row_number AS {ROW}", f"{alive} AS {KEEP}"]
    columns += [f"{_expression(c)} AS {identifier(c.name)}" for c in wanted.values()]
    conditions = _base_conditions(query)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(columns)} FROM {' '.join(sources)}{where}"


def _alive(version: Version, *, hide: bool, include_deleted: bool) -> str:
    """Whether a row is not tombstoned, as SQL."""
    stored = f"b.{identifier(DELETED)}" if DELETED in version.base.footer.schema.names else None
    if include_deleted or not (hide or stored):
        return "true"
    if not hide:
        return f"NOT coalesce({stored}, false)"
    alias = _alias(TOMBSTONE_NAMESPACE)
    deleted = f"{alias}.{identifier(DELETED)}"
    return f"NOT coalesce(CASE WHEN {alias}.{_HAS} THEN {deleted} ELSE {stored or 'false'} END, false)"


def _expression(column: Column) -> str:
    name = identifier(column.name)
    if column.namespace is None:
        return f"b.{name}" if column.in_base else "NULL"
    alias = _alias(column.namespace)
    value = f"{alias}.{name}" if column.stored else "NULL"
    if column.in_base:
        return f"CASE WHEN {alias}.{_HAS} THEN {value} ELSE b.{name} END"
    return value


_HAS = "__usr_has"
_KEY = "__usr_key"


def _joined(version: Version, overlay: Overlay) -> str:
    column, normal = _JOIN_KEYS[key_kind(version, overlay)]
    key, alias = identifier(file_key(overlay.files[0])), _alias(overlay.namespace)
    source = f"read_parquet({_paths(overlay.files)}, union_by_name=true)"
    return (
        f"LEFT JOIN (SELECT *, {normal.format(key)} AS {_KEY}, true AS {_HAS} FROM {source}) {alias} "
        f"ON {normal.format(f'b.{column}')} = {alias}.{_KEY}"
    )


def _alias(namespace: str) -> str:
    return identifier(f"o_{namespace}")


def _paths(files: Sequence[PinnedFile]) -> str:
    return "[" + ", ".join(literal(descriptor_path(f.file)) for f in files) + "]"


def _base_conditions(query: Query) -> list[str]:
    conditions = []
    if query.shard is not None:
        low, high = shard_range(*query.shard)
        conditions += [f"b.id >= {literal(low)}", *([f"b.id < {literal(high)}"] if high is not None else [])]
    if query.ids is not None:
        conditions.append(f"b.id IN ({', '.join(map(literal, query.ids))})" if query.ids else "false")
    return conditions


def shard_range(index: int, count: int) -> tuple[str, str | None]:
    """The first 16 hex digits where a shard's ids begin, and where they end (None for the last).

    Raises:
        ValidationError: Not ``0 <= index < count``.
    """
    if not (isinstance(index, int) and isinstance(count, int) and 0 <= index < count):
        raise ValidationError(
            f"shard {index}/{count}: expected 0 <= i < n", mend="shards are counted from 0: (0, 4)"
        )
    low, high = -(-(index << 64) // count), -(-((index + 1) << 64) // count)
    return f"{low:016x}", (f"{high:016x}" if index + 1 < count else None)


def merged_batches(view: View, query: Query, *, batch_size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a query as batches of exactly the view's types, in base order.

    Raises:
        DuplicateKeyError: A key has several rows in a namespace.
        ValidationError: The condition is wrong.
    """
    where = str(view.version.dataset)
    schema = pa.schema([(c.name, c.type) for c in query.columns])
    left = query.limit
    connection = connect(in_order=True)
    try:
        with told_as_ours(where):
            reader = connection.sql(merge_sql(view, query)).to_arrow_reader(batch_size)
        last = -1
        while left is None or left > 0:
            with told_as_ours(where):
                batch = next(reader, None)
            if batch is None:
                return
            last = _check_order(view, batch.column(0), last, where)
            found = _restore(batch.filter(batch.column(1)), schema)
            if left is not None:
                found = found.slice(0, left)
                left -= found.num_rows
            if found.num_rows:
                yield found
    finally:
        connection.close()


def _check_order(view: View, rows: pa.Array, last: int, where: str) -> int:
    """Hold the promise of base order, and find keys that a namespace has twice: their base row comes twice."""
    if not len(rows):
        return last
    steps = pc.subtract(rows.slice(1), rows.slice(0, len(rows) - 1))
    smallest = pc.min(steps).as_py() if len(steps) else 1
    if rows[0].as_py() > last and smallest > 0:
        return int(rows[-1].as_py())
    if smallest == 0 or rows[0].as_py() == last:
        raise duplicate_keys(view)
    raise SequencesError(
        f"{where}: rows came out of order", mend="this is a fault of the library: please report it"
    )


def duplicate_keys(view: View) -> DuplicateKeyError:
    """The error for a view in which a base row comes twice."""
    return DuplicateKeyError(
        f"{view.version.dataset}: a key has several rows in one of the namespaces {', '.join(view.version.overlays)}",
        mend="'usr validate' names the keys; 'usr maintenance overlay-compact' with --on-duplicate keep-newest "
        "keeps the newest row of each",
    )


def _restore(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch without its first two columns, in exactly the view's types (DuckDB has fewer)."""
    columns = []
    for position, field in enumerate(schema, start=2):
        column = batch.column(position)
        columns.append(column if column.type == field.type else _cast(column, field))
    if not columns:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * batch.num_rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        cast = cast_column(column, field.type, where=f"column {field.name!r}").combine_chunks()
        return cast.chunk(0) if isinstance(cast, pa.ChunkedArray) else cast
