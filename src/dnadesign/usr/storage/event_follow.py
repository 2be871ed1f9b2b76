"""Follow the event log: committed lines as they come, without a lock, through archiving and restarts."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Literal

from dnadesign.usr.contract.errors import EventLogError, SequencesError
from dnadesign.usr.storage.event_log import LogSource
from dnadesign.usr.storage.filesystem import REAL, FileSystem
from dnadesign.usr.storage.log_file import LogFile, LogLine, LogPosition
from dnadesign.usr.storage.log_lines import RawLine, read_runs
from dnadesign.usr.storage.visibility import CommittedLog

_BYTES_A_POLL = 1 << 23


class EventFollower:
    """Reads an event log from a place on, line by line as they are committed.

    A dataset's log (a file named ``.events.log``) is read together with its archived segments, the repeated first event
    of each new log left out. Any other file of events is read as it is; when another file takes its place, the old
    one is read to its end first. Not to be shared between threads.

    Args:
        events_path: The log; it need not exist yet.
        position: Where to go on, from an earlier follower.
        start: Where to begin without a position: at the oldest event, or behind the newest one now committed.
        on_truncation: What to do when the log is cut below the position or is another one: raise, or begin again with
            the first line of what is there now.
        parse: Whether the event of each line is read. Without it lines cost a fraction; ``event`` and ``error`` are then
            None, but for the first line of a file and for lines that are too long.
        fs: The file system.

    Raises:
        CorruptFileError: The intent of an unfinished change is damaged.
        ConcurrentChangeError: The end of the log could not be told.
    """

    def __init__(
        self,
        events_path: Path | str,
        *,
        position: LogPosition | None = None,
        start: Literal["start", "end"] = "start",
        on_truncation: Literal["error", "restart"] = "error",
        parse: bool = True,
        fs: FileSystem = REAL,
    ) -> None:
        self._source = LogSource.at(fs, Path(events_path))
        self._on_truncation = on_truncation
        self._parse = parse
        self._log: LogFile | None = None
        self._offset = 0
        self._repeated: str | None = None  # id of the event that the log at hand may repeat as its first
        self._position = position
        if position is None and start == "end":
            self._position = self._source.end()

    @property
    def position(self) -> LogPosition | None:
        """Where the next poll goes on; None where nothing has been read yet."""
        return self._position

    def poll(self, max_lines: int | None = None) -> list[LogLine]:
        """The committed lines that have come since, without waiting; empty when there are none.

        One call returns at most about 8 MiB; call again until it returns nothing.

        Args:
            max_lines: At most so many.

        Raises:
            EventLogError: The log was cut below the position, or is another one than the position's.
            CorruptFileError: The intent of an unfinished change is damaged.
            OSError: The log cannot be read.
        """
        if max_lines is not None and max_lines < 1:
            raise ValueError(f"max_lines is {max_lines}, expected at least 1")
        batch, before = _Batch(most=max_lines), self._position
        try:
            while self._read_on(batch):
                pass
        except (SequencesError, OSError):
            self.close()
            if not batch.lines:
                raise  # else the lines first; the next call meets it again
        except BaseException:
            self.close()
            self._position = before  # the lines are lost to the caller: read them again
            raise
        return batch.lines

    def close(self) -> None:
        """Close the log; a later poll opens it again at the position."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> EventFollower:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self.close()

    def _read_on(self, batch: _Batch) -> bool:
        """Read what the file at hand has, and turn to the next one behind it; whether there may be more now."""
        log = self._log if self._log is not None else self._open()
        committed = self._source.committed(log) if log is not None else None
        if log is None or committed is None:
            return False
        if not self._is_intact(log, committed):
            return self._begin_again(
                f"the log is {committed.size_seen:,} bytes long and not the one that was read"
            )
        if self._take_lines(log, committed.end, batch):
            return False
        return committed.finished and self._turn_to_next(log, committed, batch)

    def _is_intact(self, log: LogFile, committed: CommittedLog) -> bool:
        if self._offset == 0 or self._position is None:
            return True
        return committed.end >= self._offset and log.holds(self._position)

    def _take_lines(self, log: LogFile, end: int, batch: _Batch) -> bool:
        """Take the lines up to an offset; whether the batch was full before."""
        start = self._offset
        try:
            for found in read_runs(log.file, start, end):
                if isinstance(found, RawLine):
                    lines = [log.line(found, parse=self._parse or found.offset == 0)]
                else:
                    lines = log.lines(found, parse=self._parse or found.offset == 0)
                taken = batch.take(lines, but_first=found.offset == 0 and self._is_repeated(lines[0]))
                self._offset = taken.end
                if batch.is_full:
                    return True
            return False
        finally:
            if self._offset > start:  # only here, not for every line
                self._position = log.position(self._offset)

    def _is_repeated(self, first: LogLine) -> bool:
        """Whether a file's first line is what archiving repeated from the file before."""
        found = first.outline if self._repeated is not None else None
        return found is not None and found.event_id == self._repeated

    def _turn_to_next(self, log: LogFile, committed: CommittedLog, batch: _Batch) -> bool:
        following = self._following(log)
        if following is None:
            return False
        if committed.size_seen > committed.end:
            batch.add(log.torn_line(committed))
        self._repeated = log.last_event_id() if self._source.dataset_dir is not None else None
        log.close()
        self._log, self._offset = following, 0
        if self._source.dataset_dir is None:
            self._position = following.position(0)
        # Else the position stays behind the old log's last line until the new one's first is read: its fingerprint
        # finds the place again in a copy too, where an offset of 0 tells nothing.
        return not batch.is_full

    def _following(self, log: LogFile) -> LogFile | None:
        """The file behind a finished one."""
        own = log.segment or self._source.archived_as(log)
        following = self._after_segment(own) if own is not None else self._source.open_current()
        if following is not None and following.is_same(log):
            following.close()
            return None
        return following

    def _after_segment(self, name: str) -> LogFile | None:
        """The segment after that name, else the log; the name "" stands before all segments."""
        while True:
            newer = [other for other in self._source.segment_names() if other > name]
            if newer:
                segment = self._source.open_segment(newer[0])
                if segment is not None:
                    return segment
                name = newer[0]  # moved elsewhere by hand
                continue
            current = self._source.open_current()
            if current is None or all(other <= name for other in self._source.segment_names()):
                return current
            current.close()  # it may have been archived between the two looks, with others behind it

    def _open(self) -> LogFile | None:
        """Open the file that the position is in, or the first one."""
        position = self._position
        if position is None:
            self._log, self._offset, self._repeated = self._after_segment(""), 0, None
            return self._log
        self._log, self._offset, self._repeated = self._source.find(position), position.offset, None
        if self._log is None:
            self._begin_again("neither the log nor an archived segment has the bytes that were read")
        return self._log

    def _begin_again(self, why: str) -> bool:
        """Go to the start of what is there now, if that is allowed; whether there is something."""
        offset = self._position.offset if self._position is not None else self._offset
        self.close()
        current = self._source.open_current()
        if current is None:
            return False  # it may come back: the position stays
        if self._on_truncation == "error" and offset > 0:
            current.close()
            raise EventLogError(
                f"{self._source.path}: byte {offset:,}, where reading was to go on, cannot be found: {why}",
                mend="begin again at the start or the end of the log that is there now",
            )
        self._log, self._offset, self._repeated = current, 0, None
        self._position = current.position(0)
        return True


@dataclass(slots=True)
class _Batch:
    """The lines of one poll."""

    most: int | None
    lines: list[LogLine] = field(default_factory=list)
    size: int = 0

    def add(self, line: LogLine) -> None:
        """Add a line."""
        self.lines.append(line)
        self.size += len(line.raw)

    def take(self, lines: list[LogLine], *, but_first: bool) -> LogLine:
        """Add as many of the lines, of which there is one at least, as there is room for; the last one looked at."""
        wanted = lines[1:] if but_first else lines
        if self.most is not None:
            wanted = wanted[: self.most - len(self.lines)]
        sizes = list(accumulate([len(line.raw) for line in wanted], initial=self.size))
        wanted = wanted[: bisect_left(sizes, _BYTES_A_POLL, lo=1)]
        self.lines += wanted
        self.size = sizes[len(wanted)]
        return wanted[-1] if wanted else lines[0]

    @property
    def is_full(self) -> bool:
        return self.size >= _BYTES_A_POLL or (self.most is not None and len(self.lines) >= self.most)
