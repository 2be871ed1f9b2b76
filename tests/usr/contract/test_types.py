"""Arrow types: spelled, parsed back, and compared with their physical variants."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.type_grammar import MAX_NESTING, TypeTree
from dnadesign.usr.contract.types import (
    arrow_type_str,
    describe_type,
    from_arrow,
    parse_type_str,
    same_logical_type,
    same_stored_type,
    to_arrow,
)
from tests.usr.contract.type_examples import type_trees


@given(tree=type_trees)
def test_parsing_the_spelling_of_an_arrow_type_gives_the_type(tree: TypeTree) -> None:
    kind = to_arrow(tree)
    assert parse_type_str(arrow_type_str(kind)).equals(kind, check_metadata=True)


@given(tree=type_trees)
def test_an_arrow_type_is_spelled_as_its_tree(tree: TypeTree) -> None:
    assert arrow_type_str(to_arrow(tree)) == str(tree)
    assert from_arrow(to_arrow(tree)) == tree


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("bool", pa.bool_()),
        ("uint64", pa.uint64()),
        ("float16", pa.float16()),
        ("large_string", pa.large_string()),
        ("binary", pa.binary()),
        ("date32", pa.date32()),
        ("list<int64>", pa.list_(pa.int64())),
        ("large_list<int64>", pa.large_list(pa.int64())),
        ("fixed_size_list<float32>[8]", pa.list_(pa.float32(), 8)),
        ("struct<a:int8,b:string>", pa.struct([("a", pa.int8()), ("b", pa.string())])),
        ("timestamp[ms]", pa.timestamp("ms")),
        ("timestamp[us, UTC]", pa.timestamp("us", "UTC")),
    ],
)
def test_each_form_names_its_arrow_type(text: str, kind: pa.DataType) -> None:
    assert parse_type_str(text) == kind
    assert arrow_type_str(kind) == text


def test_the_name_of_a_list_child_does_not_count() -> None:
    assert arrow_type_str(pa.list_(pa.field("element", pa.int64()))) == "list<int64>"


@pytest.mark.parametrize(
    "kind",
    [
        pa.null(),
        pa.string_view(),
        pa.large_binary(),
        pa.binary(4),
        pa.list_view(pa.int8()),
        pa.dictionary(pa.int8(), pa.string()),
        pa.run_end_encoded(pa.int32(), pa.int8()),
        pa.decimal128(3, 1),
        pa.map_(pa.string(), pa.int8()),
        pa.date64(),
        pa.time64("us"),
        pa.duration("s"),
        pa.month_day_nano_interval(),
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.uuid(),
        pa.json_(),
        pa.bool8(),
        pa.struct([]),
        pa.struct([("a b", pa.int8())]),
        pa.struct([("", pa.int8())]),
        pa.struct([("a", pa.int8()), ("A", pa.int8())]),
        pa.struct([("a", pa.int8()), ("a", pa.int8())]),
        pa.list_(pa.int8(), 0),
        pa.list_(pa.field("item", pa.int8(), nullable=False)),
        pa.struct([pa.field("a", pa.int8(), nullable=False)]),
        pa.timestamp("us", "+01:00"),
        pa.timestamp("us", "Mars/Olympus"),
        pa.list_(pa.struct([("a", pa.null())])),
        "int64",
        None,
    ],
    ids=str,
)
def test_a_type_that_a_registry_cannot_name_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(SchemaError):
        arrow_type_str(kind)


def test_a_type_nested_too_deeply_is_refused() -> None:
    kind = pa.int8()
    for _ in range(MAX_NESTING):
        kind = pa.list_(kind)
    assert parse_type_str(arrow_type_str(kind)) == kind
    with pytest.raises(SchemaError, match="inside one another"):
        arrow_type_str(pa.list_(kind))


def test_any_type_can_be_described() -> None:
    assert describe_type(pa.int8()) == "int8"
    assert describe_type(pa.decimal128(3, 1)) == "decimal128(3, 1)"


@given(tree=type_trees, data=st.data())
def test_a_physical_variant_is_the_same_logical_type(tree: TypeTree, data: st.DataObject) -> None:
    kind = to_arrow(tree)
    assert same_logical_type(kind, kind)
    for other in _physical_forms(kind, data):
        assert same_logical_type(kind, other)
        assert same_logical_type(other, kind)
        assert same_stored_type(other, kind, arrow_schema=True)


def _physical_forms(kind: pa.DataType, data: st.DataObject) -> list[pa.DataType]:
    item = pa.field("anything", kind, nullable=False, metadata={"k": "v"})
    return [
        pa.dictionary(pa.int32(), kind),
        pa.run_end_encoded(pa.int32(), kind),
        *([pa.string_view()] if kind in (pa.string(), pa.large_string()) else []),
        *([pa.list_view(kind.value_type)] if pa.types.is_list(kind) else []),
        *(
            [pa.list_(item.with_type(kind.value_type), kind.list_size)]
            if pa.types.is_fixed_size_list(kind)
            else []
        ),
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("int32", "int64"),
        ("uint8", "int8"),
        ("float32", "float64"),
        ("string", "binary"),
        ("timestamp[us]", "timestamp[us, UTC]"),
        ("timestamp[us]", "timestamp[ns]"),
        ("timestamp[us, Europe/Berlin]", "timestamp[us, UTC]"),
        ("list<int8>", "int8"),
        ("list<int8>", "fixed_size_list<int8>[2]"),
        ("fixed_size_list<int8>[3]", "fixed_size_list<int8>[2]"),
        ("struct<a:int8>", "struct<b:int8>"),
        ("struct<a:int8,b:int8>", "struct<b:int8,a:int8>"),
        ("struct<a:int8>", "struct<a:int8,b:int8>"),
        ("list<struct<a:int8>>", "list<struct<a:int16>>"),
        ("date32", "timestamp[s]"),
        ("bool", "int8"),
    ],
)
def test_other_types_are_not_the_same(a: str, b: str) -> None:
    assert not same_logical_type(parse_type_str(a), parse_type_str(b))
    assert not same_stored_type(parse_type_str(a), parse_type_str(b), arrow_schema=True)


@given(a=type_trees, b=type_trees)
def test_two_types_are_the_same_only_if_they_differ_in_width_alone(a: TypeTree, b: TypeTree) -> None:
    widths_off = [
        str(tree).replace("large_list<", "list<").replace("large_string", "string") for tree in (a, b)
    ]
    assert same_logical_type(to_arrow(a), to_arrow(b)) == (widths_off[0] == widths_off[1])


@pytest.mark.parametrize(
    ("stored", "registered", "arrow_schema"),
    [
        ("timestamp[ms]", "timestamp[s]", True),
        ("list<struct<a:timestamp[ms, UTC]>>", "list<struct<a:timestamp[s, UTC]>>", True),
        ("timestamp[us, UTC]", "timestamp[us, Europe/Berlin]", False),
        ("list<float32>", "fixed_size_list<float32>[8]", False),
        (
            "struct<a:list<timestamp[ms, UTC]>>",
            "struct<a:fixed_size_list<timestamp[s, Europe/Berlin]>[2]>",
            False,
        ),
    ],
)
def test_what_parquet_forgets_is_forgiven_where_a_file_is_matched(
    stored: str, registered: str, arrow_schema: bool
) -> None:
    there, here = parse_type_str(stored), parse_type_str(registered)
    assert same_stored_type(there, here, arrow_schema=arrow_schema)
    assert same_stored_type(there, here, arrow_schema=False)
    assert not same_logical_type(there, here)


@pytest.mark.parametrize(
    ("stored", "registered"),
    [
        ("timestamp[ms]", "timestamp[us]"),
        ("timestamp[us]", "timestamp[us, UTC]"),
        ("fixed_size_list<int8>[4]", "list<int8>"),
        ("list<int8>", "fixed_size_list<int16>[4]"),
        ("fixed_size_list<int8>[4]", "fixed_size_list<int8>[8]"),
    ],
)
def test_what_parquet_remembers_is_not_forgiven(stored: str, registered: str) -> None:
    assert not same_stored_type(parse_type_str(stored), parse_type_str(registered), arrow_schema=False)


def test_absurdly_deep_types_are_compared_without_following_them() -> None:
    kind = pa.int8()
    for _ in range(2_000):
        kind = pa.list_(kind)
    assert not same_logical_type(kind, pa.int8())
