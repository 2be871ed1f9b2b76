"""The condition that a caller reads by: one expression in DuckDB's SQL, and what is wrong with it in our words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dnadesign.usr.contract.arguments import text_of
from dnadesign.usr.contract.errors import SchemaError, ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import nearest
from dnadesign.usr.operations._duck import first_line, told_as_ours
from dnadesign.usr.operations._view import Column, View

if TYPE_CHECKING:  # only names in signatures, see _duck
    import duckdb

_CONDITION = "\"length > 60 AND bio_type = 'dna'\""
_MEND = spelled(
    "a condition is one expression of DuckDB's SQL over the columns: {}; texts stand in single quotes",
    (f"where={_CONDITION}", f"--where {_CONDITION}"),
)
_SHOWN = 80
_ONE_BY_ONE = "name the columns one by one, and ask about lists with functions such as list_contains"
_SEVERAL = {
    "STAR": ("stands for several columns (* or COLUMNS)", _ONE_BY_ONE),
    "unnest": ("stands for several rows (unnest)", _ONE_BY_ONE),
    "WINDOW": (
        "looks at several records (OVER)",
        "decide about each record by its own columns, or compare records after reading them",
    ),
    "SUBQUERY": (
        "has a query of its own (SELECT, EXISTS or ANY), which can read other files",
        "name what to look for, as in length IN (4, 5) or list_contains(...), or join what you read in Dataset.connect()",
    ),
}
_KIND = re.compile(r"^[A-Z][A-Za-z ]*Error: ")
_NO_COLUMN = re.compile(r'Referenced column "(.*)" not found')
_NO_TABLE = re.compile(r'Referenced table "(.*)" not found')


def check_condition(connection: duckdb.DuckDBPyConnection, condition: str) -> str:
    """Return the condition if it is one whole expression, so that it cannot reach beyond the place it is put into.

    It must parse where a bare condition stands and in parentheses as well: the first refuses a parenthesis that closes
    more than the condition opened, the second whatever could follow a condition, such as LIMIT or a second statement.
    What stands for several columns or rows would be put in the place of one value, and is refused too; so is a query in it,
    which could read any file, or see what the merged rows are made of.

    Raises:
        ValidationError: It is empty, no text, or more or less than an expression of one value.
    """
    import duckdb  # heavy, see _duck

    if not text_of(condition, what="where").strip():
        raise ValidationError("where: the condition is empty", mend="leave it out to read all rows")
    for text in (f"SELECT 1 WHERE\n{condition}\n", f"SELECT (\n{condition}\n)"):
        try:
            connection.extract_statements(text)
        except duckdb.Error as error:
            raise ValidationError(
                f"where {condition!r:.{_SHOWN}}: is not one whole condition: {_words(error)}", mend=_MEND
            ) from error
    _check_single(connection, condition)
    return condition


def parsed_condition(connection: duckdb.DuckDBPyConnection, condition: str) -> list[Any]:
    """The condition as DuckDB parses it, as the only column of a query.

    Raises:
        ValidationError: It is nested too deep.
    """
    parsed = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT (\n{condition}\n)"]).fetchall()
    try:
        return [json.loads(text) for (text,) in parsed]
    except RecursionError as error:
        raise ValidationError(
            f"where {condition!r:.{_SHOWN}}: is nested too deep",
            mend="write it flatter, or read more and filter the Arrow table",
        ) from error


def named_in(view: View, connection: duckdb.DuckDBPyConnection, condition: str | None) -> tuple[Column, ...]:
    """The columns of a view that a condition may name."""
    if condition is None:
        return ()
    nodes = nodes_of(parsed_condition(connection, condition))
    named = [node["column_names"] for node in nodes if node.get("class") == "COLUMN_REF"]
    parts = {str(part).lower() for parts in named for part in parts}  # a table or fields stand beside it
    return tuple(column for column in view.columns if column.name.lower() in parts)


def _check_single(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    for node in nodes_of(parsed_condition(connection, condition)):
        kind = "unnest" if node.get("function_name") == "unnest" else node.get("class")
        if kind in _SEVERAL:
            what, mend = _SEVERAL[kind]
            raise ValidationError(
                f"where {condition!r:.{_SHOWN}}: {what}; it must be one value a record", mend=mend
            )


def nodes_of(tree: Any) -> Iterator[dict[str, Any]]:
    """The parts of a parsed expression."""
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        elif isinstance(part, dict):
            yield part
            left += part.values()


@contextmanager
def told_with_condition(view: View, condition: str | None) -> Iterator[None]:
    """Tell what DuckDB raises as errors of this library, and what the condition is to blame for as that.

    Raises:
        SchemaError: The condition names a column that is not there; the nearest one is shown.
        ValidationError: It is wrong in another way, or a value cannot be compared.
        SequencesError: As for ``told_as_ours``.
    """
    import duckdb  # heavy, see _duck

    blamed = (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.ConversionException,
        duckdb.OutOfRangeException,
        duckdb.InvalidInputException,
    )
    with told_as_ours(str(view.version.dataset)):
        try:
            yield
        except blamed as error:
            if condition is None:
                raise
            raise _fault(view, condition, error) from error


def _fault(view: View, condition: str, error: BaseException) -> ValidationError:
    where = f"{view.version.dataset}: where {condition!r:.{_SHOWN}}"
    column, table = _NO_COLUMN.search(str(error)), _NO_TABLE.search(str(error))
    if column is not None:
        return _no_column(view, where, column[1])
    if table is not None:
        return SchemaError(
            f"{where}: has no column {table[1]!r}, nor a table",
            mend=_meant(view, table[1])
            or f"name columns alone, without a table; it has {', '.join(_names(view))}",
        )
    return ValidationError(f"{where}: {_words(error)}", mend=_MEND)


def _no_column(view: View, where: str, name: str) -> SchemaError:
    if view.registry.column_type(name) is not None:
        return SchemaError(
            f"{where}: column {name!r} is registered, and stored in none of the overlays that are read",
            mend="write it first, or leave it out of the condition; 'usr schema' shows the columns that are there",
        )
    return SchemaError(
        f"{where}: has no column {name!r}",
        mend=_meant(view, name) or f"it has {', '.join(_names(view))}; texts stand in single quotes",
    )


def _meant(view: View, name: str) -> str | None:
    meant = nearest(name, _names(view))
    return f"did you mean {meant!r}?" if meant else None


def _names(view: View) -> list[str]:
    return [column.name for column in view.columns]


def _words(error: BaseException) -> str:
    """What DuckDB says, without the name of its class."""
    return _KIND.sub("", first_line(error))
