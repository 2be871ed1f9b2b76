"""The grammar of column types: text to a tree of frozen values and back, without Arrow.

    type    = scalar | list | fixed | struct | time
    scalar  = bool int8..int64 uint8..uint64 float16 float32 float64 string large_string binary date32
    list    = list<type> | large_list<type>
    fixed   = fixed_size_list<type>[N]          N >= 1, ASCII digits, no leading zero
    struct  = struct<name:type,...>             >= 1 field, names [A-Za-z_][A-Za-z0-9_]*, unique ignoring case
    time    = timestamp[s|ms|us|ns] | timestamp[unit, TZ]     TZ an IANA name or UTC

White space may stand between tokens. ``str()`` of a tree is its one canonical spelling, and parsing that
spelling gives the same tree.
"""

from __future__ import annotations

import functools
import re
import zoneinfo
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.names import nearest

MAX_NESTING = 32
MAX_LIST_SIZE = 2**31 - 1  # Arrow keeps the size of a fixed_size_list in 32 bits
SCALARS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "string", "large_string", "binary", "date32"),
)
Unit = Literal["s", "ms", "us", "ns"]
UNITS: tuple[Unit, ...] = get_args(Unit)

_CONSTRUCTORS = ("list", "large_list", "fixed_size_list", "struct", "timestamp")
_OTHER_NAMES = {
    **{"str": "string", "utf8": "string", "text": "string", "large_utf8": "large_string", "bytes": "binary"},
    **{"int": "int64", "float": "float32", "double": "float64", "halffloat": "float16", "half": "float16"},
    **{"integer": "int64", "long": "int64", "short": "int16", "number": "float64", "real": "float64"},
    **{"boolean": "bool", "date": "date32", "datetime": "timestamp", "array": "list"},
}
_TYPES = (
    "write it like float64, list<string>, fixed_size_list<float32>[8], struct<x:int64> or timestamp[us, UTC]"
)
_KNOWN = f"use one of {', '.join((*SCALARS, *_CONSTRUCTORS))}"
_COLUMNS = "write it like 'ns__score:float64,ns__sites:list<string>'"
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SIZE = re.compile(r"[1-9][0-9]*", re.ASCII)
_TOKEN = re.compile(r"(?P<space>[ \t\r\n\f\v]+)|(?P<word>[A-Za-z0-9_/+-]+)|(?P<mark>[<>\[\]:,])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type without parts; ``name`` is one of ``SCALARS``."""

    name: str

    def __str__(self) -> str:
        """The canonical spelling."""
        return self.name


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time; without a zone it is a wall clock's reading."""

    unit: Unit
    zone: str | None = None

    def __str__(self) -> str:
        """The canonical spelling."""
        return f"timestamp[{self.unit}, {self.zone}]" if self.zone else f"timestamp[{self.unit}]"


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of items; ``large`` ones are counted with 64 bits."""

    item: TypeTree
    large: bool = False

    def __str__(self) -> str:
        """The canonical spelling."""
        return f"{'large_list' if self.large else 'list'}<{self.item}>"


@dataclass(frozen=True, slots=True)
class FixedSizeListOf:
    """Exactly ``size`` items."""

    item: TypeTree
    size: int

    def __str__(self) -> str:
        """The canonical spelling."""
        return f"fixed_size_list<{self.item}>[{self.size}]"


@dataclass(frozen=True, slots=True)
class Struct:
    """Named fields, in order."""

    fields: tuple[tuple[str, TypeTree], ...]

    def __str__(self) -> str:
        """The canonical spelling."""
        return f"struct<{','.join(f'{name}:{kind}' for name, kind in self.fields)}>"


type TypeTree = Scalar | Timestamp | ListOf | FixedSizeListOf | Struct


@functools.cache
def time_zones() -> frozenset[str]:
    """The IANA names of time zones known here, and UTC.

    ``Factory`` says that no zone was set, and ``localtime`` and ``posixrules`` are what the machine at hand takes them for.
    """
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime", "posixrules"} | {"UTC"})


def is_field_name(name: str) -> bool:
    """Whether a struct may have a field of that name."""
    return _FIELD_NAME.fullmatch(name) is not None


def parse_type(text: str) -> TypeTree:
    """Read one type.

    Raises:
        SchemaError: The text is not a type; the message gives the position, counted from 1.
    """
    reader = _Reader(text, what="type")
    tree = _read_type(reader, depth=0)
    reader.expect_end("the end of the type")
    return tree


def canonical_type(text: str) -> str:
    """The one canonical spelling of a type.

    Raises:
        SchemaError: The text is not a type.
    """
    return str(parse_type(text))


def logical_type(tree: TypeTree) -> TypeTree:
    """The type without what is only its physical form: the width of string and list offsets."""
    match tree:
        case Scalar("large_string"):
            return Scalar("string")
        case ListOf(item):
            return ListOf(logical_type(item))
        case FixedSizeListOf(item, size):
            return FixedSizeListOf(logical_type(item), size)
        case Struct(fields):
            return Struct(tuple((name, logical_type(kind)) for name, kind in fields))
    return tree


def parse_typed_names(text: str) -> list[tuple[str, TypeTree]]:
    """Read ``name:type,name:type,...``, split at top level only.

    Raises:
        SchemaError: The text is not such a list.
    """
    reader = _Reader(text, what="column list")
    pairs = [_read_pair(reader, "a column name", depth=0)]
    while reader.take(","):
        pairs.append(_read_pair(reader, "a column name", depth=0))
    reader.expect_end("',' and another column, or the end")
    return pairs


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    position: int
    is_word: bool


class _Reader:
    """The tokens of one text, and how far they are read."""

    def __init__(self, text: str, *, what: str) -> None:
        if not isinstance(text, str):
            raise SchemaError(
                f"expected a {what} as text, found {type(text).__name__}",
                mend="give it as a str such as 'float64'",
            )
        self._text = text
        self._what = what
        self._tokens = self._tokenize()
        self._next = 0

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                expected = "letters, digits or one of < > [ ] : ,"
                self.refuse(position, expected, repr(self._text[position]))
            if match.lastgroup != "space":
                tokens.append(_Token(match.group(), position, match.lastgroup == "word"))
            position = match.end()
        tokens.append(_Token("", len(self._text), is_word=False))
        return tokens

    def refuse(self, position: int, expected: str, found: str, mend: str | None = None) -> NoReturn:
        shown = self._text if len(self._text) <= 120 else f"{self._text[max(0, position - 50) :]:.100}..."
        raise SchemaError(
            f"bad {self._what} {shown!r}: at character {position + 1}: expected {expected}, found {found}",
            mend=mend or (_TYPES if self._what == "type" else _COLUMNS),
        )

    def refuse_token(self, token: _Token, expected: str, mend: str | None = None) -> NoReturn:
        self.refuse(token.position, expected, f"{token.text!r:.80}" if token.text else "the end", mend)

    def word(self, expected: str) -> _Token:
        token = self._tokens[self._next]
        if not token.is_word:
            self.refuse_token(token, expected)
        self._next += 1
        return token

    def take(self, mark: str) -> bool:
        found = self._tokens[self._next].text == mark
        self._next += found
        return found

    def expect(self, mark: str, expected: str | None = None) -> None:
        if not self.take(mark):
            self.refuse_token(self._tokens[self._next], expected or repr(mark))

    def expect_end(self, expected: str) -> None:
        if self._tokens[self._next].text:
            self.refuse_token(self._tokens[self._next], expected)


def _read_type(reader: _Reader, *, depth: int) -> TypeTree:
    token = reader.word("a type")
    name = token.text
    if name in SCALARS:
        return Scalar(name)
    if name == "timestamp":
        return _read_timestamp(reader)
    if name not in _CONSTRUCTORS:
        meant = _OTHER_NAMES.get(name.lower()) or nearest(name.lower(), (*SCALARS, *_CONSTRUCTORS))
        reader.refuse_token(token, "a type", f"did you mean {meant!r}?" if meant else _KNOWN)
    if depth >= MAX_NESTING:
        reader.refuse_token(token, f"at most {MAX_NESTING} types inside one another")
    reader.expect("<")
    if name == "struct":
        return Struct(_read_fields(reader, depth=depth + 1))
    item = _read_type(reader, depth=depth + 1)
    reader.expect(">")
    if name == "fixed_size_list":
        return FixedSizeListOf(item, _read_size(reader))
    return ListOf(item, large=name == "large_list")


def _read_fields(reader: _Reader, *, depth: int) -> tuple[tuple[str, TypeTree], ...]:
    fields: list[tuple[str, TypeTree]] = []
    seen: set[str] = set()
    while True:
        start = reader.word("a field name")
        if not is_field_name(start.text):
            reader.refuse_token(start, "a field name (a letter or _, then letters, digits and _)")
        if start.text.lower() in seen:
            reader.refuse_token(start, "field names that differ by more than case")
        seen.add(start.text.lower())
        reader.expect(":")
        fields.append((start.text, _read_type(reader, depth=depth)))
        if reader.take(">"):
            return tuple(fields)
        reader.expect(",", "',' or '>'")


def _read_pair(reader: _Reader, expected: str, *, depth: int) -> tuple[str, TypeTree]:
    name = reader.word(expected)
    reader.expect(":")
    return name.text, _read_type(reader, depth=depth)


def _read_size(reader: _Reader) -> int:
    reader.expect("[")
    token = reader.word("the number of items")
    in_range = _SIZE.fullmatch(token.text) and len(token.text) <= len(str(MAX_LIST_SIZE))
    if not in_range or int(token.text) > MAX_LIST_SIZE:
        reader.refuse_token(token, f"a number from 1 to {MAX_LIST_SIZE} without leading zeros")
    reader.expect("]")
    return int(token.text)


def _read_timestamp(reader: _Reader) -> Timestamp:
    reader.expect("[")
    token = reader.word("a unit: s, ms, us or ns")
    unit = next((u for u in UNITS if u == token.text), None)
    if unit is None:
        reader.refuse_token(token, "a unit: s, ms, us or ns")
    if reader.take("]"):
        return Timestamp(unit)
    reader.expect(",", "',' or ']'")
    zone = reader.word("a time zone: an IANA name or UTC")
    if zone.text not in time_zones():
        meant = nearest(zone.text, time_zones())
        reader.refuse_token(
            zone, "a time zone: an IANA name or UTC", f"did you mean {meant!r}?" if meant else None
        )
    reader.expect("]")
    return Timestamp(unit, zone.text)
