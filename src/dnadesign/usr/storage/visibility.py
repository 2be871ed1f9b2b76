"""How much of the event log counts, found without a lock while writers go on.

A change counts once its event's bytes are durable. Until then a writer may still cut them off, so a reader must not
see them, although they are in the file. What a writer does, all of it under the dataset's lock and after settling
what an earlier writer left (``L`` is the log's length at that time, everything below it committed):

1. rename the intent, with ``log_offset = L``, to its pending name;
2. write the event's bytes at ``L``;
3. sync the log; on failure cut it back to ``L`` and remove the intent;
4. rename the intent to its synced name;
5. apply the renames; for an archived log, first move it away, then publish the new one;
6. remove the intent.

A reader with the log open (``r1`` ... ``r4`` in this order):

- r1: note the file's size and its last whole line below that size;
- r2: read the intent, the pending name before the synced one;
- r3: if there was none, read that last line again; if it is another, start over;
- r4: see that the log's path still leads to the open file; if it does not, see below. (Where archiving has moved the
  old log and not yet published the new one, the path leads to the staged new one.)

The committed end is the last newline below

- ``min(size, log_offset)`` if the intent was pending, and does not count as synced (see ``read_intent_as_counted``),
- ``min(size, log_offset + len(event_bytes))`` if it was synced,
- ``size`` if there was none.

Why that is right, whatever happens between any two of these steps. By r4 the file was the dataset's log all the
time from its opening to r4 (a file that was moved away never comes back, and its inode is not used again while it is
open), so the intent of r2 speaks of this file, or is the synced one that published it.

- *Pending at r2.* All bytes below its offset were committed before the lock was taken, and committed bytes never
  change: recovery writes the very same ones again. So the bound holds, wherever the writer is now.
- *Synced at r2.* The bytes up to ``log_offset + len(event_bytes)`` are durable, and the writer still holds the lock
  at r2, or died and left it to recovery, so nobody has written behind them. If the intent is that of the archiving
  which published this file, then the file holds nothing but the one line that it was published with, and the
  size seen was that line's.
- *Pending at r2, and counted as synced.* After a power cut the second name may be lost. A staged file that was gone, and the
  event's bytes that were there after that, show that the log was synced before; from then on the same holds as for
  a synced one. While a writer lives it may so be counted a moment before its second name is seen.
- *None at r2.* Let ``k`` be a commit whose bytes were, at r1, below the size seen, and uncommitted. Its pending intent
  was there at r1 and not at r2, so by r2 it was either committed, and all is well, or cut off. If it was cut
  off, those bytes are never written again, because each event line carries its own id; and the last whole line
  of r1 is either such a line, so that r3 finds something else in its place and starts over, or stands before
  ``log_offset`` (k's first line was seen in part) and is committed. A writer that begins after r2 changes no byte of a
  line that was whole at r1.
- A commit that is whole between r1 and r2 is seen next time; a partial line never counts.

If at r4 the path leads to another file, then this one was archived. That is done to a durable, finished log only (step
5 comes after 3), so all of its bytes count, and nothing will be added to them. The same goes for a log replaced by other
means: what was read of it is all that this reader will ever know of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.errors import ConcurrentChangeError
from dnadesign.usr.contract.layout import EVENTS, EVENTS_ARCHIVE, is_log_segment
from dnadesign.usr.storage.filesystem import FileStat, FileSystem, OpenFile
from dnadesign.usr.storage.intent import Intent, read_intent, read_intent_as_counted
from dnadesign.usr.storage.log_lines import RawLine, last_line_end, read_lines_backward

_TRIES = 20


@dataclass(frozen=True, slots=True)
class CommittedLog:
    """The part of a log file that counts.

    Attributes:
        device: Device of the file.
        inode: Inode of the file.
        size_seen: Its size when it was looked at.
        end: Bytes below this offset are committed and will not change; a line end.
        intent: The intent that was there, pending or synced: what a reader of the dataset's files needs to know.
        finished: Another log has taken the file's place; nothing will be added to it.
        last: The last line that counts, where one was read.
    """

    device: int
    inode: int
    size_seen: int
    end: int
    intent: Intent | None
    finished: bool = False
    last: RawLine | None = None


def committed_log_end(fs: FileSystem, dataset_dir: Path) -> CommittedLog:
    """How much of a dataset's log counts now; where there is no log, and so no dataset, all is 0.

    Raises:
        ConcurrentChangeError: The log was replaced or rolled back each time that it was looked at.
        CorruptFileError: The intent of an unfinished change is damaged.
    """
    for _ in range(_TRIES):
        with _opened(fs, dataset_dir) as log:
            if log is None:
                return CommittedLog(device=0, inode=0, size_seen=0, end=0, intent=None)
            found = _committed(fs, log, dataset_dir)
            if found is None:
                continue
            there = _log_stat(fs, dataset_dir / EVENTS, dataset_dir)
            if there is not None and _same_file(there, log.stat()):
                return found
    raise ConcurrentChangeError(
        f"{dataset_dir / EVENTS}: the log changed each of the {_TRIES} times that it was looked at",
        mend="try again",
    )


def committed_prefix(
    fs: FileSystem, log: OpenFile, *, path: Path, dataset_dir: Path | None
) -> CommittedLog | None:
    """How much of an open log counts; None where that cannot be told just now.

    Args:
        fs: The file system.
        log: The log, opened under ``path`` at some time.
        path: Where the log lay; by now another one may lie there, or none.
        dataset_dir: The dataset that it is the log of, or None for a plain file.

    Raises:
        CorruptFileError: The intent of an unfinished change is damaged.
    """
    for _ in range(_TRIES):
        found = _committed(fs, log, dataset_dir)
        here, there = log.stat(), _log_stat(fs, path, dataset_dir)
        if there is not None and not _same_file(there, here):
            size = log.stat().size  # noted anew: what was written before it was replaced is all there by now
            return CommittedLog(here.device, here.inode, size, last_line_end(log, size), None, finished=True)
        if there is not None and found is not None:
            return found
    return None


def open_log(fs: FileSystem, dataset_dir: Path) -> OpenFile | None:
    """The log, also while archiving has moved the old one and not yet published the new one; None without one."""
    path = dataset_dir / EVENTS
    found = _open(fs, path)
    if found is not None:
        return found
    staged = _staged_log(fs, dataset_dir)
    waiting = _open(fs, staged) if staged is not None else None
    found = _open(
        fs, path
    )  # published meanwhile, and perhaps the intent was that of the next archiving already
    if found is None:
        return waiting
    if waiting is not None:
        waiting.close()
    return found


def _open(fs: FileSystem, path: Path) -> OpenFile | None:
    try:
        return fs.open(path, "read")
    except FileNotFoundError:
        return None


def _log_stat(fs: FileSystem, path: Path, dataset_dir: Path | None) -> FileStat | None:
    """What lies where the log is, or will be as soon as archiving has published it."""
    found = fs.stat(path)
    if found is not None or dataset_dir is None:
        return found
    staged = _staged_log(fs, dataset_dir)
    waiting = fs.stat(staged) if staged is not None else None
    return fs.stat(path) or waiting  # published meanwhile, see open_log


def _staged_log(fs: FileSystem, dataset_dir: Path) -> Path | None:
    intent = read_intent(
        fs, dataset_dir
    )  # archiving moves the log, so its second name is on the disk before that
    if intent is not None and intent.synced:
        for publish in intent.publishes:
            if publish.target == EVENTS:
                return dataset_dir / publish.staged
    return None


def segment_names(fs: FileSystem, dataset_dir: Path) -> list[str]:
    """The file names of a dataset's archived log segments, oldest first."""
    return [name for name in fs.names(dataset_dir / EVENTS_ARCHIVE) if is_log_segment(name)]


@contextlib.contextmanager
def _opened(fs: FileSystem, dataset_dir: Path) -> Iterator[OpenFile | None]:
    log = open_log(fs, dataset_dir)
    try:
        yield log
    finally:
        if log is not None:
            log.close()


def _committed(fs: FileSystem, log: OpenFile, dataset_dir: Path | None) -> CommittedLog | None:
    """The committed part of a file that is the log throughout; None if what was seen has been rolled back."""
    seen = log.stat()
    last = _last_line(log, seen.size)
    intent = read_intent_as_counted(fs, dataset_dir) if dataset_dir is not None else None
    if intent is not None:
        bound = intent.log_offset + (len(intent.event_bytes) if intent.synced else 0)
        end = last_line_end(log, min(seen.size, bound))
        last = _last_line(log, end)
    elif last is None:
        end = 0
    elif not _is_whole(last) or log.read_at(last.offset, len(last.raw)) != last.raw:
        return None
    else:
        end = last.end
    return CommittedLog(seen.device, seen.inode, seen.size, end, intent, last=last)


def _last_line(log: OpenFile, size: int) -> RawLine | None:
    return next(read_lines_backward(log, last_line_end(log, size)), None)


def _is_whole(line: RawLine) -> bool:
    """Whether the file was not cut while the line was read."""
    return line.too_long or (len(line.raw) == line.end - line.offset and line.raw.endswith(b"\n"))


def _same_file(first: FileStat, second: FileStat) -> bool:
    return (first.device, first.inode) == (second.device, second.inode)
