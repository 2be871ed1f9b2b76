"""Hashes of a base piece by piece, so that what a later change keeps of it can still be held against them.

An append keeps the bytes before some row group and writes a new footer, and folding small row groups keeps less than
was there before. A hash of the whole file says nothing of what is kept then; one for each row group does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dnadesign.usr.storage.filesystem import OpenFile
from dnadesign.usr.storage.staging import hash_range

MOST_PIECES = 100  # an event line is bounded, and what is folded later stands at the tail


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes from the end of the piece before up to ``end`` (an offset in the file), and their hash."""

    end: int
    sha256: str

    def to_dict(self) -> dict[str, int | str]:
        """For the event."""
        return {"end": self.end, "sha256": self.sha256}


def hash_pieces(file: OpenFile, *, start: int, ends: Sequence[int]) -> tuple[Piece, ...]:
    """The pieces of a file from ``start`` on, the first ones together where they are many.

    Args:
        file: A base.
        start: Where the first piece begins, in bytes.
        ends: Where pieces end, ascending, in bytes.
    """
    pieces = []
    for end in ends[-MOST_PIECES:]:
        pieces.append(Piece(end, hash_range(file, start, end)))
        start = end
    return tuple(pieces)
