"""Which batches are committed: found in the log, of which only the new tail is read at each look."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.storage.event_log import event_in, outline_in, read_all_lines, read_new_lines
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.log_lines import RawLine, is_still_there
from dnadesign.usr.storage.visibility import CommittedLog, committed_log_end


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A committed batch.

    Attributes:
        batch_id: The name its writer gave it.
        batch_sha256: Hash of its normalised input.
        txid: The transaction that committed it.
        timestamp_utc: When.
        events: Its events, in order.
    """

    batch_id: str
    batch_sha256: str | None
    txid: str | None
    timestamp_utc: str
    events: tuple[Event, ...]

    @property
    def actions(self) -> tuple[str, ...]:
        """What was done, in order."""
        return tuple(event.action for event in self.events)

    @property
    def metrics(self) -> tuple[dict[str, Any], ...]:
        """The metrics of each action, in order."""
        return tuple(dict(event.metrics) for event in self.events)

    def to_dict(self) -> dict[str, Any]:
        """The record for machine-readable output."""
        return {
            "batch_id": self.batch_id,
            "batch_sha256": self.batch_sha256,
            "txid": self.txid,
            "timestamp_utc": self.timestamp_utc,
            "actions": list(self.actions),
            "metrics": list(self.metrics),
        }


@dataclass
class BatchIndex:
    """The batches of one dataset up to one committed end of its log."""

    device: int = 0
    inode: int = 0
    end: int = 0
    _last: RawLine | None = None  # the line that ends there
    _events: dict[str, list[Event]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def follow(self, fs: FileSystem, dataset: Path) -> None:
        """Read what was committed since the last look."""
        with self._guard:
            log = committed_log_end(fs, dataset)
            known = self._is_still(fs, dataset, log)
            if known and self.end == log.end:
                return
            if known:
                lines = read_new_lines(fs, dataset, start=self.end, end=log.end, log=log)
            else:
                self._events = {}
                lines = read_all_lines(fs, dataset, end=log.end, log=log)
            for line in lines:
                batch_id = outline_in(line).batch_id
                if batch_id is not None:
                    self._events.setdefault(batch_id, []).append(event_in(line))
            self.device, self.inode, self.end, self._last = log.device, log.inode, log.end, log.last

    def _is_still(self, fs: FileSystem, dataset: Path, log: CommittedLog) -> bool:
        """Whether a log begins with what was read of one before; one put back from a backup may have its inode."""
        if (self.device, self.inode) != (log.device, log.inode) or self.end > log.end:
            return False
        if self._last is None or self._last == log.last:
            return self._last == log.last or self.end == 0
        return is_still_there(fs, dataset / EVENTS, self._last)

    def get(self, batch_id: str) -> BatchRecord | None:
        """The committed batch of that name, or None."""
        events = self._events.get(batch_id)
        if not events:
            return None
        first = events[0]
        return BatchRecord(batch_id, first.batch_sha256, first.txid, first.timestamp_utc, tuple(events))
