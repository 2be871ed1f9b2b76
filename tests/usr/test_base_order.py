"""Merged rows come in base order, whatever the database does with a join."""

import numpy as np
import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace

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
