"""Add new sequences to a base that is there already, duplicates refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.bench import Bench
from benchmarks.floor import BASE_LEAVES, write_same
from benchmarks.generated import sequences
from benchmarks.measure import Against, Contestant, Line, Rounds, alternate
from benchmarks.peers import PeerTable, peer_table
from dnadesign.usr import Dataset, compute_id

TARGETS = {"Lance": 1.2, "Delta": 0.35}
NOTE = "all refuse or leave out ids that are there; only usr hashes the sequences, checks their symbols and syncs"


def measure(bench: Bench) -> list[Line]:
    """New sequences, against reading and rewriting the file and against the peers' merges."""
    sizes = bench.sizes
    count = min(1_000, sizes.rows)
    dataset = bench.dataset(sizes.rows, 0)
    with ExitStack() as stack:
        folder = stack.enter_context(bench.scratch("rewritten"))
        mine, theirs = (
            new_sequences(sizes.rounds, count, series=1),
            new_records(sizes.rounds, count, series=2),
        )
        by_hand = _by_hand(dataset.records_path, folder / "records.parquet", theirs)
        contestants = [
            Contestant("usr", lambda: dataset.add_sequences(next(mine), bio_type="dna", alphabet="dna_4")),
            Contestant("read and rewrite", by_hand),
        ]
        for number, name in enumerate(TARGETS if bench.peers else ()):
            table = _table_with_base(bench, name, dataset)
            contestants.append(_inserting(name, table, new_records(sizes.rounds, count, series=3 + number)))
        found = alternate(contestants, sizes.rounds)
    return [
        Line(
            f"{count:,} new sequences onto {sizes.rows:,} rows",
            found.pop("usr"),
            Against(found.pop("read and rewrite"), 0.15),
            tuple(Against(figure, TARGETS[name]) for name, figure in found.items()),
            NOTE,
        )
    ]


def new_sequences(rounds: Rounds, count: int, *, series: int) -> Iterator[list[str]]:
    """Lists of so many new sequences each, enough for all rounds and some to warm up."""
    every: list[str] = []
    for block in sequences(count * (rounds.most + 5), series=series):
        every += block.to_pylist()
    for start in range(0, len(every), count):
        yield every[start : start + count]


def new_records(rounds: Rounds, count: int, *, series: int) -> Iterator[pa.Table]:
    """The same as tables with the columns of the base."""
    moment = pa.scalar(1_767_225_600_000_000, pa.timestamp("us", "UTC"))
    for batch in new_sequences(rounds, count, series=series):
        yield pa.table(
            {
                "id": [compute_id("dna", sequence) for sequence in batch],
                "bio_type": pa.repeat("dna", count),
                "sequence": batch,
                "alphabet": pa.repeat("dna_4", count),
                "length": pa.repeat(pa.scalar(len(batch[0]), pa.int32()), count),
                "source": pa.repeat("", count),
                "created_at": pa.repeat(moment, count),
            }
        )


def _by_hand(base: Path, target: Path, tables: Iterator[pa.Table]) -> Callable[[], None]:
    def run() -> None:
        new, old = next(tables), pq.read_table(base)
        if pc.any(pc.is_in(new.column("id"), value_set=old.column("id"))).as_py():
            raise ValueError("an id is there already")
        hidden = target.with_suffix(".new")
        write_same(pa.concat_tables([old, new.cast(old.schema)]), hidden, dictionary=BASE_LEAVES)
        hidden.rename(target)

    return run


def _inserting(name: str, table: PeerTable, tables: Iterator[pa.Table]) -> Contestant:
    return Contestant(name, lambda: table.insert_absent(next(tables)))


def _table_with_base(bench: Bench, name: str, dataset: Dataset) -> PeerTable:
    def make(path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        peer_table(name, path).create(pq.read_table(dataset.records_path).replace_schema_metadata(None))

    return peer_table(name, bench.restored(f"{name.lower()}-base-{bench.sizes.rows}", make))
