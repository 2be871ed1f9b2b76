"""Changes datasets in every way there is, writing down every operation that goes through the seam.

    python -m tests.faults.traced_writer ROOT TRACE

ROOT has what :func:`prepare` made. TRACE gets one JSON list a line: what was done, and to which path below ROOT.
"""

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from unittest import mock

from dnadesign.usr import Dataset
from dnadesign.usr.contract.layout import PRIVATE
from dnadesign.usr.storage import journal
from dnadesign.usr.storage.filesystem import REAL, FileStat, Mode, OpenFile, RealFile, RealFileSystem
from tests.faults.changes import NAME
from tests.faults.datasets import OTHER, VERBS, Verb, fill, register_all, transact
from tests.usr.storage.cached_keys import eager

FILE_CALLS = {"write_at": "write", "truncate": "truncate", "sync": "sync"}
CALLS = {"mkdir": "mkdir", "rmdir": "rmdir", "rename": "rename", "unlink": "unlink", "sync_dir": "sync"}
DEAD = "0" * 32  # the transaction of a writer that died

Note = Callable[[str, Path], None]


class TracedFile:
    """A file of the real file system that tells what is done to it."""

    def __init__(self, file: RealFile, note: Note) -> None:
        self._file, self._note = file, note

    def __getattr__(self, name: str) -> Any:
        if name in FILE_CALLS:
            self._note(FILE_CALLS[name], self._file.path)
        return getattr(self._file, name)


class TracedFileSystem:
    """The real file system, telling what is done."""

    def __init__(self, note: Note) -> None:
        self._fs, self._note = RealFileSystem(), note

    def open(self, path: Path, mode: Mode, *, like: FileStat | None = None) -> OpenFile:
        """Open a file that tells what is done to it."""
        if mode in ("create", "open_or_create"):
            self._note("create", path)
        if like is not None:
            self._note("mode", path)
            self._note("owner", path)
        return cast(OpenFile, TracedFile(self._fs.open(path, mode, like=like), self._note))

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._fs, name)
        if name not in CALLS:
            return call

        def traced(path: Path, *more: Path) -> Any:
            self._note(CALLS[name], path)
            return call(path, *more)

        return traced


# -- what a dead writer leaves -----------------------------------------------------------------------------------


def torn_tail(found: Dataset) -> None:
    """Half an event at the end of the log."""
    with found.events_path.open("ab") as log:
        log.write(b'{"event_version":1,"event_id":')


def dead_staging(found: Dataset) -> None:
    """Files of a writer that died before it committed."""
    for name in (f".{DEAD}.0", f".{DEAD}.1"):
        (found.dir / PRIVATE / name).write_bytes(b"staged")
    (found.dir / PRIVATE / f".intent-{DEAD}").write_bytes(b"{")


def killed_before_it_committed(found: Dataset) -> None:
    die_at(found, "_write_events")


def killed_before_it_applied(found: Dataset) -> None:
    die_at(found, "apply")


class Killed(BaseException):
    """Stands for the death of a process."""


def die_at(found: Dataset, step: str) -> None:
    """A transaction that goes as far as that step of the journal."""
    with mock.patch.object(journal, step, side_effect=Killed), contextlib.suppress(Killed):
        transact(found)


REMAINS: Mapping[str, Verb] = MappingProxyType(
    {left.__name__: left for left in (torn_tail, dead_staging, killed_before_it_committed, killed_before_it_applied)}
)  # fmt: skip


# -- the program -------------------------------------------------------------------------------------------------


def prepare(root: Path) -> None:
    """A root for each change to be made, below one folder: as a verb finds it, or as a dead writer left it."""
    template = root / "template"
    template.mkdir()
    register_all(template, REAL)
    fill(Dataset(template, NAME), Dataset(template, OTHER))
    for name in (*VERBS, *REMAINS):
        shutil.copytree(template, root / name)
    for name, leave in REMAINS.items():
        leave(Dataset(root / name, NAME))
    (root / "new").mkdir()


def changes(root: Path, fs: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """All that can be done to datasets, each in a root of its own."""
    new = root / "new"
    yield "new", lambda: register_all(new, fs)
    yield "new", lambda: fill(eager(Dataset(new, NAME, fs=fs)), Dataset(new, OTHER, fs=fs))
    for name in VERBS:
        found = eager(Dataset(root / name, NAME, fs=fs))
        yield name, lambda name=name, found=found: VERBS[name](found)  # type: ignore[misc]
    for name in REMAINS:
        yield name, Dataset(root / name, NAME, fs=fs).recover


def main(root: Path, trace: Path) -> None:
    done: list[tuple[str, str]] = []

    def note(what: str, path: Path) -> None:
        done.append((what, path.relative_to(root).as_posix()))

    for name, change in changes(root, TracedFileSystem(note)):
        before = len(done)
        change()
        if len(done) == before:
            raise AssertionError(f"{name} has done nothing")
    trace.write_text("".join(json.dumps(step) + "\n" for step in done), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
