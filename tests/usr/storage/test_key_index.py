"""The key set finds what a dictionary would, also where keys begin alike."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr import CorruptFileError, SchemaError
from dnadesign.usr.storage import key_index
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.id_digests import digests_of, repeated
from dnadesign.usr.storage.key_index import KeySet, read_ids
from dnadesign.usr.storage.parquet import read_footer

# Few distinct beginnings, so that many keys share their first 64 bits and the rest has to tell them apart.
KEYS = st.builds(
    lambda head, tail: bytes([head]) * 8 + bytes([tail]) * 12, st.integers(0, 3), st.integers(0, 9)
)


def digests(keys: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 20)


@given(st.lists(KEYS, unique=True), st.lists(st.integers(1, 7)), st.lists(KEYS))
def test_a_key_set_finds_what_a_dictionary_would(
    keys: list[bytes], sizes: list[int], wanted: list[bytes]
) -> None:
    found, start = KeySet(), 0
    for size in [*sizes, len(keys)]:
        found.add(digests(keys[start : start + size]))
        start += size
    model = {key: ordinal for ordinal, key in enumerate(keys)}
    assert len(found) == len(keys)
    assert found.find(digests(wanted)).tolist() == [model.get(key, -1) for key in wanted]


@given(st.lists(KEYS))
def test_repeated_keys_are_those_seen_before(keys: list[bytes]) -> None:
    assert repeated(digests(keys)) == [row for row, key in enumerate(keys) if key in keys[:row]]


TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


@given(
    st.lists(KEYS, max_size=20), st.sampled_from(TYPES), st.integers(0, 20), st.integers(0, 20), st.booleans()
)
def test_the_bytes_of_ids_are_read_whatever_array_they_come_in(
    keys: list[bytes], kind: pa.DataType, first: int, cut: int, chunked: bool
) -> None:
    ids = pa.array([key.hex() for key in keys], kind).slice(first)
    if chunked:
        ids = pa.chunked_array([ids.slice(0, cut), ids.slice(cut)], kind)
    assert list(map(bytes, digests_of(ids, where="here"))) == keys[first:]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("wrong", [None, "", "a" * 39, "a" * 41, "A" * 40, "g" * 40, "é" * 20, "a" * 80])
def test_what_is_no_id_is_named_with_its_row(wrong: str | None, kind: pa.DataType) -> None:
    ids = pa.array(["0" * 40, "1" * 40, wrong, "a" * 40], kind).slice(1)
    with pytest.raises(SchemaError, match="here: row 1, column 'id'"):
        digests_of(ids, where="here")


@pytest.mark.parametrize("from_row", [0, 1, 299, 300, 301, 899, 900])
def test_ids_are_read_piece_by_piece_from_any_row(
    tmp_path: Path, from_row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = pa.array([f"{number:040x}" for number in range(900)])
    pq.write_table(pa.table({"id": ids}), tmp_path / "ids.parquet", row_group_size=100)
    monkeypatch.setattr(key_index, "_PIECE_ROWS", 250)
    with opened(REAL, tmp_path / "ids.parquet", "read") as file:
        footer = read_footer(file)
        pieces = list(key_index.id_pieces(file, footer, from_row=from_row))
        assert all(len(piece) <= 300 for piece in pieces)
        assert read_ids(file, from_row=from_row).to_pylist() == ids[from_row:].to_pylist()
        assert [key for piece in pieces for key in piece.to_pylist()] == ids[from_row:].to_pylist()
        with pytest.raises(CorruptFileError, match="fewer than the 901 written before"):
            read_ids(file, from_row=901)
