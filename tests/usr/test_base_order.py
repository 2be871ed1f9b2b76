"""Merged rows come in base order, whatever the database does with a join."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr import Dataset, compute_id, register_namespace

ROWS = 150_000  # large enough that an optimizer's freedom shows: several row groups, several vectors out of place


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("order")
    register_namespace(root, namespace="n", columns="n__row:int64")
    dataset = Dataset(root, "d").init()
    random = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype="S1")[random.integers(0, 4, (ROWS, 24))]
    sequences = np.unique(letters.view("S24").ravel()).astype(str)
    random.shuffle(sequences)
    dataset.add_sequences(pa.table({"sequence": sequences.tolist()}), bio_type="dna", alphabet="dna_4")
    ids = dataset.to_arrow(["id"]).column(0)
    places = random.permutation(len(ids))
    for part in np.array_split(places, 5):
        rows = pa.array(part.tolist())
        dataset.write_overlay_part("n", pa.table({"id": ids.take(rows), "n__row": rows}))
    return dataset


@pytest.mark.parametrize(
    "where",
    [
        None,
        "n__row % 7 <> 0",
        "length = 24",
        "n__row > 100 AND id > '8'",
        "coalesce(n__row, 1) % 2 = 0",
        "false",
    ],
)
def test_a_filter_changes_which_rows_come_and_not_their_order(shuffled: Dataset, where: str | None) -> None:
    rows = shuffled.scan(["n__row"], where=where).read_all().column(0).to_numpy()
    assert (np.diff(rows) > 0).all()
    with shuffled.connect() as connection:
        found = connection.sql(f"SELECT count(*) FROM records WHERE {where or 'true'}").fetchall()  # noqa: S608 - ours
    assert found == [(len(rows),)]


def test_a_shard_keeps_base_order(shuffled: Dataset) -> None:
    shards = [shuffled.scan(["n__row"], shard=(i, 3)).read_all().column(0).to_numpy() for i in range(3)]
    assert all((np.diff(rows) > 0).all() for rows in shards)
    assert sorted(np.concatenate(shards).tolist()) == list(range(shuffled.to_arrow(["id"]).num_rows))


@given(
    appends=st.lists(
        st.sampled_from([1, 10, 63, 64, 65, 270, 2048, 2049, 2100, 4097]), min_size=2, max_size=9
    ),
    ids=st.sampled_from([1, 20, 300]),
)
@settings(max_examples=25)
def test_appends_of_any_size_come_in_the_order_in_which_they_were_made(appends: list[int], ids: int) -> None:
    with TemporaryDirectory() as folder:
        register_namespace(Path(folder), namespace="n", columns="n__row:int64")
        dataset = Dataset(Path(folder), "d").init()
        whole: list[str] = []
        for count in appends:
            more = [_numbered(len(whole) + number) for number in range(count)]
            dataset.add_sequences(more, bio_type="dna", alphabet="dna_4")
            whole += more
        keys = [compute_id("dna", sequence) for sequence in whole]
        dataset.write_overlay_part("n", pa.table({"id": keys[::2], "n__row": range(0, len(whole), 2)}))
        listed = ", ".join(f"'{key}'" for key in keys[-ids:])
        assert dataset.to_arrow(["sequence", "n__row"])["sequence"].to_pylist() == whole
        chosen = dataset.scan(["sequence"], include_overlays=False, where=f"id IN ({listed})").read_all()
        assert chosen["sequence"].to_pylist() == whole[-ids:]
        joined = dataset.scan(["sequence"], where=f"id IN ({listed}) OR n__row % 3 = 0").read_all()
        expected = [s for i, s in enumerate(whole) if i >= len(whole) - ids or (i % 2 == 0 and i % 3 == 0)]
        assert joined["sequence"].to_pylist() == expected
        assert dataset.get(keys[::-1][:ids], columns=["sequence"])["sequence"].to_pylist() == whole[-ids:]


def _numbered(number: int) -> str:
    return "".join("ACGT"[number >> shift & 3] for shift in range(0, 20, 2))
