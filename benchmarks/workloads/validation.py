"""Hold a dataset against the contract."""

from __future__ import annotations

import hashlib

import pyarrow.parquet as pq

from benchmarks.bench import Bench
from benchmarks.generated import NAMESPACE
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from dnadesign.usr import Dataset

NOTE = (
    "by hand: read all columns of the base and the key of every part, recompute the ids; usr also checks symbols, "
    "lengths, types, metadata, that keys are unique and in the base, and the files against the events"
)


def measure(bench: Bench) -> list[Line]:
    """``validate`` against reading the columns and recomputing the ids."""
    sizes = bench.sizes
    dataset = bench.dataset(sizes.rows, sizes.parts)
    found = alternate(
        [Contestant("usr", dataset.validate), Contestant("by hand", lambda: _by_hand(dataset))],
        sizes.rounds,
        flush=False,
    )
    by_hand = Figure("read and hash by hand", found["by hand"].samples)
    what = f"validate {sizes.rows:,} rows with {sizes.parts:,} parts"
    return [Line(what, found["usr"], Against(by_hand, 2.5), (), NOTE)]


def _by_hand(dataset: Dataset) -> None:
    base = pq.read_table(dataset.records_path)
    rows = zip(
        base.column("id").to_pylist(),
        base.column("bio_type").to_pylist(),
        base.column("sequence").to_pylist(),
        strict=True,
    )
    for key, kind, sequence in rows:
        if hashlib.sha1(f"{kind}|{sequence}".encode(), usedforsecurity=False).hexdigest() != key:
            raise ValueError(key)
    for part in (dataset.dir / "_derived" / NAMESPACE).glob("*.parquet"):
        pq.read_table(part, columns=["id"])
