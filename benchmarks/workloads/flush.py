"""One transaction with new sequences and their part: what a design run flushes, five hundred times over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pyarrow as pa

from benchmarks.bench import Bench
from benchmarks.floor import Floor
from benchmarks.generated import NAMESPACE, overlay_rows, sequences
from benchmarks.measure import Against, Contestant, Figure, Line, Rounds, alternate
from dnadesign.usr import Dataset, compute_id

FLAT = 1.25  # what counts as flat: the clock alone differs that much between two halves of a run
NOTE = (
    "the floor copies the base's bytes, syncs the copy, and writes and syncs the part with its 600-byte line"
)


def measure(bench: Bench) -> list[Line]:
    """All flushes against their floor, and the last of them against the first."""
    sizes = bench.sizes
    dataset = bench.dataset(sizes.flush_base, 0)
    with ExitStack() as stack:
        floor = Floor(stack.enter_context(bench.scratch("floor")))
        found = alternate(
            [
                Contestant("usr", _flushing(dataset, designs(sizes.flushes, sizes.flush_rows, series=1))),
                Contestant(
                    "floor", _floor(dataset, floor, designs(sizes.flushes, sizes.flush_rows, series=2))
                ),
            ],
            Rounds(most=sizes.flushes, fewest=sizes.flushes),
        )
    usr, least = found["usr"], found["floor"]
    what = f"{sizes.flush_rows} sequences + their part onto {sizes.flush_base:,} rows"
    return [
        Line(f"transaction: {what}", usr, Against(least, 2.0), (), NOTE),
        _flatness(usr, least, sizes.flushes),
    ]


def designs(count: int, rows: int, *, series: int) -> Iterator[tuple[list[str], pa.Table]]:
    """So many flushes (and one to warm up): sequences, and the part with their values."""
    every: list[str] = []
    for block in sequences((count + 2) * rows, series=10 + series):
        every += block.to_pylist()
    for number in range(count + 2):
        batch = every[number * rows : (number + 1) * rows]
        ids = pa.array([compute_id("dna", sequence) for sequence in batch])
        yield batch, overlay_rows(ids, series=number)


def _flushing(dataset: Dataset, flushes: Iterator[tuple[list[str], pa.Table]]) -> Callable[[], None]:
    count = iter(range(1_000_000))

    def run() -> None:
        batch, part = next(flushes)
        with dataset.transaction(batch_id=f"bench:{next(count):04d}") as tx:
            tx.add_sequences(batch, bio_type="dna", alphabet="dna_4", source="bench")
            tx.write_overlay_part(NAMESPACE, part)

    return run


def _floor(
    dataset: Dataset, floor: Floor, flushes: Iterator[tuple[list[str], pa.Table]]
) -> Callable[[], None]:
    def run() -> None:
        _, part = next(flushes)
        floor.copy_base(dataset.records_path)
        floor.write_part(part)

    return run


def _flatness(usr: Figure, floor: Figure, flushes: int) -> Line:
    """The last tenth in multiples of its floor, against the first tenth in multiples of its own."""
    tenth = max(1, flushes // 10)

    def over(part: slice, name: str) -> Figure:
        floors = Figure("floor", floor.samples[part]).median
        return Figure(name, tuple(seconds / floors for seconds in usr.samples[part]), "x")

    last, first = over(slice(-tenth, None), "usr"), over(slice(0, tenth), f"the first {tenth}")
    return Line(
        f"the last {tenth} of {flushes} such transactions, in multiples of their floor",
        last,
        Against(first, FLAT),
        note="flat: the base grows with every flush, and so does its floor",
    )
