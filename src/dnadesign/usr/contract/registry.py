"""Namespaces and their columns as values: what is registered, and how two registries differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dnadesign.usr.contract.errors import NamespaceError, NamespaceNotFound, RegistryError
from dnadesign.usr.contract.names import STATE_NAMESPACE, check_column, check_namespace, nearest, split_column
from dnadesign.usr.contract.type_grammar import canonical_type, logical_type, parse_type, parse_typed_names
from dnadesign.usr.contract.wording import counted


@dataclass(frozen=True, slots=True)
class RegistryColumn:
    """A derived column; ``type`` is kept in canonical spelling.

    Raises:
        NamespaceError: The name is not ``<namespace>__<field>``.
        SchemaError: The type is not in the grammar.
    """

    name: str
    type: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise NamespaceError(
                f"expected a column name as text, found {type(self.name).__name__}",
                mend="name it like 'densegen__plan'",
            )
        split_column(self.name)
        object.__setattr__(self, "type", canonical_type(self.type))


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace's contract: its columns in order, and for people who keeps it and what it is for.

    Raises:
        NamespaceError: The name is reserved or outside the grammar, or a column is not its own.
        RegistryError: There are no columns, or two whose names differ by case alone.
    """

    name: str
    columns: tuple[RegistryColumn, ...]
    owner: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        check_namespace(self.name)
        object.__setattr__(self, "columns", tuple(self.columns))
        for aspect in ("owner", "description"):
            object.__setattr__(
                self, aspect, _note(getattr(self, aspect), f"{aspect} of namespace {self.name!r}")
            )
        if not self.columns:
            raise RegistryError(f"namespace {self.name!r} has no columns", mend="give it at least one")
        seen: dict[str, str] = {}
        for column in self.columns:
            check_column(column.name, namespace=self.name)
            folded = column.name.lower()
            if folded in seen:
                again = (
                    "twice"
                    if column.name == seen[folded]
                    else f"after {seen[folded]!r}; case does not tell columns apart"
                )
                raise RegistryError(
                    f"namespace {self.name!r} has column {column.name!r} {again}",
                    mend="rename or remove one of them",
                )
            seen[folded] = column.name

    @property
    def types(self) -> dict[str, str]:
        """Column names to canonical types, in registry order."""
        return {column.name: column.type for column in self.columns}

    def normal_form(self) -> dict[str, object]:
        """The part of the registry's normal form under this namespace's name."""
        return {"owner": self.owner, "description": self.description, "columns": self._plain_columns()}

    def contract_form(self) -> dict[str, object]:
        """What the hash of this namespace's contract is taken over."""
        return {"namespace": self.name, "columns": self._plain_columns()}

    def _plain_columns(self) -> list[dict[str, str]]:
        return [{"name": column.name, "type": column.type} for column in self.columns]


def _note(text: object, what: str) -> str | None:
    """A text for people as the registry keeps it: nothing rather than an empty one."""
    if text is not None and not isinstance(text, str):
        raise RegistryError(f"{what}: expected text, found {type(text).__name__}", mend="put it in quotes")
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        raise RegistryError(
            f"{what}: {text!a} cannot be written as UTF-8", mend="remove the stray surrogate"
        ) from None
    return text or None


USR_STATE = Namespace(
    name=STATE_NAMESPACE,
    columns=(
        RegistryColumn("usr_state__masked", "bool"),
        RegistryColumn("usr_state__qc_status", "string"),
        RegistryColumn("usr_state__split", "string"),
        RegistryColumn("usr_state__supersedes", "string"),
        RegistryColumn("usr_state__lineage", "list<string>"),
    ),
    owner="usr",
    description="Reserved record-state overlay (masked/qc/split/lineage).",
)


@dataclass(frozen=True, slots=True)
class Registry:
    """All namespaces of a root; equal registries have equal hashes.

    Raises:
        RegistryError: A namespace occurs twice, or ``usr_state`` is missing or not what it must be.
    """

    namespaces: tuple[Namespace, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.namespaces, key=lambda namespace: namespace.name))
        object.__setattr__(self, "namespaces", ordered)
        for first, second in itertools.pairwise(ordered):
            if first.name == second.name:
                raise RegistryError(f"namespace {first.name!r} is there twice", mend="remove one of them")
        check_state_namespace(self.get(STATE_NAMESPACE))

    def __iter__(self) -> Iterator[Namespace]:
        return iter(self.namespaces)

    def get(self, name: str) -> Namespace | None:
        """The namespace of that name, or None."""
        return next((namespace for namespace in self.namespaces if namespace.name == name), None)

    def namespace(self, name: str) -> Namespace:
        """The namespace of that name.

        Raises:
            NamespaceNotFound: It is not registered.
        """
        found = self.get(name)
        if found is None:
            meant = nearest(name, (namespace.name for namespace in self.namespaces)) if name else None
            raise NamespaceNotFound(
                f"namespace {name!r} is not registered",
                mend=(f"did you mean {meant!r}? If not, " if meant else "")
                + f"register it first: usr namespace register {name} --columns '{name}__FIELD:TYPE,...'",
            )
        return found

    def column_type(self, column: str) -> str | None:
        """The canonical type that a derived column is registered with, or None."""
        namespace = self.get(column.partition("__")[0])
        return namespace.types.get(column) if namespace else None

    def with_namespace(self, namespace: Namespace) -> Registry:
        """This registry with one namespace added or replaced."""
        return Registry((*(n for n in self.namespaces if n.name != namespace.name), namespace))

    def normal_form(self) -> dict[str, object]:
        """What the registry hash is taken over, as plain mappings and lists."""
        return {"namespaces": {namespace.name: namespace.normal_form() for namespace in self.namespaces}}


def check_state_namespace(namespace: Namespace | None) -> None:
    """Check that ``usr_state`` is there with exactly its columns, in any order.

    Raises:
        RegistryError: It is missing or has other columns.
    """
    expected = ", ".join(f"{column.name} {column.type}" for column in USR_STATE.columns)
    if namespace is None:
        raise RegistryError(
            f"the reserved namespace {STATE_NAMESPACE!r} is missing",
            mend=f"add it with the columns {expected}",
        )
    if namespace.types != USR_STATE.types:
        wrong = sorted({name for name, _ in namespace.types.items() ^ USR_STATE.types.items()})
        raise RegistryError(
            f"the reserved namespace {STATE_NAMESPACE!r} must have exactly its own columns; wrong or missing: "
            f"{', '.join(wrong)}",
            mend=f"give it exactly {expected}",
        )


def parse_columns_spec(spec: str, *, namespace: str) -> list[RegistryColumn]:
    """Read columns as they are given on a command line: ``ns__a:int64,ns__b:list<struct<x:int64,y:string>>``.

    Raises:
        SchemaError: The text is not a list of ``name:type``; the message gives the position.
        NamespaceError: A name is not ``<namespace>__<field>``.
        RegistryError: A name occurs twice, counting case as the same.
    """
    check_namespace(namespace)
    columns: list[RegistryColumn] = []
    for name, kind in parse_typed_names(spec):
        if "__" not in name:
            raise NamespaceError(
                f"column {name!r} lacks its namespace",
                mend=f"write its full name: {namespace}__{name}",
            )
        check_column(name, namespace=namespace)
        columns.append(RegistryColumn(name, str(kind)))
    return list(Namespace(name=namespace, columns=tuple(columns)).columns)


type ColumnsInput = str | Mapping[str, str] | Iterable[RegistryColumn | tuple[str, str]]


def given_columns(columns: ColumnsInput, *, namespace: str) -> tuple[RegistryColumn, ...]:
    """Columns as callers give them: a spec, a mapping of names to types, or columns or pairs in order.

    Raises:
        RegistryError: They are none of these.
    """
    if isinstance(columns, str):
        return tuple(parse_columns_spec(columns, namespace=namespace))
    pairs = columns.items() if isinstance(columns, Mapping) else columns
    try:
        return tuple(pair if isinstance(pair, RegistryColumn) else RegistryColumn(*pair) for pair in pairs)
    except TypeError as error:
        raise RegistryError(
            f"columns of namespace {namespace!r}: {error}",
            mend="give a spec such as 'ns__a:int64,ns__b:string', or pairs of name and type",
        ) from None


ChangeKind = Literal[
    "namespace_added",
    "namespace_removed",
    "column_added",
    "column_removed",
    "type_changed",
    "order_changed",
    "owner_edited",
    "description_edited",
]


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """One difference between two registries; ``column`` is None where a whole namespace is meant."""

    kind: ChangeKind
    namespace: str
    column: str | None = None
    before: str | None = None
    after: str | None = None

    @property
    def is_compatible(self) -> bool:
        """Whether files written before the change still match after it."""
        if self.kind == "type_changed" and self.before and self.after:
            return logical_type(parse_type(self.before)) == logical_type(parse_type(self.after))
        return self.kind not in ("namespace_removed", "column_removed", "type_changed")

    def to_dict(self) -> dict[str, str | None]:
        """The change for machine-readable output."""
        return {
            "kind": self.kind,
            "namespace": self.namespace,
            "column": self.column,
            "before": self.before,
            "after": self.after,
        }

    def __str__(self) -> str:
        """One line for people, as a diff shows it."""
        what = self.column or self.namespace
        match self.kind:
            case "namespace_added" | "column_added":
                return f"+ {what} {self.after}"
            case "namespace_removed" | "column_removed":
                return f"- {what} {self.before}"
            case "type_changed":
                return f"~ {what} {self.before} -> {self.after}"
        aspect = self.kind.partition("_")[0]
        return f"~ {what} {aspect}: {self.before} -> {self.after}"


def diff_registries(before: Registry, after: Registry) -> tuple[RegistryChange, ...]:
    """What differs between two registries, namespace by namespace and column by column."""
    names = sorted({namespace.name for namespace in (*before, *after)})
    return tuple(change for name in names for change in diff_namespaces(before.get(name), after.get(name)))


def diff_namespaces(before: Namespace | None, after: Namespace | None) -> tuple[RegistryChange, ...]:
    """What differs between two versions of one namespace; None stands for one that is not there."""
    if before is None and after is None:
        return ()
    if before is None or after is None:
        present = before or after
        assert present is not None  # noqa: S101 - one of the two is there, which mypy cannot see
        return _whole(present, added=before is None)
    return (*_edits(before, after), *_column_changes(before, after))


def _whole(namespace: Namespace, *, added: bool) -> tuple[RegistryChange, ...]:
    kinds: tuple[ChangeKind, ChangeKind] = (
        ("namespace_added", "column_added") if added else ("namespace_removed", "column_removed")
    )
    count = counted(len(namespace.columns), "column")
    changes = [
        RegistryChange(kinds[0], namespace.name, None, None if added else count, count if added else None)
    ]
    for name, kind in namespace.types.items():
        before, after = (None, kind) if added else (kind, None)
        changes.append(RegistryChange(kinds[1], namespace.name, name, before, after))
    return tuple(changes)


def _edits(before: Namespace, after: Namespace) -> Iterator[RegistryChange]:
    if before.owner != after.owner:
        yield RegistryChange("owner_edited", after.name, None, before.owner, after.owner)
    if before.description != after.description:
        yield RegistryChange("description_edited", after.name, None, before.description, after.description)


def _column_changes(before: Namespace, after: Namespace) -> Iterator[RegistryChange]:
    had, has = before.types, after.types
    for name, kind in had.items():
        if name not in has:
            yield RegistryChange("column_removed", after.name, name, kind, None)
        elif has[name] != kind:
            yield RegistryChange("type_changed", after.name, name, kind, has[name])
    for name, kind in has.items():
        if name not in had:
            yield RegistryChange("column_added", after.name, name, None, kind)
    old_order, new_order = [n for n in had if n in has], [n for n in has if n in had]
    if old_order != new_order:
        yield RegistryChange("order_changed", after.name, None, ", ".join(old_order), ", ".join(new_order))


def is_compatible(before: Registry, after: Registry) -> bool:
    """Whether every file that matches ``before`` also matches ``after``."""
    return all(change.is_compatible for change in diff_registries(before, after))
