"""One open log file: its identity, its lines, and the places in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.errors import EventLogError
from dnadesign.usr.contract.events import MAX_LINE_BYTES, Event
from dnadesign.usr.storage.filesystem import OpenFile
from dnadesign.usr.storage.log_lines import SHOWN_OF_LONGER, RawLine, last_line_end, read_lines_backward
from dnadesign.usr.storage.visibility import CommittedLog

HEAD_BYTES = 256


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in a log file that is found again after renames, copies and restarts.

    Attributes:
        device: Device of the file.
        inode: Inode of the file.
        offset: Bytes read of it; a line begins there.
        head: sha256 hex of its first ``min(256, offset)`` bytes.
    """

    device: int
    inode: int
    offset: int
    head: str

    def to_dict(self) -> dict[str, int | str]:
        """The position as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> LogPosition:
        """Read a position back.

        Raises:
            EventLogError: A field is missing or of another type.
        """
        device, inode, offset, head = (found.get(name) for name in ("device", "inode", "offset", "head"))
        if type(device) is int and type(inode) is int and type(offset) is int and isinstance(head, str):
            return cls(device, inode, max(0, offset), head)
        raise EventLogError(
            f"{dict(found)!r:.200} is not a position in an event log: expected device, inode, offset, head"
        )


@dataclass(frozen=True, slots=True)
class LogLine:
    """One committed line of a log.

    Attributes:
        raw: The line as it stands there, its newline included; of a line too long for an event, its first bytes.
        offset: Where it begins, in bytes.
        path: The file that it stands in, by the name that the file had when it was opened.
        event: The event, or None if the line is not one.
        error: Why it is not, naming file and offset; None if it is one.
        after: The position behind the line.
    """

    raw: bytes
    offset: int
    path: Path
    event: Event | None
    error: EventLogError | None
    after: LogPosition


@dataclass(slots=True)
class LogFile:
    """An open log, or an archived segment of one.

    Attributes:
        file: The open file.
        path: The name it was opened under.
        segment: Its file name if it was opened as an archived segment; nothing is ever added to such a file.
        device: Its device.
        inode: Its inode.
    """

    file: OpenFile
    path: Path
    segment: str | None
    device: int
    inode: int
    _head: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, file: OpenFile, path: Path, *, segment: str | None = None) -> LogFile:
        """An open file as the log, or the segment, that lies at ``path``."""
        found = file.stat()
        return cls(file, path, segment, found.device, found.inode)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def is_same(self, other: LogFile | CommittedLog | LogPosition) -> bool:
        """Whether the other is of the very same file, by device and inode."""
        return (self.device, self.inode) == (other.device, other.inode)

    def position(self, offset: int) -> LogPosition:
        """The position at an offset below which all is committed."""
        length = min(HEAD_BYTES, offset)
        if len(self._head) != length:
            self._head = self.file.read_at(0, length)
        return LogPosition(self.device, self.inode, offset, hashlib.sha256(self._head).hexdigest())

    def holds(self, position: LogPosition) -> bool:
        """Whether the file's bytes are those that the position was taken in, whatever its name and inode."""
        size = self.file.stat().size
        if size < position.offset:
            return False
        head = self.file.read_at(0, min(HEAD_BYTES, position.offset))
        if hashlib.sha256(head).hexdigest() != position.head:
            return False
        return position.offset == 0 or self.file.read_at(position.offset - 1, 1) == b"\n"

    def event(self, raw: RawLine) -> Event:
        """The event in a line of the file.

        Raises:
            EventLogError: It is none; the message names file and offset.
        """
        try:
            if raw.too_long:
                size = raw.end - raw.offset
                raise EventLogError(
                    f"a line of {size:,} bytes is no event (at most {MAX_LINE_BYTES:,} are written)"
                )
            return Event.from_json_line(raw.raw)
        except EventLogError as error:
            where = f"{self.path}, byte {raw.offset}"
            raise EventLogError(f"{where}: {error.message}", mend=error.mend) from error

    def line(self, raw: RawLine, *, parse: bool = True) -> LogLine:
        """A line of the file, with the event in it or with what is wrong with it; not looked at without ``parse``."""
        event, problem = None, None
        try:
            event = self.event(raw) if parse or raw.too_long else None
        except EventLogError as error:
            problem = error
        return LogLine(raw.raw, raw.offset, self.path, event, problem, self.position(raw.end))

    def torn_line(self, committed: CommittedLog) -> LogLine:
        """The bytes behind the last newline of a finished file; the position stays before them."""
        raw = self.file.read_at(committed.end, min(committed.size_seen - committed.end, SHOWN_OF_LONGER))
        error = EventLogError(f"{self.path}, byte {committed.end}: the file ends in the middle of a line")
        return LogLine(raw, committed.end, self.path, None, error, self.position(committed.end))

    def last_event_id(self) -> str | None:
        """The id of the event in the last whole line of a finished file, if it has one."""
        end = last_line_end(self.file, self.file.stat().size)
        last = next(read_lines_backward(self.file, end), None)
        event = self.line(last).event if last is not None else None
        return event.event_id if event is not None else None
