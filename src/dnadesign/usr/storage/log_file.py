"""One open log file: its identity, its lines, and the places in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.errors import EventLogError
from dnadesign.usr.contract.event_outline import EventOutline, match_of
from dnadesign.usr.contract.events import MAX_LINE_BYTES, Event
from dnadesign.usr.storage.filesystem import OpenFile
from dnadesign.usr.storage.log_lines import SHOWN_OF_LONGER, RawLine, Run, last_line_end, read_lines_backward
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
            f"{dict(found)!r:.200} is not a position in an event log: expected device, inode, offset, head",
            mend="give what LogPosition.to_dict() returned, or begin without one",
        )


class LogLine:
    """One committed line of a log; what stands in it is looked at when it is asked for.

    Args:
        raw: The line.
        offset: Where it begins.
        end: Where the next one begins.
        file: What it stands in.
        parse: Whether it may be looked at; without it ``event`` and ``error`` are None.
        error: What is known to be wrong with it.

    Attributes:
        raw: The line as it stands there, its newline included; of a line too long for an event, its first bytes.
        offset: Where it begins, in bytes.
        end: Where the next one begins, in bytes.
    """

    __slots__ = ("_error", "_event", "_file", "_match", "_unread", "end", "offset", "raw")

    def __init__(  # noqa: PLR0917 - made for every line of a log, where keywords cost
        self,
        raw: bytes,
        offset: int,
        end: int,
        file: LogFile,
        parse: bool = True,
        error: EventLogError | None = None,
    ) -> None:
        self.raw = raw
        self.offset = offset
        self.end = end
        self._file = file
        self._unread = parse and error is None
        self._match: re.Match[bytes] | None = None
        self._event: Event | None = None
        self._error = error

    def __repr__(self) -> str:
        return f"LogLine({self.raw!r:.80}, offset={self.offset})"

    @property
    def path(self) -> Path:
        """The file that it stands in, by the name that the file had when it was opened."""
        return self._file.path

    @property
    def before(self) -> LogPosition:
        """The position in front of the line."""
        return self._file.position(self.offset)

    @property
    def after(self) -> LogPosition:
        """The position behind the line."""
        return self._file.position(self.end)

    @property
    def is_event(self) -> bool:
        """Whether the line is an event; a line in usr's own form need not be parsed for it."""
        if self._unread and self._match is None:
            self._match = match_of(self.raw)
        return self._match is not None or self.event is not None

    @property
    def outline(self) -> EventOutline | Event | None:
        """The event, or of a line in usr's own form only what tells it from others; None if the line is no event."""
        if self._match is None and self._unread:
            self._match = match_of(self.raw)
        return EventOutline(self._match) if self._match is not None else self.event

    @property
    def event(self) -> Event | None:
        """The event, or None if the line is not one."""
        if self._unread:
            self._unread = False
            try:
                self._event = self._file.event(self.raw, self.offset)
            except EventLogError as error:
                self._error = error
        return self._event

    @property
    def error(self) -> EventLogError | None:
        """Why the line is no event, naming file and offset; None if it is one."""
        return None if self.is_event else self._error


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
    _digest: str = field(default="", repr=False)

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
        self.remember_head(length)
        if length < HEAD_BYTES:
            digest = hashlib.sha256(self._head[:length]).hexdigest()
        else:
            digest = self._digest = self._digest or hashlib.sha256(self._head).hexdigest()
        return LogPosition(self.device, self.inode, offset, digest)

    def remember_head(self, length: int) -> None:
        """Keep the first bytes, as many as are committed, for positions that are asked for when the file is closed."""
        length = min(HEAD_BYTES, length)
        if len(self._head) < length:
            self._head = self.file.read_at(0, length)

    def holds(self, position: LogPosition) -> bool:
        """Whether the file's bytes are those that the position was taken in, whatever its name and inode."""
        size = self.file.stat().size
        if size < position.offset:
            return False
        head = self.file.read_at(0, min(HEAD_BYTES, position.offset))
        if hashlib.sha256(head).hexdigest() != position.head:
            return False
        return position.offset == 0 or self.file.read_at(position.offset - 1, 1) == b"\n"

    def event(self, line: bytes, offset: int) -> Event:
        """The event in a line of the file that begins at that offset.

        Raises:
            EventLogError: It is none; the message names file and offset.
        """
        try:
            return Event.from_json_line(line)
        except EventLogError as error:
            raise self._damaged(offset, error.message, error.mend) from error

    def line(self, raw: RawLine, *, parse: bool = True) -> LogLine:
        """A line of the file; never looked at without ``parse``."""
        if len(self._head) < HEAD_BYTES:
            self.remember_head(raw.end)
        if not raw.too_long:
            return LogLine(raw[0], raw[1], raw[2], self, parse)
        found = (
            f"a line of {raw.end - raw.offset:,} bytes is no event (at most {MAX_LINE_BYTES:,} are written)"
        )
        return LogLine(raw.raw, raw.offset, raw.end, self, error=self._damaged(raw.offset, found))

    def lines(self, run: Run, *, parse: bool = True) -> list[LogLine]:
        """Lines of the file that follow one another."""
        if len(self._head) < HEAD_BYTES:
            self.remember_head(run.offset + sum(map(len, run.lines)))
        found, offset = [], run.offset
        for raw in run.lines:
            end = offset + len(raw)
            found.append(LogLine(raw, offset, end, self, parse))
            offset = end
        return found

    def torn_line(self, committed: CommittedLog) -> LogLine:
        """The bytes behind the last newline of a finished file; the position stays before them."""
        raw = self.file.read_at(committed.end, min(committed.size_seen - committed.end, SHOWN_OF_LONGER))
        error = self._damaged(committed.end, "the file ends in the middle of a line")
        self.remember_head(committed.end)
        return LogLine(raw, committed.end, committed.end, self, error=error)

    def _damaged(self, offset: int, found: str, mend: str | None = None) -> EventLogError:
        return EventLogError(f"{self.path}, byte {offset}: {found}", mend=mend)

    def last_event_id(self) -> str | None:
        """The id of the event in the last whole line of a finished file, if it has one."""
        end = last_line_end(self.file, self.file.stat().size)
        last = next(read_lines_backward(self.file, end), None)
        found = self.line(last).outline if last is not None else None
        return found.event_id if found is not None else None
