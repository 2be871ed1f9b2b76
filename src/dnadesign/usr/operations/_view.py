"""The merged view of one version: which columns it has, where each comes from, and in which type it is handed out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from dnadesign.usr.contract.arguments import columns_of, texts_of
from dnadesign.usr.contract.errors import OverlayLayoutError, SchemaError
from dnadesign.usr.contract.layout import META_KEY
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE, nearest
from dnadesign.usr.contract.records import CORE_SCHEMA
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.restoring import anew_mend
from dnadesign.usr.contract.types import (
    describe_type,
    parse_type_str,
    same_logical_type,
    same_stored_type,
    widens,
)
from dnadesign.usr.storage.version import Overlay, PinnedFile, Version, namespace_not_found

TOMBSTONE_TYPES: dict[str, pa.DataType] = {
    "usr__deleted": pa.bool_(),
    "usr__deleted_at": pa.timestamp("us", "UTC"),
    "usr__deleted_reason": pa.string(),
}
DELETED = "usr__deleted"

JOIN_KEYS = {
    "id": ("id", "{}"),
    "sequence": ("sequence", "{}"),
    "sequence_norm": ("sequence", "trim({})"),
    "sequence_ci": ("sequence", "upper({})"),
}
"""By kind of key: the base column that it is held against, and what is done to both."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the merged view.

    Attributes:
        name: Its name.
        type: The type that readers are handed: the registered one where there is one.
        in_base: Whether the base stores it.
        namespace: The overlay it comes from, or None for a column of the base alone.
        stored: Whether any file of the overlay stores it; a registered column that none has is null.
        misfit: The type that a file stores it in, where that cannot be told as ``type``.
    """

    name: str
    type: pa.DataType
    in_base: bool
    namespace: str | None
    stored: bool
    misfit: pa.DataType | None = None


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
            ValidationError: A name is given twice.
        """
        if names is None:
            return list(self.columns)
        known = {c.name: c for c in self.columns}
        names = columns_of(names)
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


def make_view(version: Version, registry: Registry, *, namespaces: Sequence[str] | None = None) -> View:
    """The merged view of a version.

    Args:
        version: The pinned files.
        registry: The registry that says types and column order.
        namespaces: Only these overlays; all when None.

    Raises:
        OverlayLayoutError: An overlay is both a file and parts, or its parts differ in their key.
        SchemaError: Parts disagree about a column's type.
        NamespaceNotFound: There is no such overlay.
    """
    version.check_layouts()
    wanted = list(version.overlays) if namespaces is None else texts_of(namespaces, what="namespaces")
    for name in wanted:
        if name not in version.overlays:
            raise namespace_not_found(version.dataset, name, version.overlays)
    overlays = {name: overlay for name, overlay in version.overlays.items() if name in wanted}
    stored = {name: overlay_columns(version, overlay) for name, overlay in overlays.items()}
    return view_of(version, registry, stored)


def overlays_with(version: Version, columns: Sequence[str] | None) -> list[str] | None:
    """The overlays that columns of these names are in, by their names alone, and tombstones, which hide records.

    None where only the files can tell.
    """
    if columns is None:
        return None
    found = {TOMBSTONE_NAMESPACE} & version.overlays.keys()
    for name in texts_of(columns, what="columns"):
        namespace, separator, _ = name.partition("__")
        if separator and namespace in version.overlays:
            found.add(namespace)
        elif name not in version.base.footer.schema.names:
            return None
    return sorted(found)


def view_of(version: Version, registry: Registry, overlays: Mapping[str, Mapping[str, pa.DataType]]) -> View:
    """The merged view of a version whose overlays store these columns, by namespace."""
    base = {f.name: f.type for f in version.base.footer.schema}
    columns = {
        name: _column(name, kind, registry, in_base=True, namespace=None) for name, kind in base.items()
    }
    for namespace, stored in overlays.items():
        for name in base:  # an overlay row replaces the base's values of its namespace, whole row
            if name.startswith(f"{namespace}__") and name not in stored:
                columns[name] = replace(columns[name], namespace=namespace, stored=False)
        for name in _ordered(namespace, stored, registry):
            below = columns.get(name)
            found = _column(name, stored.get(name), registry, in_base=name in base, namespace=namespace)
            columns[name] = replace(found, misfit=found.misfit or (below.misfit if below else None))
    return View(version, tuple(columns.values()), registry)


def _ordered(namespace: str, stored: Mapping[str, pa.DataType], registry: Registry) -> list[str]:
    """Registered columns in the registry's order, then what is stored beside them."""
    known = registered_columns(namespace, registry)
    return known + [name for name in stored if name not in known]


def registered_columns(namespace: str, registry: Registry) -> list[str]:
    """The columns that a namespace is registered with, in the registry's order; those of tombstones are fixed."""
    contract = registry.get(namespace)
    return list(TOMBSTONE_TYPES if namespace == TOMBSTONE_NAMESPACE else (contract.types if contract else ()))


def _column(
    name: str, stored: pa.DataType | None, registry: Registry, *, in_base: bool, namespace: str | None
) -> Column:
    """A column as readers get it: in its registered type, where it is registered."""
    kind = _wanted(name, registry)
    misfit = None if kind is None or stored is None or can_be(stored, kind, name) else stored
    if kind is None:
        kind = stored if stored is not None else pa.null()
    return Column(name, kind, in_base, namespace, stored is not None, misfit)


def _wanted(name: str, registry: Registry) -> pa.DataType | None:
    """The type that a column is registered with."""
    if name in CORE_SCHEMA.names:
        return CORE_SCHEMA.field(name).type
    registered = registry.column_type(name)
    return TOMBSTONE_TYPES.get(name) or (parse_type_str(registered) if registered is not None else None)


def can_be(stored: pa.DataType, wanted: pa.DataType, name: str) -> bool:
    """Whether a column of that name and stored type is handed out in the wanted one."""
    if stored.equals(wanted):
        return True
    if name in TOMBSTONE_TYPES and pa.types.is_timestamp(stored) and pa.types.is_timestamp(wanted):
        return True  # older tools wrote nanoseconds
    if name in CORE_SCHEMA.names or widens(stored, wanted):
        return True
    # with or without Arrow's own schema in the file; the values decide, when they are cast
    return any(same_stored_type(stored, wanted, arrow_schema=known) for known in (True, False))


def overlay_columns(version: Version, overlay: Overlay) -> dict[str, pa.DataType]:
    """The derived columns that the files of an overlay store, each file's own schema read.

    Raises:
        SchemaError: Two files disagree about a column's type.
    """
    found: dict[str, tuple[pa.DataType, PinnedFile]] = {}
    for file in _stored_otherwise(overlay.files):
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


def _stored_otherwise(files: Iterable[PinnedFile]) -> Iterator[PinnedFile]:
    """Those of the files that tell something of their columns which none before has told: as a rule one of hundreds."""
    seen: set[tuple[int, bytes | None, bool]] = set()
    for file in files:
        footer = file.footer
        told = id(footer.form), footer.key_values.get(META_KEY), footer.has_arrow_schema
        if told not in seen:
            seen.add(told)
            yield file


def _is_vaguer(kind: pa.DataType, file: PinnedFile, other: pa.DataType) -> bool:
    """Whether a file without an Arrow schema gives a type that may have been the other one."""
    return not file.footer.has_arrow_schema and same_stored_type(kind, other, arrow_schema=False)


def file_key(file: PinnedFile) -> str:
    """The name of an overlay file's key column.

    Raises:
        SchemaError: The file has no such column.
    """
    key = file.footer.key_values.get(META_KEY, b"id").decode("utf-8", "replace")
    column = key if key in file.footer.schema.names else JOIN_KEYS.get(key, (key, ""))[0]
    if column not in file.footer.schema.names:
        raise SchemaError(f"{file.path}: has no key column {key!r}", mend="restore the file from a backup")
    return column


def key_kind(version: Version, overlay: Overlay) -> str:
    """What the key column of an overlay's files holds.

    Raises:
        OverlayLayoutError: The files differ in that, or it is of no known kind.
    """
    kinds = {f.footer.key_values.get(META_KEY, b"id").decode("utf-8", "replace") for f in overlay.files}
    if len(kinds) > 1 or not kinds <= set(JOIN_KEYS):
        raise OverlayLayoutError(
            f"{version.dataset}: the files of namespace {overlay.namespace!r} are keyed by {', '.join(sorted(kinds))}",
            mend="the parts of a namespace need one kind of key: usr maintenance overlay-compact --namespace NAME --reason TEXT makes it ids",
        )
    return kinds.pop()


def check_fits(view: View, columns: Sequence[Column]) -> None:
    """Refuse columns that are stored in a type which is not the registered one, nor a narrower one of its kind.

    Raises:
        SchemaError: There is one; the file that stores it is named.
    """
    for column in columns:
        if column.misfit is None:
            continue
        files = view.version.files()
        path = next((f.path for f in files if column.misfit in _types_of(f, column.name)), "a file")
        stored, wanted = describe_type(column.misfit), describe_type(column.type)
        raise SchemaError(
            f"{view.version.dataset / path}: column {column.name!r} is stored as {stored}, and registered as {wanted}",
            mend=anew_mend(
                column.namespace or column.name.partition("__")[0],
                f"register it as it is stored ({stored}), read other columns by naming them, or remove the overlay and "
                "write it anew: {}",
            ),
        )


def _types_of(file: PinnedFile, name: str) -> list[pa.DataType]:
    schema = file.footer.schema
    return [schema.field(i).type for i in schema.get_all_field_indices(name)]
