"""Makes a dataset and changes it, writing down every operation that goes through the seam.

    python -m tests.faults.traced_writer ROOT TRACE

TRACE gets one JSON list a line: what was done, and to which path below ROOT.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from dnadesign.usr import Dataset, compute_id, register_namespace
from dnadesign.usr.storage.filesystem import FileStat, Mode, OpenFile, RealFile, RealFileSystem

FILE_CALLS = {"write_at": "write", "truncate": "truncate", "sync": "sync"}
CALLS = {"mkdir": "mkdir", "rmdir": "rmdir", "rename": "rename", "unlink": "unlink", "sync_dir": "sync"}

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
        return cast(OpenFile, TracedFile(self._fs.open(path, mode, like=like), self._note))

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._fs, name)
        if name not in CALLS:
            return call

        def traced(path: Path, *more: Path) -> Any:
            self._note(CALLS[name], path)
            return call(path, *more)

        return traced


def main(root: Path, trace: Path) -> None:
    done: list[tuple[str, str]] = []

    def note(what: str, path: Path) -> None:
        if path != root.parent:  # the folder that the root lies in is synced once
            done.append((what, path.relative_to(root).as_posix()))

    fs: Any = TracedFileSystem(note)
    register_namespace(root, namespace="lab", columns="lab__x:int64", fs=fs)
    found = Dataset(root, "set", fs=fs).init()
    found.add_sequences(["ACGT", "AACC"], bio_type="dna", alphabet="dna_4")
    ids = [compute_id("dna", sequence) for sequence in ("ACGT", "AACC")]
    found.write_overlay_part("lab", pa.table({"id": ids[:1], "lab__x": [1]}))
    with found.transaction() as tx:
        tx.add_sequences(["GGTT"], bio_type="dna", alphabet="dna_4")
        tx.write_overlay_part("lab", pa.table({"id": ids[1:], "lab__x": [2]}))
    found.compact_overlay("lab", maintenance=True)
    found.archive_events(maintenance=True)
    trace.write_text("".join(json.dumps(step) + "\n" for step in done), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
