"""Look at a few records: one by its id, the first ten."""

from __future__ import annotations

from benchmarks.bench import Bench, base_ids
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from benchmarks.workloads.scan import scanning

FLAT = 1.25


def measure(bench: Bench) -> list[Line]:
    """``get`` and ``head`` against the full scan, and ``head`` with many parts against one."""
    sizes = bench.sizes
    dataset = bench.dataset(sizes.rows, sizes.parts)
    single = bench.dataset(sizes.rows, 1)
    keys = iter(base_ids(dataset).take(list(range(0, sizes.rows, max(1, sizes.rows // 97)))).to_pylist() * 5)
    found = alternate(
        [
            Contestant("get", lambda: dataset.get([next(keys)])),
            Contestant("head", lambda: dataset.head(10)),
            Contestant("head of one part", lambda: single.head(10)),
            Contestant("scan", scanning(dataset)),
        ],
        sizes.rounds,
        flush=False,
    )
    where = f"{sizes.rows:,} rows with {sizes.parts:,} parts"
    whole = Against(Figure("the whole scan", found["scan"].samples), 0.1)
    return [
        Line(f"get of one id, {where}", found["get"], whole),
        Line(f"head(10), {where}", found["head"], whole),
        Line(
            f"head(10) with {sizes.parts:,} parts",
            found["head"],
            Against(Figure("head(10) with one part", found["head of one part"].samples), FLAT),
        ),
    ]
