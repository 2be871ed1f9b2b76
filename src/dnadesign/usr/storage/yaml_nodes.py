"""A strict, bounded YAML reader: plain mappings, lists and scalars, each with its place in the file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 8

LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads the same, ten times faster
_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_RESOLVER = yaml.resolver.Resolver()


class YamlProblem(Exception):
    """What is wrong, and where; ``line`` and ``column`` count from 1."""

    def __init__(self, problem: str, line: int, column: int, mend: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: line and column count from 1, start and end from 0 in characters of the text."""

    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without parts; ``kind`` is ``string``, ``null`` or another YAML type's name such as ``int``."""

    text: str
    kind: str
    at: Place


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list; ``flow`` says that it is written in brackets."""

    items: tuple[Node, ...]
    at: Place
    flow: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys to values, in order; keys are strings and occur once. ``flow`` says that it is written in braces."""

    entries: tuple[tuple[Scalar, Node], ...]
    at: Place
    flow: bool

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for name, value in self.entries if name.text == key), None)


type Node = Scalar | Sequence | Mapping


def problem_at(node: Node, problem: str, mend: str | None = None) -> YamlProblem:
    """A problem with the place of a node."""
    return YamlProblem(problem, node.at.line, node.at.column, mend)


def describe_node(node: Node) -> str:
    """What a node is, for messages."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if node.kind == "null":
        return "nothing"
    return f"the {node.kind} {node.text!r:.60}"


def read_yaml(data: bytes, *, loader: type = LOADER) -> Node:
    """Read one YAML document.

    Anchors, aliases and tags are refused (none of them is needed, and they can expand without bound), as are
    repeated keys, keys that are not strings, several documents, and what is too long or nested too deeply.

    Raises:
        YamlProblem: The text is not such a document.
    """
    if len(data) > MAX_BYTES:
        raise YamlProblem(f"expected at most {MAX_BYTES} bytes, found {len(data)}", 1, 1)
    text = decode_yaml(data)
    try:
        return _build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        in_line = "".join(text.split("\n")[line - 1 : line])
        mend = "indent with spaces, not tabs" if "\t" in in_line else None
        raise YamlProblem(f"not YAML: {error.problem or error.context}", line, column, mend) from None
    except yaml.reader.ReaderError as error:
        raise YamlProblem(f"not YAML: {error.reason} at character {error.position + 1}", 1, 1) from None
    except (ValueError, OverflowError) as error:  # an escape or a version number beyond what Python can hold
        raise YamlProblem(f"not YAML: {error}", 1, 1) from None


def decode_yaml(data: bytes) -> str:
    """The text of a YAML file, without a byte order mark.

    Raises:
        YamlProblem: It is not UTF-8.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise YamlProblem(
            f"byte {data[error.start]:#04x} is not UTF-8", line, column, "save it as UTF-8"
        ) from None


class _Open:
    """A list or mapping whose end is not read yet."""

    __slots__ = ("at", "children", "flow", "is_mapping", "keys")

    def __init__(self, at: Place, *, is_mapping: bool, flow: bool) -> None:
        self.at = at
        self.is_mapping = is_mapping
        self.flow = flow
        self.children: list[Node] = []
        self.keys: set[str] = set()

    def add(self, node: Node) -> None:
        if self.is_mapping and len(self.children) % 2 == 0:
            if not isinstance(node, Scalar) or node.kind != "string":
                raise problem_at(
                    node, f"expected a key as text, found {describe_node(node)}", "put it in quotes"
                )
            if node.text in self.keys:
                raise problem_at(node, f"key {node.text!r} is there twice", "remove one of the two")
            self.keys.add(node.text)
        self.children.append(node)

    def closed(self, end: int) -> Node:
        if not self.flow and self.children:  # the parser ends a block only where the next thing starts
            end = self.children[-1].at.end
        at = replace(self.at, end=end)
        if not self.is_mapping:
            return Sequence(tuple(self.children), at, self.flow)
        keys = (node for node in self.children[::2] if isinstance(node, Scalar))
        return Mapping(tuple(zip(keys, self.children[1::2], strict=True)), at, self.flow)


def _build(events: Iterator[yaml.Event]) -> Node:
    stack: list[_Open] = []
    root: Node | None = None
    for event in events:
        at = _place(event)
        _refuse_extras(event, at, has_root=root is not None)
        node: Node | None = None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) >= MAX_DEPTH:
                raise YamlProblem(f"expected at most {MAX_DEPTH} levels", at.line, at.column)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            stack.append(_Open(at, is_mapping=is_mapping, flow=bool(event.flow_style)))
        elif isinstance(event, yaml.CollectionEndEvent):
            node = stack.pop().closed(at.end)
        elif isinstance(event, yaml.ScalarEvent):
            node = Scalar(event.value, _kind(event), at)
        if node is not None and stack:
            stack[-1].add(node)
        elif node is not None:
            root = node
    if root is None:
        raise YamlProblem("the file is empty", 1, 1)
    return root


def _place(event: yaml.Event) -> Place:
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        return Place(1, 1, 0, 0)
    return Place(start.line + 1, start.column + 1, start.index, end.index)


def _refuse_extras(event: yaml.Event, at: Place, *, has_root: bool) -> None:
    if isinstance(event, yaml.DocumentStartEvent) and has_root:
        raise YamlProblem("expected one document, found another", at.line, at.column)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise YamlProblem("anchors and aliases are not allowed", at.line, at.column, "write the value out")
    if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
        raise YamlProblem("tags are not allowed", at.line, at.column, "remove the word that starts with !")


def _kind(event: yaml.ScalarEvent) -> str:
    if not event.implicit[0]:  # quoted, or a block
        return "string"
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call] # stub
    return {_STRING: "string", _NULL: "null"}.get(tag, tag.rpartition(":")[2])
