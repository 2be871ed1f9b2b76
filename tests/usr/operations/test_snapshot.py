"""Copies of the base: byte for byte, automatic ones pruned, those asked for never."""

import json

import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, MaintenanceRequired, ValidationError
from tests.usr.conftest import add, scores
from tests.usr.operations.maintained import assert_sound, contents, events, names


def test_a_snapshot_is_the_base_byte_for_byte_and_one_event(dataset: Dataset) -> None:
    add(dataset, "AAAA", "CCCC")
    result = dataset.snapshot()
    copy = dataset.dir / result.path
    assert copy.read_bytes() == dataset.records_path.read_bytes()
    assert pq.read_table(copy).num_rows == result.rows == 2
    event = events(dataset)[-1]
    assert (event["action"], event["metrics"]) == ("snapshot", {"rows": 2, "bytes": copy.stat().st_size})
    assert json.loads(json.dumps(result.to_dict()))["automatic"] is False
    assert_sound(dataset)


def test_the_newest_five_automatic_ones_stay_and_those_asked_for_all_do(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA")
    asked = [dataset.snapshot().path for _ in range(3)]
    dataset.write_overlay_part("score", scores(ids, [1.0]))
    taken = [dataset.materialize(maintenance=True).snapshot for _ in range(8)]
    dataset.snapshot()
    there = [f"_snapshots/{name}" for name in names(dataset.dir / "_snapshots")]
    assert [path for path in there if ".auto." in path] == taken[-5:]
    assert len([path for path in there if ".auto." not in path]) == 4
    assert set(asked) <= set(there)
    assert [e["action"] for e in events(dataset)].count("snapshot_prune") == 3
    assert_sound(dataset)


def test_pruning_is_maintenance_and_leaves_everything_else_alone(dataset: Dataset) -> None:
    add(dataset, "AAAA")
    dataset.snapshot()
    automatic = [dataset.snapshot(automatic=True).path for _ in range(3)]
    stray = dataset.dir / "_snapshots" / "records-mine.auto.parquet"
    stray.write_bytes(b"mine")
    with pytest.raises(MaintenanceRequired):
        dataset.snapshot_prune()
    with pytest.raises(ValidationError, match="keep -1"):
        dataset.snapshot_prune(keep=-1, maintenance=True)
    result = dataset.snapshot_prune(keep=1, maintenance=True)
    assert (list(result.removed), result.kept) == (automatic[:2], 1)
    assert len(names(dataset.dir / "_snapshots")) == 3
    assert stray.exists()
    before = contents(dataset)
    assert dataset.snapshot_prune(keep=1, maintenance=True).removed == ()
    assert contents(dataset) == before
    stray.unlink()
    assert_sound(dataset)
