"""The least that a durable change can cost: what its promises need of the disk, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

LINE = b"{" + b"x" * 597 + b"}\n"
LEAVES = ("bench__sites.list.element.tf", "bench__sites.list.element.offset")
WITHOUT_DICTIONARY = ("id", "sequence")  # but with statistics, which floats have not
BASE_LEAVES = ("bio_type", "alphabet", "length", "source", "created_at")


def write_same(table: pa.Table, path: Path, *, dictionary: Sequence[str] = LEAVES) -> None:
    """Write Parquet with the options that usr writes with; no sync."""
    pq.write_table(
        table,
        path,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=list(dictionary),
        write_statistics=[*WITHOUT_DICTIONARY, *dictionary],
    )


@dataclass
class Floor:
    """A folder in which the floor of a part write, and of a flush, is measured."""

    folder: Path
    count: int = field(default=0)

    def write_part(self, table: pa.Table) -> None:
        """Write the file, sync it, sync its folder, append a 600-byte line and sync that, rename."""
        self.count += 1
        hidden = self.folder / f".staged-{self.count}"
        write_same(table, hidden)
        _sync(hidden)
        _sync(self.folder)
        fd = os.open(self.folder / "events.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(fd, LINE)
            os.fsync(fd)
        finally:
            os.close(fd)
        hidden.rename(self.folder / f"part-{self.count}.parquet")

    def copy_base(self, base: Path) -> None:
        """Copy a file's bytes in the kernel and sync the copy."""
        target = self.folder / "base-copy.parquet"
        target.unlink(missing_ok=True)
        source, copy = os.open(base, os.O_RDONLY), os.open(target, os.O_WRONLY | os.O_CREAT)
        try:
            left = os.fstat(source).st_size
            while left > 0:
                left -= os.copy_file_range(source, copy, left)
            os.fsync(copy)
        finally:
            os.close(source)
            os.close(copy)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
