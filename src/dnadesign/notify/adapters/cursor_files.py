"""Keeps the state of a watcher in one file, and keeps a second watcher out."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dnadesign.notify.adapters.durable_files import locked, make_private_folder, read_json, write_json
from dnadesign.notify.contract.errors import CursorBusy
from dnadesign.notify.contract.watch_state import WatchState, watch_state_from_dict


class CursorFile:
    """The cursor of one log for one destination; use it inside ``open_cursor``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> WatchState | None:
        """The state saved last; None where there is none."""
        raw = read_json(self.path)
        return watch_state_from_dict(raw, path=str(self.path)) if raw is not None else None

    def save(self, state: WatchState) -> None:
        """Write the state, atomically and durably."""
        write_json(self.path, state.to_dict())


def cursor_path(state_folder: Path, *, events_path: Path, destination: str) -> Path:
    """Where the cursor of a log and a destination is kept.

    The name says the dataset and the destination; a hash of the log's full path keeps equal names apart.
    """
    full = os.path.realpath(events_path)
    digest = hashlib.sha256(f"{full}\n{destination}".encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{Path(full).parent.name}.{destination}").lstrip(".")[:80]
    return state_folder / "cursors" / f"{name}.{digest}.json"


@contextmanager
def open_cursor(path: Path) -> Iterator[CursorFile]:
    """Hold a cursor for as long as the block runs; the lock dies with the process.

    Raises:
        CursorBusy: Another watcher has it.
    """
    make_private_folder(path.parent)
    with locked(path.with_suffix(".lock"), wait=False) as held:
        if not held:
            raise CursorBusy(
                f"another watcher is using the cursor {path}",
                mend="one watcher per log and destination is enough; stop the other one first",
            )
        yield CursorFile(path)


def cursor_is_busy(path: Path) -> bool:
    """Whether a watcher has the cursor now."""
    lock = path.with_suffix(".lock")
    if not lock.exists():
        return False
    with locked(lock, wait=False) as held:
        return not held
