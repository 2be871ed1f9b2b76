"""Rows of a file as records: each is either brought into its normal form or refused with its place and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import AlphabetError, SchemaError, SequencesError
from dnadesign.usr.contract.identity import WHITE_SPACE, validate_alphabet, validate_bio_type
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.records import CORE_SCHEMA, find_problems, make_records
from dnadesign.usr.contract.types import describe_type
from dnadesign.usr.formats.sequence_files import RecordPiece
from dnadesign.usr.formats.tables import ArrowPiece, Piece
from dnadesign.usr.operations._refusals import Refusal, Refusals, readable_cells

_ORDER = ("sequence", "bio_type", "alphabet", "source", "created_at", "id", "length")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What stands for rows that do not say, None where they have to; and for an empty cell of a column ``source``."""

    bio_type: str | None
    alphabet: str | None
    source: str
    source_of_empty: str
    created_at: Any


@dataclass
class _Taken:
    """The columns of a piece in their core types, and what is wrong by row."""

    piece: Piece
    what: str
    names: Mapping[str, str]
    columns: dict[str, pa.Array] = field(default_factory=dict)
    wrong: dict[int, Refusal] = field(default_factory=dict)

    def refuse(self, row: int, column: str | None, error: SequencesError) -> None:
        """Note the first thing that is wrong with a row; its column is called what the file calls it."""
        if row not in self.wrong:
            piece = self.piece
            name = piece.titles[row] if isinstance(piece, RecordPiece) else None
            self.wrong[row] = Refusal(
                piece.unit,
                piece.numbers[row],
                name,
                column if column is None else self.names.get(column, column),
                error.message,
                error.mend,
                error.code,
            )

    def refuse_cell(self, column: str, row: int, error: SequencesError) -> None:
        """Note that a cell of a column is wrong."""
        fixed = column == "sequence" or isinstance(
            self.piece, ArrowPiece
        )  # may not be empty; is of no registry
        mend = _mend_empty("sequence") if fixed else error.mend
        self.refuse(row, column, SchemaError(error.message, mend=mend))

    @property
    def good(self) -> pa.Array:
        """The rows that nothing is wrong with."""
        rows = np.ones(len(self.piece.numbers), dtype=np.bool_)
        rows[list(self.wrong)] = False
        return pa.array(np.flatnonzero(rows), pa.int64())


def make_rows(
    piece: Piece, names: Mapping[str, str], defaults: Defaults, refusals: Refusals, *, what: str
) -> tuple[pa.Table, pa.Array]:
    """The records of a piece, and the rows (0-based in the piece) that they come from.

    Args:
        piece: Rows of a file.
        names: Core column to column of the file.
        defaults: What stands for columns that the file does not have, and for empty cells.
        refusals: Takes the rows that are wrong.
        what: The file, for errors.

    Raises:
        SchemaError: A column of an Arrow file is of a type that no row can be read from.
    """
    taken = _Taken(piece, what, names)
    for name in _ORDER:
        if name in names:
            taken.columns[name] = _readable(taken, name)
    _fill(taken, defaults)
    if isinstance(piece, RecordPiece) and not all(map(str.strip, piece.titles)):
        for row, title in enumerate(piece.titles):
            if not title.strip():
                fault = SchemaError("the record has no name", mend="name it, or see that the file is whole")
                taken.refuse(row, None, fault)
    _check_kinds(taken)
    rows = taken.good
    try:
        records = _records(taken, rows)
    except AlphabetError:
        _check_symbols(taken, rows)
        rows = taken.good
        records = _records(taken, rows)
    for name in ("id", "length"):
        if name in taken.columns:
            _check_given(taken, records, rows, name)
    if len(taken.good) < len(rows):
        rows = taken.good
        records = _records(taken, rows)
    for row in sorted(taken.wrong):
        refusals.add(taken.wrong[row])
    return records, rows


def _readable(taken: _Taken, name: str) -> pa.Array:
    """A core column of a piece in its type, which is that of every dataset."""
    kind, refuse = CORE_SCHEMA.field(name).type, partial(taken.refuse_cell, name)
    try:
        return readable_cells(
            taken.piece, taken.names[name], kind, what=taken.what, parse_json=False, refuse=refuse
        )
    except SchemaError as error:
        raise SchemaError(
            error.message, mend=f"write the column as {describe_type(kind)}, or take another one"
        ) from error


def _fill(taken: _Taken, defaults: Defaults) -> None:
    """Put the defaults where the file says nothing, and refuse rows that are left without a value."""
    count = len(taken.piece.numbers)
    source = defaults.source_of_empty if "source" in taken.columns else defaults.source
    for name, default in (
        ("bio_type", defaults.bio_type),
        ("alphabet", defaults.alphabet),
        ("source", source),
        ("created_at", defaults.created_at),
        ("sequence", None),
    ):
        column = taken.columns.get(name)
        if column is None:
            column = pa.repeat(pa.scalar(default, CORE_SCHEMA.field(name).type), count)
        elif column.null_count and default is not None:
            column = pc.fill_null(column, pa.scalar(default, column.type))
        for row in pc.indices_nonzero(column.is_null()).to_pylist():
            taken.refuse(row, name, SchemaError("is empty", mend=_mend_empty(name)))
        taken.columns[name] = column
    taken.columns["sequence"] = pc.utf8_trim(taken.columns["sequence"], characters=WHITE_SPACE)


def _mend_empty(name: str) -> str:
    if name == "sequence":
        return "give its value, or leave the row out"
    option = f"--{name.replace('_', '-')}"
    return spelled("give its value, or pass {} for all that have none", (f"{name}=...", f"{option} NAME"))


def _check_kinds(taken: _Taken) -> None:
    """Refuse rows whose bio_type or alphabet is unknown, or that do not belong together."""
    kinds = pa.table([taken.columns["bio_type"], taken.columns["alphabet"]], names=["bio_type", "alphabet"])
    for kind in kinds.group_by(["bio_type", "alphabet"]).aggregate([]).to_pylist():
        bio_type, alphabet = kind["bio_type"], kind["alphabet"]
        if bio_type is None or alphabet is None:
            continue  # refused as empty
        column = "bio_type"
        try:
            validate_bio_type(bio_type)
            column = "alphabet"
            validate_alphabet(alphabet, bio_type=bio_type)
        except AlphabetError as error:
            of_kind = pc.and_(
                pc.equal(kinds.column("bio_type"), bio_type), pc.equal(kinds.column("alphabet"), alphabet)
            )
            for row in pc.indices_nonzero(pc.fill_null(of_kind, fill_value=False)).to_pylist():
                taken.refuse(row, column, error)


def _check_symbols(taken: _Taken, rows: pa.Array) -> None:
    columns = [taken.columns[name].take(rows) for name in ("bio_type", "sequence", "alphabet")]
    for at, reason, mend in find_problems(*columns):
        taken.refuse(rows[at].as_py(), "sequence", AlphabetError(reason, mend=mend))


def _records(taken: _Taken, rows: pa.Array) -> pa.Table:
    columns = {
        name: taken.columns[name].take(rows)
        for name in ("bio_type", "sequence", "alphabet", "source", "created_at")
    }
    return make_records(**columns)


def _check_given(taken: _Taken, records: pa.Table, rows: pa.Array, name: str) -> None:
    """Refuse rows whose id or length is not that of the sequence beside it."""
    given, found = taken.columns[name].take(rows), records.column(name).combine_chunks()
    differ = pc.fill_null(pc.not_equal(given, found), fill_value=False)
    for at in pc.indices_nonzero(differ).to_pylist():
        fault = SchemaError(
            f"{given[at].as_py()!r} is given, {found[at].as_py()!r} follows from bio_type and sequence",
            mend=f"leave column {name!r} out; it is computed",
        )
        taken.refuse(rows[at].as_py(), name, fault)
