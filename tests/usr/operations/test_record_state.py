"""Deleting, restoring and describing records, any number of times, with new ids and old ones."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, MissingKeyError, SchemaError, ValidationError
from tests.usr.conftest import add

STRANGER = "0" * 40
FIELDS = ("masked", "qc_status", "split", "supersedes", "lineage")
OLDER = {"usr:overlay_key": "id", "usr:overlay_created_at": "2026-01-01T00:00:00Z"}


def events(dataset: Dataset) -> list[dict]:
    return [json.loads(line) for line in dataset.events_path.read_bytes().splitlines()]


def state(dataset: Dataset, *ids: str) -> list[tuple]:
    return [tuple(row[f"usr_state__{name}"] for name in FIELDS) for row in dataset.get_state(ids).to_pylist()]


def shown(dataset: Dataset) -> list[str]:
    return dataset.to_arrow(["sequence"]).column(0).to_pylist()


@pytest.fixture
def ids(dataset: Dataset) -> tuple[str, ...]:
    return add(dataset, "ACGT", "GGCC", "TTAA", "CCCC")


def test_what_is_so_already_stays_as_it_is_and_is_told_apart(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.tombstone(ids[0], reason="first")
    before = dataset.get(ids[0], include_deleted=True).to_pylist()[0]
    again = dataset.tombstone([ids[1], ids[0]], reason="second")
    assert again.to_dict() == {"rows": 1, "rows_missing": 0, "rows_unchanged": 1}
    assert dataset.get(ids[0], include_deleted=True).to_pylist()[0] == before
    assert dataset.get(ids[1], include_deleted=True).to_pylist()[0]["usr__deleted_reason"] == "second"
    assert dataset.info().deleted == 2
    dataset.restore(ids[0])
    count = len(events(dataset))
    assert dataset.restore(ids[0]).rows_unchanged == 1
    assert dataset.tombstone(ids[1], reason="third").rows == 0
    dataset.set_state(ids[:2], qc_status="pass", lineage=["a"])
    same = dataset.set_state(ids[:3], qc_status="pass", lineage=["a"])
    assert same.to_dict() == {"rows": 1, "rows_missing": 0, "rows_unchanged": 2}
    assert dataset.set_state(ids[:2], lineage=["b"]).rows == 2
    assert dataset.set_state(ids[3], split=None).rows_unchanged == 1
    assert dataset.clear_state(ids[:2], ["lineage"]).rows == 2
    assert dataset.clear_state(ids[:2], ["lineage"]).rows_unchanged == 2
    assert len(events(dataset)) == count + 4
    assert dataset.get_state(ids).column("usr_state__qc_status").to_pylist() == ["pass"] * 3 + [None]
    assert dataset.info().deleted == 1
    assert dataset.validate().ok


def test_deleted_records_are_hidden_until_they_are_restored(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.tombstone(ids[0], reason="wrong promoter")
    dataset.tombstone([ids[0], ids[2]])
    assert shown(dataset) == ["GGCC", "CCCC"]
    hidden = dataset.get(ids[2], include_deleted=True).to_pylist()[0]
    assert hidden["usr__deleted"] is True
    assert hidden["usr__deleted_at"] == datetime.fromisoformat(events(dataset)[-1]["timestamp_utc"])
    with pytest.raises(MissingKeyError, match="include_deleted"):
        dataset.get(ids[2])
    assert dataset.restore([ids[2], ids[3]]).to_dict() == {
        "rows": 1,
        "rows_missing": 0,
        "rows_unchanged": 1,
    }
    assert shown(dataset) == ["GGCC", "TTAA", "CCCC"]
    assert [
        (r["usr__deleted"], r["usr__deleted_at"], r["usr__deleted_reason"])
        for r in dataset.get([ids[2], ids[3]]).to_pylist()
    ] == [(False, None, None), (None, None, None)]
    dataset.tombstone(list(ids), reason="all")
    assert shown(dataset) == []
    dataset.restore(list(ids))
    assert shown(dataset) == ["ACGT", "GGCC", "TTAA", "CCCC"]
    assert dataset.validate().ok


def test_fields_that_are_not_given_keep_their_values(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.set_state(ids[:2], qc_status="pass", lineage=["a", "b"])
    dataset.set_state(ids[1:3], masked=True, split="train")
    dataset.set_state([ids[1]], qc_status=None, supersedes=ids[0])
    assert state(dataset, *ids) == [
        (None, "pass", None, None, ["a", "b"]),
        (True, None, "train", ids[0], ["a", "b"]),
        (True, None, "train", None, None),
        (None, None, None, None, None),
    ]
    dataset.clear_state(ids, ["masked", "lineage"])
    assert state(dataset, ids[1]) == [(None, None, "train", ids[0], None)]
    dataset.clear_state(ids[1])
    assert state(dataset, ids[1]) == [(None,) * 5]
    assert dataset.validate().ok


def test_state_can_be_asked_for_before_any_is_set_and_of_deleted_records(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    assert state(dataset, ids[0]) == [(None,) * 5]
    dataset.tombstone(ids[0])
    dataset.set_state(ids[0], split="holdout")
    assert state(dataset, ids[0]) == [(None, None, "holdout", None, None)]
    with pytest.raises(MissingKeyError, match=STRANGER):
        dataset.get_state([ids[0], STRANGER])
    assert dataset.get_state([ids[0]]).schema.field("usr_state__lineage").type == pa.list_(pa.string())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"qc_status": "passed"}, "did you mean 'pass'"),
        ({"split": "dev"}, "train, val, test, holdout"),
        ({"masked": 1}, "True or False"),
        ({"lineage": "a"}, "list of texts"),
        ({"lineage": [1]}, "number 0: expected a text, found 1"),
        ({"supersedes": ""}, "expected text"),
        ({"supersedes": "zzz"}, "expected an id"),
        ({"supersedes": "A" * 40}, "expected an id"),
        ({}, "no field"),
    ],
)
def test_values_that_a_field_does_not_take_are_refused(
    fields: dict, message: str, dataset: Dataset, ids: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError, match=message):
        dataset.set_state(ids[0], **fields)
    with pytest.raises(ValidationError, match="did you mean 'split'"):
        dataset.clear_state(ids[0], "splits")
    assert len(events(dataset)) == 2


def test_unknown_ids_are_refused_by_name_or_left_out_and_counted(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    mixed = [ids[0], STRANGER]
    verbs: dict[str, Any] = {
        "tombstone": dataset.tombstone,
        "restore": dataset.restore,
        "state_set": lambda wanted, **o: dataset.set_state(wanted, masked=True, **o),
        "state_clear": dataset.clear_state,
    }
    for action, verb in verbs.items():
        before = len(events(dataset))
        with pytest.raises(MissingKeyError, match=f"1 of 2 ids .*{STRANGER}"):
            verb(mixed)
        with pytest.raises(SchemaError, match="is not an id"):
            verb(["ACGT"])
        assert len(events(dataset)) == before
        result = verb(mixed, allow_missing=True)
        assert (result.rows, result.rows_missing) == (1, 1)
        event = events(dataset)[-1]
        assert event["action"] == action
        assert event["metrics"]["rows"] == 1
        assert event["metrics"]["rows_missing"] == 1
        path = dataset.dir / event["artifacts"]["added"][0]["path"]
        assert event["metrics"]["bytes"] == path.stat().st_size


def test_what_changes_nothing_leaves_no_event(dataset: Dataset, ids: tuple[str, ...]) -> None:
    before = dataset.events_path.read_bytes()
    assert dataset.restore(ids).rows == 0
    assert dataset.clear_state(ids).rows_unchanged == 4
    assert dataset.tombstone([]).rows == 0
    assert dataset.set_state([STRANGER], masked=True, allow_missing=True).rows_missing == 1
    assert dataset.events_path.read_bytes() == before


def test_files_of_older_tools_are_read_and_come_out_in_todays_types(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    (dataset.dir / "_derived").mkdir()
    when = 1_700_000_000_123_456_789
    tombstones = pa.table(
        {
            "id": pa.array([ids[0]], pa.large_string()),
            "usr__deleted": [True],
            "usr__deleted_at": pa.array([when], pa.timestamp("ns", "UTC")),
            "usr__deleted_reason": pa.array(["old"], pa.large_string()),
        }
    )
    pq.write_table(
        tombstones.replace_schema_metadata(OLDER | {"usr:overlay_namespace": "usr", "pandas": "{}"}),
        dataset.dir / "_derived/usr.parquet",
    )
    states = pa.table(
        {
            "id": pa.array([ids[1]], pa.large_string()),
            "usr_state__qc_status": pa.array(["pass"], pa.large_string()),
            "usr_state__masked": [False],
        }
    )
    pq.write_table(
        states.replace_schema_metadata(OLDER | {"usr:overlay_namespace": "usr_state"}),
        dataset.dir / "_derived/usr_state.parquet",
    )
    assert shown(dataset) == ["GGCC", "TTAA", "CCCC"]
    dataset.tombstone(ids[3], reason="new")
    dataset.set_state(ids[2], split="val")
    kept = pq.read_table(dataset.dir / "_derived/usr.parquet")
    assert kept.schema.types == [pa.string(), pa.bool_(), pa.timestamp("us", "UTC"), pa.string()]
    assert kept.column("usr__deleted_at").cast(pa.int64())[0].as_py() == when // 1000
    assert kept.column("usr__deleted_reason").to_pylist() == ["old", "new"]
    assert state(dataset, ids[1], ids[2]) == [
        (False, "pass", None, None, None),
        (None, None, "val", None, None),
    ]
    assert shown(dataset) == ["GGCC", "TTAA"]


def test_what_a_materialized_base_says_can_be_taken_back(dataset: Dataset, ids: tuple[str, ...]) -> None:
    base = pq.read_table(dataset.records_path)
    columns = {
        "usr__deleted": pa.array([True, None, None, None]),
        "usr__deleted_at": pa.array(
            [datetime(2026, 1, 1, tzinfo=UTC), None, None, None], pa.timestamp("us", "UTC")
        ),
        "usr__deleted_reason": pa.array(["x", None, None, None]),
        "usr_state__split": pa.array([None, "train", None, None]),
        "usr_state__qc_status": pa.array([None, "pass", None, None]),
    }
    wide = base
    for name, column in columns.items():
        wide = wide.append_column(name, column)
    pq.write_table(wide.replace_schema_metadata(base.schema.metadata), dataset.records_path)
    assert shown(dataset) == ["GGCC", "TTAA", "CCCC"]
    assert dataset.restore(ids).rows == 1
    assert shown(dataset) == ["ACGT", "GGCC", "TTAA", "CCCC"]
    assert dataset.clear_state(ids, "split").rows == 1
    assert state(dataset, ids[1]) == [(None, "pass", None, None, None)]


def test_a_change_by_another_process_is_built_upon(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.tombstone(ids[0])
    dataset.set_state(ids[0], split="test")
    code = (
        "import sys; from dnadesign.usr import Dataset\n"
        "d = Dataset(sys.argv[1], 'lab/promoters')\n"
        "d.tombstone(sys.argv[2]); d.set_state(sys.argv[2], split='val')\n"
        "d.add_sequences(['GATTACA'], bio_type='dna', alphabet='dna_4')"
    )
    subprocess.run([sys.executable, "-c", code, str(dataset.root), ids[1]], check=True)
    (new,) = dataset.add_sequences(["GATTACA"], bio_type="dna", alphabet="dna_4", on_conflict="ignore").ids
    dataset.tombstone(new)
    dataset.set_state(new, masked=True)
    assert shown(dataset) == ["TTAA", "CCCC"]
    assert state(dataset, ids[0], ids[1], new) == [
        (None, None, "test", None, None),
        (None, None, "val", None, None),
        (True, None, None, None, None),
    ]


def test_unknown_ids_of_the_wrong_kind_are_refused(dataset: Dataset, ids: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="number 1: expected an id, found 5"):
        dataset.tombstone([ids[0], 5])  # type: ignore[list-item] # what a caller may hand in all the same
    with pytest.raises(ValidationError, match="reason: expected text"):
        dataset.tombstone(ids[0], reason=5)  # type: ignore[arg-type] # likewise
