"""Registering a namespace: atomic, never lost, and nothing changed that was not asked for."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dnadesign.usr.contract.errors import (
    CommitOutcomeUnknown,
    LockTimeout,
    NamespaceError,
    RegistryError,
    SchemaError,
    SequencesError,
    StorageError,
)
from dnadesign.usr.contract.registry import USR_STATE, Namespace, Registry, RegistryColumn
from dnadesign.usr.operations.register import RegisterResult, register_namespace
from dnadesign.usr.storage.filesystem import REAL, Entry, FileStat, Mode, Names, OpenFile
from dnadesign.usr.storage.lock import exclusive_lock
from dnadesign.usr.storage.registry_file import load_registry, registry_hash, registry_hash_of

PROCESSES = 16
EACH = 3


def register(
    root: Path, columns: str = "mock__x:int8,mock__y:list<string>", **options: object
) -> RegisterResult:
    return register_namespace(root, namespace="mock", columns=columns, **options)  # type: ignore[arg-type] # as given


def mock(root: Path) -> Namespace:
    return load_registry(root).namespace("mock")


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_first_registration_makes_the_root_and_its_registry(tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    result = register(root, owner="me", description="for tests")
    assert load_registry(root) == Registry((USR_STATE, mock(root)))
    assert (mock(root).owner, mock(root).description) == ("me", "for tests")
    assert result.changed
    assert result.hash_before is None
    assert result.hash_after == registry_hash(root)


def test_the_result_says_what_changed(tmp_path: Path) -> None:
    before = register(tmp_path).hash_after
    result = register(tmp_path, "mock__x:int16", owner="me", overwrite=True)
    assert result.to_dict() == {
        "namespace": "mock",
        "changed": True,
        "hash_before": before,
        "hash_after": registry_hash(tmp_path),
        "diff": [
            {"kind": "owner_edited", "namespace": "mock", "column": None, "before": None, "after": "me"},
            {"kind": "type_changed", "namespace": "mock", "column": "mock__x", "before": "int8", "after": "int16"},
            {"kind": "column_removed", "namespace": "mock", "column": "mock__y", "before": "list<string>", "after": None},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "columns",
    [
        "mock__x : int8, mock__y:list< string >",
        [("mock__x", "int8"), ("mock__y", "list<string>")],
        [RegistryColumn("mock__x", "int8"), RegistryColumn("mock__y", "list<string>")],
        {"mock__x": "int8", "mock__y": "list<string>"},
        iter([("mock__x", "int8"), ("mock__y", "list<string>")]),
    ],
)
def test_registering_the_same_again_changes_nothing(tmp_path: Path, columns: str) -> None:
    register(tmp_path, owner="me", description="for tests")
    path = tmp_path / "registry.yaml"
    before = path.stat()
    result = register(tmp_path, columns)
    assert not result.changed
    assert result.diff == ()
    assert result.hash_before == result.hash_after == registry_hash(tmp_path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("columns", "options", "shown", "effect"),
    [
        ("mock__x:int16,mock__y:list<string>", {}, "~ mock__x int8 -> int16", "no longer match"),
        ("mock__x:int8", {}, "- mock__y list<string>", "no longer match"),
        ("mock__x:int8,mock__y:list<string>,mock__z:bool", {}, "+ mock__z bool", "still match"),
        (
            "mock__y:list<string>,mock__x:int8",
            {},
            "~ mock order: mock__x, mock__y -> mock__y, mock__x",
            "still match",
        ),
        ("mock__x:int8,mock__y:list<string>", {"owner": "you"}, "~ mock owner: me -> you", "still match"),
        (
            "mock__x:int8,mock__y:list<string>",
            {"description": "d"},
            "~ mock description: None -> d",
            "still match",
        ),
        ("mock__x:int8,mock__y:list<string>", {"owner": ""}, "~ mock owner: me -> None", "still match"),
    ],
)
def test_another_contract_needs_overwrite_and_the_difference_is_shown(
    tmp_path: Path, columns: str, options: dict[str, str], shown: str, effect: str
) -> None:
    register(tmp_path, owner="me")
    before = (tmp_path / "registry.yaml").read_bytes()
    with pytest.raises(RegistryError) as caught:
        register(tmp_path, columns, **options)
    assert f"    {shown}" in caught.value.message
    assert effect in str(caught.value.mend)
    assert (tmp_path / "registry.yaml").read_bytes() == before
    assert register(tmp_path, columns, overwrite=True, **options).changed
    assert not register(tmp_path, columns, **options).changed


def test_an_overwrite_keeps_the_notes_that_it_does_not_name(tmp_path: Path) -> None:
    register(tmp_path, owner="me", description="for tests")
    register(tmp_path, "mock__x:int8", owner="you", overwrite=True)
    assert (mock(tmp_path).owner, mock(tmp_path).description) == ("you", "for tests")
    register(tmp_path, "mock__x:int8", owner="", overwrite=True)
    assert mock(tmp_path).owner is None


def test_comments_and_order_are_kept(tmp_path: Path) -> None:
    register(tmp_path)
    path = tmp_path / "registry.yaml"
    text = "# ours\n" + path.read_text().replace("  mock:", "  # theirs\n  mock:  # mine") + "# end\n"
    path.write_text(text)
    register_namespace(tmp_path, namespace="a", columns="a__x:int8")
    assert path.read_text() == text + "  a:\n    columns:\n    - name: a__x\n      type: int8\n"


@pytest.mark.parametrize(
    ("namespace", "columns", "kind"),
    [
        ("usr", "usr__x:int8", NamespaceError),
        ("Mock", "Mock__x:int8", NamespaceError),
        ("../x", "x__x:int8", NamespaceError),
        ("mock", "x:int8", NamespaceError),
        ("mock", "other__x:int8", NamespaceError),
        ("mock", "mock__x:int9", SchemaError),
        ("mock", "", SchemaError),
        ("mock", [], RegistryError),
        ("mock", None, RegistryError),
        ("mock", [("mock__x",)], RegistryError),
        ("mock", [3], RegistryError),
        ("mock", [("mock__x", 3)], SchemaError),
        ("mock", "mock__x:int8,mock__X:int8", RegistryError),
        ("usr_state", "usr_state__masked:bool", RegistryError),
    ],
)
def test_what_cannot_be_registered_is_refused_and_leaves_no_registry(
    tmp_path: Path, namespace: str, columns: str, kind: type[SequencesError]
) -> None:
    with pytest.raises(kind):
        register_namespace(tmp_path, namespace=namespace, columns=columns)
    assert "registry.yaml" not in names_in(tmp_path)


def test_the_state_namespace_can_be_registered_as_it_is_only(tmp_path: Path) -> None:
    result = register_namespace(tmp_path, namespace="usr_state", columns=USR_STATE.columns)
    assert result.changed
    assert load_registry(tmp_path) == Registry((USR_STATE,))
    assert not register_namespace(tmp_path, namespace="usr_state", columns=USR_STATE.columns).changed
    more = (*USR_STATE.columns, RegistryColumn("usr_state__more", "bool"))
    with pytest.raises(RegistryError, match="exactly"):
        register_namespace(tmp_path, namespace="usr_state", columns=more, overwrite=True)


def test_a_registry_that_is_broken_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("namespaces: {}\n")
    with pytest.raises(RegistryError, match="'usr_state' is missing"):
        register(tmp_path)
    assert path.read_text() == "namespaces: {}\n"


def test_a_new_registry_follows_the_umask_and_a_changed_one_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        register(tmp_path)
    finally:
        os.umask(before)
    path = tmp_path / "registry.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o664)
    register(tmp_path, "mock__z:int8", overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_only_the_registry_and_the_lock_are_left_in_the_root(tmp_path: Path) -> None:
    register(tmp_path)
    (tmp_path / ".registry.yaml.new").write_text("what a dead writer left")
    register(tmp_path, "mock__z:int8", overwrite=True)
    assert names_in(tmp_path) == {"registry.yaml", ".usr.lock"}


def test_a_locked_root_is_waited_for_and_then_named(tmp_path: Path) -> None:
    with exclusive_lock(REAL, tmp_path, tool="somebody"), pytest.raises(LockTimeout, match="somebody"):
        register_namespace(tmp_path, namespace="mock", columns="mock__x:int8", lock_timeout=0.05)
    assert "registry.yaml" not in names_in(tmp_path)


def test_a_root_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        register(tmp_path / "file" / "root")


WORKER = """
import sys
from dnadesign.usr.operations.register import register_namespace
root, number, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()  # all start at once
for i in range(each):
    name = f"n{number}x{i}"
    register_namespace(root, namespace=name, columns=f"{name}__v:int64", owner=f"process {number}")
"""


def test_no_registration_of_many_processes_is_lost_and_readers_see_whole_registries(tmp_path: Path) -> None:
    register(tmp_path)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(n), str(EACH)], stdin=subprocess.PIPE
        )
        for n in range(PROCESSES)
    ]
    done = threading.Event()
    sizes: list[int] = []

    def read() -> None:
        while not done.is_set():
            sizes.append(len(load_registry(tmp_path).namespaces))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(b"\n")
            worker.stdin.close()
        assert [worker.wait(timeout=120) for worker in workers] == [0] * PROCESSES
    finally:
        done.set()
        reader.join()
        for worker in workers:
            worker.kill()
            worker.wait()
    expected = {f"n{number}x{i}" for number in range(PROCESSES) for i in range(EACH)} | {"mock", "usr_state"}
    assert {namespace.name for namespace in load_registry(tmp_path)} == expected
    assert sizes == sorted(sizes)
    assert names_in(tmp_path) == {"registry.yaml", ".usr.lock"}


class Breaking:
    """The real file system, until one step on the way to the new registry fails."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.broke = False

    def now(self, path: Path) -> None:
        if "registry.yaml" in path.name or path.name == "root":
            self.left -= 1
            if self.left < 0 and not self.broke:
                self.broke = True
                raise OSError(errno.EIO, "broken on purpose")

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> OpenFile:
        self.now(path)
        return BreakingFile(REAL.open(path, mode, like=like), self.now)

    def stat(self, path: Path) -> FileStat | None:
        self.now(path)
        return REAL.stat(path)

    def list(self, path: Path) -> list[Entry]:
        return REAL.list(path)

    def names(self, path: Path) -> Names:
        return REAL.names(path)

    def mkdir(self, path: Path) -> None:
        self.now(path)
        REAL.mkdir(path)

    def rmdir(self, path: Path) -> None:
        REAL.rmdir(path)

    def rename(self, source: Path, target: Path) -> None:
        self.now(target)
        REAL.rename(source, target)

    def unlink(self, path: Path) -> None:
        self.now(path)
        REAL.unlink(path)

    def sync_dir(self, path: Path) -> None:
        self.now(path)
        REAL.sync_dir(path)

    def free_bytes(self, path: Path) -> int:
        return REAL.free_bytes(path)


class BreakingFile:
    """An open file whose writes and syncs count as steps."""

    def __init__(self, file: OpenFile, now: Callable[[Path], None]) -> None:
        self.file = file
        self.now = now

    @property
    def fd(self) -> int:
        return self.file.fd

    @property
    def path(self) -> Path:
        return self.file.path

    def stat(self) -> FileStat:
        return self.file.stat()

    def read_at(self, offset: int, count: int) -> bytes:
        self.now(self.path)
        return self.file.read_at(offset, count)

    def write_at(self, offset: int, data: bytes) -> int:
        self.now(self.path)
        return self.file.write_at(offset, data)

    def truncate(self, size: int) -> None:
        self.file.truncate(size)

    def copy_from(self, source: OpenFile, *, offset: int, count: int) -> int:
        return self.file.copy_from(source, offset=offset, count=count)

    def sync(self) -> None:
        self.now(self.path)
        self.file.sync()

    def try_lock(self) -> bool:
        return self.file.try_lock()

    def unlock(self) -> None:
        self.file.unlock()

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize("exists", [True, False])
def test_whatever_step_fails_the_registry_is_the_old_or_the_new_one(tmp_path: Path, exists: bool) -> None:
    broken = 0
    for step in range(100):
        root = tmp_path / str(step) / "root"
        before = register(root).hash_after if exists else None
        fs = Breaking(step)
        wanted = Namespace(name="new", columns=(RegistryColumn("new__x", "int8"),))
        try:
            register_namespace(root, namespace="new", columns=wanted.columns, fs=fs)
        except (StorageError, CommitOutcomeUnknown) as error:
            broken += 1
            found = registry_hash(root) if (root / "registry.yaml").exists() else None
            whole = registry_hash_of(load_registry(root).with_namespace(wanted)) if found else None
            assert found == (before if isinstance(error, StorageError) else whole)
        if not fs.broke:
            break
        register_namespace(root, namespace="new", columns=wanted.columns)
        assert load_registry(root).get("new") == wanted
        assert names_in(root) == {"registry.yaml", ".usr.lock"}
    else:
        pytest.fail("the steps never ended")
    assert broken >= 8
