"""Merge the parts of an overlay into one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks.bench import Bench, new_parts
from benchmarks.generated import NAMESPACE
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from dnadesign.usr import Dataset

NOTE = (
    "usr puts the rows into base order, checks that no key comes twice, hashes, syncs and records what it did"
)


def measure(bench: Bench) -> list[Line]:
    """Few and many parts, against DuckDB copying the same files into one."""
    sizes = bench.sizes
    return [_line(bench, sizes.rows, sizes.parts), _line(bench, sizes.large_rows, sizes.large_parts)]


@dataclass
class _Fresh:
    """A dataset that is put back before each compaction; a writer has been there before, in another process."""

    bench: Bench
    rows: int
    parts: int
    dataset: Dataset = field(init=False)

    def put_back(self) -> None:
        """Restore it, and have another object write a part, so that the caches that it keeps on disk are there."""
        self.dataset = self.bench.dataset(self.rows, self.parts)
        part = next(new_parts(self.dataset, self.rows, self.parts, self.bench.sizes.part_rows))
        Dataset(self.dataset.root, "bench").write_overlay_part(NAMESPACE, part)

    def compact(self) -> None:
        """What is measured."""
        self.dataset.compact_overlay(NAMESPACE, maintenance=True)


def _line(bench: Bench, rows: int, parts: int) -> Line:
    fresh = _Fresh(bench, rows, parts)
    copied = bench.dataset(rows, parts, copy="copied")
    files = sorted((copied.dir / "_derived" / NAMESPACE).glob("*.parquet"))
    with bench.scratch("copied-into") as folder:
        found = alternate(
            [
                Contestant("usr", fresh.compact, before=fresh.put_back),
                Contestant("DuckDB", lambda: _copy(files, folder / "one.parquet")),
            ],
            bench.sizes.rounds,
        )
    duck = Figure("DuckDB COPY", found["DuckDB"].samples)
    return Line(f"compaction of {parts:,} parts, {rows:,} rows", found["usr"], Against(duck, 1.5), (), NOTE)


def _copy(files: list[Path], target: Path) -> None:
    target.unlink(missing_ok=True)
    listed = ", ".join(f"'{file}'" for file in files)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_parquet([{listed}])) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
