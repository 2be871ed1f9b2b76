"""Register a namespace: put its contract into the root's registry, under the root's lock."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.arguments import seconds_of
from dnadesign.usr.contract.errors import CommitOutcomeUnknown, RegistryError, StorageError
from dnadesign.usr.contract.layout import REGISTRY_FILE
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.names import check_namespace
from dnadesign.usr.contract.registry import (
    USR_STATE,
    ColumnsInput,
    Namespace,
    Registry,
    RegistryChange,
    diff_namespaces,
    given_columns,
)
from dnadesign.usr.storage.filesystem import REAL, FileSystem, keep_root, make_dirs, replace_file
from dnadesign.usr.storage.lock import DEFAULT_TIMEOUT, check_locks_exclude, exclusive_lock
from dnadesign.usr.storage.paths import path_of
from dnadesign.usr.storage.registry_edit import edit_registry
from dnadesign.usr.storage.registry_file import (
    parse_registry,
    read_registry_bytes,
    registry_bytes,
    registry_hash_of,
)

_SUFFIX = "new"


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """What a registration did; ``hash_before`` is None where there was no registry yet."""

    namespace: str
    changed: bool
    hash_before: str | None
    hash_after: str
    diff: tuple[RegistryChange, ...]

    def to_dict(self) -> dict[str, object]:
        """The result for machine-readable output."""
        return {
            "namespace": self.namespace,
            "changed": self.changed,
            "hash_before": self.hash_before,
            "hash_after": self.hash_after,
            "diff": [change.to_dict() for change in self.diff],
        }


def register_namespace(
    root: str | Path,
    *,
    namespace: str,
    columns: ColumnsInput,
    owner: str | None = None,
    description: str | None = None,
    overwrite: bool = False,
    fs: FileSystem = REAL,
    lock_timeout: float = DEFAULT_TIMEOUT,
) -> RegisterResult:
    """Put a namespace's contract into a root's registry; the first one creates the registry.

    Registering what is registered already changes nothing. Comments and order in the file are kept. Do not call it
    while a dataset's lock is held.

    Args:
        root: The root's folder; made if it is not there.
        namespace: The name.
        columns: A spec such as ``"ns__a:int64,ns__b:list<string>"``, or columns with their types, in order.
        owner: Who keeps it; None leaves what is registered, an empty text removes it.
        description: What it is for; None leaves what is registered, an empty text removes it.
        overwrite: Replace a contract that is registered already.
        fs: The file system.
        lock_timeout: Seconds to wait for another registration.

    Raises:
        NamespaceError: The namespace or a column's name is outside the grammar or reserved.
        SchemaError: A type is not in the grammar.
        RegistryError: Another contract is registered and ``overwrite`` is not set, or the registry breaks a rule.
        LockTimeout: The root stayed locked.
        StorageError: The registry cannot be read or written.
        CommitOutcomeUnknown: It is written, but may not survive a power cut.
    """
    wanted = Namespace(
        name=check_namespace(namespace),
        columns=given_columns(columns, namespace=namespace),
        owner=owner,
        description=description,
    )
    root = path_of(root, what="root")
    try:
        make_dirs(fs, root)
        keep_root(fs, root)
    except OSError as error:
        raise StorageError(
            f"{root}: cannot be made: {error.strerror}",
            mend="see that its parent is a folder that you may write to",
        ) from error
    check_locks_exclude(root)
    with exclusive_lock(
        fs, root, timeout=seconds_of(lock_timeout, what="lock_timeout"), tool="usr namespace register"
    ):
        return _register(fs, root / REGISTRY_FILE, wanted, owner, description, overwrite=overwrite)


def _register(
    fs: FileSystem,
    path: Path,
    wanted: Namespace,
    owner: str | None,
    description: str | None,
    *,
    overwrite: bool,
) -> RegisterResult:
    data = read_registry_bytes(path, fs=fs)
    before = None if data is None else parse_registry(data, source=str(path))
    had = before.get(wanted.name) if before else None
    wanted = _with_notes_kept(
        wanted, had or (USR_STATE if wanted.name == USR_STATE.name else None), owner, description
    )
    base = before or Registry((USR_STATE,))
    after = base.with_namespace(wanted)
    diff = diff_namespaces(had, wanted)
    if before is not None and not diff:
        _keep(fs, path)
        unchanged = registry_hash_of(before)
        return RegisterResult(wanted.name, False, unchanged, unchanged, ())
    if had is not None and not overwrite:
        _refuse(path, wanted.name, diff)
    edited = registry_bytes(after) if data is None else edit_registry(data, wanted, source=str(path))
    _write(fs, path, edited)
    hash_before = None if before is None else registry_hash_of(before)
    return RegisterResult(wanted.name, True, hash_before, registry_hash_of(after), diff)


def _with_notes_kept(
    wanted: Namespace, had: Namespace | None, owner: str | None, description: str | None
) -> Namespace:
    """The contract asked for, with the owner and description registered before where none are given."""
    if had is None:
        return wanted
    return Namespace(
        name=wanted.name,
        columns=wanted.columns,
        owner=had.owner if owner is None else owner,
        description=had.description if description is None else description,
    )


def _refuse(path: Path, namespace: str, diff: tuple[RegistryChange, ...]) -> None:
    compatible = all(change.is_compatible for change in diff)
    effect = "files written before still match" if compatible else "files written before will no longer match"
    lines = "\n".join(f"    {change}" for change in diff)
    raise RegistryError(
        f"{path}: namespace {namespace!r} is registered with another contract:\n{lines}",
        mend=spelled(
            f"register it under another name, or overwrite it with {{}}: {effect}",
            ("overwrite=True", "--overwrite"),
        ),
    )


def _write(fs: FileSystem, path: Path, data: bytes) -> None:
    hidden = path.with_name(f".{path.name}.{_SUFFIX}")
    try:
        if fs.stat(hidden) is not None:  # a writer died; the root's lock says that none is at work
            fs.unlink(hidden)
        replace_file(fs, path, data, suffix=_SUFFIX)
    except OSError as error:
        with contextlib.suppress(OSError):
            fs.unlink(hidden)
        if read_registry_bytes(path, fs=fs) == data:
            raise _unsure(path, error) from error
        raise StorageError(
            f"{path}: cannot be written: {error.strerror}",
            mend="see free space and permissions, then register again",
        ) from error


def _keep(fs: FileSystem, path: Path) -> None:
    """Have the registry that is there on the disk: whoever wrote it may have been killed before it was."""
    try:
        keep_root(fs, path.parent)
    except OSError as error:
        raise _unsure(path, error) from error


def _unsure(path: Path, error: OSError) -> CommitOutcomeUnknown:
    return CommitOutcomeUnknown(
        f"{path}: the registration is made, but may not survive a power cut ({error.strerror})",
        mend="register it again: nothing is changed then, and what is there is made durable",
    )


def ensure_registry(root: str | Path, *, fs: FileSystem = REAL) -> None:
    """Give a root without a registry its first one, which has the reserved namespace only.

    Raises:
        StorageError: It cannot be written.
    """
    if fs.stat(Path(root) / REGISTRY_FILE) is None:
        register_namespace(root, namespace=USR_STATE.name, columns=USR_STATE.columns, fs=fs)
