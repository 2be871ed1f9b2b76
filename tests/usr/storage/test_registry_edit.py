"""One namespace of a registry added or changed in its text: the rest stays as people wrote it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import RegistryError
from dnadesign.usr.contract.registry import USR_STATE, Namespace, Registry, RegistryColumn
from dnadesign.usr.storage.registry_edit import edit_registry
from dnadesign.usr.storage.registry_file import parse_registry, registry_bytes
from tests.usr.contract.registry_examples import namespaces, registries
from tests.usr.contract.type_examples import Draw

HANDWRITTEN = """\
# Registry of our lab
namespaces:
    # reserved; do not touch
    usr_state:
        owner: usr   # us
        columns:   # five
          - {name: usr_state__masked, type: bool}   # masked
          - {name: usr_state__qc_status, type: string}
          - {name: usr_state__split, type: string}

          - {name: usr_state__supersedes, type: string}
          - {name: usr_state__lineage, type: "list<string>"}

    # the designs
    densegen:
        description: >
            folded
            text

        columns:
        # first
        - name: densegen__a   # a
          type: int64         # ta
        # second
        - type: string
          name: densegen__b
        # third
        - name: densegen__c
          type: int64

    # flow
    fl: {columns: [{name: fl__x, type: int8}]}

    # end
"""


def edit(text: str, namespace: Namespace) -> str:
    edited = edit_registry(text.encode(), namespace, source="registry.yaml")
    expected = parse_registry(text.encode(), source="x").with_namespace(namespace)
    assert parse_registry(edited, source="x") == expected
    return edited.decode()


def make(
    name: str, *columns: tuple[str, str], owner: str | None = None, description: str | None = None
) -> Namespace:
    found = tuple(RegistryColumn(f"{name}__{field}", kind) for field, kind in columns)
    return Namespace(name=name, columns=found, owner=owner, description=description)


def test_a_new_namespace_goes_behind_all_else_in_the_layout_of_the_file() -> None:
    new = make("new", ("x", "fixed_size_list<float32>[8]"), ("y", "struct<a:int8,b:string>"), owner="on")
    assert edit(HANDWRITTEN, new) == HANDWRITTEN + (
        "    new:\n"
        "        owner: 'on'\n"
        "        columns:\n"
        "        - name: new__x\n"
        "          type: fixed_size_list<float32>[8]\n"
        "        - name: new__y\n"
        "          type: struct<a:int8,b:string>\n"
    )


def test_a_changed_contract_keeps_each_columns_lines_and_the_comments_above_them() -> None:
    changed = make("densegen", ("c", "int32"), ("a", "int64"), ("n", "list<string>"), owner="me: # x")
    old = HANDWRITTEN[HANDWRITTEN.index("        description: >") : HANDWRITTEN.index("    # flow")]
    assert edit(HANDWRITTEN, changed) == HANDWRITTEN.replace(
        old,
        "        owner: 'me: # x'\n"
        "        description: null\n"
        "\n"
        "        columns:\n"
        "        # first\n"
        "        # second\n"
        "        # third\n"
        "        - name: densegen__c\n"
        "          type: int32\n"
        "        - name: densegen__a   # a\n"
        "          type: int64         # ta\n"
        "        - name: densegen__n\n"
        "          type: list<string>\n"
        "\n",
    )


def test_a_changed_type_changes_one_word() -> None:
    changed = make("densegen", ("a", "int8"), ("b", "string"), ("c", "int64"), description="folded text\n")
    assert edit(HANDWRITTEN, changed) == HANDWRITTEN.replace(
        "type: int64         # ta", "type: int8         # ta"
    )


def test_a_contract_in_braces_stays_in_braces() -> None:
    changed = make("fl", ("x", "struct<a:int8,b:int8>"), ("y", "timestamp[us, UTC]"), owner="a, }")
    assert edit(HANDWRITTEN, changed) == HANDWRITTEN.replace(
        "fl: {columns: [{name: fl__x, type: int8}]}",
        'fl: {owner: "a, }", columns: [{name: fl__x, type: "struct<a:int8,b:int8>"}, '
        '{name: fl__y, type: "timestamp[us, UTC]"}]}',
    )


def test_the_owner_of_the_state_namespace_can_be_edited_in_place() -> None:
    changed = Namespace(name="usr_state", columns=USR_STATE.columns, owner="them")
    assert edit(HANDWRITTEN, changed) == HANDWRITTEN.replace("owner: usr   # us", "owner: them   # us")


def test_what_is_registered_already_changes_no_byte() -> None:
    registry = parse_registry(HANDWRITTEN.encode(), source="x")
    for namespace in registry:
        assert edit(HANDWRITTEN, namespace) == HANDWRITTEN


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n...\n", "\n# end"])
def test_line_ends_and_the_end_of_the_document_are_kept(ending: str, end: str) -> None:
    text = ("---\n" + registry_bytes(Registry((USR_STATE,))).decode().rstrip() + end).replace("\n", ending)
    edited = edit(text, make("new", ("x", "int8")))
    assert edited.count("\n") == edited.count(ending)
    assert edited.rstrip().endswith("...") == end.startswith("\n...")


def test_a_file_in_an_unusual_layout_without_comments_is_written_anew_in_its_order() -> None:
    registry = Registry((USR_STATE, make("a", ("x", "int8")), make("z", ("x", "int8"))))
    spaces = {name: registry.namespace(name).normal_form() for name in ("z", "usr_state", "a")}
    edited = edit(json.dumps({"namespaces": spaces}), make("b", ("x", "int8")))
    assert re.findall(r"^  (\w+):$", edited, re.MULTILINE) == ["z", "usr_state", "a", "b"]


def test_a_layout_that_cannot_be_edited_without_losing_comments_is_refused_with_what_to_write() -> None:
    text = "# ours\n" + json.dumps({"namespaces": {"usr_state": USR_STATE.normal_form()}})
    with pytest.raises(RegistryError) as caught:
        edit(text, make("new", ("x", "int8")))
    assert "new__x" in str(caught.value.mend)


def test_comments_within_brackets_are_never_dropped() -> None:
    text = HANDWRITTEN.replace("[{name: fl__x, type: int8}]", "[\n  # the x\n  {name: fl__x, type: int8}]")
    with pytest.raises(RegistryError, match="losing comments"):
        edit(text, make("fl", ("y", "int8")))


@given(registry=registries, namespace=namespaces())
def test_any_contract_can_be_put_into_any_normal_form(registry: Registry, namespace: Namespace) -> None:
    edit(registry_bytes(registry).decode(), namespace)


@dataclass
class Writer:
    """Writes registries the way people do: any indentation, comments anywhere, each with a number."""

    draw: Draw
    comments: int = 0

    def number(self, *choices: int) -> int:
        return self.draw(st.sampled_from(choices))

    def comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}."

    def aside(self) -> str:
        return f"  {self.comment()}" if self.draw(st.booleans()) else ""

    def between(self, indent: int) -> list[str]:
        lines = [
            " " * self.draw(st.integers(0, indent)) + self.comment() for _ in range(self.number(0, 0, 1, 2))
        ]
        return [*lines, *[""] * self.number(0, 0, 1)]

    def scalar(self, text: str | None) -> str:
        if text is None:
            return self.draw(st.sampled_from(["null", "~", ""]))
        return yaml.safe_dump(text, default_style='"', width=1 << 30).rstrip("\n")

    def column(self, column: RegistryColumn, dash: int) -> list[str]:
        name, kind = f"name: {column.name}", f"type: {self.scalar(column.type)}"
        pair = [name, kind] if self.draw(st.booleans()) else [kind, name]
        indent, gap = " " * dash, " " * self.number(1, 1, 3)
        if self.draw(st.booleans()):
            return [f"{indent}-{gap}{{{', '.join(pair)}}}{self.aside()}"]
        return [f"{indent}-{gap}{pair[0]}{self.aside()}", f"{indent} {gap}{pair[1]}{self.aside()}"]

    def namespace(self, namespace: Namespace, key: int, name: str) -> list[str]:
        part = key + self.number(1, 2, 4)
        dash = part + self.number(0, 0, 2)
        notes = [(aspect, getattr(namespace, aspect)) for aspect in ("owner", "description")]
        columns = [f"{' ' * part}columns:{self.aside()}"]
        for column in namespace.columns:
            columns += [*self.between(dash), *self.column(column, dash)]
        blocks = [
            [f"{' ' * part}{a}: {self.scalar(n)}{self.aside()}"] for a, n in notes if n or self.number(0, 1)
        ]
        ordered = self.draw(st.permutations([columns, *blocks]))
        lines = [line for block in ordered for line in [*self.between(part), *block]]
        return [f"{' ' * key}{name}:{self.aside()}", *lines]

    def registry(self, registry: Registry) -> list[str]:
        key = self.number(1, 2, 4)
        lines = [*self.between(0), f"namespaces:{self.aside()}"]
        for namespace in self.draw(st.permutations(registry.namespaces)):
            lines += [*self.between(key), *self.namespace(namespace, key, f'"{namespace.name}"')]
        return [*lines, *self.between(key)]


@given(registry=registries, data=st.data())
def test_adding_a_namespace_leaves_every_line_in_its_place(registry: Registry, data: st.DataObject) -> None:
    text = "\n".join(Writer(data.draw).registry(registry)) + data.draw(st.sampled_from(["", "\n"]))
    names = {namespace.name for namespace in registry}
    new = data.draw(namespaces().filter(lambda namespace: namespace.name not in names))
    assert edit(text, new).startswith(text)


@given(registry=registries, data=st.data())
def test_changing_a_namespace_leaves_the_others_and_all_comments(
    registry: Registry, data: st.DataObject
) -> None:
    lines = Writer(data.draw).registry(registry)
    old = data.draw(st.sampled_from(registry.namespaces))
    if old.name == "usr_state":
        new = Namespace(
            name="usr_state", columns=tuple(data.draw(st.permutations(old.columns))), owner="new owner"
        )
    else:
        kept = data.draw(st.lists(st.sampled_from(old.columns), max_size=4, unique=True))
        other = data.draw(namespaces(old.name))
        fresh = [c for c in other.columns if c.name.lower() not in {k.name.lower() for k in kept}]
        columns = (*kept, *fresh) or other.columns
        new = Namespace(name=old.name, columns=columns, owner=other.owner, description=other.description)
    edited = edit("\n".join(lines) + "\n", new)
    gone = {column.name for column in old.columns} - {column.name for column in new.columns}
    went_along = _comments_on_lines_of(lines, gone)
    assert set(_comments("\n".join(lines))) - set(_comments(edited)) <= went_along
    assert len(_comments(edited)) == len(set(_comments(edited)))
    for namespace in registry:
        if namespace.name != old.name:
            assert _section(lines, namespace.name) in edited


def _comments(text: str) -> list[str]:
    return re.findall(r"# c\d+\.", text)


def _comments_on_lines_of(lines: list[str], columns: set[str]) -> set[str]:
    """The comments on the lines that say name and type of these columns."""
    found: set[str] = set()
    for i, line in enumerate(lines):
        if any(re.search(rf"name: {name}\b", line) for name in columns):
            first = i if line.lstrip().startswith("-") else i - 1
            last = i if "{" in line or first < i else i + 1
            found |= {comment for line in lines[first : last + 1] for comment in _comments(line)}
    return found


def _section(lines: list[str], name: str) -> str:
    """A namespace's own lines, from its name to the last that is indented deeper and no comment."""
    first = next(i for i, line in enumerate(lines) if re.match(rf' +"{name}":', line))
    indent = len(lines[first]) - len(lines[first].lstrip())
    last = first
    for i in range(first + 1, len(lines)):
        content = lines[i].lstrip()
        if content and not content.startswith("#"):
            if len(lines[i]) - len(content) <= indent:
                break
            last = i
    return "\n".join(lines[first : last + 1]) + "\n"
