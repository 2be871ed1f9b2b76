"""Column types as Arrow types: parse, spell, compare."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.type_grammar import (
    MAX_NESTING,
    FixedSizeListOf,
    ListOf,
    Scalar,
    Struct,
    Timestamp,
    TypeTree,
    is_field_name,
    parse_type,
    time_zones,
)

_SCALARS: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    **{f"int{bits}": getattr(pa, f"int{bits}")() for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": getattr(pa, f"uint{bits}")() for bits in (8, 16, 32, 64)},
    **{f"float{bits}": getattr(pa, f"float{bits}")() for bits in (16, 32, 64)},
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "date32": pa.date32(),
}
_SCALAR_NAMES = {kind: name for name, kind in _SCALARS.items()}


def parse_type_str(text: str) -> pa.DataType:
    """The Arrow type that a type string names.

    Raises:
        SchemaError: The text is not a type; the message gives the position.
    """
    return to_arrow(parse_type(text))


def to_arrow(tree: TypeTree) -> pa.DataType:
    """The Arrow type of a parsed type; children are nullable and have Arrow's default names."""
    match tree:
        case Scalar(name):
            return _SCALARS[name]
        case Timestamp(unit, zone):
            return pa.timestamp(unit, tz=zone)
        case ListOf(item, large):
            return pa.large_list(to_arrow(item)) if large else pa.list_(to_arrow(item))
        case FixedSizeListOf(item, size):
            return pa.list_(to_arrow(item), size)
        case Struct(fields):
            return pa.struct([(name, to_arrow(kind)) for name, kind in fields])


def arrow_type_str(kind: pa.DataType) -> str:
    """The canonical spelling of a supported Arrow type: ``parse_type_str`` of it gives the same type back.

    Raises:
        SchemaError: The type cannot stand in a registry.
    """
    return str(from_arrow(kind))


def describe_type(kind: pa.DataType) -> str:
    """The canonical spelling where there is one, else Arrow's own; for messages."""
    try:
        return arrow_type_str(kind)
    except SchemaError:
        return str(kind)


def from_arrow(kind: pa.DataType) -> TypeTree:
    """The type tree of a supported Arrow type.

    Raises:
        SchemaError: The type cannot stand in a registry.
    """
    return _tree(kind, depth=0)


def _tree(kind: pa.DataType, *, depth: int) -> TypeTree:
    if not isinstance(kind, pa.DataType):
        raise SchemaError(
            f"expected an Arrow type, found {type(kind).__name__}",
            mend="give a pyarrow.DataType such as pa.float64(); parse_type_str reads one from text",
        )
    if kind in _SCALAR_NAMES:
        return Scalar(_SCALAR_NAMES[kind])
    if isinstance(kind, pa.TimestampType):
        return _timestamp_tree(kind)
    if depth >= MAX_NESTING:
        raise SchemaError(
            f"more than {MAX_NESTING} types inside one another",
            mend="flatten the type, or keep such values as JSON in a string column",
        )
    if isinstance(kind, pa.ListType | pa.LargeListType):
        return ListOf(_child(kind.value_field, kind, depth), large=isinstance(kind, pa.LargeListType))
    if isinstance(kind, pa.FixedSizeListType) and kind.list_size >= 1:
        return FixedSizeListOf(_child(kind.value_field, kind, depth), kind.list_size)
    if isinstance(kind, pa.StructType) and kind.num_fields >= 1:
        return _struct_tree(kind, depth)
    raise SchemaError(
        f"Arrow type {_shown(kind)} has no column type",
        mend="see the type grammar for the types a registry can name; physical variants are cast when written",
    )


def _timestamp_tree(kind: pa.TimestampType) -> Timestamp:
    if kind.tz is not None and kind.tz not in time_zones():
        raise SchemaError(
            f"Arrow type {_shown(kind)}: {kind.tz!r} is neither an IANA time zone nor UTC",
            mend="convert the times to UTC",
        )
    return Timestamp(kind.unit, kind.tz)


def _struct_tree(kind: pa.StructType, depth: int) -> Struct:
    fields = [kind.field(i) for i in range(kind.num_fields)]
    for field in fields:
        if not is_field_name(field.name):
            raise SchemaError(
                f"Arrow type {_shown(kind)}: {field.name!r:.80} cannot name a field",
                mend="use a letter or _, then letters, digits and _",
            )
    if len({field.name.lower() for field in fields}) < len(fields):
        raise SchemaError(
            f"Arrow type {_shown(kind)}: field names must differ by more than case",
            mend="rename one of the fields",
        )
    return Struct(tuple((field.name, _child(field, kind, depth)) for field in fields))


def _child(field: pa.Field, parent: pa.DataType, depth: int) -> TypeTree:
    if not field.nullable:
        raise SchemaError(
            f"Arrow type {_shown(parent)}: {field.name!r:.80} is declared not null, which a column type cannot say",
            mend="declare it nullable",
        )
    return _tree(field.type, depth=depth + 1)


def _shown(kind: pa.DataType) -> str:
    return f"{str(kind)!r:.120}"


def same_logical_type(a: pa.DataType, b: pa.DataType) -> bool:
    """Whether two types are physical variants of one logical type.

    Strings and binaries of any width, lists of any offset width or view, dictionary- and run-end-encoded
    values, child field names and nullability do not count; everything else does.
    """
    return a == b or _normal(a, _NOTHING, 0) == _normal(b, _NOTHING, 0)


def same_stored_type(stored: pa.DataType, registered: pa.DataType, *, arrow_schema: bool) -> bool:
    """Whether a Parquet column of type ``stored`` can be one that was written as ``registered``.

    Args:
        stored: The type that the file's schema gives.
        registered: The type that the registry gives.
        arrow_schema: Whether the file carries an Arrow schema. Without one Parquet also forgets the name of a
            time zone and the size of a fixed_size_list; second and date64 columns come back as ms and date32
            in any case. Whether the values fit shows when they are cast.
    """
    there = _Forgotten(units=True, zones=not arrow_schema)
    here = _Forgotten(units=True, zones=not arrow_schema, sizes=not arrow_schema)
    return same_logical_type(stored, registered) or _normal(stored, there, 0) == _normal(registered, here, 0)


def widens(narrow: pa.DataType, wide: pa.DataType) -> bool:
    """Whether every value of one number type is one of the other, which has more bits."""
    types = pa.types
    if types.is_integer(narrow) and types.is_integer(wide):
        fits = types.is_signed_integer(wide) or types.is_unsigned_integer(narrow)
        return bool(fits and wide.bit_width > narrow.bit_width)
    floats = types.is_floating(narrow) and types.is_floating(wide)
    return bool(floats and wide.bit_width > narrow.bit_width)


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """What Parquet is taken to have forgotten of a type."""

    units: bool = False
    zones: bool = False
    sizes: bool = False


_NOTHING = _Forgotten()


def _normal(kind: pa.DataType, forgotten: _Forgotten, depth: int) -> pa.DataType:
    """One representative for all the types that count as the same."""
    if depth > MAX_NESTING:
        return kind
    if isinstance(kind, pa.DictionaryType | pa.RunEndEncodedType):
        return _normal(kind.value_type, forgotten, depth + 1)
    if isinstance(kind, pa.StructType):
        fields = (kind.field(i) for i in range(kind.num_fields))
        return pa.struct([(field.name, _normal(field.type, forgotten, depth + 1)) for field in fields])
    if is_list(kind):
        item = _normal(kind.value_type, forgotten, depth + 1)
        sized = isinstance(kind, pa.FixedSizeListType) and not forgotten.sizes
        return pa.list_(item, kind.list_size if sized else -1)
    return _normal_scalar(kind, forgotten)


def _normal_scalar(kind: pa.DataType, forgotten: _Forgotten) -> pa.DataType:
    if isinstance(kind, pa.TimestampType):
        unit = "ms" if kind.unit == "s" and forgotten.units else kind.unit
        return pa.timestamp(unit, tz="UTC" if kind.tz and forgotten.zones else kind.tz)
    if kind in (pa.large_string(), pa.string_view()):
        return pa.string()
    if kind in (pa.large_binary(), pa.binary_view()):
        return pa.binary()
    return pa.date32() if kind == pa.date64() and forgotten.units else kind


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any physical form."""
    lists = pa.ListType | pa.LargeListType | pa.FixedSizeListType | pa.ListViewType | pa.LargeListViewType
    return isinstance(kind, lists)
