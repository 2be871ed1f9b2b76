"""Text and JSON values as columns of a registered type: exactly that value, or an error that names its place."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.types import describe_type, is_list
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.formats.far_times import may_be_far, value_of

Where = Callable[[int], str]

_WHOLE = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_EXACT = 1 << 53
_EXACT_DIGITS = {pa.float16(): 3, pa.float32(): 7, pa.float64(): 15}  # whole numbers that all fit
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")  # which JSON has no other words for


class _Misfit(Exception):
    """A value that the type cannot hold; caught in this module."""


def column_from_text(
    cells: Sequence[str | None], kind: pa.DataType, *, where: Where, parse_json: bool = True
) -> pa.Array:
    """Cells of a text file as an array; a cell that is None or empty is null.

    Numbers, times (ISO 8601) and bools are read in full or refused; ``1.0`` is a whole number. Binary is base64. Lists
    and structs are JSON.

    Args:
        cells: The cells.
        kind: The registered type.
        where: Names a cell by its number (0-based), for errors.
        parse_json: Whether cells of list and struct columns are JSON; otherwise they are refused.

    Raises:
        SchemaError: A cell does not fit the type.
    """
    filled = [cell if cell else None for cell in cells]
    if is_list(kind) or isinstance(kind, pa.StructType):
        return column_from_json(filled, kind, where=where, parse_json=parse_json)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(filled, kind)
    convert = _converter(kind)
    values = _each(filled, convert, kind, where)
    if not (pa.types.is_temporal(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return pa.array(values, kind)
    far = _far_times(values, kind, where) if pa.types.is_temporal(kind) else {}
    text = pa.array([None if i in far else v for i, v in enumerate(values)] if far else values, pa.string())
    try:
        found = pc.cast(text, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        _find_misfit(filled, text, kind, where)
    if pa.types.is_floating(kind):
        _refuse_overflow(filled, found, kind, where)
        _refuse_rounded(text, found, kind, where)
    return _with(far, found) if far else found


def _far_times(cells: Sequence[str | None], kind: pa.DataType, where: Where) -> dict[int, int]:
    """Times with a sign before the year, which Arrow cannot read: by row, as the numbers that they are stored as."""
    signed = {row: cell for row, cell in enumerate(cells) if cell is not None and may_be_far(cell)}
    found: dict[int, int] = {}
    for row, cell in signed.items():
        try:
            found[row] = value_of(cell, kind)
        except ValueError as error:
            _refuse(where(row), cell, kind, str(error))
    return found


def _with(far: Mapping[int, int], near: pa.Array) -> pa.Array:
    """The times with others put in where they are null."""
    numbers = near.view(pa.int32() if pa.types.is_date(near.type) else pa.int64())
    values = pa.array([far.get(row) for row in range(len(near))], numbers.type)
    return pc.coalesce(numbers, values).view(near.type)


def _converter(kind: pa.DataType) -> Callable[[str], Any]:
    if pa.types.is_boolean(kind):
        return _truth
    if pa.types.is_integer(kind):
        return _whole
    if pa.types.is_binary(kind):
        return _bytes
    return str.strip


def _each(cells: Sequence[Any], convert: Callable[[Any], Any], kind: pa.DataType, where: Where) -> list[Any]:
    """Every cell that is not None converted; the first misfit is told with its place."""
    found: list[Any] = []
    for row, cell in enumerate(cells):
        try:
            found.append(None if cell is None else convert(cell))
        except _Misfit as misfit:
            _refuse(where(row), cell, kind, str(misfit))
    return found


def _refuse(place: str, value: object, kind: pa.DataType, why: str = "") -> NoReturn:
    shown = f"{value!r:.80}" if isinstance(value, str) else f"{json.dumps(value, default=str):.80}"
    raise SchemaError(
        f"{place}: {shown} is not {_article(kind)}{f': {why}' if why else ''}",
        mend=f"{_form(kind)}, or leave it empty for null",
    ) from None


def _form(kind: pa.DataType) -> str:
    """How a value of a type is written."""
    if is_list(kind):
        return 'write a list as JSON, such as [1, 2] or ["a", "b"]'
    if isinstance(kind, pa.StructType):
        return f'write it as JSON, such as {{"{kind[0].name}": ...}}'
    if kind == pa.date32():
        return "write a day that there is, such as 2026-02-28"
    if pa.types.is_timestamp(kind):
        return f"write a time such as 2026-02-28T12:30:00{'Z' if kind.tz else ''}"
    return "mend the cell"


def _article(kind: pa.DataType) -> str:
    name = describe_type(kind)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _truth(cell: str) -> bool:
    found = _TRUTH.get(cell.strip().lower())
    if found is None:
        raise _Misfit("expected true or false")
    return found


def _whole(cell: str) -> str:
    text = cell.strip()
    if not _WHOLE.fullmatch(text):
        raise _Misfit("expected a whole number")
    return text.partition(".")[0].removeprefix("+")


def _bytes(cell: str) -> bytes:
    try:
        return base64.b64decode(cell.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise _Misfit("binary values are written in base64") from None


def _find_misfit(cells: Sequence[str | None], text: pa.Array, kind: pa.DataType, where: Where) -> NoReturn:
    """Tell which cell it is that Arrow could not read."""
    for row, scalar in enumerate(text):
        try:
            pc.cast(scalar, kind)
        except pa.ArrowInvalid as error:
            _refuse(where(row), cells[row], kind, _zone_problem(str(error)))
    raise SchemaError(
        f"{where(0)}: the column cannot be read as {describe_type(kind)}",
        mend=f"give its values as {describe_type(kind)}",
    )


def _zone_problem(said: str) -> str:
    if "expected no zone offset" in said:
        return "expected a time without zone"
    return "expected a zone, such as Z or +01:00" if "expected a zone offset" in said else ""


def _refuse_overflow(cells: Sequence[str | None], found: pa.Array, kind: pa.DataType, where: Where) -> None:
    """A number too large for its type would come out as infinite."""
    infinite = pc.is_inf(found.cast(pa.float64()))
    for row in pc.indices_nonzero(pc.fill_null(infinite, fill_value=False)).to_pylist():
        if not _INFINITE.fullmatch((cells[row] or "").strip()):
            _refuse(where(row), cells[row], kind, "it is too large")


def _refuse_rounded(text: pa.Array, found: pa.Array, kind: pa.DataType, where: Where) -> None:
    """A whole number has to be exact; one with a point or an exponent, such as 0.1, takes the nearest value."""
    long = pc.match_substring_regex(text, f"^[+-]?[0-9]{{{_EXACT_DIGITS[kind] + 1},}}$")
    for row in pc.indices_nonzero(pc.fill_null(long, fill_value=False)).to_pylist():
        cell, nearest = text[row].as_py(), found[row].as_py()
        if int(cell.lstrip("+-").lstrip("0") or "0") != abs(nearest):  # Python reads at most 4,300 digits
            _refuse(where(row), cell, kind, _rounded(nearest))


def column_from_json(
    values: Sequence[Any], kind: pa.DataType, *, where: Where, parse_json: bool = True
) -> pa.Array:
    """JSON values as an array, strictly: nothing is rounded to an integer, dropped from a struct or made up.

    Args:
        values: What ``json`` read; None is null.
        kind: The registered type.
        where: Names a value by its number (0-based), for errors.
        parse_json: Whether a text in place of a list or struct is JSON in turn.

    Raises:
        SchemaError: A value does not fit the type.
    """
    nested = is_list(kind) or isinstance(kind, pa.StructType)

    def convert(value: Any) -> Any:
        if nested and isinstance(value, str):
            if not parse_json:
                raise _Misfit("it is text, and parsing JSON in cells is switched off")
            value = read_json(value)
        return _plain(value, kind, "")

    return pa.array(_each(values, convert, kind, where), kind)


def read_json(text: str) -> Any:
    """A JSON text; a name that stands twice in one object is refused."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float)
    except ValueError as error:
        raise _Misfit(f"not JSON: {error}") from None
    except RecursionError:
        raise _Misfit("not JSON: nested too deeply") from None


def json_object(text: str, *, where: str) -> dict[str, Any]:
    """The JSON object that a line holds.

    Raises:
        SchemaError: It is something else.
    """
    try:
        found = read_json(text)
    except _Misfit as misfit:
        raise SchemaError(
            f"{where}: {misfit}", mend='write one object a line, such as {"sequence": "ACGT"}'
        ) from None
    if not isinstance(found, dict):
        raise SchemaError(
            f"{where}: expected a JSON object, found {text!r:.80}",
            mend='write one object a line, such as {"sequence": "ACGT"}',
        )
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"the name {twice!r:.80} stands twice")
    return found


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.40} is too large for a number")
    return number


def _plain(value: Any, kind: pa.DataType, path: str) -> Any:
    """A JSON value as the Python value that Arrow makes exactly this type's value of."""
    if value is None:
        return None
    if is_list(kind):
        return _plain_list(value, kind, path)
    if isinstance(kind, pa.StructType):
        return _plain_struct(value, kind, path)
    if pa.types.is_boolean(kind):
        return _of(bool, value, kind, path)
    if pa.types.is_integer(kind):
        return _plain_integer(value, kind, path)
    if pa.types.is_floating(kind):
        return _plain_float(value, kind, path)
    return _plain_text(_of(str, value, kind, path), kind, path)


def _plain_text(text: str, kind: pa.DataType, path: str) -> Any:
    """A text as itself, as bytes in base64, or as a date or time (in units since 1970)."""
    if not _is_well_formed(text):
        raise _unfit(text, kind, path, "half of a character is missing behind \\ud...")
    if pa.types.is_binary(kind):
        return _bytes(text)
    if pa.types.is_temporal(kind):
        try:
            return value_of(text, kind) if may_be_far(text) else pa.scalar(text.strip()).cast(kind).value
        except pa.ArrowInvalid:
            raise _unfit(text, kind, path) from None
        except ValueError as error:
            raise _unfit(text, kind, path, str(error)) from None
    return text


def _is_well_formed(text: str) -> bool:
    """Whether a text can be written in UTF-8; JSON can spell one half of a surrogate pair."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _unfit(value: Any, kind: pa.DataType, path: str, why: str = "") -> _Misfit:
    if not path:
        return _Misfit(why)  # the value itself, which is told with its place
    shown = f"{json.dumps(value, default=str)!s:.60}"
    return _Misfit(f"at {path!r} in it, {shown} is not {_article(kind)}{f' ({why})' if why else ''}")


def _of[T](wanted: type[T], value: Any, kind: pa.DataType, path: str) -> T:
    if type(value) is not wanted:
        raise _unfit(value, kind, path)
    return value


def _plain_list(value: Any, kind: pa.DataType, path: str) -> list[Any]:
    items = _of(list, value, kind, path)
    if isinstance(kind, pa.FixedSizeListType) and len(items) != kind.list_size:
        raise _unfit(value, kind, path, counted(len(items), "item"))
    return [_plain(item, kind.value_type, f"{path}[{i}]") for i, item in enumerate(items)]


def _plain_struct(value: Any, kind: pa.StructType, path: str) -> dict[str, Any]:
    found = _of(dict, value, kind, path)
    names = [field.name for field in kind]
    for name in found:
        if name not in names:
            raise _unfit(value, kind, path, f"unknown field {name!r:.40}")
    return {field.name: _plain(found.get(field.name), field.type, f"{path}.{field.name}") for field in kind}


def _plain_integer(value: Any, kind: pa.DataType, path: str) -> int:
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    whole = _of(int, value, kind, path)
    low, high = (0, 2**kind.bit_width - 1) if pa.types.is_unsigned_integer(kind) else _signed(kind.bit_width)
    if not low <= whole <= high:
        raise _unfit(value, kind, path, f"{low} to {high}")
    return whole


def _signed(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _plain_float(value: Any, kind: pa.DataType, path: str) -> float:
    if isinstance(value, str) and value in _NO_NUMBERS:
        return float(value)
    whole = type(value) is int
    try:
        number = _nearest(float(value) if whole else _of(float, value, kind, path), kind)
    except OverflowError:
        raise _unfit(value, kind, path, "it is too large") from None
    if whole and number != value:
        raise _unfit(value, kind, path, _rounded(number))
    return number


def _nearest(number: float, kind: pa.DataType) -> float:
    """The value of the type that is nearest to a number.

    Raises:
        OverflowError: It is infinite, and the number is not.
    """
    with np.errstate(over="ignore"):
        found = float(kind.to_pandas_dtype()(number))
    if math.isinf(found) and not math.isinf(number):
        raise OverflowError
    return found


def _rounded(nearest: float) -> str:
    return f"a whole number must be exact there, and the nearest is {int(nearest)}"
