"""The real file system and the simulated one do the same, and the simulated one loses what POSIX lets it lose."""

import errno
import os
from pathlib import Path
from random import Random

import pytest

from dnadesign.usr.storage.filesystem import REAL, make_dirs, opened, replace_file, write_all, write_file
from dnadesign.usr.testing.conformance import FILESYSTEM_CHECKS, FileSystemCheck
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.simulated import Fault, Operation, SimulatedFileSystem
from tests.faults.mutants import rewritten

ROOT = Path("/data")
EIO = os_error(errno.EIO, "somewhere")


@pytest.mark.parametrize("check", FILESYSTEM_CHECKS, ids=lambda check: check.__name__)
def test_the_real_file_system_conforms(check: FileSystemCheck, tmp_path: Path) -> None:
    check(REAL, tmp_path)


@pytest.mark.parametrize("check", FILESYSTEM_CHECKS, ids=lambda check: check.__name__)
def test_the_simulated_file_system_conforms(check: FileSystemCheck) -> None:
    check(SimulatedFileSystem(folders=[ROOT]), ROOT)


def left(fs: SimulatedFileSystem, most: int = 1000) -> list[dict[str, bytes | None]]:
    return [state.files(ROOT) for state in fs.crashes(most=most)]


def test_a_file_is_safe_once_it_and_its_folder_were_synced() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    write_file(fs, ROOT / "a", b"content")
    assert {} in left(fs)
    fs.sync_dir(ROOT)
    assert not fs.unsynced
    assert left(fs) == [{"a": b"content"}]


def test_unsynced_bytes_may_be_lost_torn_or_zero_while_their_name_is_there() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    with opened(fs, ROOT / "a", "create") as file:
        write_all(file, 0, b"content!")
    fs.sync_dir(ROOT)
    assert {found["a"] for found in left(fs)} == {b"", b"content!", b"cont", bytes(8)}


def test_two_unsynced_writes_survive_in_any_combination() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    write_file(fs, ROOT / "a", b"....")
    fs.sync_dir(ROOT)
    with opened(fs, ROOT / "a", "write") as file:
        write_all(file, 0, b"1")
        write_all(file, 3, b"2")
    assert {found["a"] for found in left(fs)} == {b"....", b"1...", b"...2", b"1..2"}


def test_names_survive_in_any_combination_that_keeps_the_order_of_each() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    for name in "ab":
        write_file(fs, ROOT / name, b"")
    fs.rename(ROOT / "a", ROOT / "c")
    assert {frozenset(found) for found in left(fs)} == {
        frozenset(names) for names in ("", "a", "b", "ab", "c", "bc")
    }


def test_a_rename_across_folders_happens_or_does_not() -> None:
    fs = SimulatedFileSystem(folders=[ROOT / "from", ROOT / "to"])
    write_file(fs, ROOT / "from/a", b"x")
    fs.sync_dir(ROOT / "from")
    fs.rename(ROOT / "from/a", ROOT / "to/b")
    folders = {"from": None, "to": None}
    assert left(fs) == [{**folders, "from/a": b"x"}, {**folders, "to/b": b"x"}]
    fs.sync_dir(ROOT / "to")
    assert left(fs) == [{**folders, "to/b": b"x"}]


def test_what_lies_in_a_folder_is_lost_with_the_folders_name() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    fs.mkdir(ROOT / "folder")
    write_file(fs, ROOT / "folder" / "a", b"x")
    fs.sync_dir(ROOT / "folder")
    assert left(fs) == [{}, {"folder": None, "folder/a": b"x"}]


def test_a_folder_made_with_its_ancestors_is_safe() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    make_dirs(fs, ROOT / "x" / "y")
    assert left(fs) == [{"x": None, "x/y": None}]


def problems_of_replacing() -> list[str]:
    """What power cuts during and after the replacement of a file leave that is neither the old one nor the new one."""
    found: set[bytes | None] = set()
    there: set[bytes | None] = set()

    def note(operation: Operation) -> None:
        found.update(state.get("a") for state in left(fs))
        there.add(fs.files(ROOT).get("a"))

    fs = SimulatedFileSystem(folders=[ROOT])
    write_file(fs, ROOT / "a", b"old content")
    fs.sync_dir(ROOT)
    fs.before = note
    replace_file(fs, ROOT / "a", b"new content", suffix="x")
    fs.before = None
    after = {frozenset(state.items()) for state in left(fs)}
    problems = [] if found == {b"old content", b"new content"} else [f"a power cut in it leaves {found}"]
    problems += [] if there <= {b"old content", b"new content"} else [f"a kill in it leaves {there}"]
    return problems + ([] if after == {frozenset({("a", b"new content")})} else [f"one after it: {after}"])


def test_a_replaced_file_is_the_old_or_the_new_one_at_every_moment() -> None:
    assert problems_of_replacing() == []


HIDDEN = "write_file(fs, hidden, data, like=fs.stat(path))"
RENAMED = "    fs.rename(hidden, path)\n"
REPLACED_WITHOUT = {
    "syncing the hidden file": [
        (HIDDEN, 'with opened(fs, hidden, "create") as file:\n        write_all(file, 0, data)')
    ],
    "syncing the folder": [("fs.sync_dir(path.parent)", "pass")],
    "syncing before the rename": [
        (RENAMED, ""),
        (
            HIDDEN,
            'with opened(fs, hidden, "create") as file:\n        write_all(file, 0, data)\n'
            "        fs.rename(hidden, path)\n        file.sync()",
        ),
    ],
    "syncing the folder after the rename": [
        (RENAMED + "    fs.sync_dir(path.parent)", "    fs.sync_dir(path.parent)\n" + RENAMED)
    ],
    "another name": [
        (RENAMED, ""),
        (
            HIDDEN,
            'with opened(fs, path, "write") as file:\n        file.truncate(0)\n'
            "        write_all(file, 0, data)\n        file.sync()",
        ),
    ],
}


@pytest.mark.parametrize("changes", REPLACED_WITHOUT.values(), ids=REPLACED_WITHOUT)
def test_power_cuts_show_that_a_file_is_replaced_without(changes: list[tuple[str, str]]) -> None:
    with rewritten(replace_file, *changes):
        assert problems_of_replacing()


def test_a_file_on_a_real_disk_gets_its_name_when_its_bytes_are_synced_and_then_its_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls = tmp_path / "a", list[tuple[str, str]]()
    path.write_bytes(b"old content")

    def synced(fd: int) -> None:
        calls.append(("sync", str(Path(f"/proc/self/fd/{fd}").readlink())))
        fsync(fd)

    def renamed(source: Path, target: Path) -> None:
        calls.append(("rename", str(source)))
        replace(source, target)

    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    replace_file(REAL, path, b"new content", suffix="x")
    hidden = str(tmp_path / ".a.x")
    assert calls == [("sync", hidden), ("rename", hidden), ("sync", str(tmp_path))]
    assert path.read_bytes() == b"new content"


def test_after_a_failed_sync_bytes_count_as_written_but_are_not() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    with opened(fs, ROOT / "a", "create") as file:
        write_all(file, 0, b"content")
        fs.before = lambda operation: Fault(EIO, "lost") if operation.kind == "sync" else None
        with pytest.raises(OSError, match="somewhere"):
            file.sync()
        fs.before = None
        file.sync()
        fs.sync_dir(ROOT)
        assert file.read_at(0, 9) == b"content"
    assert left(fs) == [{"a": b""}]


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        (Fault(EIO, "none"), b""),
        (Fault(EIO, "half"), b"cont"),
        (Fault(EIO, "whole"), b"content"),
    ],
)
def test_a_failed_write_leaves_nothing_half_or_all(fault: Fault, content: bytes) -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    with opened(fs, ROOT / "a", "create") as file:
        fs.before = lambda _: fault
        with pytest.raises(OSError, match="somewhere"):
            file.write_at(0, b"content")
        fs.before = None
        assert file.read_at(0, 9) == content


@pytest.mark.parametrize("times", [1, 2, 99])  # the last of them takes one byte
def test_a_short_write_is_written_to_its_end(times: int) -> None:
    faults = iter([Fault(None, "half")] * times)
    fs = SimulatedFileSystem(folders=[ROOT])
    with opened(fs, ROOT / "a", "create") as file:
        fs.before = lambda operation: next(faults, None) if operation.kind == "write" else None
        write_all(file, 0, b"content")
        assert file.read_at(0, 9) == b"content"


def test_a_kill_keeps_what_was_written_and_frees_locks() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    file = fs.open(ROOT / "a", "create")
    write_all(file, 0, b"x")
    assert file.try_lock()
    survivor = fs.clone()
    assert survivor.files(ROOT) == {"a": b"x"}
    with opened(survivor, ROOT / "a", "write") as again:
        assert again.try_lock()
        write_all(again, 0, b"other")
    assert fs.files(ROOT) == {"a": b"x"}


def test_crash_states_are_the_same_for_the_same_seed_and_never_more_than_asked_for() -> None:
    fs = SimulatedFileSystem(folders=[ROOT])
    for number in range(12):
        with opened(fs, ROOT / str(number), "create") as file:
            write_all(file, 0, b"content")
    first, second = ([s.fingerprint() for s in fs.crashes(most=100, random=Random(7))] for _ in range(2))
    assert first == second
    assert len(set(first)) == 100
