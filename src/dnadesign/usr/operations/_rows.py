"""What callers hand in - strings, mappings, Arrow tables - as Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.errors import SchemaError, ValidationError
from dnadesign.usr.contract.names import nearest


def is_tabular(data: object) -> bool:
    """Whether an object hands out its columns through the Arrow interfaces."""
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")


def arrow_table(data: object, *, what: str) -> pa.Table:
    """Anything with the Arrow C stream interface (pyarrow, polars, pandas, DuckDB) as a table.

    Args:
        data: The object.
        what: What it is, for errors.

    Raises:
        SchemaError: It has no such interface, or hands out something that is no table.
    """
    if isinstance(data, pa.Table):
        return _sound(data, what=what)
    if not is_tabular(data):
        raise SchemaError(
            f"{what}: a {type(data).__name__} cannot be read as a table",
            mend="pass a pyarrow Table, or a polars, pandas or DuckDB object",
        )
    try:
        if hasattr(data, "__arrow_c_stream__"):
            return _sound(pa.RecordBatchReader.from_stream(data).read_all(), what=what)
        return _sound(pa.Table.from_batches([pa.record_batch(data)]), what=what)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
        raise SchemaError(
            f"{what}: cannot be read as a table: {error}",
            mend="pass a pyarrow Table, or a polars, pandas or DuckDB object",
        ) from error


def _sound(table: pa.Table, *, what: str) -> pa.Table:
    """Refuse columns whose bytes are not what their type says, such as texts that are not UTF-8.

    Arrow hands them on unseen, and what is written of them cannot be read by others.

    Raises:
        SchemaError: There is one.
    """
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise SchemaError(
                f"{what}, column {name!r}: {error}", mend="read the file that it comes from as UTF-8"
            ) from error
    return table


def arrow_stream(data: object, *, what: str, rows: int) -> Iterator[pa.Table]:
    """Anything with the Arrow interfaces as tables of at most ``rows`` rows, an empty one first.

    Args:
        data: The object.
        what: What it is, for errors.
        rows: How many rows a table may have.

    Raises:
        SchemaError: It has no such interface, or hands out something that is no table.
    """
    if not hasattr(data, "__arrow_c_stream__"):
        data = arrow_table(data, what=what)
    try:
        with pa.RecordBatchReader.from_stream(data) as reader:
            yield reader.schema.remove_metadata().empty_table()
            for batch in reader:
                for start in range(0, batch.num_rows, rows):
                    yield _sound(pa.Table.from_batches([batch.slice(start, rows)]), what=what)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
        raise SchemaError(
            f"{what}: cannot be read as a table: {error}",
            mend="pass a pyarrow Table, or a polars, pandas or DuckDB object",
        ) from error


def unique_columns(table: pa.Table, *, what: str) -> pa.Table:
    """Refuse a table in which two columns have one name, ignoring case."""
    unique_names(table.column_names, what=what)
    return table


def unique_names(names: Iterable[str], *, what: str) -> None:
    """Refuse two columns of one name, ignoring case.

    Raises:
        SchemaError: There are some.
    """
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise SchemaError(
                f"{what}: column {name!r} is there twice (as {seen[name.lower()]!r} before)",
                mend="rename one of the two; case does not tell columns apart",
            )
        seen[name.lower()] = name


def check_columns(found: Iterable[str], known: Sequence[str], *, what: str, mend: str | None = None) -> None:
    """Refuse columns that are not known, with the name that was probably meant.

    Raises:
        SchemaError: There is one.
    """
    for name in found:
        if name not in known:
            meant = nearest(str(name), known)
            hint = f"did you mean {meant!r}?" if meant else mend
            raise SchemaError(
                f"{what}: column {name!r} is not known; known are {', '.join(known)}", mend=hint
            )


def mappings_table(
    rows: Sequence[Mapping[str, Any]], types: Mapping[str, pa.DataType], *, what: str
) -> pa.Table:
    """Mappings as a table whose columns have the given types; a key that a row lacks is null.

    Raises:
        SchemaError: A key is unknown.
        ValidationError: A row is no mapping, or a value is not of its column's type; the row (0-based) is named.
    """
    names: dict[str, None] = {}
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ValidationError(
                f"{what}, row {number}: expected a mapping such as {{'sequence': 'ACGT'}}, found "
                f"{type(row).__name__}",
                mend="give strings alone, mappings alone, or a table",
            )
        check_columns(row, list(types), what=f"{what}, row {number}")
        names.update(dict.fromkeys(row))
    columns = {
        name: typed_column([row.get(name) for row in rows], types[name], name, what=what) for name in names
    }
    return pa.table(columns)


def typed_column(values: Sequence[Any], kind: pa.DataType, name: str, *, what: str) -> pa.Array:
    """Values as a column of a type.

    Raises:
        ValidationError: A value is not of that type; its row (0-based) is named.
    """
    if pa.types.is_timestamp(kind) and kind.tz is not None:  # Arrow would take a naive time for UTC
        for number, value in enumerate(values):
            if isinstance(value, datetime) and value.tzinfo is None:
                raise ValidationError(
                    f"{what}, row {number}, column {name!r}: {value.isoformat()} has no time zone",
                    mend="pass aware datetimes, such as datetime.now(UTC)",
                )
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError, ValueError):
        for number, value in enumerate(values):
            try:
                pa.scalar(value, kind)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError, ValueError):
                raise ValidationError(
                    f"{what}, row {number}, column {name!r}: {value!r:.80} is not a {kind}",
                    mend=f"give a {kind}, or None where there is no value",
                ) from None
        raise
