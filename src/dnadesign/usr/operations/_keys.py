"""Overlay input keyed by id or by sequence: which base rows it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast, get_args

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.errors import DuplicateKeyError, MissingKeyError, SchemaError
from dnadesign.usr.contract.identity import WHITE_SPACE, compute_id
from dnadesign.usr.contract.layout import RECORDS
from dnadesign.usr.contract.mends import Mend, spelled
from dnadesign.usr.contract.names import nearest
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.wording import part_of
from dnadesign.usr.operations._mutation import Mutation
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.parquet import reading
from dnadesign.usr.storage.version import PinnedFile

Key = Literal["id", "sequence", "sequence_norm", "sequence_ci"]
KEYS: tuple[str, ...] = get_args(Key)
SHOWN = 5

_KEY_COLUMNS: dict[Key, str] = {"id": "id", "sequence": "sequence"}


def mend_key(name: str, there: Sequence[str], *, asked: bool) -> Mend:
    """What to do where there is no key column of that name.

    Args:
        name: The key column's name.
        there: The columns that there are.
        asked: Whether the name was given, and not the one that goes with the kind of key.
    """
    if asked:
        return (
            Mend(f"did you mean {meant!r}?")
            if (meant := nearest(str(name), there))
            else Mend("name one of them")
        )
    for kind, column in _KEY_COLUMNS.items():
        if column in there:
            return spelled(f"say that {column!r} holds the key: {{}}", (f"key={kind!r}", f"--key {kind}"))
    return spelled("name the column that holds the key: {}", ("key_col='NAME'", "--key-column NAME"))


def check_key(key: str) -> Key:
    """Return ``key`` if it is one of the four kinds.

    Raises:
        ValidationError: It is not.
    """
    return cast("Key", choice_of(key, KEYS, what="key"))


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
    check_key(key)
    name = key_col if key_col is not None else ("id" if key == "id" else "sequence")
    if name not in table.column_names:
        raise SchemaError(
            f"{what}: key column {name!r} is missing; there are {', '.join(table.column_names) or 'no columns'}",
            mend=mend_key(name, table.column_names, asked=key_col is not None),
        )
    column = cast_column(table.column(name), pa.string(), where=f"{what}, column {name!r}")
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if values.null_count:
        row = pc.indices_nonzero(values.is_null())[0].as_py()
        raise SchemaError(
            f"{what}, row {row}, column {name!r}: the key is empty",
            mend="give every row its key, or leave the row out",
        )
    return name, values


IdsOf = Callable[[pa.Array], pa.Array]
BaseColumns = Callable[[list[str]], pa.Table]


def resolve(mutation: Mutation, key: Key, values: pa.Array) -> pa.Array:
    """Keys as ids; a sequence that is not in the base gets the id it would have.

    Raises:
        SchemaError: The base has several bio_types, or (for ``sequence_ci``) another alphabet than dna_4.
        DuplicateKeyError: Several base rows have one key.
    """
    return ids_by(key, base_columns(mutation), where=str(mutation.store.dir))(values)


def ids_by(key: Key, base: BaseColumns, *, where: str) -> IdsOf:
    """The function from keys of one kind to ids; what it needs of the base is read once, now.

    Args:
        key: What the keys are.
        base: Reads columns of the base.
        where: The dataset, for errors.

    Raises:
        SchemaError: The base has several bio_types, or (for ``sequence_ci``) another alphabet than dna_4.
        DuplicateKeyError: Several base rows have one key.
    """
    if key == "id":
        return lambda values: values
    if key == "sequence_ci":
        return _ids_ignoring_case(base, where)
    bio_type = _single_bio_type(base, key, where)

    def ids(values: pa.Array) -> pa.Array:
        if key == "sequence_norm":
            values = pc.utf8_trim(values, characters=WHITE_SPACE)
        return pa.array([compute_id(bio_type, s) for s in values.to_pylist()], pa.string())

    return ids


def base_columns(mutation: Mutation) -> BaseColumns:
    """Reads columns of the base, rows added earlier in the transaction included."""

    def read(names: list[str]) -> pa.Table:
        with (
            opened(mutation.store.fs, mutation.store.path(RECORDS), "read") as file,
            reading(file, footer=mutation.footer) as parquet,
        ):
            stored = parquet.read(columns=names)
        return pa.concat_tables([stored.select(names), *(t.select(names) for t in mutation.new_rows)])

    return read


def columns_of_base(base: PinnedFile) -> BaseColumns:
    """Reads columns of a pinned base."""

    def read(names: list[str]) -> pa.Table:
        with reading(base.file, footer=base.footer) as parquet:
            return parquet.read(columns=names).select(names)

    return read


def _single_bio_type(base: BaseColumns, key: str, where: str) -> str:
    kinds = pc.unique(base(["bio_type"]).column("bio_type")).to_pylist()
    if len(kinds) > 1:
        raise SchemaError(
            f"{where}: key {key!r} needs a single bio_type, the base has {', '.join(sorted(kinds))}",
            mend="key the rows by id; compute_id(bio_type, sequence) gives it",
        )
    return kinds[0] if kinds else "dna"


def _ids_ignoring_case(base: BaseColumns, where: str) -> IdsOf:
    rows = base(["id", "sequence", "alphabet"])
    alphabets = pc.unique(rows.column("alphabet")).to_pylist()
    if any(alphabet != "dna_4" for alphabet in alphabets):
        raise SchemaError(
            f"{where}: key 'sequence_ci' is for dna_4 only, the base has {', '.join(sorted(alphabets))}",
            mend="key the rows by id or sequence",
        )
    known: dict[str, str] = {}
    upper = pc.utf8_upper(rows.column("sequence")).to_pylist()
    for sequence, record in zip(upper, rows.column("id").to_pylist(), strict=True):
        if known.setdefault(sequence, record) != record:
            raise DuplicateKeyError(
                f"{where}: {known[sequence]} and {record} are one sequence if case is ignored",
                mend="key the rows by id or sequence, or dedupe the dataset by sequence_ci",
            )

    def ids(values: pa.Array) -> pa.Array:
        wanted = pc.utf8_upper(pc.utf8_trim(values, characters=WHITE_SPACE)).to_pylist()
        return pa.array([known.get(s) or compute_id("dna", s) for s in wanted], pa.string())

    return ids


def missing_keys(where: str, values: pa.Array, rows: list[int], total: int) -> MissingKeyError:
    """The error for keys that the base does not have; ``rows`` are their row numbers (0-based)."""
    return MissingKeyError(
        f"{where}: {part_of(len(rows), total, 'key')} not in the base: {shown_keys(values, rows)}",
        mend=spelled(
            "add their sequences first, or pass {} to leave these rows out",
            ("allow_missing=True", "--allow-missing"),
        ),
    )


def shown_keys(values: pa.Array, rows: list[int]) -> str:
    """Up to five keys with their rows, for errors."""
    shown = ", ".join(f"row {row} ({values[row].as_py()[:60]!r})" for row in rows[:SHOWN])
    return f"{shown}{', ...' if len(rows) > SHOWN else ''}"
