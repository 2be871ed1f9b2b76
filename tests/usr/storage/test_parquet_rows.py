"""Rows of a Parquet file by column name: held against Arrow's own reader of whole files."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr.storage.filesystem import REAL, RealFile, opened
from dnadesign.usr.storage.parquet import encode, read_footer, reading
from dnadesign.usr.storage.parquet_rows import ParquetRows
from tests.examples import examples

SITE = pa.struct([("tf", pa.string()), ("at", pa.list_(pa.int32()))])
TYPES = [
    pa.int64(),
    pa.string(),
    SITE,
    pa.list_(SITE),
    pa.list_(pa.float32(), 2),
    pa.map_(pa.string(), SITE),
]
NAMES = ["id", "a", "a.b", "b", "list", "element", "a.list.element", "lab__sites"]
VALUES = {
    TYPES[0]: 7,
    TYPES[1]: "x",
    SITE: {"tf": "lexA", "at": [1, 2]},
    TYPES[3]: [{"tf": "lexA", "at": [1, 2]}, {"tf": None, "at": []}],
    TYPES[4]: [0.5, 1.5],
    TYPES[5]: [("k", {"tf": "crp", "at": [3]})],
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    types = [draw(st.sampled_from(TYPES)) for _ in names]
    rows = draw(st.integers(0, 5))
    return pa.table(
        [pa.array([VALUES[kind]] * rows, kind) for kind in types],
        schema=pa.schema(list(zip(names, types, strict=True))),
    )


@given(tables(), st.lists(st.sampled_from(NAMES), unique=True), st.integers(1, 3))
@settings(max_examples=examples(60))
def test_columns_are_those_of_the_whole_file(table: pa.Table, asked: list[str], group_rows: int) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=group_rows)
    data = sink.getvalue()
    whole, rows = pq.ParquetFile(pa.BufferReader(data)), ParquetRows(pa.BufferReader(data))
    there = [name for name in asked if name in table.schema.names]
    groups = range(rows.metadata.num_row_groups)
    assert rows.schema.equals(whole.schema_arrow)
    assert rows.read().equals(whole.read())
    assert rows.read(asked).equals(whole.read().select(there))
    assert rows.read_row_groups(groups, asked).equals(whole.read().select(there))
    assert pa.Table.from_batches(rows.iter_batches(2, groups, asked), rows.read(asked).schema).equals(
        whole.read().select(there)
    )


def test_files_that_parquet_takes_for_alike_are_read_each_by_its_own_names(tmp_path: Path) -> None:
    """Parquet compares the innermost names only, which are the same in all lists."""
    names = [["a", "b"], ["b", "a"], ["a", "b"], ["b", "c"]]
    for number, pair in enumerate(names):
        table = pa.table({name: [[f"{name} of {number}"]] for name in pair})
        (tmp_path / str(number)).write_bytes(encode(table, {}))
    for number, pair in enumerate(names):
        with opened(REAL, tmp_path / str(number), "read") as file:
            footer = read_footer(file)
            for name in pair:
                with reading(file, footer=footer) as parquet:
                    assert parquet.read([name]).to_pydict() == {name: [[f"{name} of {number}"]]}


class Watched(bytes):
    """Bytes that note which thread lets go of them."""

    let_go: ClassVar[set[int]] = set()

    def __buffer__(self, flags: int, /) -> memoryview:
        return memoryview(bytes(self))

    def __release_buffer__(self, view: memoryview, /) -> None:
        self.let_go.add(threading.get_ident())
        view.release()


READS: dict[str, Callable[[ParquetRows], object]] = {
    "all": lambda rows: rows.read(),
    "row groups": lambda rows: rows.read_row_groups([0, 1]),
    "batches": lambda rows: list(rows.iter_batches(30, [0, 1])),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_no_thread_of_arrows_holds_bytes_that_python_made(
    read: Callable[[ParquetRows], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that let go of them while the interpreter ends would kill the process."""
    path = tmp_path / "small.parquet"
    pq.write_table(pa.table({f"c{n}": range(200) for n in range(16)}), path, row_group_size=100)
    monkeypatch.setattr(RealFile, "read_at", lambda file, at, count: Watched(os.pread(file.fd, count, at)))
    Watched.let_go.clear()
    with opened(REAL, path, "read") as file:
        footer = read_footer(file)
        for _ in range(200):
            with reading(file, footer=footer) as rows:
                read(rows)
    assert Watched.let_go == {threading.get_ident()}
