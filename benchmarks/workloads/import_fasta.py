"""Import a FASTA file into an empty dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import dnaio
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bench import Bench
from benchmarks.floor import BASE_LEAVES
from benchmarks.generated import write_fasta
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from dnadesign.usr import Dataset, compute_id

NOTE = (
    "by hand: dnaio, ids hashed, one Parquet file; usr also checks symbols and duplicates, syncs and records"
)
_BLOCK = 122_880


@dataclass
class _Empty:
    bench: Bench
    dataset: Dataset = field(init=False)

    def put_back(self) -> None:
        """An empty dataset."""
        self.dataset = self.bench.dataset(0, 0)


def measure(bench: Bench) -> list[Line]:
    """``import_file`` against dnaio, hashing and Parquet by hand."""
    count = bench.sizes.fasta_records
    path = bench.generated(f"records-{count}.fasta", lambda target: write_fasta(target, count))
    empty = _Empty(bench)
    with bench.scratch("imported") as folder:
        found = alternate(
            [
                Contestant(
                    "usr",
                    lambda: empty.dataset.import_file(path, alphabet="dna_4", format="fasta"),
                    before=empty.put_back,
                ),
                Contestant("by hand", lambda: _by_hand(path, folder / "records.parquet")),
            ],
            bench.sizes.rounds,
        )
    by_hand = Figure("dnaio, hashlib, Parquet", found["by hand"].samples)
    return [Line(f"import FASTA, {count:,} records", found["usr"], Against(by_hand, 2.5), (), NOTE)]


def _by_hand(path: Path, target: Path) -> None:
    schema = pa.schema([("id", pa.string()), ("bio_type", pa.string()), ("sequence", pa.string())])
    with (
        dnaio.open(path) as records,
        pq.ParquetWriter(
            target, schema, compression="zstd", write_page_checksum=True, use_dictionary=[BASE_LEAVES[0]]
        ) as writer,
    ):
        following = iter(records)
        while block := [record.sequence for record in islice(following, _BLOCK)]:
            ids = [compute_id("dna", sequence) for sequence in block]
            columns = [pa.array(ids), pa.repeat("dna", len(block)), pa.array(block)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
