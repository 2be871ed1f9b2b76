"""The strict YAML reader: what it reads, where things stand, and what it refuses in bounded time."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.storage.yaml_nodes import (
    LOADER,
    MAX_BYTES,
    MAX_DEPTH,
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlProblem,
    read_yaml,
)

LOADERS = [LOADER, yaml.SafeLoader]


def plain(node: Node) -> object:
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return None if node.kind == "null" else node.text


def problem(data: bytes, loader: type = LOADER) -> YamlProblem:
    with pytest.raises(YamlProblem) as caught:
        read_yaml(data, loader=loader)
    return caught.value


def nodes(node: Node) -> list[Node]:
    found = [node]
    if isinstance(node, Mapping):
        found += [inner for pair in node.entries for part in pair for inner in nodes(part)]
    if isinstance(node, Sequence):
        found += [inner for item in node.items for inner in nodes(item)]
    return found


# what PyYAML writes for a text of the three rarer line breaks is not that text to any reader
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=8)
trees = st.recursive(
    st.none() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
).filter(lambda tree: _depth(tree) <= MAX_DEPTH)


def _depth(tree: object) -> int:
    if isinstance(tree, dict):
        tree = list(tree.values())
    return 1 + max(map(_depth, tree), default=0) if isinstance(tree, list) else 0


@given(tree=trees, flow=st.sampled_from([True, False, None]), loader=st.sampled_from(LOADERS))
def test_what_yaml_writes_is_read_back(tree: object, flow: bool | None, loader: type) -> None:
    data = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True).encode()
    assert plain(read_yaml(data, loader=loader)) == tree


@given(tree=trees, flow=st.sampled_from([True, False, None]))
def test_both_parsers_put_everything_in_the_same_place(tree: object, flow: bool | None) -> None:
    data = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True).encode()
    assert read_yaml(data, loader=LOADER) == read_yaml(data, loader=yaml.SafeLoader)


@pytest.mark.parametrize("loader", LOADERS)
def test_the_place_of_a_node_is_its_own_text(loader: type) -> None:
    text = '# é 😀\na:  # note\n  - {b: "x y"}   # note\n  - plain words # note\n\nc: [1, 2]\n'
    root = read_yaml(text.encode(), loader=loader)
    assert [text[node.at.start : node.at.end] for node in nodes(root)][2:] == [
        '- {b: "x y"}   # note\n  - plain words',
        '{b: "x y"}',
        "b",
        '"x y"',
        "plain words",
        "c",
        "[1, 2]",
        "1",
        "2",
    ]
    scalars = [node for node in nodes(root) if isinstance(node, Scalar)]
    assert [(node.at.line, node.at.column) for node in scalars][:4] == [(2, 1), (3, 6), (3, 9), (4, 5)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a", "string"),
        ("'3'", "string"),
        ('"null"', "string"),
        ("|\n  3", "string"),
        ("3", "int"),
        ("0x1F", "int"),
        ("12:30:45", "int"),
        ("1.5", "float"),
        (".nan", "float"),
        ("on", "bool"),
        ("true", "bool"),
        ("2026-01-01", "timestamp"),
        ("~", "null"),
        ("null", "null"),
    ],
)
def test_a_scalar_is_of_the_kind_that_yaml_takes_it_for(text: str, kind: str) -> None:
    node = read_yaml(text.encode())
    assert isinstance(node, Scalar)
    assert node.kind == kind


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"", (1, 1), "empty"),
        (b"# only a comment\n", (1, 1), "empty"),
        (b"a: 1\nb: 2\na: 3\n", (3, 1), "key 'a' is there twice"),
        (b"{a: 1, 'a': 2}", (1, 8), "key 'a' is there twice"),
        (b"3: a", (1, 1), "expected a key as text, found the int '3'"),
        (b"on: a", (1, 1), "found the bool 'on'"),
        (b"~: a", (1, 1), "found nothing"),
        (b"? [a]\n: b", (1, 3), "found a list"),
        (b"<<: {a: b}", (1, 1), "found the merge '<<'"),
        (b"a: &x b", (1, 4), "anchors and aliases"),
        (b"a: *x", (1, 4), "anchors and aliases"),
        (b"a: &x [b]\nc: *x", (1, 4), "anchors and aliases"),
        (b"a: !!python/object:os.system b", (1, 4), "tags are not allowed"),
        (b"!!map {}", (1, 1), "tags are not allowed"),
        (b"a: ! b", (1, 4), "tags are not allowed"),
        (b"a\n---\nb", (2, 1), "expected one document"),
        (b"[" * 9, (1, 9), "at most 8 levels"),
        (b"[a, b", None, "not YAML"),
        (b"a: b\n c: d", (2, 3), "not YAML"),
        (b"a:\n\t- b", (2, 1), "not YAML"),
        (b"a: \xff", (1, 4), "byte 0xff is not UTF-8"),
        (b"\xc3\xa9\n\xc3\xa9\xff", (2, 2), "byte 0xff is not UTF-8"),
        (b"a\x00", (1, 1), "not YAML"),
        (b'"\\U0011ffff"', None, "not YAML"),
        (b"%YAML 1." + b"9" * 5000 + b"\n---\na", None, "not YAML"),
        (b"%YAML 3.0\n---\na", None, "not YAML"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(
    data: bytes, place: tuple[int, int] | None, words: str, loader: type
) -> None:
    found = problem(data, loader)
    assert words in found.problem
    assert place is None or (found.line, found.column) == place


def test_a_tab_is_named_as_such() -> None:
    assert problem(b"a:\n\tb: c").mend == "indent with spaces, not tabs"


def test_a_byte_order_mark_is_not_part_of_the_text() -> None:
    root = read_yaml("\ufeffa: b".encode())
    assert plain(root) == {"a": "b"}
    assert nodes(root)[1].at.start == 0


def test_what_is_too_long_is_refused() -> None:
    assert "at most" in problem(b"#" * (MAX_BYTES + 1)).problem
    assert "empty" in problem(b"#" * MAX_BYTES).problem


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 500_000,
        b"[\n" * 500_000,
        b"{a: " * 250_000,
        b"- " * 500_000,
        b"? " * 500_000,
        b"&a " * 300_000,
        b"!!a " * 250_000,
        b": " * 500_000,
        b'"' + b"\\n" * 400_000,
        b"|\n" + b" a\n" * 300_000 + b"b",
        b"[" + b"[]," * 30_000,
        b"[" + b"a, " * 50_000,
        b"a: [" + b"{b: c}, " * 20_000,
    ],
    ids=lambda data: ascii(data[:8]),
)
def test_hostile_input_is_refused_soon(data: bytes) -> None:
    problem(data)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_either_a_document_or_a_problem(data: bytes) -> None:
    for loader in LOADERS:
        try:
            found = read_yaml(data, loader=loader)
        except YamlProblem as refused:
            assert refused.line >= 1
            assert refused.column >= 1
        else:
            assert isinstance(found, Scalar | Sequence | Mapping)


yaml_like = st.lists(
    st.sampled_from(
        [
            *"ab:,-?[]{}#&*!|>'\"%@` \t\n\r",
            "\n  ",
            "\n- ",
            ": ",
            "---\n",
            "...\n",
            "<<",
            "\\x",
            "\u2028",
            "\x85",
        ]
    ),
    max_size=30,
).map("".join)


@given(text=yaml_like)
def test_anything_like_yaml_is_either_a_document_or_a_problem(text: str) -> None:
    for loader in LOADERS:
        try:
            found = read_yaml(text.encode(), loader=loader)
        except YamlProblem:
            continue
        for node in nodes(found):
            assert 0 <= node.at.start <= node.at.end <= len(text)
