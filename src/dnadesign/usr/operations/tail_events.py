"""Show the last events of a log, and the next ones as they come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from dnadesign.usr.contract.event_outline import EventOutline
from dnadesign.usr.contract.events import Event
from dnadesign.usr.storage.event_follow import EventFollower
from dnadesign.usr.storage.event_log import LogSource, last_lines, place_of_last
from dnadesign.usr.storage.filesystem import REAL, FileSystem
from dnadesign.usr.storage.log_file import LogLine, LogPosition

_CLOCK_SKEW = timedelta(days=1)  # how far the clocks of two writers may be apart
_KEPT = 1000  # of more lines only the place of the first is looked for, and they are read forwards from there
_LINES_A_LOOK = 2048  # so few that the collector, which counts objects, does not walk them


def tail_events(
    events_path: Path,
    *,
    count: int | None,
    since: datetime | None = None,
    actions: Collection[str] = (),
    wait: Callable[[], bool] | None = None,
    fs: FileSystem = REAL,
) -> Iterator[LogLine]:
    """The last committed lines of a log that fit, oldest first, then those that come.

    Lines that are no events always fit, so that damage is not passed over.

    Args:
        events_path: The log.
        count: How many of the lines that are there, or None for all.
        since: Only events at this time or later.
        actions: Only events of these actions; of all if empty.
        wait: Called when there are no lines now; says whether to go on. None to stop there.
        fs: The file system.

    Raises:
        EventLogError: The log was cut or replaced while it was followed.
        ConcurrentChangeError: The log was replaced each time that it was looked at.
    """
    oldest = _earliest_to_look_at(since)

    def fits(line: LogLine) -> bool:
        found = line.outline if since is not None or actions else None
        if found is None:
            return True
        return (not actions or found.action in actions) and (since is None or _time(found) >= since)

    def is_older(line: LogLine) -> bool:
        found = line.outline if oldest is not None else None
        return oldest is not None and found is not None and _time(found) < oldest

    source = LogSource.at(fs, events_path)
    position: LogPosition | None = None
    if count is not None and count <= _KEPT:
        lines, position = last_lines(source, count=count, keep=fits, enough=is_older)
        yield from lines
        if wait is None:
            return
    elif count is not None or oldest is not None:
        position = place_of_last(source, count=count, keep=fits, enough=is_older)
    with EventFollower(events_path, position=position, fs=fs) as follower:
        while True:
            new = follower.poll(_LINES_A_LOOK)
            yield from filter(fits, new) if since is not None or actions else new
            if not new and (wait is None or not wait()):
                return


def _time(found: EventOutline | Event) -> datetime:
    return datetime.fromisoformat(found.timestamp_utc)


def _earliest_to_look_at(since: datetime | None) -> datetime | None:
    """Lines stand in the order of their commits, which is that of their times but for the writers' clocks."""
    try:
        return since - _CLOCK_SKEW if since is not None else None
    except OverflowError:
        return since
