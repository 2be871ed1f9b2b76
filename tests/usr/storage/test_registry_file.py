"""``registry.yaml`` and frozen registries: read strictly, hashed in normal form."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import RegistryError, SequencesError, StorageError
from dnadesign.usr.contract.layout import frozen_file
from dnadesign.usr.contract.registry import USR_STATE, Namespace, Registry, RegistryColumn
from dnadesign.usr.storage.registry_file import (
    contract_hash_of,
    load_registry,
    load_snapshot,
    parse_registry,
    registry_bytes,
    registry_hash,
    registry_hash_of,
)
from dnadesign.usr.storage.yaml_nodes import MAX_BYTES
from tests.usr.contract.registry_examples import namespaces, registries

STATE = registry_bytes(Registry((USR_STATE,))).decode()

# Two registries as an earlier writer of the format left them, and the hashes that it gave them
OLDER = {
    "65db787e01d6b34c43e5a4f4068466655ca5ec21e82f9b688eb60ee816b67874": Namespace(
        name="densegen",
        columns=(
            RegistryColumn("densegen__vec", "fixed_size_list<float32>[8]"),
            RegistryColumn("densegen__sites", "list<struct<tf:string,offset:int64>>"),
            RegistryColumn("densegen__meta", "struct<name:string,gc:float64>"),
            RegistryColumn("densegen__plan", "string"),
        ),
        owner="densegen",
        description="nested parts",
    ),
    "32c1030eb2fc3428c4a25832fda461a2f22d07648f00588f21c5bb3d03a8c21c": Namespace(
        name="mock",
        columns=(
            RegistryColumn("mock__score", "float64"),
            RegistryColumn("mock__label", "string"),
            RegistryColumn("mock__vec", "list<float64>"),
        ),
        owner="fixture",
        description="file overlay",
    ),
}


def refusal(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(RegistryError) as caught:
        parse_registry(data, source="registry.yaml")
    return str(caught.value)


@pytest.mark.parametrize("expected", OLDER)
def test_the_hash_is_that_of_older_writers(expected: str) -> None:
    registry = Registry((OLDER[expected], USR_STATE))
    assert registry_hash_of(registry) == expected
    assert parse_registry(registry_bytes(registry), source="x") == registry


@given(registry=registries)
def test_the_normal_form_reads_back_as_the_same_registry(registry: Registry) -> None:
    data = registry_bytes(registry)
    assert parse_registry(data, source="x") == registry
    assert registry_bytes(parse_registry(data, source="x")) == data
    assert hashlib.sha256(data).hexdigest() == registry_hash_of(registry)


@given(registry=registries)
def test_the_normal_form_is_what_yaml_makes_of_plain_values(registry: Registry) -> None:
    spaces = {
        space.name: {
            "owner": space.owner,
            "description": space.description,
            "columns": [{"name": column.name, "type": column.type} for column in space.columns],
        }
        for space in registry
    }
    assert registry_bytes(registry) == yaml.safe_dump({"namespaces": spaces}, sort_keys=True).encode("utf-8")


@given(a=registries, b=registries)
def test_registries_have_the_same_hash_exactly_if_they_are_equal(a: Registry, b: Registry) -> None:
    assert (registry_hash_of(a) == registry_hash_of(b)) == (a == b)


@given(namespace=namespaces())
def test_the_contract_hash_is_over_name_and_columns_alone(namespace: Namespace) -> None:
    columns = [{"name": column.name, "type": column.type} for column in namespace.columns]
    text = yaml.safe_dump({"namespace": namespace.name, "columns": columns}, sort_keys=True)
    assert contract_hash_of(namespace) == hashlib.sha256(text.encode("utf-8")).hexdigest()
    edited = Namespace(name=namespace.name, columns=namespace.columns, owner="someone else")
    assert contract_hash_of(edited) == contract_hash_of(namespace)


def test_spelling_order_quotes_and_comments_do_not_change_the_hash(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(
        "# ours\nnamespaces:\n"
        "  usr_state: {columns: [{name: usr_state__masked, type: bool}, {type: string, name: usr_state__qc_status},\n"
        "    {name: 'usr_state__split', type: ' string '}, {name: usr_state__supersedes, type: string},\n"
        "    {name: usr_state__lineage, type: 'list < string >'}], owner: usr,\n"
        f"    description: {USR_STATE.description}}}\n"
        "  mock:\n    description: ''\n    owner: ~\n    columns:\n"
        "      - name: mock__when  # UTC\n        type: timestamp[us,UTC]\n"
    )
    mock = Namespace(name="mock", columns=(RegistryColumn("mock__when", "timestamp[us, UTC]"),))
    assert load_registry(tmp_path) == Registry((USR_STATE, mock))
    assert registry_hash(tmp_path) == registry_hash_of(Registry((mock, USR_STATE)))


def test_the_order_of_columns_changes_the_hash() -> None:
    x, y = RegistryColumn("a__x", "int8"), RegistryColumn("a__y", "int8")
    a, b = (Registry((USR_STATE, Namespace(name="a", columns=columns))) for columns in ((x, y), (y, x)))
    assert registry_hash_of(a) != registry_hash_of(b)


MOCK = STATE + "  mock:\n    columns:\n    - name: mock__x\n      type: int8\n"


def test_the_example_that_the_next_test_spoils_is_valid() -> None:
    assert parse_registry(MOCK.encode(), source="x").column_type("mock__x") == "int8"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("namespaces:", "namespace:", "1:1", "unknown key 'namespace', expected namespaces"),
        ("namespaces:", "extra: 1\nnamespaces:", "1:1", "unknown key 'extra'"),
        ("  mock:", "  usr:", "16:3", "'usr' is built in"),
        ("  mock:", "  Mock:", "16:3", "'Mock' is not a namespace"),
        ("  mock:", "  mo__ck:", "16:3", "is not a namespace"),
        ("  mock:", "  usr_state:", "16:3", "key 'usr_state' is there twice"),
        ("  mock:", "  3:", "16:3", "expected a key as text, found the int '3'"),
        ("  mock:\n", "  mock:\n    owner: 3\n", "17:12", "expected text, found the int '3'"),
        ("  mock:\n", "  mock:\n    owner: yes\n", "17:12", "expected text, found the bool 'yes'"),
        ("  mock:\n", "  mock:\n    owner: 2026-01-01\n", "17:12", "expected text, found the timestamp"),
        ("  mock:\n", "  mock:\n    owner: [me]\n", "17:12", "expected text, found a list"),
        ("  mock:\n", "  mock:\n    description: {a: b}\n", "17:18", "expected text, found a mapping"),
        ("  mock:\n", "  mock:\n    ovner: me\n", "17:5", "did you mean 'owner'?"),
        ("    - name: mock__x\n      type: int8\n", "", "17:13", "expected a list of columns, found nothing"),
        ("\n    - name: mock__x\n      type: int8\n", " []\n", "17:14", "found an empty list"),
        ("\n    - name: mock__x\n      type: int8\n", " mock__x:int8\n", "17:14", "found the string"),
        ("    columns:\n    - name: mock__x\n      type: int8\n", "    owner: me\n", "17:5", "'columns' is missing"),
        ("  mock:\n    columns:\n    - name: mock__x\n      type: int8\n", "  mock:\n", "16:8", "expected a mapping"),
        ("      type: int8\n", "", "18:7", "'type' is missing"),
        ("    - name: mock__x\n      type: int8\n", "    - mock__x\n", "18:7", "expected a mapping, found the string"),
        ("type: int8", "type: int8\n      nullable: true", "20:7", "unknown key 'nullable'"),
        ("type: int8", "type: int9", "19:13", "did you mean 'int8'?"),
        ("type: int8", "type: 8", "19:13", "expected text, found the int '8'"),
        ("type: int8", "type:", "19:12", "expected text, found nothing"),
        ("type: int8", "type: timestamp[foo]", "19:13", "at character 11: expected a unit"),
        ("mock__x", "x", "18:13", "'x' is not a derived column"),
        ("mock__x", "other__x", "18:13", "not of namespace 'mock'"),
        ("type: int8\n", "type: int8\n    - {name: mock__X, type: int8}\n", "20:14", "there already, in line 18"),
        ("list<string>", "list<int8>", "2:3", "'usr_state' must have exactly its own columns"),
        ("usr_state__split", "usr_state__splat", "2:3", "usr_state__splat, usr_state__split"),
        ("  usr_state:", "  usr_stat:", "4:13", "not of namespace 'usr_stat'"),
        ("owner: usr", "owner: &a usr", "15:12", "anchors and aliases"),
        ("owner: usr", "owner: !!str usr", "15:12", "tags are not allowed"),
        ("owner: usr", "owner:\tusr\n\tx: y", "16:1", "indent with spaces"),
    ],
)  # fmt: skip
def test_a_registry_that_breaks_a_rule_is_refused_at_its_place(
    old: str, new: str, place: str, words: str
) -> None:
    assert MOCK.count(old) >= 1
    message = refusal(MOCK.replace(old, new))
    assert message.startswith(f"registry.yaml:{place}: ")
    assert words in message


@pytest.mark.parametrize("text", ["", "[]", "a", "namespaces:", "namespaces: []", "namespaces: {}", "3", "~"])
def test_a_file_that_is_no_registry_is_refused(text: str) -> None:
    assert refusal(text).startswith("registry.yaml:1:")


def test_aliases_cannot_make_a_small_file_large() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    assert "anchors and aliases" in refusal("\n".join(lines))


def test_a_missing_registry_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RegistryError) as caught:
            load_registry(root)
        assert str(root / "registry.yaml") in caught.value.message
        assert "usr namespace register" in str(caught.value.mend)


def test_a_registry_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").mkdir()
    with pytest.raises(RegistryError, match="expected a file, found a folder"):
        load_registry(tmp_path)


def test_a_registry_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").symlink_to("registry.yaml")  # a loop of links
    with pytest.raises(StorageError, match="cannot be read"):
        load_registry(tmp_path)


def test_a_registry_of_endless_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text(MOCK + "#" * MAX_BYTES)
    with pytest.raises(RegistryError, match="at most"):
        load_registry(tmp_path)


def test_a_changed_registry_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text(STATE)
    before = registry_hash(tmp_path)
    path.write_text(MOCK)
    assert registry_hash(tmp_path) != before
    assert load_registry(tmp_path).get("mock") is not None


def test_reading_needs_no_lock_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(MOCK)
    load_registry(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["registry.yaml"]


def frozen(folder: Path, data: bytes, name: str) -> str:
    path = folder / frozen_file(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return name


def test_a_frozen_registry_is_read_by_its_hash(tmp_path: Path) -> None:
    registry = parse_registry(MOCK.encode(), source="x")
    name = frozen(tmp_path, registry_bytes(registry), registry_hash_of(registry))
    assert load_snapshot(tmp_path, name) == registry


def test_a_frozen_registry_whose_bytes_do_not_hash_to_its_name_is_refused(tmp_path: Path) -> None:
    registry = parse_registry(MOCK.encode(), source="x")
    name = frozen(tmp_path, registry_bytes(registry) + b"\n", registry_hash_of(registry))
    with pytest.raises(RegistryError, match="not to its name"):
        load_snapshot(tmp_path, name)


def test_a_frozen_registry_must_be_valid_too(tmp_path: Path) -> None:
    data = b"namespaces: {}\n"
    name = frozen(tmp_path, data, hashlib.sha256(data).hexdigest())
    with pytest.raises(RegistryError, match="'usr_state' is missing"):
        load_snapshot(tmp_path, name)


@pytest.mark.parametrize("name", ["0" * 64, "", "..", "../../x", "0" * 63, "A" * 64, None, "0" * 64 + "\n"])
def test_a_frozen_registry_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryError):
        load_snapshot(tmp_path, name)


@pytest.mark.parametrize("name", ["", "../../x", "0" * 63, "A" * 64, None, "0" * 64 + "\n", b"0" * 64])
def test_only_a_hash_names_a_frozen_registry(name: Any) -> None:
    assert frozen_file("0" * 64) == f"_registry/registry.{'0' * 64}.yaml"
    with pytest.raises(RegistryError, match="is not a registry hash"):
        frozen_file(name)


@given(data=st.binary(max_size=80))
def test_any_bytes_are_either_a_registry_or_a_registry_error(data: bytes) -> None:
    _reads_or_refuses(data)


@given(data=st.data())
def test_a_registry_with_a_stretch_replaced_is_a_registry_or_a_registry_error(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(MOCK)))
    end = data.draw(st.integers(start, min(len(MOCK), start + 12)))
    patch = data.draw(
        st.text(max_size=3) | st.sampled_from([" ", "\n", "\t", "- ", ": ", "{", "[", "#", "&a ", "!!x "])
    )
    _reads_or_refuses((MOCK[:start] + patch + MOCK[end:]).encode("utf-8", "surrogatepass"))


def _reads_or_refuses(data: bytes) -> None:
    try:
        registry = parse_registry(data, source="registry.yaml")
    except SequencesError as error:
        assert type(error) is RegistryError
        assert error.message.startswith("registry.yaml:")
    else:
        assert parse_registry(registry_bytes(registry), source="x") == registry
