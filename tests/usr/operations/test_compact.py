"""Compaction keeps every row, value and type, whatever the parts look like; removal and coverage beside it."""

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr import (
    CorruptFileError,
    Dataset,
    DuplicateKeyError,
    MaintenanceRequired,
    NamespaceError,
    OverlayLayoutError,
    SchemaError,
    ValidationError,
    register_namespace,
)
from dnadesign.usr.operations import _overlay_rows, _spill
from dnadesign.usr.operations._overlay_rows import rows_ahead, together
from dnadesign.usr.operations.compact import Layout
from dnadesign.usr.operations.remove import RemoveMode
from dnadesign.usr.storage.parquet import read_columns
from dnadesign.usr.storage.version import PinnedFile
from tests.examples import examples
from tests.usr.conftest import add, scores

OLDER = {"usr:overlay_namespace": "score", "usr:overlay_created_at": "2026-01-01T00:00:00Z"}


def event(dataset: Dataset) -> dict:
    return json.loads(dataset.events_path.read_bytes().splitlines()[-1])


def put_part(dataset: Dataset, table: pa.Table, *, created: str, key: str = "id") -> Path:
    """A part as another tool would have written it."""
    folder = dataset.dir / "_derived/score"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = created.replace("-", "").replace(":", "").replace("Z", "000000Z")
    path = folder / f"part-{stamp}-{uuid4().hex}.parquet"
    metadata = OLDER | {"usr:overlay_key": key, "usr:overlay_created_at": created}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def stored(dataset: Dataset) -> pa.Table:
    return pq.read_table(dataset.dir / "_derived/score.parquet")


@pytest.fixture
def ids(dataset: Dataset) -> tuple[str, ...]:
    return add(dataset, "ACGT", "GGCC", "TTAA", "CCCC")


def test_parts_with_columns_in_another_order_or_missing_keep_each_value_in_its_column(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    put_part(
        dataset,
        pa.table({"id": [ids[3]], "score__n": [1], "score__x": [0.5]}),
        created="2026-01-01T00:00:00Z",
    )
    put_part(
        dataset,
        pa.table({"score__x": [2.5], "score__n": [2], "id": [ids[0]]}),
        created="2026-01-02T00:00:00Z",
    )
    put_part(dataset, pa.table({"score__x": [3.5], "id": [ids[1]]}), created="2026-01-03T00:00:00Z")
    before = dataset.to_arrow()
    assert before.select(["score__x", "score__n"]).to_pylist() == [
        {"score__x": 2.5, "score__n": 2},
        {"score__x": 3.5, "score__n": None},
        {"score__x": None, "score__n": None},
        {"score__x": 0.5, "score__n": 1},
    ]
    dataset.compact_overlay("score", maintenance=True)
    assert dataset.to_arrow().equals(before)
    assert stored(dataset).column("id").to_pylist() == [ids[0], ids[1], ids[3]]


def test_other_physical_types_come_out_as_registered(dataset: Dataset, ids: tuple[str, ...]) -> None:
    table = pa.table(
        {
            "id": pa.array([ids[0]], pa.large_string()),
            "score__n": pa.array([7], pa.int32()),
            "score__vec": pa.array([[1, 2]], pa.large_list(pa.float32())),
            "score__meta": pa.array(
                [{"gc": 0.5, "name": "a"}], pa.struct([("gc", pa.float64()), ("name", pa.large_string())])
            ),
        }
    )
    put_part(dataset, table, created="2026-01-01T00:00:00Z")
    dataset.compact_overlay("score", maintenance=True)
    found = stored(dataset)
    assert found.schema.types == [
        pa.string(),
        pa.int64(),
        pa.list_(pa.float32(), 2),
        pa.struct([("name", pa.string()), ("gc", pa.float64())]),
    ]
    assert found.drop_columns(["id"]).to_pylist() == [
        {"score__n": 7, "score__vec": [1.0, 2.0], "score__meta": {"name": "a", "gc": 0.5}}
    ]


def test_values_that_a_database_would_round_are_kept(dataset: Dataset, ids: tuple[str, ...]) -> None:
    when = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC"))
    dataset.write_overlay_part(
        "score", pa.table({"id": ids[:1], "score__when": when, "score__n": [2**62 + 1]})
    )
    dataset.compact_overlay("score", maintenance=True)
    found = stored(dataset)
    assert found.column("score__when").cast(pa.int64()).to_pylist() == [1_700_000_000_123_456_789]
    assert found.column("score__n").to_pylist() == [2**62 + 1]


def test_the_event_and_the_archive_tell_all(dataset: Dataset, ids: tuple[str, ...]) -> None:
    for n, key in enumerate(ids):
        dataset.write_overlay_part("score", scores((key,), [float(n)]))
    old = {path.name: path.read_bytes() for path in (dataset.dir / "_derived/score").iterdir()}
    with dataset.maintenance(reason="too many parts"):
        result = dataset.compact_overlay("score")
    found = event(dataset)
    assert found["action"] == "compact_overlay"
    assert found["maintenance"] == {"reason": "too many parts"}
    assert found["metrics"] == {
        "namespace": "score",
        "rows": 4,
        "rows_dropped": 0,
        "rows_outside": 0,
        "files": 4,
        "bytes_before": sum(map(len, old.values())),
        "bytes": (dataset.dir / "_derived/score.parquet").stat().st_size,
    }
    assert {path.name: path.read_bytes() for path in (dataset.dir / result.archive).iterdir()} == old
    assert not (dataset.dir / "_derived/score").exists()
    assert dataset.verify_events(deep=True).ok
    assert dataset.validate().ok


def test_compaction_asks_for_maintenance(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0, 3.0, 4.0]))
    with pytest.raises(MaintenanceRequired):
        dataset.compact_overlay("score")
    with pytest.raises(MaintenanceRequired):
        dataset.remove_overlay("score")
    with pytest.raises(MaintenanceRequired):
        dataset.prune_artifacts()


def test_a_running_writer_goes_on_after_compaction_into_a_part(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    dataset.write_overlay_part("score", scores(ids[1:2], [2.0]))
    other = Dataset(dataset.root, dataset.name)
    result = other.compact_overlay("score", maintenance=True, layout="part")
    assert Path(result.path).parent == Path("_derived/score")
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids[1:2], [9.0]))
    dataset.write_overlay_part("score", scores(ids[2:3], [3.0]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, 3.0, None]
    assert dataset.list_overlays()[0].files == 2
    dataset.validate()


def test_a_reader_that_has_begun_sees_the_version_it_began_with(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0, 3.0, 4.0]))
    reader = dataset.scan(["score__x"], batch_size=1)
    dataset.compact_overlay("score", maintenance=True)
    dataset.remove_overlay("score", mode="delete", maintenance=True)
    assert reader.read_all().column(0).to_pylist() == [1.0, 2.0, 3.0, 4.0]
    assert dataset.list_overlays() == ()


def test_repeated_keys_of_older_tools_are_refused_or_the_newest_kept(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    put_part(dataset, scores((ids[0], ids[1]), [20.0, 2.0]), created="2026-01-02T00:00:00Z")
    put_part(dataset, scores((ids[0],), [10.0]), created="2026-01-01T00:00:00Z")
    with pytest.raises(DuplicateKeyError, match=rf"{ids[0]}[\s\S]*keep-newest"):
        dataset.compact_overlay("score", maintenance=True)
    result = dataset.compact_overlay("score", maintenance=True, on_duplicate="keep-newest")
    assert (result.rows, result.rows_dropped) == (2, 1)
    assert event(dataset)["args"]["on_duplicate"] == "keep-newest"
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [20.0, 2.0, None, None]
    dataset.validate()


@pytest.mark.parametrize(
    ("key", "given"),
    [("sequence", ["GGCC", "ACGT"]), ("sequence_norm", ["GGCC ", "ACGT"]), ("sequence_ci", ["ggcc", "ACGT"])],
)
@pytest.mark.parametrize("layout", ["file", "part"])
def test_sequence_keys_of_older_tools_become_ids(
    key: str, given: list[str], layout: Layout, dataset: Dataset
) -> None:
    ids = add(dataset, "ACGT", "GGCC", "TTAA")
    older = pa.table({"sequence": given, "score__n": [2, 1]})
    (dataset.dir / "_derived").mkdir()
    pq.write_table(
        older.replace_schema_metadata(OLDER | {"usr:overlay_key": key}),
        dataset.dir / "_derived/score.parquet",
    )
    before = dataset.to_arrow()
    with pytest.raises(OverlayLayoutError, match="overlay-compact"):
        dataset.write_overlay_part("score", scores(ids[2:], [3.0]))
    dataset.compact_overlay("score", maintenance=True, layout=layout)
    assert dataset.to_arrow().equals(before)
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids[1:2], [9.0]))
    dataset.write_overlay_part("score", pa.table({"id": ids[2:], "score__n": [3]}))
    assert dataset.to_arrow(["score__n"]).column(0).to_pylist() == [1, 2, 3]


def test_rows_outside_the_base_are_kept_and_counted(dataset: Dataset, ids: tuple[str, ...]) -> None:
    put_part(dataset, scores(("f" * 40, ids[0]), [9.0, 1.0]), created="2026-01-01T00:00:00Z")
    result = dataset.compact_overlay("score", maintenance=True)
    assert (result.rows, result.rows_outside) == (2, 1)
    assert stored(dataset).column("score__x").to_pylist() == [1.0, 9.0]


def test_a_column_that_is_registered_no_more_is_not_lost(dataset: Dataset, ids: tuple[str, ...]) -> None:
    put_part(dataset, pa.table({"id": ids[:1], "score__old": [1]}), created="2026-01-01T00:00:00Z")
    with pytest.raises(SchemaError, match="'score__old' is not registered"):
        dataset.compact_overlay("score", maintenance=True)
    assert len(list((dataset.dir / "_derived/score").iterdir())) == 1


def test_options_with_other_values_are_refused(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    wrong: list[dict[str, Any]] = [{"layout": "parts"}, {"on_duplicate": "newest"}]
    for options in wrong:
        with pytest.raises(ValidationError, match="expected"):
            dataset.compact_overlay("score", maintenance=True, **options)
    with pytest.raises(ValidationError, match="archive"):
        dataset.remove_overlay("score", maintenance=True, mode=cast("Any", "drop"))
    with pytest.raises(OverlayLayoutError):
        dataset.compact_overlay("usr_state", maintenance=True, layout="part")


def test_a_namespace_that_is_both_file_and_parts_is_left_alone(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    put_part(dataset, scores(ids[:1], [1.0]), created="2026-01-01T00:00:00Z")
    pq.write_table(
        scores(ids[1:2], [1.0]).replace_schema_metadata(OLDER | {"usr:overlay_key": "id"}),
        dataset.dir / "_derived/score.parquet",
    )
    before = dataset.events_path.read_bytes()
    for verb in (
        lambda: dataset.compact_overlay("score", maintenance=True),
        lambda: dataset.remove_overlay("score", maintenance=True),
        lambda: dataset.write_overlay("score", scores(ids[2:3], [1.0]), allow_overwrite=True),
        lambda: dataset.coverage("score"),
        dataset.list_overlays,
    ):
        with pytest.raises(OverlayLayoutError):
            verb()
    assert dataset.events_path.read_bytes() == before


def test_more_parts_than_an_event_lists_are_accounted_for(dataset: Dataset) -> None:
    letters = ["".join("ACGT"[(i >> (2 * k)) & 3] for k in range(4)) for i in range(130)]
    ids = add(dataset, *letters)
    with dataset.transaction() as tx:
        for n, key in enumerate(ids):
            tx.write_overlay_part("score", scores((key,), [float(n)]))
    before = dataset.to_arrow()
    dataset.compact_overlay("score", maintenance=True, layout="part")
    assert dataset.to_arrow().equals(before)
    assert dataset.verify_events(deep=True).ok
    (more,) = add(dataset, "GATTACA")
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids[:1], [0.0]))
    dataset.write_overlay_part("score", scores((more,), [7.0]))
    dataset.remove_overlay("score", mode="delete", maintenance=True)
    assert dataset.verify_events(deep=True).ok
    assert dataset.coverage("score").covered == 0


@pytest.mark.parametrize("mode", ["archive", "delete"])
@pytest.mark.parametrize("layout", ["file", "part"])
def test_an_overlay_can_be_removed_and_begun_anew(
    mode: RemoveMode, layout: Layout, dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay_part("score", scores(ids[:2], [1.0, 2.0]))
    dataset.compact_overlay("score", maintenance=True, layout=layout)
    result = dataset.remove_overlay("score", mode=mode, maintenance=True)
    assert (result.rows, result.files) == (2, 1)
    assert event(dataset)["action"] == ("archive_overlay" if mode == "archive" else "remove_overlay")
    assert dataset.list_overlays() == ()
    assert (result.archive is None) == (mode == "delete")
    assert dataset.verify_events(deep=True).ok
    dataset.write_overlay_part("score", scores(ids[:1], [5.0]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [5.0, None, None, None]
    with pytest.raises(NamespaceError, match="has no overlay 'scores'"):
        dataset.remove_overlay("scores", maintenance=True)
    with pytest.raises(NamespaceError, match="restore"):
        dataset.remove_overlay("usr", maintenance=True)


def test_a_namespace_that_is_in_the_base_alone_is_told_as_materialized(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay_part("score", scores(ids[:2], [1.0, 2.0]))
    dataset.materialize(maintenance=True, overlays="archive")
    for call in (dataset.remove_overlay, dataset.compact_overlay):
        with pytest.raises(
            NamespaceError, match="values were materialized, and stand in the base alone"
        ) as told:
            call("score", maintenance=True)
        assert "write_overlay_part" in (told.value.mend or "")


def test_compaction_by_another_process_counts_for_keys_at_once(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    code = (
        "import sys; from dnadesign.usr import Dataset\n"
        "d = Dataset(sys.argv[1], 'lab/promoters')\n"
        "d.compact_overlay('score', maintenance=True)\n"
        "d.remove_overlay('score', maintenance=True)"
    )
    subprocess.run([sys.executable, "-c", code, str(dataset.root)], check=True)
    dataset.write_overlay_part("score", scores(ids[:1], [2.0]))
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids[:1], [3.0]))


def test_coverage_names_what_is_missing_in_base_order(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay_part("score", scores((ids[2],), [1.0]))
    found = dataset.coverage("score")
    assert (found.rows, found.covered, found.missing) == (4, 1, 3)
    assert found.missing_ids == (ids[0], ids[1], ids[3])
    assert dataset.coverage("score", limit=1).missing_ids == (ids[0],)
    dataset.tombstone([ids[0]])
    assert dataset.coverage("score", limit=None).missing_ids == (ids[1], ids[3])
    assert dataset.coverage("score", include_deleted=True).missing == 3
    dataset.restore([ids[0]])
    assert dataset.coverage("score").to_dict()["missing"] == 3
    with pytest.raises(NamespaceError, match="did you mean 'score'"):
        dataset.coverage("scored")


def test_coverage_sees_sequence_keys_and_materialized_values(dataset: Dataset, ids: tuple[str, ...]) -> None:
    base = pq.read_table(dataset.records_path)
    wide = base.append_column("score__n", pa.array([None, None, None, 4], pa.int64()))
    pq.write_table(wide.replace_schema_metadata(base.schema.metadata), dataset.records_path)
    (dataset.dir / "_derived").mkdir()
    older = pa.table({"sequence": ["ACGT"], "score__n": [1]})
    pq.write_table(
        older.replace_schema_metadata(OLDER | {"usr:overlay_key": "sequence"}),
        dataset.dir / "_derived/score.parquet",
    )
    assert dataset.coverage("score").missing_ids == (ids[1], ids[2])


@settings(max_examples=examples(25))
@given(data=st.data())
def test_rows_dealt_into_buckets_and_onto_disk_come_out_in_base_order(data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, 50), unique=True, max_size=40))
    pieces = data.draw(st.integers(1, 5))
    buckets = _spill.Buckets(width=data.draw(st.integers(1, 20)), count=data.draw(st.integers(1, 6)))
    schema = pa.schema([("v", pa.list_(pa.int64(), 2)), ("s", pa.string())])
    with _spill.BaseOrder(schema, buckets) as order:
        for n in range(pieces):
            mine = places[n::pieces]
            rows = [{"v": [p, -p], "s": str(p)} for p in mine]
            order.add(pa.array(mine, pa.int64()).to_numpy(), pa.Table.from_pylist(rows, schema))
            if data.draw(st.booleans()):
                for spool in order._spools:
                    spool.flush()
        tables = [order.bucket(number)[1] for number in range(buckets.count)]
    assert pa.concat_tables(tables).to_pylist() == [{"v": [p, -p], "s": str(p)} for p in sorted(places)]


def test_an_overlay_larger_than_memory_may_hold_is_compacted_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_spill, "HELD_BYTES", 1 << 14)
    monkeypatch.setattr(_spill, "BUCKET_BYTES", 1 << 12)
    register_namespace(root, namespace="wide", columns="wide__t:string,wide__v:fixed_size_list<float32>[4]")
    dataset = Dataset(root, "big").init()
    letters = ["".join("ACGT"[(i >> (2 * k)) & 3] for k in range(6)) for i in range(3000)]
    ids = list(add(dataset, *letters))
    random.Random(1).shuffle(ids)
    for n in range(3):
        mine = ids[n::3]
        vectors = pa.array([[float(i)] * 4 for i in range(len(mine))], pa.list_(pa.float32(), 4))
        dataset.write_overlay_part("wide", pa.table({"id": mine, "wide__t": mine, "wide__v": vectors}))
    before = dataset.to_arrow()
    assert dataset.compact_overlay("wide", maintenance=True).rows == 3000
    assert dataset.to_arrow().equals(before)
    table = pa.table({"id": ids[:1500], "wide__t": ["new"] * 1500})
    dataset.write_overlay("wide", table, allow_overwrite=True)
    after = {row["id"]: row for row in dataset.to_arrow(["id", "wide__t", "wide__v"]).to_pylist()}
    for row in before.select(["id", "wide__t", "wide__v"]).to_pylist():
        new = "new" if row["id"] in set(ids[:1500]) else row["wide__t"]
        assert after[row["id"]] == row | {"wide__t": new}


def test_rows_come_in_the_order_of_their_files_however_large_these_are(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(dataset, *(f"ACGT{'A' * number}" for number in range(60)))
    for start in range(0, 60, 5):
        dataset.write_overlay_part("score", scores(ids[start : start + 5], [float(start)] * 5))
    overlay = next(iter(dataset._store.pin().overlays.values()))

    def rows_of(file: PinnedFile) -> Iterator[pa.Table]:
        yield pa.table({"id": read_columns(file.file, ["id"]).column("id")})

    turns = itertools.cycle([True, False, True])
    monkeypatch.setattr(_overlay_rows, "_is_small", lambda _file: next(turns))
    found = [
        (file.path, table.column("id").to_pylist()) for file, table in rows_ahead(overlay.files, rows_of)
    ]
    assert found == [(f.path, list(ids[5 * n : 5 * n + 5])) for n, f in enumerate(overlay.files)]
    assert sum(len(digests) for _, digests in together(rows_ahead(overlay.files, rows_of))) == 60


def test_a_file_that_cannot_be_decoded_ahead_is_told_in_its_turn(dataset: Dataset) -> None:
    ids = add(dataset, *(f"ACGT{'A' * number}" for number in range(20)))
    for key in ids:
        dataset.write_overlay_part("score", scores((key,), [1.0]))
    damaged = sorted(dataset.dir.glob("_derived/score/part-*.parquet"))[7]
    data = bytearray(damaged.read_bytes())
    data[12] ^= 0xFF
    damaged.write_bytes(data)
    with pytest.raises(CorruptFileError, match=damaged.name):
        Dataset(dataset.root, dataset.name).compact_overlay("score", maintenance=True)
    assert len(list(dataset.dir.glob("_derived/score/part-*.parquet"))) == 20
