"""Merged rows come in base order, whatever the database does with a join."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnadesign.usr import Dataset, DuplicateKeyError, compute_id, register_namespace
from dnadesign.usr.operations import _reorder
from tests.examples import examples

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


@pytest.fixture(autouse=True, params=["one thread", "two threads", "two threads and little room"])
def threads(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have all bases read in each way, whatever their size."""
    room = 1 if "room" in request.param else 1 << 20
    with mock.patch.multiple(_reorder, LEAST_ROWS=0 if "two" in request.param else 1 << 60, MOST_ROWS=room):
        yield request.param


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
@settings(max_examples=examples(10, share=0.02), suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.parametrize("batch_size", [1000, 65_536])
def test_all_rows_come_in_batches_of_the_size_that_was_asked_for(shuffled: Dataset, batch_size: int) -> None:
    batches = list(shuffled.scan(["n__row"], batch_size=batch_size))
    assert max(batch.num_rows for batch in batches) <= batch_size
    rows = pa.Table.from_batches(batches).column(0).to_numpy()
    assert rows.tolist() == list(range(shuffled.info().rows))


def test_a_key_that_two_parts_have_is_refused_among_many_rows(shuffled: Dataset) -> None:
    part, other = sorted((shuffled.dir / "_derived" / "n").iterdir())[:2]
    held = part.read_bytes()
    mixed = pa.concat_tables([pq.read_table(part), pq.read_table(other).slice(0, 1)])
    pq.write_table(mixed, part)
    try:
        with pytest.raises(DuplicateKeyError, match="keep-newest"):
            shuffled.scan(["n__row"]).read_all()
    finally:
        part.write_bytes(held)


@given(cuts=st.lists(st.integers(1, 99), max_size=12, unique=True), data=st.data(), size=st.integers(1, 40))
def test_pieces_in_any_order_are_put_in_order_or_told_where_they_wait(
    cuts: list[int], data: st.DataObject, size: int
) -> None:
    edges = [0, *sorted(cuts), 100]
    pieces = data.draw(st.permutations([range(*edge) for edge in pairwise(edges)]))
    room, split = data.draw(st.integers(1, 100)), data.draw(st.integers(0, len(pieces)))
    arrived = [[*map(int, np.concatenate(some))] for some in (pieces[:split], pieces[split:]) if some]
    batches = [pa.record_batch({"row": pa.array(rows, pa.int64())}) for rows in arrived]
    got: list[int] = []
    stopped = 100
    try:
        for batch in _reorder.in_base_order(
            iter(batches), 100, batch_size=size, most_rows=room, most_bytes=1 << 30
        ):
            assert batch.num_rows <= size
            got += batch.column(0).to_pylist()
    except _reorder.TooMuchWaits as found:
        stopped = found.row
        assert arrived[0] != list(range(len(arrived[0])))
    assert got == list(range(stopped))


@given(rows=st.permutations(range(30)), twice=st.integers(0, 29), size=st.integers(1, 40))
def test_a_row_that_comes_twice_is_told(rows: list[int], twice: int, size: int) -> None:
    batches = [pa.record_batch({"row": pa.array([*rows, twice], pa.int64())})]
    with pytest.raises(_reorder.RowTwice):
        list(_reorder.in_base_order(iter(batches), 30, batch_size=size, most_rows=100, most_bytes=1 << 30))


def test_rows_that_never_come_are_told() -> None:
    batches = [pa.record_batch({"row": pa.array([0, 1, 3], pa.int64())})]
    with pytest.raises(_reorder.TooMuchWaits, match="row 2"):
        list(_reorder.in_base_order(iter(batches), 4, batch_size=9, most_rows=100, most_bytes=1 << 30))


def _numbered(number: int) -> str:
    return "".join("ACGT"[number >> shift & 3] for shift in range(0, 20, 2))
