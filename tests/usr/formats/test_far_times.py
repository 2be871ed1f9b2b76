"""Times and days of every year that a type holds are written right and read back, or refused."""

import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnadesign.usr import SchemaError, parse_type_str
from dnadesign.usr.formats.far_times import text_of, value_of
from dnadesign.usr.formats.plain_values import plain_rows
from dnadesign.usr.formats.text_values import column_from_json, column_from_text
from dnadesign.usr.formats.writers import write_rows

FAR = 2**63 - 1
BOUNDS = {
    "date32": 2**31 - 1,
    "timestamp[s]": FAR // 10**6,
    "timestamp[s, UTC]": FAR // 10**6,
    "timestamp[ms, Europe/Berlin]": FAR // 10**3,
    "timestamp[us]": FAR,
    "timestamp[us, UTC]": FAR,
    "timestamp[ns]": FAR,
}
TIMES = st.sampled_from(sorted(BOUNDS)).flatmap(
    lambda name: st.tuples(st.just(name), st.integers(-BOUNDS[name], BOUNDS[name]))
)


def stored(kind: pa.DataType, values: list[int | None]) -> pa.Array:
    return pa.array(values, pa.int32() if pa.types.is_date(kind) else pa.int64()).view(kind)


def where(row: int) -> str:
    return f"line {row + 2}, column 'c'"


def written(column: pa.Array) -> list[Any]:
    return [row["c"] for row in plain_rows(pa.table({"c": column}))]


@given(st.lists(TIMES, min_size=1, max_size=4))
@example([("timestamp[us, UTC]", 971890963200 * 10**6)])  # the year 32768
@example([("date32", -(2**31) + 1)])
def test_a_time_of_any_year_comes_back_from_text_and_from_json(times: list[tuple[str, int]]) -> None:
    for name, value in times:
        kind = parse_type_str(name)
        column = stored(kind, [value, None, 0])
        texts = written(column)
        assert column_from_text(texts, kind, where=where).equals(column)
        assert column_from_json(texts, kind, where=where).equals(column)
        lists = pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), column)
        assert written(pa.StructArray.from_arrays([lists], names=["t"])) == [{"t": texts}]


@given(st.datetimes(min_value=datetime(1, 1, 1)))  # noqa: DTZ001 - of no zone
def test_years_that_python_knows_are_written_as_python_writes_them(moment: datetime) -> None:
    kind, day = pa.timestamp("us"), pa.date32()
    (value,) = pa.array([moment], kind).view(pa.int64()).to_pylist()
    (number,) = pa.array([moment.date()], day).view(pa.int32()).to_pylist()
    assert text_of(kind, value) == moment.isoformat(timespec="microseconds")
    assert text_of(day, number) == moment.date().isoformat()
    assert value_of(f"+{moment.isoformat()}", kind) == value
    assert value_of(f"+{moment.date().isoformat()}", day) == number


@pytest.mark.parametrize(
    ("name", "text", "near", "shift"),
    [
        ("timestamp[s]", "+12345-01-01T00:00:00", datetime(2345, 1, 1, tzinfo=UTC), 25),
        (
            "timestamp[us, UTC]",
            "+12345-02-28T23:59:59.000001Z",
            datetime(2345, 2, 28, 23, 59, 59, 1, UTC),
            25,
        ),
        (
            "timestamp[ms, UTC]",
            "-0044-03-15T12:00:00.500Z",
            datetime(1956, 3, 15, 12, 0, 0, 500_000, UTC),
            -5,
        ),
        ("date32", "+40000-02-29", date(2000, 2, 29), 95),
        ("date32", "-32801-12-31", date(1999, 12, 31), -87),
    ],
)
def test_a_far_year_is_written_with_its_sign(name: str, text: str, near: Any, shift: int) -> None:
    """400 years are 146,097 days, so a year that Python knows tells of one so many times 400 years away."""
    kind = parse_type_str(name)
    if isinstance(near, datetime):
        unit = {"s": 1, "ms": 10**3, "us": 10**6}[kind.unit]
        value = (near - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution) * unit // 10**6
        value += shift * 146_097 * 86_400 * unit
    else:
        value = (near - date(1970, 1, 1)).days + shift * 146_097
    assert written(stored(kind, [value])) == [text]
    sink = io.BytesIO()
    batch = pa.record_batch({"c": stored(kind, [value])})
    write_rows(sink, "csv", batch.schema, [batch])
    assert sink.getvalue().decode() == f"c\n{text}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("timestamp[us]", "+12345-02-30T00:00:00"),
        ("timestamp[us]", "+12345-01-01T24:00:00"),
        ("timestamp[us]", "+12345-01-01T00:00:00Z"),
        ("timestamp[us, UTC]", "+12345-01-01T00:00:00"),
        ("timestamp[us, UTC]", "+12345-01-01T00:00:00+99:00"),
        ("timestamp[s]", "+12345-01-01T00:00:00.5"),
        ("timestamp[us]", "+300000-01-01T00:00:00"),
        ("timestamp[s]", "+300000-01-01T00:00:00"),
        ("timestamp[ns]", "+2300-01-01T00:00:00"),
        ("timestamp[us]", "12345-01-01T00:00:00"),
        ("date32", "+12345-01-01T00:00:00"),
        ("date32", "+9999999-01-01"),
        ("date32", "-"),
        ("date32", "12345-01-01"),
    ],
)
@pytest.mark.parametrize("read", [column_from_text, column_from_json])
def test_a_far_time_that_the_type_cannot_hold_is_refused_where_it_stands(
    read: Any, name: str, text: str
) -> None:
    with pytest.raises(SchemaError, match=rf"^line 3, column 'c': '{re.escape(text)}' is not a"):
        read([None, text], parse_type_str(name), where=where)


def test_far_times_stand_beside_near_ones_and_nulls() -> None:
    kind = pa.timestamp("s", "UTC")
    cells = ["2026-01-01T00:00:00Z", None, "+12345-01-01T00:00:00+01:00", "-0001-12-31T23:00:00Z"]
    found = column_from_text(cells, kind, where=where)
    assert written(found) == [cells[0], None, "+12344-12-31T23:00:00Z", cells[3]]
