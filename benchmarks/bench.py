"""What every workload is given: sizes, places for its data, and the datasets and tables to work on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.generated import COLUMNS, NAMESPACE, overlay_rows, sequences
from benchmarks.sizes import Sizes
from dnadesign.usr import Dataset, register_namespace

CACHE_VERSION = 2  # raise it when what is generated changes
NAME = "bench"
_CREATED = "2026-01-01"


@dataclass
class Bench:
    """One run of the benchmarks.

    Attributes:
        sizes: How large everything is.
        folder: Where generated data is kept between runs, outside the repository.
        peers: Whether others take part; without them only usr and the floors are measured.
        say: Told what is going on.
    """

    sizes: Sizes
    folder: Path
    peers: bool = True
    say: Callable[[str], object] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        """Make the folders."""
        for place in (self.kept, self.live):
            place.mkdir(parents=True, exist_ok=True)

    @property
    def kept(self) -> Path:
        """Where data lies as it was generated."""
        return self.folder / f"v{CACHE_VERSION}" / "kept"

    @property
    def live(self) -> Path:
        """Where copies of it are worked on."""
        return self.folder / f"v{CACHE_VERSION}" / "live"

    def generated(self, name: str, make: Callable[[Path], object]) -> Path:
        """A file or folder that ``make`` makes once; it must not be changed."""
        path = self.kept / name
        if not path.exists():
            self.say(f"making {name}")
            hidden = path.with_name(f".{name}")
            _remove(hidden)
            make(hidden)
            hidden.rename(path)
        return path

    def restored(self, name: str, make: Callable[[Path], object]) -> Path:
        """A folder that ``make`` makes once and that is put back as it was made at each call.

        It is made where it is worked on, because tables of others know their own path.
        """
        path = self.live / name
        kept = self.kept / name
        _remove(path)
        if not kept.exists():
            self.say(f"making {name}")
            make(path)
            hidden = kept.with_name(f".{name}")
            _remove(hidden)
            copy_tree(path, hidden)
            hidden.rename(kept)
        else:
            copy_tree(kept, path)
        return path

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """An empty folder that is removed at the end."""
        path = self.live / name
        _remove(path)
        path.mkdir()
        try:
            yield path
        finally:
            _remove(path)

    def dataset(self, rows: int, parts: int, *, copy: str = "a") -> Dataset:
        """A dataset of so many base rows and parts, as it was generated; copies of other names are others."""
        root = self.restored(
            f"usr-{rows}-{parts}-{self.sizes.part_rows}",
            lambda path: make_dataset(path, rows, parts, self.sizes.part_rows),
        )
        if copy != "a":
            other = root.with_name(f"{root.name}-{copy}")
            _remove(other)
            copy_tree(root, other)
            root = other
        return Dataset(root, NAME)

    def materialized(self, rows: int, parts: int) -> Path:
        """The same rows as one plain Parquet file, as another tool would keep them."""
        return self.generated(
            f"materialized-{rows}-{parts}-{self.sizes.part_rows}.parquet",
            lambda path: write_plain(self.dataset(rows, parts).scan(), path),
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder; files that are never changed in place are linked."""
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> str:
    if source.endswith((".parquet", ".lance")):
        os.link(source, target)
        return target
    return str(shutil.copy2(source, target))


def make_dataset(root: Path, rows: int, parts: int, part_rows: int) -> None:
    """Make a dataset with parts spread evenly over its base, each over a range of rows that follow one another."""
    register_namespace(root, namespace=NAMESPACE, columns=COLUMNS, owner="benchmarks")
    dataset = Dataset(root, NAME).init(source="benchmarks")
    for block in sequences(rows, series=0):
        table = pa.table({"sequence": block})
        dataset.add_sequences(table, bio_type="dna", alphabet="dna_4", source="generated")
    if parts:
        ids = base_ids(dataset)
        for number in range(parts):
            start = part_start(number, rows, parts)
            dataset.write_overlay_part(NAMESPACE, overlay_rows(ids[start : start + part_rows], series=number))


def base_ids(dataset: Dataset) -> pa.Array:
    """The ids of the base, in its order."""
    return (
        pq.read_table(dataset.records_path, columns=["id"])
        .column("id")
        .cast(pa.large_string())
        .combine_chunks()
    )


def part_start(number: int, rows: int, parts: int) -> int:
    """The first base row of a part."""
    return number * (rows // parts)


def new_parts(dataset: Dataset, rows: int, parts: int, part_rows: int) -> Iterator[pa.Table]:
    """Parts for base rows that have none, one after the other, until none is left."""
    ids = base_ids(dataset)
    stride = rows // parts
    for number in range(parts):
        start = part_start(number, rows, parts)
        for gap in range(start + part_rows, start + stride - part_rows + 1, part_rows):
            yield overlay_rows(ids[gap : gap + part_rows].cast(pa.string()), series=rows + gap)


def part_tables(dataset: Dataset, rows: int, parts: int, part_rows: int) -> Iterator[pa.Table]:
    """The rows of the parts that the dataset was made with."""
    ids = base_ids(dataset)
    for number in range(parts):
        start = part_start(number, rows, parts)
        yield overlay_rows(ids[start : start + part_rows].cast(pa.string()), series=number)


def write_plain(reader: pa.RecordBatchReader, path: Path) -> None:
    """Rows as one Parquet file with zstd and row groups of DuckDB's size."""
    with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        pending: list[pa.RecordBatch] = []
        for batch in reader:
            pending.append(batch)
            if sum(b.num_rows for b in pending) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(pending), row_group_size=ROW_GROUP)
                pending = []
        if pending:
            writer.write_table(pa.Table.from_batches(pending), row_group_size=ROW_GROUP)


ROW_GROUP = 122_880


def drain(batches: Iterator[pa.RecordBatch] | Sequence[pa.RecordBatch]) -> int:
    """Take all batches and let go of each; how many rows there were."""
    return sum(batch.num_rows for batch in batches)
