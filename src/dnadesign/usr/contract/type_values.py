"""Values in their registered form: any physical variant is rewritten without loss, or refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.types import describe_type, is_list
from dnadesign.usr.contract.wording import counted

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MS_PER_DAY = 86_400_000
_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_MANTISSA_BITS = {pa.float16(): 11, pa.float32(): 24, pa.float64(): 53}
_FLOAT16_MAX = 65504
_STRINGS = (pa.string(), pa.large_string(), pa.string_view())
_BINARIES = (pa.binary(), pa.large_binary(), pa.binary_view())


class _Misfit(Exception):
    """A value, or a whole type where ``index`` is None, that the target cannot hold; caught in this module.

    ``index`` counts in the array at hand; each level on the way up translates it to its own rows.
    """

    def __init__(self, index: int | None, reason: str, *, path: str = "", mend: str | None = None) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason
        self.path = path
        self.mend = mend

    def raised_to(self, step: str, row_of: Callable[[int], int] | None = None) -> _Misfit:
        """The same misfit seen from the parent that holds this array as ``step``."""
        index = self.index if self.index is None or row_of is None else row_of(self.index)
        return _Misfit(index, self.reason, path=step + self.path, mend=self.mend)


_MEND = "mend the value, or register a type that holds it"


class _TooLong(Exception):
    """More items or bytes than 32-bit offsets can count; shorter pieces may fit. Caught in this module."""


def cast_column(
    values: pa.Array | pa.ChunkedArray, target: pa.DataType, *, where: str, first_row: int = 0
) -> pa.ChunkedArray:
    """A column in exactly the type ``target``, every value and null kept.

    Integers change width if all values fit, floats and integers become narrower floats only if every value is
    exact there, times change unit only if no digit is lost. Struct fields are matched by name; a missing one is
    null, an unknown one refused. Encodings are decoded. A column of Arrow's null type fits any target.

    Args:
        values: The column; its chunks may be sliced.
        target: A supported type, as :func:`parse_type_str` gives it.
        where: The column, for errors, such as ``"column 'densegen__x'"``.
        first_row: The number that errors give the first row, where the column is a piece of a longer one.

    Raises:
        SchemaError: A value cannot be held without loss (the message names its row, counted from 0), or the
            two types differ in more than their physical form.
    """
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    pieces: list[pa.Array] = []
    done = first_row
    for chunk in chunks or [pa.nulls(0, values.type)]:
        pieces.extend(_pieces(chunk, target, where=where, first_row=done))
        done += len(chunk)
    return pa.chunked_array(pieces, type=target)


def _pieces(array: pa.Array, target: pa.DataType, *, where: str, first_row: int) -> list[pa.Array]:
    try:
        return [_convert(array, target)]
    except _Misfit as misfit:
        _refuse(misfit, where=where, first_row=first_row)
    except pa.ArrowNotImplementedError as error:
        raise SchemaError(
            f"{where}: Arrow cannot rewrite {describe_type(array.type)} as {describe_type(target)}: {error}",
            mend=f"give it as {describe_type(target)}",
        ) from error
    except (_TooLong, pa.ArrowInvalid, pa.ArrowCapacityError) as error:
        if len(array) <= 1:
            raise SchemaError(
                f"{where}, row {first_row}: the value does not fit into {describe_type(target)}: {error}",
                mend="register large_string or large_list for it",
            ) from error
    half = len(array) // 2
    return [
        *_pieces(array[:half], target, where=where, first_row=first_row),
        *_pieces(array[half:], target, where=where, first_row=first_row + half),
    ]


def _refuse(misfit: _Misfit, *, where: str, first_row: int) -> NoReturn:
    inside = f", at {misfit.path!r} in it" if misfit.path else ""
    row = "" if misfit.index is None else f", row {first_row + misfit.index}"
    raise SchemaError(f"{where}{row}{inside}: {misfit.reason}", mend=misfit.mend or _MEND) from None


def _convert(array: pa.Array, target: pa.DataType) -> pa.Array:
    kind = array.type
    if kind.equals(target) and not _has_coarse_times(target):  # at most they differ in what items are called
        return array if kind.equals(target, check_metadata=True) else array.view(target)
    if pa.types.is_null(kind):
        return pa.nulls(len(array), target)
    if isinstance(kind, pa.RunEndEncodedType):
        return _from_dictionary(_as_dictionary(array), target)
    if isinstance(kind, pa.DictionaryType):
        return _from_dictionary(array, target)
    if isinstance(target, pa.StructType) and isinstance(kind, pa.StructType):
        return _struct(array, target)
    if isinstance(target, pa.FixedSizeListType) and is_list(kind):
        return _fixed_size_list(array, target)
    if is_list(target) and is_list(kind):
        return _list(array, target)
    return _scalar(array, target)


def _scalar(array: pa.Array, target: pa.DataType) -> pa.Array:
    kind = array.type
    if target in _STRINGS and kind in _STRINGS:
        return _text(array, target)
    if target in _BINARIES and (kind in _BINARIES or pa.types.is_fixed_size_binary(kind)):
        return _text(array, target)
    if pa.types.is_integer(target) and pa.types.is_integer(kind):
        return _integer(array, target)
    if pa.types.is_floating(target) and pa.types.is_floating(kind):
        return _float_from_float(array, target)
    if pa.types.is_floating(target) and pa.types.is_integer(kind):
        return _float_from_integer(array, target)
    if target == pa.date32() and kind == pa.date64():
        return _date32(array)
    both_times = isinstance(target, pa.TimestampType) and isinstance(kind, pa.TimestampType)
    if both_times and (target.tz is None) == (kind.tz is None):
        return _timestamp(array, target)
    raise _type_misfit(kind, target)


def _type_misfit(kind: pa.DataType, target: pa.DataType) -> _Misfit:
    mend = "give it that type before writing, or change the registry"
    if isinstance(kind, pa.BaseExtensionType):
        mend = f"give its storage instead: {describe_type(kind.storage_type)}"
    elif isinstance(target, pa.TimestampType) and isinstance(kind, pa.TimestampType):
        mend = (
            "say which time zone the times are in before writing"
            if target.tz
            else "drop the time zone before writing"
        )
    elif pa.types.is_integer(target) and pa.types.is_floating(kind):
        mend = "turn whole numbers into integers before writing (missing values into nulls)"
    return _Misfit(None, f"expected {describe_type(target)}, found {describe_type(kind)}", mend=mend)


def _text(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Strings or bytes with offsets of another width; a slice counts from its own beginning, not the buffer's."""
    if len(array) == 0 or array.type not in (pa.large_string(), pa.large_binary()):
        return array.cast(target)
    _, offset_bytes, data = array.buffers()
    offsets = np.frombuffer(offset_bytes, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    first, size = int(offsets[0]), int(offsets[-1] - offsets[0])
    if size > _INT32_MAX:
        raise _TooLong(f"{size} bytes are more than {target} can count")
    valid = array.is_valid().buffers()[1] if array.null_count else None
    short = pa.py_buffer((offsets - first).astype(np.int32))
    used = data.slice(first, size) if data else pa.py_buffer(b"")
    return pa.Array.from_buffers(target, len(array), [valid, short, used])


def _numbers(array: pa.Array) -> np.ndarray:
    """The values with 0 in place of nulls, under which anything may lie."""
    return array.fill_null(0).to_numpy(zero_copy_only=False)


def _nulls(array: pa.Array) -> np.ndarray:
    return array.is_null().to_numpy(zero_copy_only=False)


def _check(bad: np.ndarray, message: Callable[[int], str], *, mend: str | None = None) -> None:
    if bad.any():
        index = int(bad.argmax())
        raise _Misfit(index, message(index), mend=mend)


def _integer(array: pa.Array, target: pa.DataType) -> pa.Array:
    values = _numbers(array)
    bounds = np.iinfo(target.to_pandas_dtype())
    low, high = int(bounds.min), int(bounds.max)
    _check(
        (values < low) | (values > high),
        lambda i: f"{values[i]} does not fit into {target} ({low} to {high})",
    )
    return array.cast(target)


def _float_from_integer(array: pa.Array, target: pa.DataType) -> pa.Array:
    values = _numbers(array)
    size = np.abs(values).astype(np.uint64)  # the most negative int64 wraps to itself, which is 2**63 here
    lowest_bit = size & (~size + np.uint64(1))
    bad = size // np.maximum(lowest_bit, np.uint64(1)) >= 2 ** _MANTISSA_BITS[target]
    if target == pa.float16():
        bad |= size > _FLOAT16_MAX
    _check(bad, lambda i: f"{values[i]} is not exact as {describe_type(target)}")
    return pa.array(values.astype(target.to_pandas_dtype()), type=target, mask=_nulls(array))


def _float_from_float(array: pa.Array, target: pa.DataType) -> pa.Array:
    values = _numbers(array)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        cast = values.astype(target.to_pandas_dtype())
        bad = (cast.astype(values.dtype) != values) & ~np.isnan(values)
    mend = (
        f"round the values to {describe_type(target)} before writing, or register {describe_type(array.type)}"
    )
    _check(bad, lambda i: f"{values[i]!s} is not exact as {describe_type(target)}", mend=mend)
    return pa.array(cast, type=target, mask=_nulls(array))


def _date32(array: pa.Array) -> pa.Array:
    values = _numbers(array.view(pa.int64()))
    days, rest = np.divmod(values, _MS_PER_DAY)
    bad = (rest != 0) | (np.abs(days) > _INT32_MAX)
    _check(bad, lambda i: f"{values[i]} ms since 1970 is not a whole day that date32 can hold")
    return pa.array(days.astype(np.int32), mask=_nulls(array)).view(pa.date32())


@lru_cache(maxsize=256)
def _has_coarse_times(kind: pa.DataType) -> bool:
    """Whether there are times in it of a unit that holds some which are out of the range of microseconds."""
    if isinstance(kind, pa.TimestampType):
        return _PER_SECOND[kind.unit] < _PER_SECOND["us"]
    return any(_has_coarse_times(kind.field(i).type) for i in range(kind.num_fields))


def _timestamp(array: pa.Array, target: pa.TimestampType) -> pa.Array:
    unit = array.type.unit
    had, has = _PER_SECOND[unit], _PER_SECOND[target.unit]
    if had == has and not _has_coarse_times(target):
        return array.view(target)
    values = _numbers(array.view(pa.int64()))
    if has >= had:
        factor = has // had
        bad = (values > _INT64_MAX // factor) | (values < -(2**63 // factor))
        scaled = np.where(bad, 0, values) * factor
    else:
        scaled, rest = np.divmod(values, had // has)
        bad = rest != 0
    _check(bad, lambda i: f"{values[i]} {unit} since 1970 cannot be held in {target.unit} without loss")
    if _has_coarse_times(target):
        longest = _INT64_MAX // (_PER_SECOND["us"] // has)
        far = (scaled > longest) | (scaled < -longest)
        _check(
            far,
            lambda i: (
                f"{values[i]} {unit} since 1970 is out of the range of microseconds, in which times are read"
            ),
        )
    return pa.array(scaled, mask=_nulls(array)).view(target)


def _bounds(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Where in ``array.values`` each row's items start and how many there are; none for a null."""
    if isinstance(array.type, pa.FixedSizeListType):
        lengths = np.full(len(array), array.type.list_size, dtype=np.int64)
        starts = (array.offset + np.arange(len(array))) * array.type.list_size
    elif isinstance(array.type, pa.ListViewType | pa.LargeListViewType):
        starts, lengths = (part.to_numpy(zero_copy_only=False) for part in (array.offsets, array.sizes))
    else:
        offsets = array.offsets.to_numpy(zero_copy_only=False)
        starts, lengths = offsets[:-1], np.diff(offsets)
    return starts.astype(np.int64), np.where(_nulls(array), 0, lengths).astype(np.int64)


def _items(array: pa.Array, item_type: pa.DataType, starts: np.ndarray, lengths: np.ndarray) -> pa.Array:
    """The items of all rows one after the other, in their target type; what no row holds need not fit."""
    filled = lengths > 0
    if not filled.any():
        return _convert(array.values[:0], item_type)
    first, last = int(starts[filled].min()), int((starts + lengths)[filled].max())
    values = array.values[first:last]
    ends = np.cumsum(lengths)
    places = np.repeat(starts - first - (ends - lengths), lengths) + np.arange(ends[-1])
    in_order = len(places) == len(values) and bool((np.diff(places) == 1).all())
    try:
        if in_order:
            return _convert(values, item_type)
        used = np.zeros(len(values), dtype=bool)
        used[places] = True
        return _convert(_only(values, used), item_type).take(pa.array(places))
    except _Misfit as misfit:
        raise misfit.raised_to("[]", lambda item: _row_of_place(places, ends, item)) from None


def _row_of_place(places: np.ndarray, ends: np.ndarray, item: int) -> int:
    return int(np.searchsorted(ends, np.argmax(places == item), side="right"))


def _only(array: pa.Array, used: np.ndarray) -> pa.Array:
    """The array with null wherever it is not used, in whatever physical form."""
    if used.all():
        return array
    if isinstance(array.type, pa.RunEndEncodedType):  # runs have no place for single nulls
        array = _as_dictionary(array)
    return pa.StructArray.from_arrays([array], names=[""], mask=pa.array(~used)).flatten()[0]


def _list(array: pa.Array, target: pa.DataType) -> pa.Array:
    starts, lengths = _bounds(array)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    large = isinstance(target, pa.LargeListType)
    if not large and offsets[-1] > _INT32_MAX:
        raise _TooLong(f"{offsets[-1]} items are more than {describe_type(target)} can count")
    container = pa.LargeListArray if large else pa.ListArray
    return container.from_arrays(
        pa.array(offsets, type=pa.int64() if large else pa.int32()),
        _items(array, target.value_type, starts, lengths),
        type=target,
        mask=array.is_null(),
    )


def _fixed_size_list(array: pa.Array, target: pa.FixedSizeListType) -> pa.Array:
    starts, lengths = _bounds(array)
    nulls, size = _nulls(array), target.list_size
    _check(~nulls & (lengths != size), lambda i: f"expected {counted(size, 'item')}, found {lengths[i]}")
    items = _items(array, target.value_type, starts, lengths)
    if nulls.any():  # a null row takes as much room as any other
        begins = np.cumsum(lengths) - lengths
        places = (begins[:, None] + np.arange(size)[None, :]).ravel()
        items = items.take(pa.array(places, mask=np.repeat(nulls, size)))
    return pa.FixedSizeListArray.from_arrays(items, type=target, mask=array.is_null())


def _struct(array: pa.Array, target: pa.StructType) -> pa.Array:
    names = [field.name for field in array.type.fields]
    wanted = [field.name for field in target.fields]
    extra = [name for name in names if name not in wanted]
    if extra or len(set(names)) < len(names):
        unfit = f"unknown field {extra[0]!r:.80}" if extra else "a field name twice"
        raise _Misfit(None, f"expected {describe_type(target)}, found {unfit}")
    there = ~_nulls(array)
    children = {name: _only(array.field(i), there) for i, name in enumerate(names)}
    cast: list[pa.Array] = []
    for field in target.fields:
        try:
            child = children.get(field.name)
            cast.append(pa.nulls(len(array), field.type) if child is None else _convert(child, field.type))
        except _Misfit as misfit:
            raise misfit.raised_to(f".{field.name}") from None
    return pa.StructArray.from_arrays(cast, fields=target.fields, mask=array.is_null())


def _as_dictionary(array: pa.Array) -> pa.Array:
    """Run-end-encoded values as a dictionary of the runs."""
    first, count = array.find_physical_offset(), array.find_physical_length()
    ends = array.run_ends.slice(first, count).to_numpy(zero_copy_only=False).astype(np.int64) - array.offset
    runs = np.searchsorted(ends, np.arange(len(array)), side="right")
    return pa.DictionaryArray.from_arrays(pa.array(runs, type=pa.int64()), array.values.slice(first, count))


def _from_dictionary(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast each value of the dictionary that is in use, once, then look the rows up."""
    indices, dictionary = array.indices, array.dictionary
    used = np.zeros(len(dictionary), dtype=bool)
    used[indices.drop_null().to_numpy(zero_copy_only=False)] = True
    try:
        return _convert(_only(dictionary, used), target).take(indices)
    except _Misfit as misfit:
        raise misfit.raised_to("", lambda value: _first_row(indices, value)) from None


def _first_row(indices: pa.Array, value: int) -> int:
    return int(np.argmax((indices.fill_null(0).to_numpy(zero_copy_only=False) == value) & ~_nulls(indices)))
