"""What each column holds: how many values, how many of them differ, the smallest, the largest, the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.types import arrow_type_str
from dnadesign.usr.formats.plain_values import plain_rows
from dnadesign.usr.operations._condition import named_in, told_with_condition
from dnadesign.usr.operations._duck import connect, identifier
from dnadesign.usr.operations._join import KEEP, merge_sql
from dnadesign.usr.operations._reads import reads_of
from dnadesign.usr.operations._scan import open_view
from dnadesign.usr.operations._view import Column, Query
from dnadesign.usr.storage.store import Store

EXACT_ROWS = 250_000
"""Up to so many rows of the base the values that differ are counted; beyond, where it would cost, they are estimated."""

SUMMARY_SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("type", pa.string()),
        ("count", pa.int64()),
        ("nulls", pa.int64()),
        ("distinct", pa.int64()),
        ("exact", pa.bool_()),
        ("min", pa.string()),
        ("max", pa.string()),
        ("mean", pa.float64()),
    ]
)


def summarise(
    store: Store,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    include_deleted: bool = False,
) -> pa.Table:
    """A row for each column; see :meth:`dnadesign.usr.Dataset.describe`.

    Raises:
        SchemaError: A column is unknown.
        ValidationError: The condition is wrong.
    """
    version, view, _ = open_view(store)
    with version:
        picked = tuple(view.pick(columns))
        asked = Query(columns=picked, where=where, include_deleted=include_deleted)
        exact = version.base.footer.rows <= EXACT_ROWS
        parts = [part for i, c in enumerate(picked) for part in _aggregates(i, c, exact=exact)]
        wanted = ", ".join(["count(*)", *parts])
        connection = connect(keep_order=False)
        try:
            rows = merge_sql(connection, view, asked)
            query = f"SELECT {wanted} FROM ({rows}) WHERE {KEEP}"  # noqa: S608 - names are escaped
            with told_with_condition(view, where):
                relation = connection.sql(query)
            reads = reads_of(view, asked, named_in(view, connection, where))
            reads.check_all()
            with reads.told(), told_with_condition(view, where):
                found = relation.to_arrow_table()
        finally:
            connection.close()
    values: dict[str, Any] = next(iter(plain_rows(found)))
    total = values["count_star()"]
    rows_found = [_row(i, c, values, total, exact=exact) for i, c in enumerate(picked)]
    return pa.Table.from_pylist(rows_found, SUMMARY_SCHEMA)


def _is_plain(kind: pa.DataType) -> bool:
    """Whether a smallest and a largest value say something."""
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _aggregates(number: int, column: Column, *, exact: bool) -> list[str]:
    name = identifier(column.name)
    differing = f"count(DISTINCT {name})" if exact else f"approx_count_distinct({name})"
    wanted = [f"count({name}) AS n{number}", f"{differing} AS d{number}"]
    if _is_plain(column.type):
        wanted += [f"min({name}) AS l{number}", f"max({name}) AS h{number}"]
    if _is_number(column.type):
        wanted.append(f"avg({name}::DOUBLE) AS m{number}")
    return wanted


def _row(number: int, column: Column, values: dict[str, Any], total: int, *, exact: bool) -> dict[str, Any]:
    count = values[f"n{number}"]
    mean = values.get(f"m{number}")
    return {
        "column": column.name,
        "type": "null" if pa.types.is_null(column.type) else arrow_type_str(column.type),
        "count": count,
        "nulls": total - count,
        "distinct": min(values[f"d{number}"], count),
        "exact": exact or values[f"d{number}"] == 0,
        "min": _text(values.get(f"l{number}")),
        "max": _text(values.get(f"h{number}")),
        "mean": None if mean is None else float(mean),  # JSON's words for NaN and infinity are Python's too
    }


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value)
