"""Append one part of an overlay: what a design run does thousands of times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from benchmarks.bench import Bench, new_parts, part_tables
from benchmarks.floor import Floor
from benchmarks.generated import NAMESPACE
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from benchmarks.peers import NAMES, PeerTable, peer_table
from dnadesign.usr import Dataset

TARGETS = {"Lance": 1.0, "Delta": 0.25, "Iceberg": 0.12}
EVERY = {"Iceberg": 5}  # it takes half a minute for a hundred
NOTE = (
    "usr checks the keys against the base and all parts, syncs, and records an event; the others append. "
    "A hundred parts, as Delta reads all of its log that is newer than the last checkpoint, one in 100 commits"
)


def measure(bench: Bench) -> list[Line]:
    """A part onto a large dataset against the floor and the peers; first and later parts; large against small."""
    return [_onto_a_base(bench), _first_of_a_process(bench), _growth(bench)]


def _onto_a_base(bench: Bench) -> Line:
    sizes = bench.sizes
    dataset = bench.dataset(sizes.rows, sizes.parts)
    with ExitStack() as stack:
        contestants = [_ours(dataset, sizes.rows, sizes.parts, sizes.part_rows)]
        floor = Floor(stack.enter_context(bench.scratch("floor")))
        floor_parts = new_parts(dataset, sizes.rows, sizes.parts, sizes.part_rows)
        contestants.append(Contestant("floor", lambda: floor.write_part(next(floor_parts))))
        for name in NAMES if bench.peers else ():
            table = _table_with_parts(bench, name, dataset)
            tables = new_parts(dataset, sizes.rows, sizes.parts, sizes.part_rows)
            contestants.append(_appending(name, table, tables, EVERY.get(name, 1)))
        found = alternate(contestants, sizes.part_rounds, warm_up=2)
    return Line(
        f"part of {sizes.part_rows:,} rows onto {sizes.rows:,} rows with {sizes.parts:,} parts",
        found.pop("usr"),
        Against(found.pop("floor"), 2.0),
        tuple(Against(figure, TARGETS[name]) for name, figure in found.items()),
        NOTE,
    )


def _ours(dataset: Dataset, rows: int, parts: int, part_rows: int, name: str = "usr") -> Contestant:
    tables = new_parts(dataset, rows, parts, part_rows)
    return Contestant(name, lambda: dataset.write_overlay_part(NAMESPACE, next(tables)))


def _appending(name: str, table: PeerTable, tables: Iterator[pa.Table], every: int) -> Contestant:
    return Contestant(name, lambda: table.append(next(tables)), every=every)


def _table_with_parts(bench: Bench, name: str, dataset: Dataset) -> PeerTable:
    sizes = bench.sizes

    def make(path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        tables = part_tables(dataset, sizes.rows, sizes.parts, sizes.part_rows)
        table = peer_table(name, path)
        table.create(next(tables))
        for part in tables:
            table.append(part)

    key = f"{name.lower()}-parts-{sizes.rows}-{sizes.parts}-{sizes.part_rows}"
    return peer_table(name, bench.restored(key, make))


def _first_of_a_process(bench: Bench) -> Line:
    """The first part after opening the dataset, when nothing of it is in memory yet."""
    sizes = bench.sizes
    dataset = bench.dataset(sizes.rows, sizes.parts)
    with bench.scratch("floor") as folder:
        floor = Floor(folder)
        tables = new_parts(dataset, sizes.rows, sizes.parts, sizes.part_rows)
        copies = new_parts(dataset, sizes.rows, sizes.parts, sizes.part_rows)
        found = alternate(
            [
                Contestant(
                    "usr",
                    lambda: Dataset(dataset.root, "bench").write_overlay_part(NAMESPACE, next(tables)),
                ),
                Contestant("floor", lambda: floor.write_part(next(copies))),
            ],
            sizes.rounds,
        )
    return Line(
        f"the first part of a process, {sizes.rows:,} rows with {sizes.parts:,} parts",
        found["usr"],
        Against(found["floor"]),
        note="the dataset is opened anew each time; no target was set",
    )


def _growth(bench: Bench) -> Line:
    sizes = bench.sizes
    large = bench.dataset(sizes.large_rows, sizes.large_parts)
    small = bench.dataset(sizes.small_rows, sizes.small_parts)
    found = alternate(
        [
            _ours(large, sizes.large_rows, sizes.large_parts, sizes.part_rows),
            _ours(small, sizes.small_rows, sizes.small_parts, sizes.part_rows, "small"),
        ],
        sizes.rounds,
        warm_up=2,
    )
    small_figure = Figure(
        f"usr onto {sizes.small_rows:,} rows with {sizes.small_parts:,} parts", found["small"].samples
    )
    return Line(
        f"the same onto {sizes.large_rows:,} rows with {sizes.large_parts:,} parts",
        found["usr"],
        Against(small_figure, 1.5),
    )
