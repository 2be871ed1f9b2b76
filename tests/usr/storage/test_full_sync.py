"""Where ``fsync`` leaves bytes in the drive's cache, every sync of a change empties that too, and its failure counts.

That system is not here. Its one call is put in the place that this system's has, and what comes of a whole change is
held against what comes of it here.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from dnadesign.usr import Dataset, SequencesError
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.storage import filesystem
from dnadesign.usr.testing.disk import os_error
from tests.faults.mutants import rewritten
from tests.usr.conftest import add

FULL_SYNC = 51  # F_FULLFSYNC


class Drive:
    """What is asked of it, by the names of what is synced, and what fails."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.full: list[str] = []
        self.fails: Callable[[str], bool] = lambda _: False

    def fsync(self, fd: int) -> None:
        self.plain.append(name_of(fd))

    def fcntl(self, fd: int, command: int, _argument: int = 0) -> int:
        assert command == FULL_SYNC
        if self.fails(name_of(fd)):
            raise os_error(errno.EIO, name_of(fd))
        self.full.append(name_of(fd))
        return 0


def name_of(fd: int) -> str:
    return Path(f"/proc/self/fd/{fd}").readlink().name.split(".")[-1]  # without what is new each time


@contextmanager
def on(platform: str) -> Iterator[Drive]:
    """Have the file system's calls made as on that platform."""
    drive = Drive()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filesystem, "sys", SimpleNamespace(platform=platform))
        patch.setattr(fcntl, "F_FULLFSYNC", FULL_SYNC, raising=False)
        patch.setattr(fcntl, "fcntl", drive.fcntl)
        patch.setattr(os, "fsync", drive.fsync)
        yield drive


def problems_of_syncs(folder: Path) -> list[str]:
    """What of a change is not synced in full there that is synced here, and what a failure there does not undo."""
    problems = []
    here, there = Dataset(folder / "here", "set").init(), Dataset(folder / "there", "set").init()
    with on("linux") as linux:
        add(here, "ACGT")
    with on("darwin") as mac:
        add(there, "ACGT")
    assert len(linux.plain) == 5
    assert linux.full == []
    if len(mac.full) != len(linux.plain) or mac.plain:
        problems.append(f"here are synced {linux.plain}, there {mac.full} in full and {mac.plain} not")
    before = there.events_path.read_bytes()
    for fails in (lambda name: name == EVENTS.rsplit(".", 1)[-1], lambda _: True):
        with on("darwin") as mac:
            mac.fails = fails
            try:
                add(there, "GGGG")
            except SequencesError:
                pass
            else:
                problems.append("a sync failed and nobody was told")
    there.recover()
    if there.events_path.read_bytes() != before:
        problems.append("a change whose sync failed is in the log")
    return problems


def test_a_change_is_synced_in_full_and_fails_where_that_fails(tmp_path: Path) -> None:
    assert problems_of_syncs(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fcntl.fcntl(fd, fcntl.F_FULLFSYNC)", "os.fsync(fd)"),
        ("fcntl.fcntl(fd, fcntl.F_FULLFSYNC)", "pass"),
        ('sys.platform == "darwin"', "False"),
        (
            "        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)",
            "        with contextlib.suppress(OSError):\n            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)",
        ),
    ],
    ids=["is a plain one", "is left out", "is that of another platform", "may fail"],
)
def test_a_change_shows_that_a_full_sync(old: str, new: str, tmp_path: Path) -> None:
    with rewritten(filesystem._full_sync, (old, new)):
        assert problems_of_syncs(tmp_path)


@pytest.mark.parametrize("synced", ["file", "folder"])
def test_files_and_folders_are_synced_in_full(synced: str, tmp_path: Path) -> None:
    with on("darwin") as mac:
        if synced == "folder":
            filesystem.REAL.sync_dir(tmp_path)
        else:
            filesystem.write_file(filesystem.REAL, tmp_path / "file", b"content")
    assert (len(mac.full), mac.plain) == (1, [])
