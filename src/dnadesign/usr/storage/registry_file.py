"""``registry.yaml`` and frozen registries: read strictly with line numbers, and hash in normal form."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import yaml

from dnadesign.usr.contract.errors import RegistryError, StorageError, ValidationError
from dnadesign.usr.contract.layout import REGISTRY_FILE, frozen_file
from dnadesign.usr.contract.names import STATE_NAMESPACE, check_column, check_namespace, nearest
from dnadesign.usr.contract.registry import Namespace, Registry, RegistryColumn, check_state_namespace
from dnadesign.usr.storage.filesystem import REAL, FileSystem, opened
from dnadesign.usr.storage.paths import path_of
from dnadesign.usr.storage.yaml_nodes import (
    MAX_BYTES,
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlProblem,
    describe_node,
    problem_at,
    read_yaml,
)


def load_registry(root: str | Path, *, fs: FileSystem = REAL) -> Registry:
    """The registry of a root, as it stands in ``registry.yaml`` now.

    Raises:
        RegistryError: There is none, or it breaks a rule; the message gives file, line and column.
        StorageError: It cannot be read.
    """
    path = path_of(root, what="root") / REGISTRY_FILE
    data = read_registry_bytes(path, fs=fs)
    if data is None:
        raise RegistryError(
            f"{path}: there is no registry",
            mend="register a namespace, which creates it: usr namespace register NAMESPACE --columns ...",
        )
    return parse_registry(data, source=str(path))


_MEND = "mend the file at that place, or restore it from a backup"


def load_snapshot(dataset_dir: str | Path, registry_hash: str, *, fs: FileSystem = REAL) -> Registry:
    """The frozen registry of that hash in a dataset's folder.

    Raises:
        RegistryError: There is none, its bytes do not hash to its name, or they break a rule.
        StorageError: It cannot be read.
    """
    path = Path(dataset_dir) / frozen_file(registry_hash)
    data = read_registry_bytes(path, fs=fs)
    if data is None:
        raise RegistryError(
            f"{path}: the frozen registry is missing", mend="restore the file, or freeze the registry again"
        )
    found = hashlib.sha256(data).hexdigest()
    if found != registry_hash:
        raise RegistryError(
            f"{path}: the frozen registry's bytes hash to {found}, not to its name; it was changed or damaged",
            mend="restore the file, or freeze the registry again",
        )
    return parse_registry(data, source=str(path))


def registry_hash(root: str | Path, *, fs: FileSystem = REAL) -> str:
    """The hash of a root's registry as it stands now, 64 hex digits.

    Raises:
        RegistryError: There is no registry, or it breaks a rule.
        StorageError: It cannot be read.
    """
    return registry_hash_of(load_registry(root, fs=fs))


@functools.lru_cache(maxsize=32)
def registry_bytes(registry: Registry) -> bytes:
    """The registry in normal form: what a frozen registry's file holds, and what its hash is taken over."""
    return yaml.safe_dump(registry.normal_form(), sort_keys=True).encode()


def registry_hash_of(registry: Registry) -> str:
    """The sha256 of the normal form, 64 hex digits."""
    return hashlib.sha256(registry_bytes(registry)).hexdigest()


@functools.lru_cache(maxsize=256)
def contract_hash_of(namespace: Namespace) -> str:
    """The sha256 of one namespace's name and columns, 64 hex digits."""
    return contract_form_hash(namespace.contract_form())


def contract_form_hash(form: dict[str, object]) -> str:
    """The sha256 of ``{"namespace": ..., "columns": [{"name", "type"}, ...]}``, 64 hex digits."""
    return hashlib.sha256(yaml.safe_dump(form, sort_keys=True).encode()).hexdigest()


def read_registry_bytes(path: Path, *, fs: FileSystem = REAL) -> bytes | None:
    """The bytes of a registry file, or None if there is none.

    Raises:
        RegistryError: It is no file, or longer than any registry.
        StorageError: It cannot be read.
    """
    try:
        found = fs.stat(path)
        if found is None:
            return None
        if found.is_dir:
            raise RegistryError(f"{path}: expected a file, found a folder", mend="move the folder away")
        with opened(fs, path, "read") as file:
            data = file.read_at(0, MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read: {error.strerror}", mend="see who may read the file"
        ) from error
    if len(data) > MAX_BYTES:
        raise RegistryError(
            f"{path}: expected at most {MAX_BYTES} bytes, found more",
            mend="take out what is no namespace's contract, or restore the file from a backup",
        )
    return data


@functools.lru_cache(maxsize=32)
def parse_registry(data: bytes, *, source: str) -> Registry:
    """Read the bytes of a registry file; ``source`` names it in messages.

    Raises:
        RegistryError: They break a rule; the message gives file, line and column.
    """
    try:
        return _registry(read_yaml(data))
    except YamlProblem as problem:
        place = f"{source}:{problem.line}:{problem.column}"
        raise RegistryError(f"{place}: {problem.problem}", mend=problem.mend or _MEND) from None


@contextlib.contextmanager
def _at(node: Node) -> Iterator[None]:
    """Give the place of a node to what the contract refuses about it."""
    try:
        yield
    except ValidationError as error:
        raise problem_at(node, error.message, error.mend) from None


def _registry(node: Node) -> Registry:
    parts = _parts(node, "the registry", required=("namespaces",))
    entries = _entries(parts["namespaces"], "'namespaces'")
    with _at(node):
        return Registry(tuple(_namespace(key, value) for key, value in entries))


def _namespace(key: Scalar, node: Node) -> Namespace:
    with _at(key):
        check_namespace(key.text)
    what = f"namespace {key.text!r}"
    parts = _parts(node, what, required=("columns",), optional=("owner", "description"))
    columns = parts["columns"]
    if not isinstance(columns, Sequence) or not columns.items:
        found = "an empty list" if isinstance(columns, Sequence) else describe_node(columns)
        raise problem_at(columns, f"{what}: expected a list of columns, found {found}")
    lines: dict[str, int] = {}
    registered = tuple(_column(item, key.text, lines) for item in columns.items)
    owner, description = (
        _note(parts.get(aspect), f"{what}: {aspect}") for aspect in ("owner", "description")
    )
    with _at(key):
        namespace = Namespace(name=key.text, columns=registered, owner=owner, description=description)
        if namespace.name == STATE_NAMESPACE:
            check_state_namespace(namespace)
    return namespace


def _column(node: Node, namespace: str, lines: dict[str, int]) -> RegistryColumn:
    parts = _parts(node, f"a column of namespace {namespace!r}", required=("name", "type"))
    name, kind = (_text(parts[key], f"a column's {key}") for key in ("name", "type"))
    with _at(name):
        check_column(name.text, namespace=namespace)
    folded = name.text.lower()
    if folded in lines:
        problem = f"column {name.text!r} is there already, in line {lines[folded]} (case does not count)"
        raise problem_at(name, problem, "rename or remove one of them")
    lines[folded] = name.at.line
    with _at(kind):
        return RegistryColumn(name.text, kind.text)


def _entries(node: Node, what: str) -> tuple[tuple[Scalar, Node], ...]:
    if not isinstance(node, Mapping):
        raise problem_at(node, f"{what}: expected a mapping, found {describe_node(node)}")
    return node.entries


def _parts(
    node: Node, what: str, *, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Node]:
    parts: dict[str, Node] = {}
    known = (*required, *optional)
    for key, value in _entries(node, what):
        if key.text not in known:
            meant = nearest(key.text, known)
            mend = f"did you mean {meant!r}?" if meant else "remove it"
            raise problem_at(key, f"{what}: unknown key {key.text!r:.80}, expected {', '.join(known)}", mend)
        parts[key.text] = value
    for missing in (name for name in required if name not in parts):
        raise problem_at(node, f"{what}: {missing!r} is missing")
    return parts


def _text(node: Node, what: str) -> Scalar:
    if not isinstance(node, Scalar) or node.kind != "string":
        mend = "put it in quotes" if isinstance(node, Scalar) and node.kind != "null" else None
        raise problem_at(node, f"{what}: expected text, found {describe_node(node)}", mend)
    return node


def _note(node: Node | None, what: str) -> str | None:
    if node is None or (isinstance(node, Scalar) and node.kind == "null"):
        return None
    return _text(node, what).text
