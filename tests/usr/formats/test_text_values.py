"""Text and JSON become exactly the value that they say, in every type, or an error that names their place."""

import json
import math
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr import SchemaError, parse_type_str
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.formats.text_values import column_from_json, column_from_text

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int8": st.integers(-128, 127),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "float32": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "string": st.text(),
}
SHAPES: list[tuple[str, Any]] = [
    ("{}", lambda s: s),
    ("list<{}>", lambda s: st.lists(st.none() | s, max_size=3)),
    ("fixed_size_list<{}>[2]", lambda s: st.lists(st.none() | s, min_size=2, max_size=2)),
    (
        "struct<a:{},b:list<{}>>",
        lambda s: st.fixed_dictionaries({"a": st.none() | s, "b": st.none() | st.lists(s, max_size=2)}),
    ),
]
TYPED = st.sampled_from(sorted(SCALARS)).flatmap(
    lambda name: st.sampled_from(SHAPES).flatmap(
        lambda shape: st.tuples(st.just(shape[0].replace("{}", name)), shape[1](SCALARS[name]))
    )
)


def where(row: int) -> str:
    return f"line {row + 2}, column 'c'"


@given(TYPED)
def test_a_json_value_comes_back_as_it_was(typed: tuple[str, Any]) -> None:
    kind, value = parse_type_str(typed[0]), typed[1]
    found = column_from_json([value, None], kind, where=where)
    assert found.type == kind
    assert found.to_pylist() == [value, None]


@given(TYPED)
def test_a_cell_comes_back_as_it_was_and_an_empty_one_is_null(typed: tuple[str, Any]) -> None:
    kind, value = parse_type_str(typed[0]), typed[1]
    cell = value if isinstance(value, str) else json.dumps(value)
    found = column_from_text([cell, "", None], kind, where=where)
    assert found.type == kind
    assert found.to_pylist() == [None if cell == "" else value, None, None]


@given(st.floats())
def test_every_float_survives_as_text(value: float) -> None:
    (found,) = column_from_text([repr(value)], pa.float64(), where=where).to_pylist()
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int64", 1.5),
        ("int64", True),
        ("int64", "1"),
        ("int8", 128),
        ("uint8", -1),
        ("float32", 1e39),
        ("float64", 2**53 + 1),
        ("float64", False),
        ("bool", 1),
        ("string", 1),
        ("binary", "!"),
        ("date32", "2026-13-01"),
        ("timestamp[us, UTC]", "2026-01-01T00:00:00"),
        ("timestamp[s]", "2026-01-01T00:00:00.5"),
        ("list<int64>", {"a": 1}),
        ("fixed_size_list<int64>[2]", [1]),
        ("struct<a:int64>", [1]),
        ("struct<a:int64>", {"A": 1}),
        ("list<struct<a:list<int64>>>", [{"a": [1, "x"]}]),
    ],
)
def test_a_json_value_that_is_another_is_refused_where_it_stands(kind: str, value: Any) -> None:
    with pytest.raises(SchemaError, match=r"^line 3, column 'c': "):
        column_from_json([None, value], parse_type_str(kind), where=where)


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("int64", "1e3"),
        ("int64", "1_000"),
        ("int64", "٣"),
        ("float64", "1,5"),
        ("float64", "1e400"),
        ("float32", "1e39"),
        ("bool", "yes"),
        ("bool", "2"),
        ("binary", "a"),
        ("date32", "01/02/2026"),
        ("timestamp[us, UTC]", "2026-01-01T00:00:00.0000001Z"),
        ("list<int64>", "[1"),
        ("list<float64>", "[1e400]"),
    ],
)
def test_a_cell_that_is_another_is_refused_where_it_stands(kind: str, cell: str) -> None:
    with pytest.raises(SchemaError, match=r"^line 3, column 'c': "):
        column_from_text(["", cell], parse_type_str(kind), where=where)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("int64", " +3 ", 3),
        ("int64", "3.00", 3),
        ("bool", "FALSE", False),
        ("float64", "-inf", -math.inf),
        ("float16", "0.1", 0.0999755859375),
        ("float32", "0.1", 0.10000000149011612),
        ("string", " a ", " a "),
    ],
)
def test_usual_spellings_are_understood(kind: str, cell: str, value: object) -> None:
    assert column_from_text([cell], parse_type_str(kind), where=where).to_pylist() == [value]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("date32", "2026-02-30"),
        ("timestamp[us, UTC]", "yesterday"),
        ("timestamp[us]", "noon"),
        ("list<int32>", "1;2;3"),
        ("fixed_size_list<int32>[2]", "1,2"),
        ("list<string>", "a,b"),
    ],
)
def test_how_a_value_is_written_is_shown_by_one_that_can_be_read(kind: str, cell: str) -> None:
    with pytest.raises(SchemaError) as caught:
        column_from_text([cell], parse_type_str(kind), where=str)
    mend = str(caught.value.mend)
    shown = re.findall(r"such as (\S.*), or leave", mend)[0].split(" or ")
    assert [s for s in shown if _can_be_read(s, kind)], mend


def _can_be_read(cell: str, kind: str) -> bool:
    try:
        column_from_text([cell], parse_type_str(kind), where=str)
    except SchemaError:
        return False
    return True


NUMBERS = {
    "float16": ["0.1", "2048", "2050", "2050.0", "65504", "1e4", "65519.5", "-2048", "00002048", "0000000"],
    "float32": ["0.1", "16777216", "-16777218", "16777217.0", "3.4028235e38", "1e15", "1.5e-45", "+16777216"],
    "float64": ["0.1", "9007199254740992", "9007199254740993.0", "1e23", "-9007199254740994", "1e308"],
}
ROUNDED = {
    "float16": ["2049", "-2049", "+2049", "00002049", "65519", "10001"],
    "float32": ["16777217", "-16777217", "123456789", "340282346638528859811704183484516925439"],
    "float64": ["9007199254740993", "-9007199254740993", "100000000000000000000001"],
}
TOO_LARGE = {"float16": ["65520", "1e5"], "float32": ["3.5e38", "-1e39"], "float64": ["1" + "0" * 309]}


def _pairs(cases: dict[str, list[str]]) -> list[Any]:
    return [
        pytest.param(kind, text, id=f"{kind} {text:.25}") for kind, texts in cases.items() for text in texts
    ]


def as_json(text: str) -> Any:
    return json.loads(re.sub(r"^([+-]?)0+(?=[0-9])", r"\1", text).removeprefix("+"))


@pytest.mark.parametrize(("name", "text"), _pairs(NUMBERS))
def test_a_number_in_text_and_in_json_is_the_same_value(name: str, text: str) -> None:
    kind = parse_type_str(name)
    found = column_from_text([text], kind, where=where)
    assert found.equals(column_from_json([as_json(text)], kind, where=where))
    nested = column_from_text([f"[{json.dumps(as_json(text))}]"], pa.list_(kind), where=where)
    assert nested.flatten().equals(found)
    assert found[0].as_py() == pytest.approx(float(text), rel=1e-3, abs=1e-44)


@pytest.mark.parametrize(("name", "text"), _pairs(ROUNDED) + _pairs(TOO_LARGE))
def test_a_whole_number_that_would_be_rounded_is_refused_in_text_in_json_and_in_arrow(
    name: str, text: str
) -> None:
    kind = parse_type_str(name)
    with pytest.raises(SchemaError, match=r"line 3, column 'c': "):
        column_from_text([None, text], kind, where=where)
    with pytest.raises(SchemaError, match=r"line 3, column 'c': "):
        column_from_json([None, as_json(text)], kind, where=where)
    with pytest.raises(SchemaError, match=r"line 3, column 'c': "):
        column_from_text([None, f"[{json.dumps(as_json(text))}]"], pa.list_(kind), where=where)
    if abs(float(text)) < 2**63 and text.lstrip("+-").isdigit():
        with pytest.raises(SchemaError, match="row 0"):
            cast_column(pa.array([int(text)]), kind, where="column 'c'")


@given(st.sampled_from(["float16", "float32", "float64"]), st.integers(-(2**63), 2**63 - 1))
def test_text_takes_a_whole_number_if_and_only_if_arrow_does(name: str, number: int) -> None:
    kind = parse_type_str(name)
    outcomes: set[Any] = set()
    for read in (
        lambda: column_from_text([str(number)], kind, where=where),
        lambda: column_from_json([number], kind, where=where),
        lambda: cast_column(pa.array([number]), kind, where="c").combine_chunks(),
    ):
        try:
            outcomes.add(read()[0].as_py())
        except SchemaError:
            outcomes.add("refused")
    assert len(outcomes) == 1
