"""Random column types, random values of them, and random physical variants of those values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

from dnadesign.usr.contract.type_grammar import (
    SCALARS,
    UNITS,
    FixedSizeListOf,
    ListOf,
    Scalar,
    Struct,
    Timestamp,
    TypeTree,
)

ZONES = ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT")
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

field_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
scalars = st.sampled_from(SCALARS).map(Scalar)
times = st.builds(Timestamp, st.sampled_from(UNITS), st.sampled_from((None, *ZONES)))


def _structs(kinds: st.SearchStrategy[TypeTree]) -> st.SearchStrategy[Struct]:
    fields = st.lists(
        st.tuples(field_names, kinds), min_size=1, max_size=3, unique_by=lambda field: field[0].lower()
    )
    return fields.map(lambda found: Struct(tuple(found)))


def _nested(kinds: st.SearchStrategy[TypeTree]) -> st.SearchStrategy[TypeTree]:
    return st.one_of(
        st.builds(ListOf, kinds, st.booleans()),
        st.builds(FixedSizeListOf, kinds, st.integers(1, 3)),
        _structs(kinds),
    )


type_trees: st.SearchStrategy[TypeTree] = st.recursive(scalars | times, _nested, max_leaves=6)


def values_of(tree: TypeTree) -> st.SearchStrategy[Any]:
    """Values that ``pyarrow.array(..., type=to_arrow(tree))`` takes, nulls among them."""
    return st.none() | _present(tree)


def _present(tree: TypeTree) -> st.SearchStrategy[Any]:
    match tree:
        case Scalar(name):
            return _scalar_values(name)
        case Timestamp(unit):
            scale = _PER_SECOND[unit]
            low, high = max(_FIRST_SECOND * scale, -(2**63)), min(_LAST_SECOND * scale, 2**63 - 1)
            return st.integers(low, high)
        case ListOf(item):
            return st.lists(values_of(item), max_size=3)
        case FixedSizeListOf(item, size):
            return st.lists(values_of(item), min_size=size, max_size=size)
        case Struct(fields):
            return st.fixed_dictionaries({name: values_of(kind) for name, kind in fields})


def _scalar_values(name: str) -> st.SearchStrategy[Any]:
    if name == "bool":
        return st.booleans()
    if name.startswith(("int", "uint")):
        bounds = np.iinfo(name)
        return st.integers(int(bounds.min), int(bounds.max))
    if name.startswith("float"):
        return st.floats(width=int(name.removeprefix("float")))  # type: ignore[arg-type] # 16, 32 or 64
    if name == "date32":
        return st.dates()
    return st.binary(max_size=4) if name == "binary" else st.text(max_size=4)


def shown(array: pa.Array | pa.ChunkedArray) -> str:
    """All values, exactly: NaN equals NaN here, -0.0 differs from 0.0, and times are whole numbers."""
    return repr(array.cast(_untimed(array.type)).to_pylist())


def _untimed(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _untimed(field.type)) for field in kind.fields])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_untimed(kind.value_type), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(_untimed(kind.value_type))
    return pa.list_(_untimed(kind.value_type)) if pa.types.is_list(kind) else kind


Draw = Callable[[st.SearchStrategy[Any]], Any]


def physical_variant(draw: Draw, array: pa.Array) -> pa.Array:
    """The same values in some other physical form, perhaps as a slice of a longer array."""
    if draw(st.booleans()):
        longer = pa.concat_arrays([array[:1], array, array[:1]])
        return _in_form(draw, longer).slice(len(array[:1]), len(array))
    return _in_form(draw, array)


def _in_form(draw: Draw, array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_struct(kind):
        array = _struct_variant(draw, array)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        array = _list_variant(draw, array)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        array = array.cast(draw(st.sampled_from([pa.string(), pa.large_string(), pa.string_view()])))
    elif pa.types.is_binary(kind):
        array = array.cast(draw(st.sampled_from([pa.binary(), pa.large_binary(), pa.binary_view()])))
    elif pa.types.is_signed_integer(kind):
        array = array.cast(draw(st.sampled_from([kind, pa.int64()])))
    elif pa.types.is_floating(kind):
        array = array.cast(draw(st.sampled_from([kind, pa.float64()])))
    return _encoded(draw, array)


def _encoded(draw: Draw, array: pa.Array) -> pa.Array:
    form = draw(st.sampled_from(["plain", "plain", "dictionary", "runs"]))
    if form == "dictionary":
        indices = [None if null else i for i, null in enumerate(array.is_null().to_pylist())]
        return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int16()), array)
    if form == "runs":
        ends = pa.array(range(1, len(array) + 1), pa.int32())
        return pa.RunEndEncodedArray.from_arrays(ends, array)
    return array


def _struct_variant(draw: Draw, array: pa.Array) -> pa.Array:
    names = draw(st.permutations([field.name for field in array.type.fields]))
    children = [physical_variant(draw, array.field(name)) for name in names]
    return pa.StructArray.from_arrays(children, names=names, mask=array.is_null())


def _list_variant(draw: Draw, array: pa.Array) -> pa.Array:
    items = physical_variant(draw, array.flatten())
    lengths = pc.list_value_length(array).fill_null(0).to_pylist()
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    kind = pa.field("an item", items.type)
    mask = array.is_null()
    form = draw(st.sampled_from(["list", "large_list", "list_view", "large_list_view"]))
    if form == "list":
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, type=pa.list_(kind), mask=mask)
    if form == "large_list":
        return pa.LargeListArray.from_arrays(
            pa.array(offsets, pa.int64()), items, type=pa.large_list(kind), mask=mask
        )
    large = form == "large_list_view"
    width = pa.int64() if large else pa.int32()
    container = pa.LargeListViewArray if large else pa.ListViewArray
    view = pa.large_list_view(kind) if large else pa.list_view(kind)
    starts, sizes = pa.array(offsets[:-1], width), pa.array(lengths, width)
    return container.from_arrays(starts, sizes, items, type=view, mask=mask)
