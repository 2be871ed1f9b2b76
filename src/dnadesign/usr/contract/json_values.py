"""What may stand in an event: plain JSON values, and how other values become one without changing."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Mapping
from enum import Enum
from uuid import UUID

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.layout import isoformat

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

CUT_KEY = "[cut]"  # the entry of an object that says how many others are missing
_MAX_DEPTH = 32
_INT_RANGE = range(-(1 << 63), 1 << 64)
_SCALARS = frozenset({str, int, float, bool, type(None)})


def to_json_value(value: object, *, where: str) -> Json:
    """``value`` as plain JSON: strings, finite numbers, booleans, null, lists, objects.

    Paths, UUIDs and enum members become what they stand for, aware times ISO 8601, dates likewise, tuples and
    sets lists (sets sorted), numpy scalars Python numbers. Nothing else is converted, and no value is changed:
    what has no exact JSON form is refused.

    Args:
        value: Anything.
        where: Name of the value, for messages, such as ``args``.

    Raises:
        ValidationError: A value with no JSON form (NaN, bytes, an object), a key that is no string, an integer
            outside 64 bits, a time without a zone, or nesting deeper than 32.
    """
    return _convert(value, where, 0)


def to_json_object(values: Mapping[str, object], *, where: str) -> dict[str, Json]:
    """A mapping as plain JSON, see :func:`to_json_value`.

    Raises:
        ValidationError: It is no mapping, or a value in it has no JSON form.
    """
    found = to_json_value(values, where=where)
    if not isinstance(found, dict):
        raise ValidationError(
            f"{where} is a {type(values).__name__}, expected a mapping with text keys",
            mend="give a mapping such as {'name': value}",
        )
    return found


def _convert(value: object, where: str, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        raise ValidationError(
            f"{where[:80]}...: nested deeper than {_MAX_DEPTH} levels", mend="flatten the value"
        )
    if type(value) in _SCALARS:  # as most are, which need not be asked what else they may be
        return _scalar(value, where)
    if isinstance(value, Mapping):
        return {_key(k, where): _convert(v, f"{where}.{k}", depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_convert(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        items = [_convert(item, f"{where}[]", depth + 1) for item in value]
        return sorted(items, key=lambda item: (type(item).__name__, str(item)))
    return _scalar(value, where)


def _key(key: object, where: str) -> str:
    if isinstance(key, str):
        return well_formed(key)
    raise ValidationError(
        f"{where}: key {key!r:.80} is a {type(key).__name__}, expected a string", mend="name values by texts"
    )


def _scalar(value: object, where: str) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _scalar(value.value, where)
    if isinstance(value, str):
        return well_formed(str.__str__(value))  # a subclass may say something else of itself
    if isinstance(value, int):
        return _integer(int(value), where)
    if isinstance(value, float):
        return _finite(float(value), where)
    return _from_object(value, where)


def _from_object(value: object, where: str) -> Json:
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return well_formed(path if isinstance(path, str) else os.fsdecode(path))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValidationError(
                f"{where}: time {value} has no zone", mend="give an aware time, such as in UTC"
            )
        return isoformat(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():  # a numpy scalar or 0-dimensional array
        return _scalar(item(), where)
    raise ValidationError(
        f"{where}: a {type(value).__name__} has no JSON form",
        mend="give strings, finite numbers, booleans, null, lists and mappings",
    )


def _integer(value: int, where: str) -> int:
    if value not in _INT_RANGE:
        raise ValidationError(
            f"{where}: an integer of {value.bit_length()} bits, expected at most 64", mend="give it as a text"
        )
    return value


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise ValidationError(
            f"{where} is {value}: JSON has no such number", mend="give null or a string instead"
        )
    return value


def cut_json(values: Mapping[str, Json], *, characters: int, items: int) -> dict[str, Json]:
    """``values`` with long texts, lists and objects cut, each with a mark that says how much is missing.

    Args:
        values: A JSON object.
        characters: Longest text that stays whole, and how much of a longer one stays.
        items: Likewise the longest list or object.
    """
    kept = {key: _cut(value, characters, items) for key, value in list(values.items())[:items]}
    return kept if len(values) <= items else {**kept, CUT_KEY: f"{len(values) - items} more entries"}


def _cut(value: Json, characters: int, items: int) -> Json:
    if isinstance(value, str) and len(value) > characters:
        return f"{value[:characters]}... [cut: {len(value) - characters} more characters]"
    if isinstance(value, list):
        kept = [_cut(item, characters, items) for item in value[:items]]
        return kept if len(value) <= items else [*kept, f"[cut: {len(value) - items} more items]"]
    return cut_json(value, characters=characters, items=items) if isinstance(value, dict) else value


def well_formed(text: str) -> str:
    r"""``text`` with lone surrogates (of undecodable file names) spelled out as ``\udc80``; else unchanged."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
