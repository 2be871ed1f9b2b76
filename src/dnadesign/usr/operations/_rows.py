"""What callers hand in - strings, mappings, Arrow tables - as Arrow tables."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.errors import SchemaError, SequencesError, ValidationError
from dnadesign.usr.contract.names import nearest

_ARROWS = ("pyarrow/", str(Path(pa.__file__).parent))  # files of its compiled and its other modules
_REFUSED = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError)


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
    with _told_of(data, what=what):
        if hasattr(data, "__arrow_c_stream__"):
            return _sound(_reader_of(data).read_all(), what=what)
        return _sound(pa.Table.from_batches([pa.record_batch(data)]), what=what)


class SourceFailed(Exception):
    """Wraps what a caller's own iterator raised, so that nothing on its way takes it for an error of the library."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def with_callers_errors[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Let what a caller's own iterator raised reach the caller as it is."""

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        try:
            return function(*args, **options)
        except SourceFailed as failed:
            error = failed.error
        raise error  # here, so that it gets no context that it did not have

    return call


def listed(rows: Iterable[Any]) -> list[Any]:
    """What a caller's iterable gives.

    Raises:
        SourceFailed: It raised.
    """
    try:
        return list(rows)
    except Exception as error:
        raise SourceFailed(error) from error


def _reader_of(data: Any) -> pa.RecordBatchReader:
    """A reader itself: an exception of the generator that feeds it does not come through Arrow's C interface."""
    return data if isinstance(data, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(data)


@contextmanager
def _told_of(data: object, *, what: str) -> Iterator[None]:
    """Tell what Arrow refuses as an error of the library, unless it comes out of the caller's own generator."""
    try:
        yield
    except SequencesError:
        raise
    except Exception as error:
        if isinstance(data, pa.RecordBatchReader) and _is_callers(error):
            raise SourceFailed(error) from error
        if not isinstance(error, _REFUSED):
            raise
        raise SchemaError(
            f"{what}: cannot be read as a table: {error}",
            mend="pass a pyarrow Table, or a polars, pandas or DuckDB object",
        ) from error


def _is_callers(error: Exception) -> bool:
    """Whether an exception passed through code that is neither this module's nor Arrow's."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(file != __file__ and not file.startswith(_ARROWS) for file in files)


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
    with _told_of(data, what=what), _reader_of(data) as reader:
        yield reader.schema.remove_metadata().empty_table()
        for batch in reader:
            for start in range(0, batch.num_rows, rows):
                yield _sound(pa.Table.from_batches([batch.slice(start, rows)]), what=what)


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
