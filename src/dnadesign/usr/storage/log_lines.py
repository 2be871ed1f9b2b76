"""Lines of a log file, read forwards and backwards in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dnadesign.usr.contract.events import MAX_LINE_BYTES
from dnadesign.usr.storage.filesystem import OpenFile

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
    begin = read = start  # where the line at hand begins, and how far the file has been read
    pending = b""
    while read < end:
        chunk = file.read_at(read, min(_FORWARD_CHUNK, end - read))
        if not chunk:
            return
        done = 0
        while (newline := chunk.find(b"\n", done)) >= 0:
            line_end = read + newline + 1
            if pending or line_end - begin > LONGEST_READ:
                yield _line(file, pending + chunk[done : newline + 1], begin, line_end)
                pending = b""
            else:  # nearly every line
                yield RawLine(chunk[done : newline + 1], begin, line_end)
            begin, done = line_end, newline + 1
        read += len(chunk)
        pending = (pending + chunk[done:])[: LONGEST_READ + 1]  # the rest of a longer line is only counted


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
