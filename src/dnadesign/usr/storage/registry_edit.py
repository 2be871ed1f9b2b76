"""One namespace of ``registry.yaml`` added or changed in the text itself: all else stays as people wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from dnadesign.usr.contract.errors import RegistryError
from dnadesign.usr.contract.registry import Namespace, Registry, RegistryColumn
from dnadesign.usr.storage.registry_file import parse_registry
from dnadesign.usr.storage.yaml_nodes import Mapping, Node, Scalar, Sequence, decode_yaml, read_yaml

_NO_FOLDING = 1 << 30
_ASPECTS = ("owner", "description")


def edit_registry(data: bytes, namespace: Namespace, *, source: str) -> bytes:
    """A registry file with one namespace added or replaced; comments, order and layout are kept.

    Only a comment on the very line of a column that goes is lost. A file in an unusual layout is written anew if it
    has no comments at all.

    Args:
        data: The file as it is; it must be valid.
        namespace: The contract to put in.
        source: The file's name, for messages.

    Raises:
        RegistryError: The file is not valid, or its layout cannot be edited without losing comments.
    """
    before = parse_registry(data, source=source)
    after = before.with_namespace(namespace)
    if after == before:
        return data
    text = decode_yaml(data)
    for edited in (_spliced(text, namespace), _written_anew(text, after)):
        if edited is not None and _reads_as(edited, after):
            return edited.encode()
    raise RegistryError(
        f"{source}: namespace {namespace.name!r} cannot be put into this layout without losing comments",
        mend=f"put this under 'namespaces' by hand:\n{_block(namespace, _Layout())}",
    )


def _reads_as(text: str, registry: Registry) -> bool:
    try:
        return parse_registry(text.encode(), source="") == registry
    except RegistryError:
        return False


def _written_anew(text: str, after: Registry) -> str | None:
    spaces = _namespaces(text)
    if "#" in text or spaces is None:
        return None
    had = [key.text for key, _ in spaces.entries]
    order = sorted(after, key=lambda n: had.index(n.name) if n.name in had else len(had))
    return yaml.safe_dump({"namespaces": {n.name: n.normal_form() for n in order}}, sort_keys=False)


def _namespaces(text: str) -> Mapping | None:
    root = read_yaml(text.encode())
    found = root.get("namespaces") if isinstance(root, Mapping) else None
    return found if isinstance(found, Mapping) else None


@dataclass(frozen=True, slots=True)
class _Layout:
    """How far a namespace, its parts and the dashes of its columns are indented, and how lines end."""

    key: int = 2
    part: int = 4
    dash: int = 4
    newline: str = "\n"


@dataclass(frozen=True, slots=True)
class _Splice:
    """New text for a stretch of the old."""

    start: int
    end: int
    text: str


def _spliced(text: str, namespace: Namespace) -> str | None:
    spaces = _namespaces(text)
    if spaces is None or spaces.flow:
        return None
    layout = _layout(text, spaces)
    entry = spaces.get(namespace.name)
    if isinstance(entry, Mapping):
        splices = _changes(text, entry, namespace, layout)
    else:
        splices = [_addition(text, spaces, _block(namespace, layout), layout.newline)]
    if splices is None:
        return None
    for splice in sorted(splices, key=lambda s: s.start, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    return text


def _layout(text: str, spaces: Mapping) -> _Layout:
    """The layout of the last namespace that is written in lines."""
    newline = "\r\n" if "\r\n" in text else "\n"
    key = spaces.at.column - 1
    layout = _Layout(key=key, part=key + 2, dash=key + 2, newline=newline)
    for _, entry in spaces.entries:
        if isinstance(entry, Mapping) and not entry.flow:
            part = entry.at.column - 1
            columns = entry.get("columns")
            in_lines = isinstance(columns, Sequence) and not columns.flow
            layout = _Layout(key, part, columns.at.column - 1 if columns and in_lines else part, newline)
    return layout


def _block(namespace: Namespace, layout: _Layout) -> str:
    lines = [f"{' ' * layout.key}{_scalar(namespace.name)}:"]
    for aspect in _ASPECTS:
        note = getattr(namespace, aspect)
        if note is not None:
            lines.append(f"{' ' * layout.part}{aspect}: {_scalar(note)}")
    lines.append(f"{' ' * layout.part}columns:")
    columns = "".join(_column_block(column, layout.dash, layout.newline) for column in namespace.columns)
    return layout.newline.join(lines) + layout.newline + columns


def _column_block(column: RegistryColumn, dash: int, newline: str) -> str:
    indent = " " * dash
    return f"{indent}- name: {_scalar(column.name)}{newline}{indent}  type: {_scalar(column.type)}{newline}"


def _scalar(text: str, *, quoted: bool = False) -> str:
    """A scalar on one line; ``quoted`` where commas and brackets would have a meaning."""
    if not quoted:
        line = (
            yaml.safe_dump({"": text}, allow_unicode=True, width=_NO_FOLDING).partition(": ")[2].rstrip("\n")
        )
        if line.isprintable():  # YAML knows more line breaks than the obvious ones
            return line
    return yaml.safe_dump(text, allow_unicode=True, width=_NO_FOLDING, default_style='"').rstrip("\n")


def _addition(text: str, spaces: Mapping, block: str, newline: str) -> _Splice:
    """Behind everything, also behind the comments at the end of the file."""
    marker = re.compile(r"^\.\.\.", re.MULTILINE).search(text, spaces.at.end)
    place = marker.start() if marker else len(text)
    ended = text[:place].endswith("\n")
    return _Splice(place, place, block if ended else newline + block)


def _changes(text: str, entry: Mapping, namespace: Namespace, layout: _Layout) -> list[_Splice] | None:
    splices = [*_note_changes(text, entry, namespace, layout)]
    columns = entry.get("columns")
    if not isinstance(columns, Sequence):
        return None
    if _stored_columns(columns) != [(column.name, column.type) for column in namespace.columns]:
        change = (
            _flow_change(text, columns, namespace)
            if columns.flow
            else _block_change(text, columns, namespace, layout)
        )
        if change is None:
            return None
        splices.append(change)
    return splices


def _stored_columns(columns: Sequence) -> list[tuple[str, str]]:
    found = (_parts(item) for item in columns.items)
    return [(name.text, kind.text) for name, kind in found]


def _parts(item: Node) -> tuple[Scalar, Scalar]:
    assert isinstance(item, Mapping)  # noqa: S101 - the file was read as a valid registry before
    name, kind = item.get("name"), item.get("type")
    assert isinstance(name, Scalar)  # noqa: S101 - see above
    assert isinstance(kind, Scalar)  # noqa: S101 - see above
    return name, kind


def _note_changes(text: str, entry: Mapping, namespace: Namespace, layout: _Layout) -> Iterator[_Splice]:
    for aspect in _ASPECTS:
        node, note = entry.get(aspect), getattr(namespace, aspect)
        had = node.text if isinstance(node, Scalar) and node.kind == "string" and node.text else None
        if note == had:
            continue
        value = "null" if note is None else _scalar(note, quoted=entry.flow)
        if isinstance(node, Scalar):
            yield _replaced(text, node, value)
        elif entry.flow:
            yield _Splice(entry.at.start + 1, entry.at.start + 1, f"{aspect}: {value}, ")
        else:
            place = _line_start(text, entry.at.start)
            indent = " " * (entry.at.column - 1)
            yield _Splice(place, place, f"{indent}{aspect}: {value}{layout.newline}")


def _flow_change(text: str, columns: Sequence, namespace: Namespace) -> _Splice | None:
    if "#" in text[columns.at.start : columns.at.end]:
        return None
    items = (
        f"{{name: {column.name}, type: {_scalar(column.type, quoted=True)}}}" for column in namespace.columns
    )
    return _Splice(columns.at.start, columns.at.end, f"[{', '.join(items)}]")


def _block_change(text: str, columns: Sequence, namespace: Namespace, layout: _Layout) -> _Splice | None:
    """Keep each column's lines, and the comment above them, with the column."""
    start = end = _line_start(text, columns.at.start)
    wanted = namespace.types
    kept: dict[str, str] = {}
    above = ""
    for item in columns.items:
        name, kind = _parts(item)
        item_start = _line_start(text, item.at.start)
        if item_start < end or not text[item_start : item.at.start].lstrip().startswith("-"):
            return None
        above += text[end:item_start]
        end = _line_end(text, item.at.end)
        if name.text not in wanted:
            continue
        lines = text[item_start:end]
        if kind.text != wanted[name.text]:
            is_flow = isinstance(item, Mapping) and item.flow
            new = _replaced(text, kind, _scalar(wanted[name.text], quoted=is_flow))
            lines = text[item_start : new.start] + new.text + text[new.end : end]
        kept[name.text] = above + (lines if lines.endswith("\n") else lines + layout.newline)
        above = ""
    dash = columns.at.column - 1
    blocks = (kept.get(c.name) or _column_block(c, dash, layout.newline) for c in namespace.columns)
    return _Splice(start, end, "".join(blocks) + above)


def _replaced(text: str, node: Scalar, value: str) -> _Splice:
    """Another value for a scalar; white space behind it, as a block has, stays."""
    written = text[node.at.start : node.at.end].rstrip()
    return _Splice(node.at.start, node.at.start + len(written), value if written else f" {value}")


def _line_start(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def _line_end(text: str, place: int) -> int:
    """Behind the line break of the line on which what ends at ``place`` has its last character."""
    place = len(text[:place].rstrip())
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1
