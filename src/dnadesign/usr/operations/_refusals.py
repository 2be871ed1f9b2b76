"""Rows and cells of a file that cannot be taken: where they are, what is wrong, and how they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.errors import (
    AlphabetError,
    DuplicateKeyError,
    MissingKeyError,
    SchemaError,
    ValidationError,
)
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.formats.tables import Piece, place

MAX_LISTED = 10_000
SHOWN = 5

_LISTED = 20
_KINDS: dict[str, type[ValidationError]] = {
    kind.code: kind for kind in (AlphabetError, DuplicateKeyError, MissingKeyError, SchemaError)
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be taken.

    Attributes:
        unit: What ``number`` counts: ``line`` of a text file (from 1; the line on which the row ends), ``record`` of
            a sequence file (from 1), ``row`` of a Parquet file (from 0).
        number: Which one it is.
        name: The record's name, where the format has names.
        column: The column that is wrong, as the file calls it (a core column where the file has none for it), None where the whole line is.
        reason: What is wrong with it.
        mend: What can be done about it.
        code: The code of the error that it is: ``schema`` or ``alphabet``.
    """

    unit: str
    number: int
    name: str | None
    column: str | None
    reason: str
    mend: str | None = None
    code: str = SchemaError.code

    @property
    def where(self) -> str:
        """The row's place for people."""
        named = f" ({self.name!r:.60})" if self.name else ""
        return f"{self.unit} {self.number}{named}" + (f", column {self.column!r}" if self.column else "")

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "unit": self.unit,
            "number": self.number,
            "name": self.name,
            "column": self.column,
            "reason": self.reason,
            "mend": self.mend,
            "code": self.code,
        }


@dataclass
class Refusals:
    """The rows refused so far; all are counted, the first ``MAX_LISTED`` listed."""

    count: int = 0
    listed: list[Refusal] = field(default_factory=list)

    def add(self, refusal: Refusal) -> None:
        """Note one more row."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(refusal)

    def raise_all(self, what: str) -> None:
        """Raise what has been refused, if anything has, as one error that shows the first few.

        Raises:
            AlphabetError: The first one is a sequence or alphabet that does not fit.
            SchemaError: The first one is anything else.
        """
        if not self.count:
            return
        self.listed.sort(key=lambda refusal: refusal.number)
        first = self.listed[0]
        kind = AlphabetError if first.code == AlphabetError.code else SchemaError
        shown = "; ".join(f"{r.where}: {r.reason}" for r in self.listed[:SHOWN])
        more = f"; and {self.count - SHOWN} more" if self.count > SHOWN else ""
        raise kind(
            f"{what}, {shown}{more}",
            mend=first.mend
            or spelled(
                "mend the file, or leave such rows out with {}", ("on_invalid='skip'", "--on-invalid skip")
            ),
        )

    def raise_each(self, what: str) -> None:
        """Raise what has been refused, if anything has, as one error with a line for each of the first twenty.

        Raises:
            ValidationError: Something has been refused; of the narrower kind where all that is listed is of one.
        """
        if not self.count:
            return
        self.listed.sort(key=lambda refusal: refusal.number)
        kinds = {_KINDS.get(refusal.code, ValidationError) for refusal in self.listed}
        shown = self.listed[:_LISTED]
        lines = [f"{refusal.where}: {refusal.reason}" for refusal in shown]
        if self.count == 1:
            message = f"{what}, {lines[0]}"
        else:
            more = [f"and {self.count - _LISTED} more"] if self.count > _LISTED else []
            message = "\n  ".join([f"{what}: {counted(self.count, 'fault')}", *lines, *more])
        mends = {refusal.mend for refusal in shown}
        mend = spelled("{} tells of all of them what to do about each", ("dry_run=True", "--dry-run"))
        raise (kinds.pop() if len(kinds) == 1 else ValidationError)(
            message, mend=(mends.pop() if len(mends) == 1 else mend) or "mend the file"
        )


def readable_cells(
    piece: Piece,
    column: str,
    kind: pa.DataType,
    *,
    what: str,
    parse_json: bool,
    refuse: Callable[[int, SchemaError], None],
    start: int = 0,
) -> pa.Array:
    """A column in exactly that type; cells that cannot be read are null and refused.

    The faults of a piece are narrowed down by halves, so that a file with few of them is read column by column.

    Args:
        piece: Some rows of a file.
        column: The column's name there.
        kind: The type.
        what: The file, for errors.
        parse_json: Whether text in place of a list or struct is JSON.
        refuse: Takes a cell's row (0-based) and what is wrong with it, without the place.
        start: What the first row counts as.

    Raises:
        SchemaError: The column is of a type that no row can be read from.
    """
    count = len(piece.numbers)
    try:
        return piece.column(column, kind, what=what, parse_json=parse_json)
    except SchemaError as error:
        piece.part(0, 0).column(
            column, kind, what=what, parse_json=parse_json
        )  # a wrong type is no row's fault
        if count == 1:
            refuse(start, SchemaError(_reason(error, piece, column, what), mend=error.mend))
            return pa.nulls(1, kind)
    half = count // 2
    parts = [(0, half), (half, count)]
    cells = [
        readable_cells(
            piece.part(a, b), column, kind, what=what, parse_json=parse_json, refuse=refuse, start=start + a
        )
        for a, b in parts
    ]
    return pa.concat_arrays(cells)


def _reason(error: SchemaError, piece: Piece, column: str, what: str) -> str:
    """What is wrong with the only cell of a piece, without the place that stands before it."""
    for prefix in (
        place(piece, 0, column, what=what),
        f"{what}, column {column!r}, {piece.unit} {piece.numbers[0]}",
    ):
        if error.message.startswith(prefix):
            return error.message.removeprefix(prefix).lstrip(": ")
    return error.message
