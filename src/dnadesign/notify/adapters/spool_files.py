"""The spool of a destination: one private file per message, in folders that say whether it waits or is dead."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dnadesign.notify.adapters.durable_files import (
    locked,
    make_private_folder,
    next_number,
    read_json,
    remove_file,
    write_json,
)
from dnadesign.notify.contract.destinations import Destination, destination_from_dict
from dnadesign.notify.contract.errors import StateFileError
from dnadesign.notify.contract.events import parse_time
from dnadesign.notify.contract.messages import Message, message_from_dict
from dnadesign.notify.contract.ports import Disabled, SpooledMessage

_SUFFIX = ".json"


class SpoolFolder:
    """The messages of one destination that could not be delivered.

    ``waiting/`` and ``dead/`` hold one file per message, ``destination.json`` says where they are to go (and where its
    secrets are kept, never what they are), ``disabled.json`` is there while the destination takes nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting = folder / "waiting"
        self._dead = folder / "dead"

    def prepare(self, destination: Destination) -> None:
        """Make the folders and write down the destination."""
        for folder in (self._waiting, self._dead):
            make_private_folder(folder)
        path = self.folder / "destination.json"
        if read_json(path) != destination.to_dict():
            write_json(path, destination.to_dict())

    def destination(self) -> Destination | None:
        """The destination that was written down; None where none was."""
        path = self.folder / "destination.json"
        raw = read_json(path)
        return destination_from_dict(raw, path=str(path)) if raw is not None else None

    def hold(self) -> AbstractContextManager[bool]:
        """Keep other processes from draining; False inside if another one is doing it."""
        return locked(self.folder / ".drain.lock", wait=False)

    def waiting(self) -> list[str]:
        """The entries that wait, oldest first."""
        return _entries(self._waiting)

    def dead(self) -> list[str]:
        """The dead letters, oldest first."""
        return _entries(self._dead)

    def is_empty(self) -> bool:
        """Whether nothing waits; cheap."""
        try:
            return not any(path.name.endswith(_SUFFIX) for path in self._waiting.iterdir())
        except FileNotFoundError:
            return True

    def read(self, entry: str) -> SpooledMessage | None:
        """One waiting message; None if somebody else has taken it away."""
        return _read(self._waiting / (entry + _SUFFIX), entry)

    def read_dead(self, entry: str) -> SpooledMessage | None:
        """One dead letter; None if somebody else has taken it away."""
        return _read(self._dead / (entry + _SUFFIX), entry)

    def append(self, message: Message, *, message_id: str, reason: str, now: datetime) -> SpooledMessage:
        """Put a message behind all others, durably."""
        # The time, unless the clock has been set back.
        number = next_number(self.folder / ".sequence", least=time.time_ns())
        entry = f"{number:020d}-{message_id[-8:]}"
        spooled = SpooledMessage(
            entry=entry, message_id=message_id, message=message, spooled_at=now.isoformat(), reason=reason
        )
        _write(self._waiting / (entry + _SUFFIX), spooled)
        return spooled

    def note_try(self, spooled: SpooledMessage) -> None:
        """Write down one more try and its reason."""
        _write(self._waiting / (spooled.entry + _SUFFIX), spooled)

    def remove(self, entry: str) -> None:
        """Take a delivered message away, durably."""
        remove_file(self._waiting / (entry + _SUFFIX))

    def remove_dead(self, entry: str) -> None:
        """Take a dead letter away, durably."""
        remove_file(self._dead / (entry + _SUFFIX))

    def bury(self, spooled: SpooledMessage) -> None:
        """Move a waiting message to the dead letters."""
        _write(self._dead / (spooled.entry + _SUFFIX), spooled)
        self.remove(spooled.entry)

    def revive(self, spooled: SpooledMessage) -> None:
        """Move a dead letter back to its old place among the waiting, with a clean slate."""
        _write(self._waiting / (spooled.entry + _SUFFIX), replace(spooled, tries=0))
        self.remove_dead(spooled.entry)

    def disable(self, *, reason: str, now: datetime) -> None:
        """Write down that the destination takes nothing more."""
        write_json(self.folder / "disabled.json", {"since": now.isoformat(), "reason": reason})

    def pause(self, *, until: datetime) -> None:
        """Write down that the destination asked to be left alone until then."""
        write_json(self.folder / "paused.json", {"until": until.isoformat()})

    def paused_until(self) -> datetime | None:
        """Until when the destination asked to be left alone; None where it did not."""
        raw = read_json(self.folder / "paused.json")
        return parse_time(raw.get("until")) if raw is not None else None

    def enable(self) -> None:
        """Let the destination be used again."""
        remove_file(self.folder / "disabled.json")

    def disabled(self) -> Disabled | None:
        """Whether and why the destination takes nothing more."""
        raw = read_json(self.folder / "disabled.json")
        return (
            Disabled(since=str(raw.get("since")), reason=str(raw.get("reason"))) if raw is not None else None
        )


def spool_folder(state_folder: Path, destination: str) -> SpoolFolder:
    """The spool of a destination."""
    return SpoolFolder(state_folder / "spool" / destination)


def all_spools(state_folder: Path) -> list[SpoolFolder]:
    """Every spool there is, by name of the destination."""
    base = state_folder / "spool"
    if not base.is_dir():
        return []
    return [
        SpoolFolder(folder) for folder in sorted(base.iterdir()) if (folder / "destination.json").exists()
    ]


def _entries(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.iterdir() if path.name.endswith(_SUFFIX))


def _write(path: Path, spooled: SpooledMessage) -> None:
    write_json(
        path,
        {
            "message_id": spooled.message_id,
            "spooled_at": spooled.spooled_at,
            "tries": spooled.tries,
            "reason": spooled.reason,
            "message": spooled.message.to_dict(),
        },
    )


def _read(path: Path, entry: str) -> SpooledMessage | None:
    raw = read_json(path)
    if raw is None:
        return None
    message, tries = raw.get("message"), raw.get("tries")
    if not isinstance(message, dict) or not isinstance(tries, int):
        raise StateFileError(
            f"{path} does not hold a message", mend="move the file away; it was changed or damaged"
        )
    return SpooledMessage(
        entry=entry,
        message_id=str(raw.get("message_id")),
        message=message_from_dict(message, path=str(path)),
        spooled_at=str(raw.get("spooled_at")),
        tries=tries,
        reason=str(raw.get("reason")),
    )
