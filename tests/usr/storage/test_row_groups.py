"""Row groups stay bounded in rows and in bytes, and few; numbers that were measured get no dictionary."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, SchemaError, register_namespace
from dnadesign.usr.storage import key_index, row_groups
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.key_index import digest_pieces
from dnadesign.usr.storage.parquet import (
    batches_of,
    encode,
    groups_together,
    read_footer,
    reading,
    write_stream,
)
from dnadesign.usr.storage.row_groups import FOLD_FAN, ROW_GROUP_BYTES, ROW_GROUP_ROWS, fold_from
from tests.usr.storage.failing_threads import refuse_threads

FULL_AND_SMALL = [(0, 10), (10, 20), (30, 10), (40, 3), (43, 15), (58, 7)]  # first number, and how many


def test_groups_of_about_one_size_are_folded_once_there_are_many() -> None:
    few, many = [100] * (FOLD_FAN - 2), [100] * (FOLD_FAN - 1)
    assert fold_from(few, [9] * len(few), 100) == len(few)
    assert fold_from([ROW_GROUP_ROWS, *many], [9] * FOLD_FAN, 100) == 1
    assert fold_from(many, [9] * len(many), 0) == len(many)


def test_a_group_that_is_large_in_bytes_stays_as_it_is() -> None:
    groups, large = [100] * 40, ROW_GROUP_BYTES
    assert fold_from(groups, [9] * 40, 100) == 0
    assert fold_from(groups, [large] * 40, 100) == 40
    assert fold_from(groups, [large] * 20 + [9] * 20, 100) == 20


def test_long_sequences_that_come_one_by_one_are_not_folded_into_groups_beyond_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "ROW_GROUP_BYTES", 60_000)
    dataset, rng, added = Dataset(tmp_path, "long").init(), random.Random(7), []
    for _ in range(3 * FOLD_FAN):
        added.append("".join(rng.choices("ACGT", k=9_000)))
        dataset.add_sequences(added[-1:], bio_type="dna", alphabet="dna_4")
    metadata = pq.read_metadata(dataset.records_path)
    sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    assert dataset.to_arrow(["sequence"]).column(0).to_pylist() == added
    assert max(sizes) <= 80_000  # a group closes once it is past the bound
    assert len(sizes) < len(added) // 2
    dataset.validate()


@pytest.mark.parametrize("failing", [range(1), range(1, 2), range(2, 3), range(99)])
def test_rows_are_written_once_also_where_threads_cannot_be_begun(
    failing: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "ROW_GROUP_ROWS", 10)
    begun = refuse_threads(monkeypatch, "usr-write", failing)
    schema = pa.schema([("n", pa.int64())])
    tables = [pa.table({"n": range(first, first + size)}, schema) for first, size in FULL_AND_SMALL]
    for _ in range(3):  # each with a thread of its own
        with opened(REAL, tmp_path / "written", "create") as file:
            assert write_stream(file, schema, tables, {}) == 65
        assert pq.read_table(tmp_path / "written").column("n").to_pylist() == list(range(65))
        (tmp_path / "written").unlink()
    assert next(begun) > 0


def test_an_error_of_the_writing_thread_reaches_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "ROW_GROUP_ROWS", 10)
    schema = pa.schema([("n", pa.int64())])
    writers = []

    def write(writer: pq.ParquetWriter, table: pa.Table, **_: int) -> None:
        writers.append(threading.current_thread().name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", write)
    tables = [pa.table({"n": range(first, first + 10)}, schema) for first in (0, 10)]
    with (
        opened(REAL, tmp_path / "written", "create") as file,
        pytest.raises(OSError, match="No space left"),
    ):
        write_stream(file, schema, tables, {})
    assert len(writers) == 1
    assert writers[0].startswith("usr-write")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("usr-write")]


def test_only_what_may_come_again_gets_a_dictionary() -> None:
    table = pa.table(
        {
            "id": ["a", "b"],
            "n__text": ["x", "x"],
            "n__number": [1.5, 2.5],
            "n__vector": pa.array([[1.0], [2.0]], pa.list_(pa.float32(), 1)),
            "n__count": [1, 1],
        }
    )
    group = pq.read_metadata(pa.BufferReader(encode(table, {}))).row_group(0)
    leaves = [group.column(i) for i in range(group.num_columns)]
    coded = {leaf.path_in_schema.split(".")[0] for leaf in leaves if leaf.has_dictionary_page}
    assert coded == {"n__text", "n__count"}


def test_what_is_remembered_of_many_parts_is_small(tmp_path: Path) -> None:
    register_namespace(tmp_path, namespace="n", columns="n__x:float64")
    dataset = Dataset(tmp_path, "parts").init()
    sequences = [f"{i:08b}".replace("0", "A").replace("1", "C") for i in range(40)]
    ids = dataset.add_sequences(sequences, bio_type="dna", alphabet="dna_4").ids
    for key in ids:
        dataset.write_overlay_part("n", pa.table({"id": [key], "n__x": [1.0]}))
    assert dataset.to_arrow(["n__x"]).num_rows == 40
    footers = list(dataset._store._known.footers._found.values())
    assert len(footers) == 40
    assert not any("metadata" in footer.__dict__ for footer in footers)  # that is ten times the footer itself
    assert len({id(footer.schema) for footer in footers}) == 1


def test_a_file_that_is_read_batch_by_batch_takes_the_memory_of_one_row_group(tmp_path: Path) -> None:
    path, rows = tmp_path / "many.parquet", 20_000
    numbers = np.random.default_rng(1).random(20 * rows)
    pq.write_table(
        pa.table({"n": numbers, "m": numbers[::-1]}), path, row_group_size=rows, compression="none"
    )
    with opened(REAL, path, "read") as file, reading(file) as parquet:
        before, most, found = pa.total_allocated_bytes(), 0, []
        for batch in batches_of(parquet, 1_000, ["n"]):
            most = max(most, pa.total_allocated_bytes() - before)
            found += batch.column(0).to_pylist()
    assert found == numbers.tolist()
    assert most < 3 * 8 * rows


def test_small_row_groups_are_read_together_and_large_ones_one_by_one() -> None:
    def together(*rows: int, each: int = 1) -> list[range]:
        return list(groups_together([(count, count * each) for count in rows], 10))

    assert together() == []
    assert together(5, 5, 5, 5) == [range(2), range(2, 4)]
    assert together(40, 3, 0, 40, 40, 10) == [range(1), range(1, 3), range(3, 4), range(4, 5), range(5, 6)]
    assert together(1, 1, 1, 1, 1, each=15 << 20) == [range(2), range(2, 4), range(4, 5)]


def test_a_key_that_is_none_is_told_by_its_row_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_index, "_PIECE_ROWS", 4)
    path, ids = tmp_path / "ids.parquet", [f"{number:040x}" for number in range(30)]
    pq.write_table(pa.table({"id": [*ids[:25], "BAD", *ids[26:]]}), path, row_group_size=3)
    with (
        opened(REAL, path, "read") as file,
        pytest.raises(SchemaError, match="here: row 25, column 'id': 'BAD'"),
    ):
        list(digest_pieces(file, read_footer(file), where="here", from_row=2))
