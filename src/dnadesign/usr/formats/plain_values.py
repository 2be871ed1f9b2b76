"""How values are written outside Arrow and Parquet: as plain JSON, and in fields of CSV."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.formats.far_times import is_near, text_of

type Convert = Callable[[Any], Any]

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_MUST_BE_QUOTED = frozenset(',"\r\n')


def plain_rows(table: pa.Table | pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows as plain values: times and dates as ISO 8601 (those with a zone in UTC), bytes as base64, the rest as JSON has it.

    JSON has no NaN and no infinity: they become the texts ``NaN``, ``Infinity`` and ``-Infinity``.
    """
    batches = table.to_batches() if isinstance(table, pa.Table) else [table]
    names = table.schema.names
    for batch in batches:
        columns = [_plain_column(column) for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _plain_column(column: pa.Array) -> list[Any]:
    near = _is_near(column)
    convert = _converter(column.type, finite=_is_finite(column), near=near)
    # Arrow spells out times itself, as Python has no nanoseconds; neither has years of five digits.
    times = _time_as_text if near else _time_as_number
    values = column.cast(_leaves(column.type, _in_utc)).cast(_leaves(column.type, times)).to_pylist()
    return values if convert is None else [None if v is None else convert(v) for v in values]


def _in_utc(kind: pa.DataType) -> pa.DataType:
    """Offsets of other zones are written in whole minutes, which before 1972 some were not."""
    return pa.timestamp(kind.unit, "UTC") if isinstance(kind, pa.TimestampType) and kind.tz else kind


def _time_as_text(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else kind


def _time_as_number(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else pa.int32() if pa.types.is_date(kind) else kind


def _is_near(column: pa.Array) -> bool:
    """Whether all times and days anywhere in a column are of years with four digits."""
    kind = column.type
    if pa.types.is_struct(kind):
        return all(_is_near(child) for child in column.flatten())
    if pa.types.is_nested(kind):
        return _is_near(column.flatten())
    if _time_as_number(kind) is kind:
        return True
    ends = pc.min_max(column.cast(_time_as_number(kind))).as_py().values()
    return all(value is None or is_near(kind, value) for value in ends)


def _leaves(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """The same type with other types in it that are not nested, for a cast."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_leaves(field.type, change)) for field in kind.fields])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_leaves(kind.value_type, change)), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.large_list if pa.types.is_large_list(kind) else pa.list_
        return make(kind.value_field.with_type(_leaves(kind.value_type, change)))
    return change(kind)


def _is_finite(column: pa.Array) -> bool:
    """Whether there is no NaN and no infinity anywhere in a column, so that its numbers are plain already."""
    if pa.types.is_struct(column.type):
        return all(_is_finite(child) for child in column.flatten())
    if pa.types.is_nested(column.type):
        return _is_finite(column.flatten())
    if not pa.types.is_floating(column.type):
        return True
    return pc.all(pc.is_finite(column.cast(pa.float64()))).as_py() is not False


def _converter(kind: pa.DataType, *, finite: bool, near: bool) -> Convert | None:
    """What makes a plain value of one of this type; None where it is plain already."""
    if not near and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return partial(text_of, kind)
    if pa.types.is_timestamp(kind):
        return _iso_time
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return lambda value: base64.b64encode(value).decode("ascii")
    if pa.types.is_floating(kind):
        return None if finite else plain_float
    if pa.types.is_struct(kind):
        fields = {field.name: _converter(field.type, finite=finite, near=near) for field in kind.fields}
        if not any(fields.values()):
            return None
        return lambda value: {name: _apply(fields[name], item) for name, item in value.items()}
    if pa.types.is_nested(kind):
        inner = _converter(kind.value_type, finite=finite, near=near)
        return None if inner is None else lambda value: [_apply(inner, item) for item in value]
    return None


def _apply(convert: Convert | None, value: Any) -> Any:
    return value if convert is None or value is None else convert(value)


def _iso_time(text: str) -> str:
    """``2026-11-22 20:26:32Z`` as ``2026-11-22T20:26:32Z``."""
    return text.replace(" ", "T")


def plain_float(value: float) -> float | str:
    """A number as JSON has it; NaN and infinities as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def json_text(value: Any) -> str:
    """A plain value as JSON on one line."""
    return _ENCODER.encode(value)


def csv_field(value: Any, separator: str = ",") -> str:
    """A plain value as in RFC 4180, or with another separator: a null is empty, an empty text quoted, nested values are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        value = json_text(value)
    if value and value == value.strip() and _MUST_BE_QUOTED.isdisjoint(value) and separator not in value:
        return value
    return '"' + value.replace('"', '""') + '"'
