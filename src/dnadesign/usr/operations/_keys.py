"""Overlay input keyed by id or by sequence: which base rows it means."""

from __future__ import annotations

from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import DuplicateKeyError, MissingKeyError, SchemaError, ValidationError
from dnadesign.usr.contract.identity import WHITE_SPACE, compute_id
from dnadesign.usr.contract.layout import RECORDS
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.operations._mutation import Mutation
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.parquet import reading

Key = Literal["id", "sequence", "sequence_norm", "sequence_ci"]
KEYS: tuple[str, ...] = get_args(Key)
SHOWN = 5


def key_column(table: pa.Table, *, key: Key, key_col: str | None, what: str) -> tuple[str, pa.Array]:
    """The key column's name in the input, and its values as strings without nulls.

    Args:
        table: The input.
        key: What the column holds.
        key_col: Its name there; ``id`` or ``sequence`` when None.
        what: The input, for errors.

    Raises:
        ValidationError: ``key`` is none of the four.
        SchemaError: There is no such column, or it has an empty value.
    """
    if key not in KEYS:
        raise ValidationError(f"key {key!r}: expected one of {', '.join(KEYS)}")
    name = key_col if key_col is not None else ("id" if key == "id" else "sequence")
    if name not in table.column_names:
        raise SchemaError(
            f"{what}: key column {name!r} is missing; there are {', '.join(table.column_names) or 'no columns'}",
            mend="name the column that holds the key with key_col",
        )
    values = cast_column(table.column(name), pa.string(), where=f"{what}, column {name!r}").combine_chunks()
    if values.null_count:
        row = pc.indices_nonzero(values.is_null())[0].as_py()
        raise SchemaError(f"{what}, row {row}, column {name!r}: the key is empty")
    return name, values


def resolve(mutation: Mutation, key: Key, values: pa.Array) -> pa.Array:
    """Keys as ids; a sequence that is not in the base gets the id it would have.

    Raises:
        SchemaError: The base has several bio_types, or (for ``sequence_ci``) another alphabet than dna_4.
        DuplicateKeyError: Several base rows have one key.
    """
    if key == "id":
        return values
    if key == "sequence_ci":
        return _resolve_ignoring_case(mutation, values)
    bio_type = _single_bio_type(mutation, key)
    if key == "sequence_norm":
        values = pc.utf8_trim(values, characters=WHITE_SPACE)
    return pa.array([compute_id(bio_type, s) for s in values.to_pylist()], pa.string())


def _base_columns(mutation: Mutation, names: list[str]) -> pa.Table:
    """Columns of the base, rows added earlier in the transaction included."""
    with (
        opened(mutation.store.fs, mutation.store.path(RECORDS), "read") as file,
        reading(file, footer=mutation.footer) as parquet,
    ):
        stored = parquet.read(columns=names)
    return pa.concat_tables([stored.select(names), *(t.select(names) for t in mutation.new_rows)])


def _single_bio_type(mutation: Mutation, key: str) -> str:
    kinds = pc.unique(_base_columns(mutation, ["bio_type"]).column("bio_type")).to_pylist()
    if len(kinds) > 1:
        raise SchemaError(
            f"{mutation.store.dir}: key {key!r} needs a single bio_type, the base has {', '.join(sorted(kinds))}",
            mend="key the rows by id; compute_id(bio_type, sequence) gives it",
        )
    return kinds[0] if kinds else "dna"


def _resolve_ignoring_case(mutation: Mutation, values: pa.Array) -> pa.Array:
    base = _base_columns(mutation, ["id", "sequence", "alphabet"])
    alphabets = pc.unique(base.column("alphabet")).to_pylist()
    if any(alphabet != "dna_4" for alphabet in alphabets):
        raise SchemaError(
            f"{mutation.store.dir}: key 'sequence_ci' is for dna_4 only, the base has {', '.join(sorted(alphabets))}",
            mend="key the rows by id or sequence",
        )
    ids: dict[str, str] = {}
    upper = pc.utf8_upper(base.column("sequence")).to_pylist()
    for sequence, record in zip(upper, base.column("id").to_pylist(), strict=True):
        if ids.setdefault(sequence, record) != record:
            raise DuplicateKeyError(
                f"{mutation.store.dir}: {ids[sequence]} and {record} are one sequence if case is ignored",
                mend="key the rows by id or sequence, or dedupe the dataset by sequence_ci",
            )
    wanted = pc.utf8_upper(pc.utf8_trim(values, characters=WHITE_SPACE)).to_pylist()
    return pa.array([ids.get(s) or compute_id("dna", s) for s in wanted], pa.string())


def missing_keys(where: str, values: pa.Array, rows: list[int], total: int) -> MissingKeyError:
    """The error for keys that the base does not have; ``rows`` are their row numbers (0-based)."""
    return MissingKeyError(
        f"{where}: {len(rows)} of {total} keys are not in the base: {shown_keys(values, rows)}",
        mend="add their sequences first, or pass allow_missing=True to leave these rows out",
    )


def shown_keys(values: pa.Array, rows: list[int]) -> str:
    """Up to five keys with their rows, for errors."""
    shown = ", ".join(f"row {row} ({values[row].as_py()[:60]!r})" for row in rows[:SHOWN])
    return f"{shown}{', ...' if len(rows) > SHOWN else ''}"
