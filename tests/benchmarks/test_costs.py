"""What changes cost, in files opened, bytes and syncs: it does not grow with what is there already."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.bench import NAME, base_ids, make_dataset, new_parts
from benchmarks.generated import NAMESPACE, overlay_rows, sequences
from dnadesign.usr import Dataset
from tests.benchmarks.counting import CountingFileSystem

PART_ROWS = 20


def counted(root: Path, *, rows: int, parts: int) -> tuple[Dataset, CountingFileSystem]:
    """A dataset of that size behind a counting file system, its first part of this process written."""
    make_dataset(root, rows, parts, PART_ROWS)
    fs = CountingFileSystem()
    dataset = Dataset(root, NAME, fs=fs)
    return dataset, fs


def cost(change: Callable[[], object], fs: CountingFileSystem) -> dict[str, int]:
    """How many calls of each kind a change makes."""
    fs.forget()
    change()
    return dict(fs.calls)


def part_costs(root: Path, *, rows: int, parts: int) -> tuple[dict[str, int], int, int]:
    """Calls, bytes read and bytes written of a part that is not the first of its process."""
    dataset, fs = counted(root, rows=rows, parts=parts)
    tables = new_parts(dataset, rows, parts, PART_ROWS)
    dataset.log_event(
        "bench_padding", args={"text": "x" * 200_000}
    )  # a look at the log's end reads a block of it
    dataset.write_overlay_part(NAMESPACE, next(tables))
    table = next(tables)
    calls = cost(lambda: dataset.write_overlay_part(NAMESPACE, table), fs)
    return calls, fs.bytes["read"], fs.bytes["write"]


def test_a_part_costs_the_same_whatever_is_there_already(tmp_path: Path) -> None:
    few, read_few, written_few = part_costs(tmp_path / "few", rows=300, parts=3)
    many, read_many, written_many = part_costs(tmp_path / "many", rows=6_000, parts=40)
    assert many.pop("read") - few.pop("read") <= 1  # a block of keys that are on the disk
    assert few == many
    assert (
        abs(read_few - read_many) < 2_000 + 4_096
    )  # footers and numbers differ by some digits, and that block
    assert abs(written_few - written_many) < 2_000


def test_a_part_syncs_what_a_commit_needs_and_nothing_else(tmp_path: Path) -> None:
    dataset, fs = counted(tmp_path / "root", rows=300, parts=3)
    tables = new_parts(dataset, 300, 3, PART_ROWS)
    dataset.write_overlay_part(NAMESPACE, next(tables))  # the first one has the registry synced, once
    fs.forget()
    dataset.write_overlay_part(NAMESPACE, next(tables))
    names = [_kind(path.relative_to(dataset.dir).as_posix()) for path in fs.synced]
    assert names == [
        "staged file",
        "intent",
        ".usr",  # the names of both
        ".events.log",  # the commit
        f"_derived/{NAMESPACE}",
    ]


def _kind(path: str) -> str:
    if path.startswith(".usr/.intent-"):
        return "intent"
    return "staged file" if path.startswith(".usr/.") else path


@pytest.mark.parametrize("rows", [300, 6_000])
def test_appending_copies_the_base_once_and_reads_no_more_of_it_than_its_footer(
    tmp_path: Path, rows: int
) -> None:
    dataset, fs = counted(tmp_path / "root", rows=rows, parts=0)
    new = next(block.to_pylist() for block in sequences(40, series=5))
    dataset.add_sequences(new[:20], bio_type="dna", alphabet="dna_4")
    before = dataset.records_path.stat().st_size
    fs.forget()
    dataset.add_sequences(new[20:], bio_type="dna", alphabet="dna_4")
    assert before - 10_000 < fs.bytes["copy"] < before
    assert fs.bytes["read"] < 40_000


def test_a_transaction_syncs_as_often_for_two_changes_as_for_ten(tmp_path: Path) -> None:
    def flush(name: str, changes: int) -> int:
        dataset, fs = counted(tmp_path / name, rows=100, parts=0)
        batches = next(block.to_pylist() for block in sequences(20 * changes, series=6))
        fs.forget()
        with dataset.transaction() as tx:
            for number in range(changes):
                tx.add_sequences(batches[20 * number : 20 * number + 20], bio_type="dna", alphabet="dna_4")
        return fs.calls["sync"]

    assert flush("two", 2) == flush("ten", 10)


def test_opening_a_dataset_reads_each_part_once_and_later_parts_none(tmp_path: Path) -> None:
    dataset, fs = counted(tmp_path / "root", rows=800, parts=10)
    tables = new_parts(dataset, 800, 10, PART_ROWS)
    first = cost(lambda: dataset.write_overlay_part(NAMESPACE, next(tables)), fs)
    second = cost(lambda: dataset.write_overlay_part(NAMESPACE, next(tables)), fs)
    assert (
        first["open"] - second["open"] <= 10 + 3 + 4
    )  # each part, the base twice, the cached keys, which are not there, and the log's end, which it knows then
    assert second["list"] <= 3


def test_another_writers_part_is_all_that_is_read_of_what_it_did(tmp_path: Path) -> None:
    dataset, fs = counted(tmp_path / "root", rows=800, parts=10)
    other = Dataset(dataset.root, NAME)
    tables = new_parts(dataset, 800, 10, PART_ROWS)
    dataset.write_overlay_part(NAMESPACE, next(tables))
    alone = cost(lambda: dataset.write_overlay_part(NAMESPACE, next(tables)), fs)
    other.write_overlay_part(NAMESPACE, next(tables))
    after = cost(lambda: dataset.write_overlay_part(NAMESPACE, next(tables)), fs)
    assert after["open"] - alone["open"] <= 4 + 4  # the log's tail and that part, and the log's end


def test_a_compacted_overlay_opens_one_file_to_be_read(tmp_path: Path) -> None:
    dataset, fs = counted(tmp_path / "root", rows=800, parts=10)
    parts = cost(dataset.to_arrow, fs)
    dataset.compact_overlay(NAMESPACE, maintenance=True)
    one = cost(dataset.to_arrow, fs)
    assert parts["open"] - one["open"] == 9


def test_generated_data_are_the_same_each_time() -> None:
    first, again = (pa.concat_arrays(list(sequences(50, series=1))) for _ in range(2))
    assert first.equals(again)
    ids = pa.array([f"{i:040x}" for i in range(5)])
    assert overlay_rows(ids, series=3).equals(overlay_rows(ids, series=3))
    assert not overlay_rows(ids, series=3).equals(overlay_rows(ids, series=4))


def test_parts_are_generated_for_rows_that_have_none(tmp_path: Path) -> None:
    make_dataset(tmp_path / "root", 300, 3, PART_ROWS)
    dataset = Dataset(tmp_path / "root", NAME)
    covered = set(dataset.to_arrow(["id"], where="bench__score IS NOT NULL").column("id").to_pylist())
    fresh = [key for table in new_parts(dataset, 300, 3, PART_ROWS) for key in table.column("id").to_pylist()]
    assert len(fresh) == len(set(fresh)) == 300 - len(covered)
    assert covered.isdisjoint(fresh)
    assert covered | set(fresh) == set(base_ids(dataset).to_pylist())
