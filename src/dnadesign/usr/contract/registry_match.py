"""Whether what a file stores is what a registry says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.types import describe_type, parse_type_str, same_stored_type


@dataclass(frozen=True, slots=True)
class ColumnMismatch:
    """A stored column that the registry does not have, or has with another type."""

    column: str
    kind: Literal["missing", "type_changed"]
    stored: str
    registered: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """The mismatch for machine-readable output."""
        return {
            "column": self.column,
            "kind": self.kind,
            "stored": self.stored,
            "registered": self.registered,
        }

    def __str__(self) -> str:
        """One phrase for messages."""
        if self.kind == "missing":
            return f"{self.column} ({self.stored}) is not registered"
        return f"{self.column} is stored as {self.stored}, registered as {self.registered}"


def match_columns(
    stored: Mapping[str, pa.DataType | str], registry: Registry, *, arrow_schema: bool = True
) -> list[ColumnMismatch]:
    """Compare the derived columns that a file stores with a registry; an empty list is a match.

    Registered columns that the file lacks are no mismatch: the contract may have grown since.

    Args:
        stored: Derived columns to types, without the base columns, the key and the built-in ``usr`` columns.
        registry: The registry to match.
        arrow_schema: Whether the file carries an Arrow schema, see :func:`same_stored_type`.
    """
    mismatches: list[ColumnMismatch] = []
    for column, found in stored.items():
        kind = parse_type_str(found) if isinstance(found, str) else found
        registered = registry.column_type(column)
        if registered is None:
            mismatches.append(ColumnMismatch(column, "missing", describe_type(kind)))
        elif not same_stored_type(kind, parse_type_str(registered), arrow_schema=arrow_schema):
            mismatches.append(ColumnMismatch(column, "type_changed", describe_type(kind), registered))
    return mismatches
