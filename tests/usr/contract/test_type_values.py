"""Values in their registered form: nothing is lost on the way, and what would be is refused with its row."""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.type_grammar import TypeTree
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.types import arrow_type_str, parse_type_str, same_stored_type, to_arrow
from tests.usr.contract.type_examples import physical_variant, shown, type_trees, values_of

columns = type_trees.flatmap(lambda tree: st.tuples(st.just(tree), st.lists(values_of(tree), max_size=5)))


def cast(values: pa.Array | pa.ChunkedArray, target: str) -> pa.ChunkedArray:
    found = cast_column(values, parse_type_str(target), where="column 'a__x'")
    found.validate(full=True)
    assert found.type.equals(parse_type_str(target), check_metadata=True)
    return found


def refusal(values: pa.Array | pa.ChunkedArray, target: str) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        cast_column(values, parse_type_str(target), where="column 'a__x'")
    assert caught.value.message.startswith("column 'a__x'")
    return caught.value


@given(column=columns, data=st.data())
def test_any_physical_variant_is_rewritten_without_loss(
    column: tuple[TypeTree, list[object]], data: st.DataObject
) -> None:
    tree, values = column
    plain = pa.array(values, type=to_arrow(tree))
    variant = physical_variant(data.draw, plain)
    found = cast_column(variant, to_arrow(tree), where="column 'a__x'")
    found.validate(full=True)
    assert found.type.equals(plain.type, check_metadata=True)
    assert shown(found) == shown(plain)


@given(column=columns, data=st.data())
def test_chunks_are_rewritten_one_by_one(column: tuple[TypeTree, list[object]], data: st.DataObject) -> None:
    tree, values = column
    plain = pa.array(values, type=to_arrow(tree))
    cut = data.draw(st.integers(0, len(plain)))
    variant = physical_variant(data.draw, plain)
    chunked = pa.chunked_array([variant[:cut], variant[cut:], variant[:0]], type=variant.type)
    found = cast_column(chunked, to_arrow(tree), where="x")
    assert shown(found) == shown(plain)


@given(column=columns, arrow_schema=st.booleans())
def test_what_parquet_gives_back_is_rewritten_without_loss(
    column: tuple[TypeTree, list[object]], arrow_schema: bool
) -> None:
    tree, values = column
    plain = pa.array(values, type=to_arrow(tree))
    file = io.BytesIO()
    pq.write_table(pa.table({"x": plain}), file, store_schema=arrow_schema)
    stored = pq.read_table(file).column("x")
    assert same_stored_type(stored.type, plain.type, arrow_schema=arrow_schema)
    found = cast_column(stored, plain.type, where="x")
    assert found.type.equals(plain.type, check_metadata=True)
    assert shown(found) == shown(plain)


@given(
    values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=4),
    bits=st.sampled_from([8, 16, 32]),
)
def test_an_integer_is_narrowed_if_and_only_if_it_fits(values: list[int | None], bits: int) -> None:
    fits = [value is None or -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) for value in values]
    if all(fits):
        assert cast(pa.array(values, pa.int64()), f"int{bits}").to_pylist() == values
    else:
        assert (
            f", row {fits.index(False)}: {values[fits.index(False)]} "
            in refusal(pa.array(values, pa.int64()), f"int{bits}").message
        )


@given(value=st.integers(0, 2**64 - 1))
def test_an_unsigned_integer_is_signed_if_and_only_if_it_fits(value: int) -> None:
    values = pa.array([value], pa.uint64())
    if value < 2**63:
        assert cast(values, "int64").to_pylist() == [value]
    else:
        refusal(values, "int64")


near_powers = st.builds(
    lambda power, off, sign: max(-(2**63), min(2**63 - 1, sign * (2**power + off))),
    st.integers(0, 63),
    st.integers(-3, 3),
    st.sampled_from((1, -1)),
)


@given(value=near_powers | st.integers(-(2**63), 2**63 - 1), bits=st.sampled_from([16, 32, 64]))
def test_an_integer_becomes_a_float_if_and_only_if_it_is_exact_there(value: int, bits: int) -> None:
    code = {16: "e", 32: "f", 64: "d"}[bits]
    try:
        exact = float(value) == value and struct.unpack(code, struct.pack(code, float(value)))[0] == value
    except OverflowError:
        exact = False
    if exact:
        assert cast(pa.array([value, None]), f"float{bits}").to_pylist() == [value, None]
    else:
        assert "is not exact as" in refusal(pa.array([value, None]), f"float{bits}").message


@given(value=st.floats() | st.floats(width=32) | st.floats(width=16), bits=st.sampled_from([16, 32]))
def test_a_float_is_narrowed_if_and_only_if_it_is_exact_there(value: float, bits: int) -> None:
    code = {16: "e", 32: "f"}[bits]
    try:
        narrow = struct.unpack(code, struct.pack(code, value))[0]
    except OverflowError:
        narrow = None
    if repr(narrow) == repr(value):
        assert repr(cast(pa.array([None, value]), f"float{bits}").to_pylist()) == repr([None, value])
    else:
        assert ", row 1:" in refusal(pa.array([None, value]), f"float{bits}").message


@given(
    value=st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**40), 2**40).map(lambda n: n * 10**6),
    had=st.sampled_from(["s", "ms", "us", "ns"]),
    has=st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_a_time_changes_unit_if_and_only_if_no_digit_is_lost(value: int, had: str, has: str) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    scaled, rest = divmod(value * per_second[has], per_second[had])
    values = pa.array([None, value], pa.timestamp(had, "UTC"))
    coarse = 10**6 // per_second[has]  # times are read in microseconds
    if rest == 0 and -(2**63) <= scaled < 2**63 and (coarse <= 1 or abs(scaled) * coarse < 2**63):
        assert cast(values, f"timestamp[{has}, UTC]").cast(pa.int64()).to_pylist() == [None, scaled]
    else:
        assert f", row 1: {value} {had} since 1970" in refusal(values, f"timestamp[{has}, UTC]").message


WRAPS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "alone": lambda times: times,
    "in lists": lambda times: pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), times),
    "in structs": lambda times: pa.StructArray.from_arrays([times], ["t"]),
    "in fixed lists": lambda times: pa.FixedSizeListArray.from_arrays(times, 1),
}


@pytest.mark.parametrize("unit", ["s", "ms"])
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_a_time_of_the_registered_type_is_in_the_range_of_microseconds(
    wrap: Callable[[pa.Array], pa.Array], unit: str
) -> None:
    longest = (2**63 - 1) // {"s": 10**6, "ms": 10**3}[unit]
    fits = wrap(pa.array([longest, -longest], pa.timestamp(unit)))
    assert cast(fits, arrow_type_str(fits.type)).combine_chunks().equals(fits)
    for value in (longest + 1, -longest - 1):
        too_far = wrap(pa.array([0, value], pa.timestamp(unit)))
        message = refusal(too_far, arrow_type_str(too_far.type)).message
        assert f"{value} {unit} since 1970" in message
        assert ", row 1" in message


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (pa.array([1.0, 2.0]), "int64"),
        (pa.array([float("nan")], pa.float32()), "int64"),
        (pa.array([True]), "int8"),
        (pa.array([1]), "bool"),
        (pa.array(["1"]), "int64"),
        (pa.array([1]), "string"),
        (pa.array(["a"]), "binary"),
        (pa.array([b"a"]), "string"),
        (pa.array([1], pa.decimal128(3)), "int64"),
        (pa.array([1], pa.decimal128(3)), "float64"),
        (pa.array([dt.date(2026, 1, 1)]), "timestamp[s]"),
        (pa.array([0], pa.timestamp("us")), "timestamp[us, UTC]"),
        (pa.array([0], pa.timestamp("us", "UTC")), "timestamp[us]"),
        (pa.array([0], pa.timestamp("us")), "date32"),
        (pa.array([0]), "timestamp[us]"),
        (pa.array([0], pa.timestamp("us")), "int64"),
        (pa.array([0], pa.duration("us")), "int64"),
        (pa.array([1]), "list<int64>"),
        (pa.array([[1]]), "int64"),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), "list<struct<key:string,value:int64>>"),
        (pa.array([{"a": 1}]), "list<int64>"),
        (pa.array([[1]]), "struct<a:int64>"),
        (pa.array([[1.5]]), "list<int64>"),
        (pa.array([{"a": "x"}]), "struct<a:int64>"),
        (pa.array([b"x" * 16], pa.binary(16)).cast(pa.uuid()), "binary"),
        (pa.array(["{}"]).cast(pa.json_()), "string"),
        (pa.array(["x"], pa.dictionary(pa.int8(), pa.string())), "int64"),
        (
            pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]),
            "int64",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.type),
)
def test_another_type_is_refused_with_or_without_values(values: pa.Array, target: str) -> None:
    assert "expected " in refusal(values, target).message
    assert "expected " in refusal(values[:0], target).message


@given(tree=type_trees, count=st.integers(0, 3))
def test_a_column_of_nulls_without_a_type_fits_anywhere(tree: TypeTree, count: int) -> None:
    found = cast_column(pa.nulls(count), to_arrow(tree), where="x")
    assert found.type == to_arrow(tree)
    assert found.to_pylist() == [None] * count


@given(tree=type_trees)
def test_a_column_without_chunks_has_the_registered_type_too(tree: TypeTree) -> None:
    empty = pa.chunked_array([], type=pa.dictionary(pa.int8(), to_arrow(tree)))
    found = cast_column(empty, to_arrow(tree), where="x")
    assert found.type == to_arrow(tree)
    assert len(found) == 0


@pytest.mark.parametrize(
    ("values", "target", "place", "reason"),
    [
        (pa.array([1, None, 2**60]), "int32", ", row 2:", "1152921504606846976 does not fit into int32"),
        (pa.array([[1], [], [2, 2**40]]), "list<int32>", ", row 2, at '[]' in it:", "1099511627776"),
        (
            pa.array([{"a": {"b": 1}}, {"a": {"b": 300}}]),
            "struct<a:struct<b:uint8>>",
            ", row 1, at '.a.b'",
            "300",
        ),
        (
            pa.array([None, [{"a": [1]}, None], [{"a": []}, {"a": [7, 300]}]]),
            "list<struct<a:list<int8>>>",
            ", row 2, at '[].a[]' in it:",
            "300",
        ),
        (pa.array([[1, 2], None, [3]]), "fixed_size_list<int64>[2]", ", row 2:", "expected 2 items, found 1"),
        (pa.array([[1, 2], [3, 999]]), "fixed_size_list<int8>[2]", ", row 1, at '[]'", "999"),
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), "fixed_size_list<int8>[3]", ", row 0:", "found 2"),
        (pa.array([0.5, 0.1]), "float32", ", row 1:", "0.1 is not exact as float32"),
        (pa.array([86_400_000, 1], pa.date64()), "date32", ", row 1:", "not a whole day"),
        (pa.array([1, 2, 2, 999]).dictionary_encode(), "int8", ", row 3:", "999"),
        (pc.run_end_encode(pa.array([1, 1, 999, 999]))[1:], "int8", ", row 1:", "999"),
        (
            pa.array([[1, 1], [999]], pa.list_(pa.dictionary(pa.int8(), pa.int64()))),
            "list<int8>",
            ", row 1",
            "999",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_row(
    values: pa.Array, target: str, place: str, reason: str
) -> None:
    message = refusal(values, target).message
    assert place in message
    assert reason in message


def test_rows_are_counted_over_all_chunks() -> None:
    values = pa.chunked_array([[1, 2], [], [3, 1000]])
    assert ", row 3:" in refusal(values, "int8").message


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (
            pa.StructArray.from_arrays([pa.array([1, 2**40])], ["a"], mask=pa.array([False, True])),
            "struct<a:int8>",
        ),
        (
            pa.StructArray.from_arrays(
                [pc.run_end_encode(pa.array([1, 2**40]))], ["a"], mask=pa.array([False, True])
            ),
            "struct<a:int8>",
        ),
        (
            pa.ListArray.from_arrays(
                pa.array([0, 1, 2], pa.int32()), pa.array([1, 2**40]), mask=pa.array([False, True])
            ),
            "list<int8>",
        ),
        (
            pa.FixedSizeListArray.from_arrays(pa.array([1, 2**40]), 1, mask=pa.array([False, True])),
            "fixed_size_list<int8>[1]",
        ),
        (pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array([1, 2**40])), "int8"),
        (pa.array([1, 2**40])[:1], "int8"),
        (pa.array([[1], [2**40]])[:1], "list<int8>"),
        (
            pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, 2**40]))]),
            "int8",
        ),
    ],
)
def test_what_lies_under_a_null_or_outside_the_slice_need_not_fit(values: pa.Array, target: str) -> None:
    assert cast(values, target).to_pylist() == values.to_pylist()


def test_a_struct_is_matched_by_field_name_and_a_missing_field_is_null() -> None:
    values = pa.array(
        [{"b": "x", "a": 1}, None, {"b": None, "a": 2}], pa.struct([("b", pa.string()), ("a", pa.int8())])
    )
    assert cast(values, "struct<a:int64,b:large_string,c:list<int8>>").to_pylist() == [
        {"a": 1, "b": "x", "c": None},
        None,
        {"a": 2, "b": None, "c": None},
    ]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (pa.struct([("a", pa.int8()), ("b", pa.int8())]), "struct<a:int8>"),
        (pa.struct([("A", pa.int8())]), "struct<a:int8>"),
        (pa.struct([("a", pa.int8()), ("a", pa.int8())]), "struct<a:int8>"),
        (pa.list_(pa.struct([("b", pa.int8())])), "list<struct<a:int8>>"),
    ],
    ids=str,
)
def test_a_struct_with_unknown_or_repeated_fields_is_refused(kind: pa.DataType, target: str) -> None:
    assert "field" in refusal(pa.nulls(1, kind), target).message


def test_times_with_a_zone_keep_their_instant_whatever_the_zone() -> None:
    values = pa.array([1, None], pa.timestamp("us", "Asia/Tokyo"))
    assert cast(values, "timestamp[us, UTC]").cast(pa.int64()).to_pylist() == [1, None]


def test_fixed_size_binary_is_binary() -> None:
    assert cast(pa.array([b"ab", None], pa.binary(2)), "binary").to_pylist() == [b"ab", None]


def test_a_list_of_equal_lengths_becomes_a_fixed_size_list_with_its_nulls() -> None:
    values = pa.array([[1, None], None, [3, 4], None])[1:]
    assert cast(values, "fixed_size_list<int64>[2]").to_pylist() == [None, [3, 4], None]


def test_a_list_view_may_hold_its_items_in_any_order_and_share_them() -> None:
    starts, sizes = pa.array([2, 0, 1], pa.int32()), pa.array([1, 2, 2], pa.int32())
    values = pa.ListViewArray.from_arrays(starts, sizes, pa.array([1, 2, 3]))
    assert cast(values, "list<int8>").to_pylist() == [[3], [1, 2], [2, 3]]
    too_big = pa.ListViewArray.from_arrays(starts, sizes, pa.array([1, 999, 3]))
    assert ", row 1, at '[]' in it: 999" in refusal(too_big, "list<int8>").message


def test_values_in_the_registered_form_are_passed_on_as_they_are() -> None:
    values = pa.array(["a", None])
    assert cast(values, "string").chunk(0).buffers()[2].address == values.buffers()[2].address


def test_strings_too_long_for_one_piece_are_cut_into_several() -> None:
    third = 2**31 // 3 + 1  # three rows of it are more than 32-bit offsets reach
    offsets = np.array([0, third, 2 * third, 3 * third], np.int64)
    zeros = np.zeros(3 * third, np.uint8)  # never touched, so the system need not find the room
    values = pa.Array.from_buffers(pa.large_string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(zeros)])
    found = cast_column(values, pa.string(), where="x")
    assert found.type == pa.string()
    assert found.num_chunks > 1
    assert pc.binary_length(found).to_pylist() == [third] * 3


def test_one_string_too_long_for_the_type_is_refused() -> None:
    size = 2**31
    offsets = np.array([0, 0, size], np.int64)
    zeros = np.zeros(size, np.uint8)
    values = pa.Array.from_buffers(pa.large_string(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(zeros)])
    error = refusal(values, "string")
    assert ", row 1:" in error.message
    assert error.mend == "register large_string or large_list for it"


def test_pandas_and_polars_columns_are_rewritten() -> None:
    import pandas as pd  # heavy, and only needed here
    import polars as pl  # heavy, and only needed here

    frame = pd.DataFrame({"s": ["a", None], "t": pd.to_datetime(["2026-01-01", None], utc=True)})
    from_pandas = pa.Table.from_pandas(frame)
    assert cast(from_pandas["s"], "string").to_pylist() == ["a", None]
    assert cast(from_pandas["t"], "timestamp[us, UTC]").to_pylist()[0] == dt.datetime(
        2026, 1, 1, tzinfo=dt.UTC
    )
    polars_frame = pl.DataFrame({"c": pl.Series(["a", "b", "a"], dtype=pl.Categorical), "l": [[1], None, []]})
    from_polars = pa.table(polars_frame)
    assert cast(from_polars["c"], "string").to_pylist() == ["a", "b", "a"]
    assert cast(from_polars["l"], "list<int16>").to_pylist() == [[1], None, []]
