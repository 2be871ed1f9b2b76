"""Read everything: base and overlays merged, in base order, streaming."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.bench import Bench, drain
from benchmarks.generated import NAMESPACE
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from dnadesign.usr import Dataset

BATCH_ROWS = 65_536
NOTE = "DuckDB reads the same rows from one file that somebody has merged before, with its defaults"


def measure(bench: Bench) -> list[Line]:
    """As parts, compacted, the first batch, and ten times as large."""
    sizes = bench.sizes
    lines = _usual(bench)
    large = bench.dataset(sizes.large_rows, sizes.large_parts)
    found = alternate(
        [
            Contestant("usr", scanning(large)),
            Contestant("DuckDB", of_materialized(bench.materialized(sizes.large_rows, sizes.large_parts))),
        ],
        sizes.rounds,
        flush=False,
    )
    what = f"scan of {sizes.large_rows:,} rows with {sizes.large_parts:,} parts"
    return [*lines, Line(what, found["usr"], Against(_named(found["DuckDB"]), 2.0), (), NOTE)]


def _usual(bench: Bench) -> list[Line]:
    sizes = bench.sizes
    plain = bench.materialized(sizes.rows, sizes.parts)
    parts = bench.dataset(sizes.rows, sizes.parts)
    compacted = bench.dataset(sizes.rows, sizes.parts, copy="compacted")
    compacted.compact_overlay(NAMESPACE, maintenance=True)
    found = alternate(
        [
            Contestant("usr", scanning(parts)),
            Contestant("DuckDB", of_materialized(plain)),
            Contestant("compacted", scanning(compacted)),
            Contestant("first batch", lambda: _first(parts), after=drain),
            Contestant("DuckDB joining", joining(parts)),
        ],
        sizes.rounds,
        flush=False,
    )
    what = f"scan of {sizes.rows:,} rows with {sizes.parts:,} parts"
    duck = Against(_named(found["DuckDB"]), 1.5)
    by_hand = Against(Figure("DuckDB join", found["DuckDB joining"].samples))
    return [
        Line(what, found["usr"], duck, (by_hand,), f"{NOTE}; the join by hand loses base order and types"),
        Line(f"{what}, compacted", found["compacted"], Against(duck.figure, 1.2)),
        Line(
            f"{what}: its first batch",
            found["first batch"],
            Against(Figure("the whole scan", found["usr"].samples), 0.3),
        ),
    ]


def _named(figure: Figure) -> Figure:
    return Figure("DuckDB on one file", figure.samples)


def _first(dataset: Dataset) -> pa.RecordBatchReader:
    reader = dataset.scan()
    reader.read_next_batch()
    return reader


def scanning(
    dataset: Dataset, columns: list[str] | None = None, where: str | None = None
) -> Callable[[], int]:
    """Take all batches of a scan."""
    return lambda: drain(dataset.scan(columns, where=where))


def of_materialized(path: Path, columns: str = "*", where: str = "true") -> Callable[[], int]:
    """Take all batches of DuckDB's scan of one file."""

    def run() -> int:
        with duckdb.connect() as connection:
            sql = f"SELECT {columns} FROM read_parquet('{path}') WHERE {where}"
            return drain(connection.sql(sql).to_arrow_reader(BATCH_ROWS))

    return run


def joining(dataset: Dataset) -> Callable[[], int]:
    """Take all batches of the join that a user would write."""
    base, parts = dataset.records_path, dataset.dir / "_derived" / NAMESPACE / "*.parquet"

    def run() -> int:
        with duckdb.connect() as connection:
            sql = f"SELECT * FROM read_parquet('{base}') b LEFT JOIN read_parquet('{parts}') p USING (id)"
            return drain(connection.sql(sql).to_arrow_reader(BATCH_ROWS))

    return run
