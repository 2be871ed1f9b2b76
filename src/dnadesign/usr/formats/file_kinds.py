"""What a file is whose name says something else: told by its first bytes, with what to do about it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 16
"""How many of a file's first bytes tell what it is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What begins in one way.

    Attributes:
        told: What such a file is, in words.
        mend: What to do about it, with ``{name}`` for the file's name and ``{stem}`` for it without its ending.
        packed: Whether it is another file, compressed.
    """

    told: str
    mend: str
    packed: bool = False

    def mend_of(self, path: Path) -> str:
        """What to do about this file."""
        return self.mend.format(name=shlex.quote(path.name), stem=shlex.quote(path.stem))


_KINDS = {
    b"PAR1": Kind("a Parquet file", "say so in its name: {stem}.parquet"),
    b"ARROW1": Kind("an Arrow or Feather file", "write its table as Parquet or CSV, and name that file"),
    b"\x1f\x8b": Kind("compressed with gzip", "say so in its name: {name}.gz", packed=True),
    b"\x28\xb5\x2f\xfd": Kind("compressed with zstd", "say so in its name: {name}.zst", packed=True),
    b"BZh": Kind("compressed with bzip2", "decompress it first, or compress it with gzip", packed=True),
    b"\xfd7zXZ\x00": Kind("compressed with xz", "decompress it first, or compress it with gzip", packed=True),
    b"PK\x03\x04": Kind("a zip archive or a spreadsheet", "unpack it, or save its sheet as CSV"),
    b"\xd0\xcf\x11\xe0": Kind("a spreadsheet or another document", "save its sheet as CSV"),
    b"SQLite format 3": Kind("a database", "write its table as Parquet or CSV, and name that file"),
    b"\xff\xfe": Kind("text in UTF-16", "save the file as UTF-8"),
    b"\xfe\xff": Kind("text in UTF-16", "save the file as UTF-8"),
}
PARQUET = _KINDS[b"PAR1"]
BY_ENDING = {".gz": _KINDS[b"\x1f\x8b"], ".zst": _KINDS[b"\x28\xb5\x2f\xfd"]}
"""What a file is that can be read compressed, by the ending that says so."""
TEXT = Kind("text", "say so in its name: {stem}.csv, or what it is")


def kind_of(head: bytes) -> Kind | None:
    """What a file is that begins so, and is no plain text; None if nothing tells.

    Args:
        head: Its first ``MOST_BYTES`` bytes, or all where it has fewer.
    """
    return next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)


def kind_of_any(head: bytes) -> Kind | None:
    """The same, but text is told as well, where every byte is a character of it."""
    return kind_of(head) or (
        TEXT if head and all(9 <= byte <= 13 or 32 <= byte < 127 for byte in head) else None
    )
