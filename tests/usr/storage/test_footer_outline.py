"""A footer read at a glance says what Arrow says of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import CorruptFileError
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.parquet import read_footer
from dnadesign.usr.storage.parquet_footer import read_outline

SIMPLE = [
    pa.int32(),
    pa.float64(),
    pa.string(),
    pa.bool_(),
    pa.timestamp("us", "UTC"),
    pa.list_(pa.float32(), 4),
]
TYPES = st.recursive(
    st.sampled_from(SIMPLE),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        st.lists(inner, min_size=1, max_size=3).map(lambda t: pa.struct(list(zip("abc", t, strict=False)))),
    ),
    max_leaves=6,
)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters=".\0"), min_size=1, max_size=20)


@given(
    columns=st.dictionaries(NAMES, TYPES, max_size=20),
    rows=st.integers(0, 40),
    group=st.integers(1, 9),
    said=st.dictionaries(st.binary(min_size=1, max_size=9), st.binary(max_size=200), max_size=4),
    keeps_schema=st.booleans(),
)
def test_an_outline_is_what_arrow_reads(
    columns: dict[str, pa.DataType], rows: int, group: int, said: dict[bytes, bytes], keeps_schema: bool
) -> None:
    said = {key.hex().encode(): value.hex().encode() for key, value in said.items()}
    arrays = [pa.nulls(rows, kind) for kind in columns.values()]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(list(columns.items()), metadata=said))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        pq.write_table(table, path, row_group_size=group, store_schema=keeps_schema)
        with opened(REAL, path, "read") as file:
            found, expected = read_outline(file), read_footer(file)
    assert found.rows == expected.rows
    assert list(found.columns) == expected.schema.names
    assert found.key_values == expected.key_values
    assert found.size == expected.size


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 40])
def test_a_file_cut_short_is_told(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    path.write_bytes(path.read_bytes()[:-cut])
    with (
        opened(REAL, path, "read") as file,
        pytest.raises(CorruptFileError, match="not a whole Parquet file"),
    ):
        read_outline(file)
