"""Read some of it: three columns; the rows that a condition on an overlay column picks."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from benchmarks.workloads.scan import of_materialized, scanning

COLUMNS = ["id", "sequence", "bench__score"]
WHERE = "bench__score > 1.5"


def measure(bench: Bench) -> list[Line]:
    """Three columns, and a filter, each against the same on one file."""
    sizes = bench.sizes
    dataset = bench.dataset(sizes.rows, sizes.parts)
    plain = bench.materialized(sizes.rows, sizes.parts)
    found = alternate(
        [
            Contestant("usr, columns", scanning(dataset, COLUMNS)),
            Contestant("DuckDB, columns", of_materialized(plain, ", ".join(COLUMNS))),
            Contestant("usr, filter", scanning(dataset, where=WHERE)),
            Contestant("DuckDB, filter", of_materialized(plain, where=WHERE)),
        ],
        sizes.rounds,
        flush=False,
    )

    def line(kind: str, what: str) -> Line:
        duck = Figure("DuckDB on one file", found[f"DuckDB, {kind}"].samples)
        return Line(
            f"{what}, {sizes.rows:,} rows with {sizes.parts:,} parts",
            found[f"usr, {kind}"],
            Against(duck, 1.5),
        )

    return [line("columns", "scan of three columns"), line("filter", f"scan where {WHERE}")]
