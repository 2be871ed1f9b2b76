"""Lines of a log file, read forwards and backwards in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dnadesign.usr.contract.events import MAX_LINE_BYTES
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, opened

LONGEST_READ = MAX_LINE_BYTES + (1 << 16)  # some slack over what is ever written
SHOWN_OF_LONGER = 4096

_FORWARD_CHUNK = 1 << 18
_BACKWARD_CHUNK = 1 << 16


class RawLine(NamedTuple):
    """One line of a file; offsets in bytes.

    Attributes:
        raw: The line, its newline included; of a line that is too long, its first bytes.
        offset: Where it begins.
        end: Where the next one begins.
        too_long: It is longer than any event can be.
    """

    raw: bytes
    offset: int
    end: int
    too_long: bool = False


def is_still_there(fs: FileSystem, log: Path, line: RawLine) -> bool:
    """Whether a log has a line where it had it before, as far as that was read.

    A log that was put back from a backup may have the inode of the one before, and by now its length.
    """
    with opened(fs, log, "read") as file:
        return file.read_at(line.offset, len(line.raw)) == line.raw


def last_of(lines: bytes, end: int) -> RawLine:
    """The last of some whole lines that end at offset ``end``."""
    raw = lines[lines.rfind(b"\n", 0, -1) + 1 :]
    return RawLine(raw, end - len(raw), end)


def last_line_end(file: OpenFile, size: int) -> int:
    """The offset just behind the last newline within the first ``size`` bytes; 0 if there is none."""
    end = size
    if end > 0 and file.read_at(end - 1, 1) == b"\n":
        return end
    while end > 0:
        start = max(0, end - _BACKWARD_CHUNK)
        found = file.read_at(start, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def read_lines(file: OpenFile, start: int, end: int) -> Iterator[RawLine]:
    """The lines from offset ``start`` to ``end``, both of them line ends; fewer if the file has been cut short."""
    for found in read_runs(file, start, end):
        if isinstance(found, RawLine):
            yield found
        else:
            yield from _one_by_one(file, found)


class Run(NamedTuple):
    """Lines that follow one another, none of them too long.

    Attributes:
        offset: Where the first one begins, in bytes.
        lines: Each with its newline.
    """

    offset: int
    lines: list[bytes]


def read_runs(file: OpenFile, start: int, end: int) -> Iterator[Run | RawLine]:
    """The same lines, many at a time; one that lies in several chunks comes by itself."""
    begin = read = start  # where the line at hand begins, and how far the file has been read
    pending = b""
    while read < end:
        chunk = file.read_at(read, min(_FORWARD_CHUNK, end - read))
        if not chunk:
            return
        done = 0
        if pending or begin < read:  # the rest of a line that began before
            done = chunk.find(b"\n") + 1
            if done:
                yield _line(file, pending + chunk[:done], begin, read + done)
                begin, pending = read + done, b""
        whole = chunk.rfind(b"\n") + 1
        if whole > done:
            run = Run(begin, _lines_of(chunk[done:whole]))
            yield from [run] if len(chunk) <= LONGEST_READ else _one_by_one(file, run)
            begin, done = read + whole, whole
        read += len(chunk)
        pending = (pending + chunk[done:])[: LONGEST_READ + 1]  # the rest of a longer line is only counted


def _one_by_one(file: OpenFile, run: Run) -> Iterator[RawLine]:
    """The lines of a run, which may be too long."""
    offset = run.offset
    for raw in run.lines:
        yield _line(file, raw, offset, offset + len(raw))
        offset += len(raw)


def _lines_of(whole: bytes) -> list[bytes]:
    if b"\r" in whole:  # which no event has, and is no line end here
        return [line + b"\n" for line in whole[:-1].split(b"\n")]
    return whole.splitlines(keepends=True)


def read_lines_backward(file: OpenFile, end: int) -> Iterator[RawLine]:
    """The lines before offset ``end``, itself a line end, the last one first."""
    line_end = start = end  # where the line at hand ends, and how far back the file has been read
    pending = b""
    while start > 0:
        count = min(_BACKWARD_CHUNK, start)
        start -= count
        chunk = file.read_at(start, count)
        rest = len(chunk)  # what of the chunk belongs to the line at hand or to lines before it
        while (newline := chunk.rfind(b"\n", 0, min(rest, max(0, line_end - 1 - start)))) >= 0:
            begin = start + newline + 1
            yield _line(file, chunk[newline + 1 : rest] + pending, begin, line_end)
            line_end, rest, pending = begin, newline + 1, b""
        pending = chunk[:rest] + pending if line_end - start <= LONGEST_READ else b""
    if line_end > 0:
        yield _line(file, pending, 0, line_end)


def _line(file: OpenFile, raw: bytes, offset: int, end: int) -> RawLine:
    if end - offset <= LONGEST_READ:
        return RawLine(raw, offset, end)
    return RawLine(file.read_at(offset, SHOWN_OF_LONGER), offset, end, too_long=True)
