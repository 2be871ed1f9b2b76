"""Type strings: what is accepted, how it is spelled, where it is refused."""

from __future__ import annotations

import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.type_grammar import (
    MAX_NESTING,
    Struct,
    TypeTree,
    canonical_type,
    logical_type,
    parse_type,
    parse_typed_names,
    time_zones,
)
from tests.usr.contract.type_examples import type_trees

TOKEN = re.compile(r"[A-Za-z0-9_/+-]+|[<>\[\]:,]")
white_space = st.text(alphabet=" \t\n\r\f\v", max_size=2)


@given(tree=type_trees)
def test_a_spelled_type_parses_to_itself(tree: TypeTree) -> None:
    assert parse_type(str(tree)) == tree


@given(tree=type_trees, data=st.data())
def test_white_space_between_tokens_changes_nothing(tree: TypeTree, data: st.DataObject) -> None:
    spaced = "".join(data.draw(white_space) + token for token in TOKEN.findall(str(tree))) + data.draw(
        white_space
    )
    assert parse_type(spaced) == tree
    assert canonical_type(spaced) == str(tree)


@given(tree=type_trees)
def test_the_canonical_spelling_is_a_fixed_point(tree: TypeTree) -> None:
    assert canonical_type(canonical_type(str(tree))) == str(tree)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("timestamp[us,UTC]", "timestamp[us, UTC]"),
        ("struct< a : int64 , b : string >", "struct<a:int64,b:string>"),
        ("fixed_size_list < float32 > [ 8 ]", "fixed_size_list<float32>[8]"),
        (" list<struct<tf:string,offset:int64>>\n", "list<struct<tf:string,offset:int64>>"),
        ("struct<list:list<int8>,struct:string>", "struct<list:list<int8>,struct:string>"),
        ("struct<_:int8,_1:int8>", "struct<_:int8,_1:int8>"),
        ("fixed_size_list<int8>[2147483647]", "fixed_size_list<int8>[2147483647]"),
        ("timestamp[s, Etc/GMT+5]", "timestamp[s, Etc/GMT+5]"),
        ("timestamp[ns, America/Port-au-Prince]", "timestamp[ns, America/Port-au-Prince]"),
    ],
)
def test_what_is_accepted_has_one_spelling(text: str, canonical: str) -> None:
    assert canonical_type(text) == canonical


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("   ", 4),
        ("timestamp[foo]", 11),
        ("timestamp", 10),
        ("timestamp[]", 11),
        ("timestamp[us", 13),
        ("timestamp[us,]", 14),
        ("timestamp[us, UTC, UTC]", 18),
        ("timestamp[us, Mars/Olympus]", 15),
        ("timestamp[us, utc]", 15),
        ("timestamp[us, +01:00]", 15),
        ("timestamp[us, tz=UTC]", 17),
        ("timestamp[us, localtime]", 15),
        ("timestamp[us, Factory]", 15),
        ("timestamp[us, ../UTC]", 15),
        ("list<>", 6),
        ("list", 5),
        ("list<int64", 11),
        ("list<int64>>", 12),
        ("list<int64,int64>", 11),
        ("list[int64]", 5),
        ("struct<>", 8),
        ("struct<a>", 9),
        ("struct<a:>", 10),
        ("struct<:int64>", 8),
        ("struct<a:int64,,b:int64>", 16),
        ("struct<a:int64,>", 16),
        ("struct<a:int64 b:int64>", 16),
        ("struct<a:int64,A:string>", 16),
        ("struct<1a:int64>", 8),
        ("struct<a-b:int64>", 8),
        ("struct<ä:int64>", 8),
        ("fixed_size_list<int8>", 22),
        ("fixed_size_list<int8>[]", 23),
        ("fixed_size_list<int8>[0]", 23),
        ("fixed_size_list<int8>[007]", 23),
        ("fixed_size_list<int8>[²]", 23),
        ("fixed_size_list<int8>[٣]", 23),
        ("fixed_size_list<int8>[+3]", 23),
        ("fixed_size_list<int8>[-3]", 23),
        ("fixed_size_list<int8>[1_0]", 23),
        ("fixed_size_list<int8>[3.0]", 24),
        ("fixed_size_list<int8>[2147483648]", 23),
        ("fixed_size_list<int8>[" + "9" * 5000 + "]", 23),
        ("int64[3]", 6),
        ("int 64", 1),
        ("int64 int64", 7),
        ("INT64", 1),
        ("Bool", 1),
        ("double", 1),
        ("decimal128(3, 2)", 11),
        ("map<string,int64>", 1),
        ("large_binary", 1),
        ("string_view", 1),
        ("int64\u00a0", 6),
        ("int64\x00", 6),
        ("list\u200b<int64>", 5),
    ],
)
def test_anything_else_is_refused_at_its_position(text: str, position: int) -> None:
    with pytest.raises(SchemaError, match=rf"at character {position}: expected "):
        parse_type(text)


@pytest.mark.parametrize("value", [None, 3, b"int64", ["int64"], {}])
def test_what_is_not_text_is_refused(value: object) -> None:
    with pytest.raises(SchemaError, match="as text, found"):
        parse_type(value)  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("double", "float64"),
        ("integer", "int64"),
        ("str", "string"),
        ("int46", "int64"),
        ("lisst<int8>", "list"),
    ],
)
def test_a_likely_slip_is_named(text: str, meant: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_type(text)
    assert caught.value.mend == f"did you mean {meant!r}?"


@pytest.mark.parametrize(
    "constructor", ["list<{}>", "large_list<{}>", "struct<a:{}>", "fixed_size_list<{}>[2]"]
)
def test_nesting_is_allowed_to_its_bound_and_refused_beyond(constructor: str) -> None:
    text = "int64"
    for _ in range(MAX_NESTING):
        text = constructor.format(text)
    assert canonical_type(text) == text
    with pytest.raises(SchemaError, match=f"at most {MAX_NESTING} types inside one another"):
        parse_type(constructor.format(text))


def test_absurd_nesting_is_refused_and_not_followed() -> None:
    with pytest.raises(SchemaError, match="inside one another"):
        parse_type("list<" * 200_000)


def test_a_struct_may_have_very_many_fields() -> None:
    text = f"struct<{','.join(f'f{i}:int8' for i in range(20_000))}>"
    tree = parse_type(text)
    assert isinstance(tree, Struct)
    assert len(tree.fields) == 20_000
    assert str(tree) == text


WORDS = ["list", "struct", "fixed_size_list", "timestamp", "int64", "string", "us", "UTC", "a", "b", "8", "0"]
MARKS = [*"<<<>>>[[]],::, \t\n-'", "²", "\ud800"]
grammar_like = st.lists(st.sampled_from([*WORDS, *MARKS]), max_size=40).map("".join)


@given(text=st.text(max_size=60) | grammar_like)
def test_any_text_is_either_a_type_with_a_fixed_spelling_or_a_schema_error(text: str) -> None:
    try:
        tree = parse_type(text)
    except SchemaError as error:
        assert "at character" in error.message
    else:
        assert parse_type(str(tree)) == tree


@given(text=st.text(max_size=60) | grammar_like)
def test_any_text_is_either_a_column_list_or_a_schema_error(text: str) -> None:
    try:
        pairs = parse_typed_names(text)
    except SchemaError:
        return
    assert parse_typed_names(",".join(f"{name}:{kind}" for name, kind in pairs)) == pairs


def test_a_column_list_is_split_at_top_level_only() -> None:
    pairs = parse_typed_names("x:list<struct<a:int64,b:string>>,t:timestamp[us, UTC], y : int8")
    assert [(name, str(kind)) for name, kind in pairs] == [
        ("x", "list<struct<a:int64,b:string>>"),
        ("t", "timestamp[us, UTC]"),
        ("y", "int8"),
    ]


@given(tree=type_trees)
def test_the_logical_type_forgets_widths_and_nothing_else(tree: TypeTree) -> None:
    assert str(logical_type(tree)) == re.sub(r"large_(string\b(?!:)|list<)", r"\1", str(tree))


def test_types_are_parsed_without_loading_arrow() -> None:
    code = (
        "import sys; from dnadesign.usr.contract.registry import RegistryColumn;"
        "RegistryColumn('a__x', 'list< int8 >'); sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("text", ["quaternion", "list<quaternion>", "7"])
def test_a_type_that_is_like_none_is_answered_with_all_there_are(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_type(text)
    assert str(caught.value.mend).startswith("use one of bool, int8, ")


def test_arrow_reckons_in_every_zone_that_a_type_may_name() -> None:
    epoch = pa.array([0], pa.timestamp("s", "UTC"))
    for zone in sorted(time_zones()):
        pc.strftime(epoch.cast(pa.timestamp("s", zone)), "%Z")
