"""Read the event log: from an offset, from the end, or all of it with its archived segments.

The log of a dataset is ``.events.log``; archiving renames it to ``_events/events-<ts>.log``, its last line then being the
``events_archive`` event, which the new log repeats as its first line. Read as one, the log has that event once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.errors import ConcurrentChangeError, EventLogError
from dnadesign.usr.contract.event_fields import DAMAGED_LOG
from dnadesign.usr.contract.event_outline import EventOutline
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import EVENTS, EVENTS_ARCHIVE
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.log_file import LogFile, LogLine, LogPosition
from dnadesign.usr.storage.log_lines import last_line_end, read_lines, read_lines_backward
from dnadesign.usr.storage.visibility import CommittedLog, committed_prefix, open_log, segment_names

_TRIES = 20


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where a log is read from: a dataset's, with its archived segments, or any plain file of events.

    Attributes:
        fs: The file system.
        path: The log.
        dataset_dir: The dataset that it is the log of; None for a plain file.
    """

    fs: FileSystem
    path: Path
    dataset_dir: Path | None

    @classmethod
    def at(cls, fs: FileSystem, path: Path) -> LogSource:
        """The log at ``path``: that of a dataset if it has the name of one, also behind a symbolic link."""
        real = Path(os.path.realpath(path))
        return cls(fs, real, real.parent) if real.name == EVENTS else cls(fs, path.absolute(), None)

    def open_current(self) -> LogFile | None:
        """The log that is not archived, or None if there is none now."""
        if self.dataset_dir is not None:
            file = open_log(self.fs, self.dataset_dir)
            return LogFile.of(file, self.path) if file is not None else None
        try:
            return LogFile.of(self.fs.open(self.path, "read"), self.path)
        except FileNotFoundError:
            return None

    def segment_names(self) -> list[str]:
        """The archived segments, oldest first."""
        return segment_names(self.fs, self.dataset_dir) if self.dataset_dir is not None else []

    def open_segment(self, name: str) -> LogFile | None:
        """An archived segment, or None if it is gone."""
        path = self.path.parent / EVENTS_ARCHIVE / name
        try:
            return LogFile.of(self.fs.open(path, "read"), path, segment=name)
        except FileNotFoundError:
            return None

    def committed(self, log: LogFile) -> CommittedLog | None:
        """How much of an open file counts; None where that cannot be told just now."""
        if log.segment is None:
            return committed_prefix(self.fs, log.file, path=self.path, dataset_dir=self.dataset_dir)
        size = log.file.stat().size
        return CommittedLog(log.device, log.inode, size, last_line_end(log.file, size), None, finished=True)

    def archived_as(self, log: LogFile) -> str | None:
        """The name of the archived segment that an open log has become, or None."""
        for name in self.segment_names():
            found = self.fs.stat(self.path.parent / EVENTS_ARCHIVE / name)
            if found is not None and (found.device, found.inode) == (log.device, log.inode):
                return name
        return None

    def older_segments(self, log: LogFile) -> list[str]:
        """The archived segments before an open log, oldest first; the log may have been archived meanwhile."""
        names, own = self.segment_names(), self.archived_as(log)
        return names[: names.index(own)] if own in names else names

    def end(self) -> LogPosition | None:
        """The position behind the last line that is committed now; None where there is no log."""
        return last_lines(self, count=0)[1]

    def find(self, position: LogPosition) -> LogFile | None:
        """The file that a position is in: by device and inode, in a copy by its first bytes; None if there is none."""
        copy: LogFile | None = None
        for candidate in self._candidates():
            fits = candidate.holds(position)
            if fits and candidate.is_same(position):
                if copy is not None:
                    copy.close()
                return candidate
            if fits and copy is None and position.offset > 0:
                copy = candidate
            else:
                candidate.close()
        return copy

    def _candidates(self) -> Iterator[LogFile]:
        current = self.open_current()  # before the segments are listed: it may become one of them
        if current is not None:
            yield current
        for name in reversed(self.segment_names()):
            segment = self.open_segment(name)
            if segment is not None:
                yield segment


def read_events(
    fs: FileSystem, dataset_dir: Path, *, start: int, end: int, log: CommittedLog | None = None
) -> Iterator[Event]:
    """The events in some lines of a dataset's log; see :func:`read_new_lines`."""
    return map(event_in, _new_lines(fs, dataset_dir, start, end, log))


def read_new_lines(
    fs: FileSystem, dataset_dir: Path, *, start: int, end: int, log: CommittedLog | None = None
) -> Iterator[LogLine]:
    """The lines of a dataset's log between two offsets, both of them line ends; each is known to be an event.

    Args:
        fs: The file system.
        dataset_dir: The dataset's folder.
        start: Where to begin.
        end: Where to stop.
        log: The log that the offsets are of; it is found also if it has been archived since.

    Raises:
        EventLogError: A line is no event; the message names file and offset.
        ConcurrentChangeError: The log is another one, or shorter.
    """
    return map(_checked, _new_lines(fs, dataset_dir, start, end, log))


def _new_lines(
    fs: FileSystem, dataset_dir: Path, start: int, end: int, log: CommittedLog | None
) -> Iterator[LogLine]:
    if start >= end:
        return
    source = LogSource(fs, dataset_dir / EVENTS, dataset_dir)
    with _opened(source, log) as file:
        yield from _lines(file, start, end)


def read_all_events(
    fs: FileSystem, dataset_dir: Path, *, end: int, log: CommittedLog | None = None
) -> Iterator[Event]:
    """The events in all lines of a dataset's log; see :func:`read_all_lines`."""
    return map(event_in, _all_lines(fs, dataset_dir, end, log))


def read_all_lines(
    fs: FileSystem, dataset_dir: Path, *, end: int, log: CommittedLog | None = None
) -> Iterator[LogLine]:
    """All lines of a dataset's log, archived ones first, each once, up to an offset; each is known to be an event.

    Args:
        fs: The file system.
        dataset_dir: The dataset's folder.
        end: Committed end of the log that is not archived.
        log: That log; it is found also if it has been archived since.

    Raises:
        EventLogError: A line is no event; the message names file and offset.
        ConcurrentChangeError: The log is another one, or shorter.
    """
    return map(_checked, _all_lines(fs, dataset_dir, end, log))


def _all_lines(fs: FileSystem, dataset_dir: Path, end: int, log: CommittedLog | None) -> Iterator[LogLine]:
    if end <= 0:
        return
    source = LogSource(fs, dataset_dir / EVENTS, dataset_dir)
    with _opened(source, log) as current:
        last_id: str | None = None
        for name in source.older_segments(current):
            with _closing(source.open_segment(name)) as segment:
                if segment is None:
                    continue  # moved elsewhere by hand
                line: LogLine | None = None
                for line in _unrepeated(_lines(segment, 0, _whole(segment)), last_id):
                    yield line
                last_id = outline_in(line).event_id if line is not None else last_id
        yield from _unrepeated(_lines(current, 0, end), last_id)


@contextmanager
def _opened(source: LogSource, log: CommittedLog | None) -> Iterator[LogFile]:
    """The log, or the archived segment that the log that was looked at has become since."""
    with _closing(source.open_current()) as current:
        if current is not None and (log is None or current.is_same(log)):
            yield current
            return
    for name in reversed(source.segment_names() if log is not None else []):
        with _closing(source.open_segment(name)) as segment:
            if segment is not None and log is not None and segment.is_same(log):
                yield segment
                return
    raise _changed(source.path)


@contextmanager
def _closing(file: LogFile | None) -> Iterator[LogFile | None]:
    try:
        yield file
    finally:
        if file is not None:
            file.close()


def _unrepeated(lines: Iterator[LogLine], last_id: str | None) -> Iterator[LogLine]:
    """The lines without a first one that repeats the last of the segment before."""
    first = next(lines, None)
    if first is not None and (last_id is None or outline_in(first).event_id != last_id):
        yield first
    yield from lines


def _lines(file: LogFile, start: int, end: int) -> Iterator[LogLine]:
    reached = start
    for raw in read_lines(file.file, start, end):
        yield file.line(raw)
        reached = raw.end
    if reached < end:
        raise _changed(file.path)


def _checked(line: LogLine) -> LogLine:
    outline_in(line)
    return line


def outline_in(line: LogLine) -> EventOutline | Event:
    """What the line says.

    Raises:
        EventLogError: It is no event; the message names file and offset.
    """
    found = line.outline
    if found is None:
        raise line.error or EventLogError(f"{line.path}, byte {line.offset}: not an event", mend=DAMAGED_LOG)
    return found


def event_in(line: LogLine) -> Event:
    """The event in a line.

    Raises:
        EventLogError: It is none; the message names file and offset.
    """
    found = line.event
    if found is None:
        raise line.error or EventLogError(f"{line.path}, byte {line.offset}: not an event", mend=DAMAGED_LOG)
    return found


def _whole(segment: LogFile) -> int:
    return last_line_end(segment.file, segment.file.stat().size)


def _changed(path: Path) -> ConcurrentChangeError:
    return ConcurrentChangeError(f"{path}: replaced or cut while it was read", mend="try again")


def last_lines(
    source: LogSource,
    *,
    count: int | None,
    keep: Callable[[LogLine], bool] = lambda _line: True,
    enough: Callable[[LogLine], bool] = lambda _line: False,
) -> tuple[list[LogLine], LogPosition | None]:
    """The last lines of a log, in order, read from its end; archived segments count as part of it.

    Args:
        source: The log.
        count: How many lines, or None for all.
        keep: Which lines count.
        enough: Says of a line that none before it can count.

    Returns:
        The lines, and the position behind the log's last committed line; None where there is no log.

    Raises:
        ConcurrentChangeError: The log was replaced each time that it was looked at.
    """
    found: deque[LogLine] = deque()
    end = _walk_back(source, found, count=count, keep=keep, enough=enough)
    return list(found), end


def place_of_last(
    source: LogSource,
    *,
    count: int | None,
    keep: Callable[[LogLine], bool] = lambda _line: True,
    enough: Callable[[LogLine], bool] = lambda _line: False,
) -> LogPosition | None:
    """Where the first of those lines begins; behind the last committed line if there are none, None without a log."""
    first: deque[LogLine] = deque(maxlen=1)
    end = _walk_back(source, first, count=count, keep=keep, enough=enough)
    return first[0].before if first else end


def _walk_back(
    source: LogSource,
    found: deque[LogLine],
    *,
    count: int | None,
    keep: Callable[[LogLine], bool],
    enough: Callable[[LogLine], bool],
) -> LogPosition | None:
    """Put the lines into ``found``, the last one first, each to the left of those before; the position of the end."""
    for _ in range(_TRIES):
        with _closing(source.open_current()) as current:
            if current is None:
                return None
            committed = source.committed(current)
            if committed is None or committed.finished:
                continue
            number = 0
            for line in _backward(source, current, committed.end) if count != 0 else ():
                if enough(line):
                    break
                if keep(line):
                    found.appendleft(line)
                    number += 1
                if number == count:
                    break
            return current.position(committed.end)
    raise _changed(source.path)


def _backward(source: LogSource, current: LogFile, end: int) -> Iterator[LogLine]:
    """All lines of the log, the last one first."""
    first_id = yield from _file_backward(current, end, None)
    for name in reversed(source.older_segments(current)):
        with _closing(source.open_segment(name)) as segment:
            if segment is not None:
                first_id = yield from _file_backward(segment, _whole(segment), first_id)


def _file_backward(file: LogFile, end: int, next_id: str | None) -> Generator[LogLine, None, str | None]:
    """A file's lines, the last one first, without it if the next file repeats it; returns the first line's id."""
    line: LogLine | None = None
    for raw in read_lines_backward(file.file, end):
        line = file.line(raw)
        if raw.end < end or next_id is None or _id(line) != next_id:
            yield line
    return _id(line) if line is not None else None


def _id(line: LogLine) -> str | None:
    found = line.outline
    return found.event_id if found is not None else None
