"""The dataset that records are merged from: its live records, and their derived values namespace by namespace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.arguments import columns_of
from dnadesign.usr.contract.errors import SchemaError, ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE, nearest
from dnadesign.usr.contract.records import CORE_COLUMNS
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.types import arrow_type_str
from dnadesign.usr.operations._base_rows import Flags, base_batches
from dnadesign.usr.operations._deleted import deleted_rows
from dnadesign.usr.operations._keys import IdsOf, Key, columns_of_base, ids_by
from dnadesign.usr.operations._overlay import OverlayContract, overlay_contract, unpacked_bytes
from dnadesign.usr.operations._overlay_rows import stored_rows
from dnadesign.usr.operations._view import View, make_view
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Digests, KeySet, read_ids
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

ColumnPolicy = str | Sequence[str]
POLICIES = ("all", "shared", "none")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The derived columns that come along, by namespace in registry order, and those that do not."""

    columns: dict[str, list[str]]
    left_out: tuple[str, ...]


@dataclass
class MergeSource:
    """One pinned version of the other dataset.

    Attributes:
        version: Its files.
        registry: The registry of the dataset that is merged into, which types what comes along.
        wanted: The derived columns that come along.
        digests: The ids of its base rows, shape (rows, 20).
        alive: Which of them are not deleted.
    """

    version: Version
    registry: Registry
    wanted: Wanted
    digests: Digests
    alive: Flags

    def bytes_of(self, namespace: str) -> int:
        """About how many bytes in memory the values of a namespace take."""
        overlay = self.version.overlays.get(namespace)
        return self.version.base.footer.size + (unpacked_bytes(overlay) if overlay is not None else 0)

    def rows(self, namespace: str, columns: list[str], taken: KeySet) -> Iterator[pa.Table]:
        """The derived values of these records as ``id`` and columns, in exactly the registered types.

        They are the rows of the overlay, and for records without one what a materialized base has, if it has anything.
        """
        contract = overlay_contract(self.registry, namespace)
        covered = KeySet()
        overlay = self.version.overlays.get(namespace)
        for file in overlay.files if overlay is not None else ():
            for table in stored_rows(file, contract, columns, self._ids_of):
                digests = digests_of(table.column("id"), where=file.path)
                covered.add(digests)
                yield from _some(table, taken.find(digests) >= 0)
        yield from self._base_values(contract, columns, taken, covered)

    def _base_values(
        self, contract: OverlayContract, columns: list[str], taken: KeySet, covered: KeySet
    ) -> Iterator[pa.Table]:
        base = self.version.base
        there = [name for name in columns if name in base.footer.schema.names]
        if not there:
            return
        schema = contract.schema(columns)
        for batch in base_batches(base.file, base.footer, ["id", *there]):
            digests = digests_of(batch.column(0), where=base.path)
            some = np.zeros(batch.num_rows, dtype=np.bool_)
            for name in there:
                some |= batch.column(name).is_valid().to_numpy(zero_copy_only=False)
            arrays = [cast_column(batch.column(0), pa.string(), where="id")]
            for name in columns:
                kind = contract.types[name]
                values = batch.column(name) if name in there else pa.nulls(batch.num_rows, kind)
                arrays.append(cast_column(values, kind, where=f"{base.path}, column {name!r}"))
            table = pa.Table.from_arrays(arrays, schema=schema)
            yield from _some(table, some & (taken.find(digests) >= 0) & (covered.find(digests) < 0))

    def _ids_of(self, key: Key) -> IdsOf:
        return ids_by(key, columns_of_base(self.version.base), where=str(self.version.dataset))


def _some(table: pa.Table, flags: Flags) -> Iterator[pa.Table]:
    if flags.all():
        yield table
    elif flags.any():
        yield table.filter(pa.array(flags))


@contextmanager
def open_source(other: Store, registry: Registry, policy: ColumnPolicy) -> Iterator[MergeSource]:
    """The newest version of the other dataset, pinned.

    Args:
        other: The other dataset.
        registry: The registry of the dataset that is merged into.
        policy: ``all``, ``shared``, ``none``, or names of derived columns.

    Raises:
        DatasetNotFound: There is none.
        SchemaError: A column that is to come along is not registered here with the same type.
    """
    theirs = load_registry(other.root, fs=other.fs)
    with other.pin() as version:
        view = make_view(version, theirs)
        base, where = version.base, str(version.dataset)
        digests = digests_of(read_ids(base.file, footer=base.footer), where=where)
        yield MergeSource(
            version, registry, _wanted(view, registry, policy), digests, ~deleted_rows(version, theirs)
        )


def _wanted(view: View, registry: Registry, policy: ColumnPolicy) -> Wanted:
    types = {
        c.name: arrow_type_str(c.type)
        for c in view.columns
        if (c.stored or c.in_base)  # what no file there has would only take values away here
        and c.name not in CORE_COLUMNS
        and not c.name.startswith(f"{TOMBSTONE_NAMESPACE}__")
    }
    chosen = _chosen(view, types, policy)
    alike = [name for name in chosen if registry.column_type(name) == types[name]]
    if policy != "shared":
        _refuse_unlike([name for name in chosen if name not in alike], view, types, registry)
    columns: dict[str, list[str]] = {}
    for name in alike:
        columns.setdefault(name.partition("__")[0], []).append(name)
    for namespace, names in columns.items():
        columns[namespace] = overlay_contract(registry, namespace).ordered(set(names))
    return Wanted(columns, tuple(name for name in types if name not in alike))


def _chosen(view: View, types: dict[str, str], policy: ColumnPolicy) -> list[str]:
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise ValidationError(
                f"columns {policy!r}: expected {', '.join(map(repr, POLICIES))} or a list of column names",
                mend="give one of them, or names of columns",
            )
        return [] if policy == "none" else list(types)
    names = columns_of(policy)
    for name in names:
        if name not in types:
            meant = nearest(name, types)
            raise SchemaError(
                f"{view.version.dataset}: has no derived column {name!r}",
                mend=f"did you mean {meant!r}?" if meant else f"it has {', '.join(types) or 'none'}",
            )
    return names


def _refuse_unlike(names: list[str], view: View, types: dict[str, str], registry: Registry) -> None:
    if names:
        shown = "; ".join(
            f"{name} ({types[name]} there, {registry.column_type(name) or 'not registered'} here)"
            for name in names
        )
        raise SchemaError(
            f"{view.version.dataset}: columns that are not registered here with the same type: {shown}",
            mend=spelled(
                "register them (usr namespace register NAMESPACE --columns SPEC), or leave them out with {}",
                ("columns='shared'", "--columns shared"),
            ),
        )
