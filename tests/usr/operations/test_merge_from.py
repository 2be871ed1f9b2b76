"""Merging: the other's live records, its derived values in their types, and a say about what both have."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import (
    Dataset,
    DatasetNotFound,
    DuplicateIDError,
    MaintenanceRequired,
    OverlayLayoutError,
    SchemaError,
    ValidationError,
    register_namespace,
)
from tests.usr.conftest import COLUMNS, add, scores
from tests.usr.operations.maintained import TYPES, assert_sound, contents, events, rows


@pytest.fixture
def other(tmp_path: Path) -> Dataset:
    """A dataset under another root: four records, one deleted, three with derived values."""
    root = tmp_path / "elsewhere"
    register_namespace(root, namespace="score", columns=COLUMNS)
    found = Dataset(root, "theirs").init()
    ids = add(found, "AAAA", "CCCC", "GGGG", "TTTT")
    found.write_overlay_part("score", rows(ids[:3]))
    found.tombstone(ids[1])
    return found


def values(dataset: Dataset) -> dict[str, dict]:
    return {r["sequence"]: r for r in dataset.to_arrow(["sequence", *TYPES]).to_pylist()}


@pytest.mark.parametrize("form", ["nothing", "parts", "file", "base"])
def test_new_records_come_with_their_values_whatever_form_these_have_here_and_there(
    dataset: Dataset, other: Dataset, form: str
) -> None:
    mine = add(dataset, "ACGT")
    if form != "nothing":
        dataset.write_overlay_part("score", rows(mine, start=7))
    if form == "file":
        dataset.compact_overlay("score", maintenance=True)
        other.compact_overlay("score", maintenance=True)
    if form == "base":
        dataset.materialize(overlays="drop", maintenance=True)
        other.materialize(overlays="drop", maintenance=True)
    before = dataset.to_arrow()
    result = dataset.merge_from(other, maintenance=True)
    assert (result.rows_incoming, result.rows_added, result.rows_known, result.rows_deleted) == (3, 3, 0, 1)
    assert result.overlay_rows == {"score": 2}
    theirs = other.to_arrow(["sequence", *TYPES])
    merged = dataset.to_arrow(["sequence", *TYPES])
    assert merged.slice(1).combine_chunks() == theirs.combine_chunks()
    assert dataset.to_arrow().slice(0, 1).select(before.column_names).to_pylist()[0]["sequence"] == "ACGT"
    assert values(dataset)["ACGT"] == (before.select(["sequence", *TYPES]).to_pylist()[0] if form != "nothing"
                                       else {"sequence": "ACGT"} | dict.fromkeys(TYPES))  # fmt: skip
    assert_sound(dataset)
    dataset.write_overlay_part("score", scores(add(dataset, "GATTACA"), [1.0]))
    assert_sound(dataset)


def test_records_that_both_have_are_refused_skipped_or_take_the_others_values(
    dataset: Dataset, other: Dataset
) -> None:
    ids = add(dataset, "AAAA", "ACGT")
    dataset.write_overlay("score", rows(ids, start=20))
    before, mine, theirs = contents(dataset), values(dataset), values(other)
    with pytest.raises(DuplicateIDError, match="has 1 of the 3 records"):
        dataset.merge_from(other, maintenance=True)
    assert contents(dataset) == before
    result = dataset.merge_from(other, on_duplicate="skip", maintenance=True)
    assert (result.rows_added, result.rows_known, result.overlay_rows) == (2, 1, {"score": 1})
    assert values(dataset)["AAAA"] == mine["AAAA"]
    result = dataset.merge_from(other, on_duplicate="replace", maintenance=True)
    assert (result.rows_added, result.rows_known, result.overlay_rows) == (0, 3, {"score": 2})
    assert values(dataset) == theirs | {"ACGT": mine["ACGT"]}
    assert_sound(dataset)


def test_values_in_parts_are_not_replaced_and_the_way_out_is_named(dataset: Dataset, other: Dataset) -> None:
    dataset.write_overlay_part("score", rows(add(dataset, "AAAA")))
    before = contents(dataset)
    with pytest.raises(OverlayLayoutError, match=r"(?s)cannot be replaced.*overlay-compact"):
        dataset.merge_from(other, on_duplicate="replace", maintenance=True)
    assert contents(dataset) == before
    dataset.compact_overlay("score", maintenance=True)
    dataset.merge_from(other, on_duplicate="replace", maintenance=True)
    assert values(dataset) == values(other)


def test_only_columns_registered_alike_come_along(root: Path, dataset: Dataset, other: Dataset) -> None:
    register_namespace(other.root, namespace="extra", columns="extra__y:string,extra__z:int32")
    register_namespace(root, namespace="extra", columns="extra__y:string,extra__z:int64")
    first = other.to_arrow(["id"]).column(0)[0].as_py()
    row = pa.table({"id": [first], "extra__y": ["y"], "extra__z": pa.array([1], pa.int32())})
    other.write_overlay_part("extra", row)
    before = contents(dataset)
    with pytest.raises(SchemaError, match=r"extra__z \(int32 there, int64 here\)"):
        dataset.merge_from(other, maintenance=True)
    with pytest.raises(SchemaError, match="did you mean 'extra__y'"):
        dataset.merge_from(other, columns=["extra__yy"], maintenance=True)
    with pytest.raises(ValidationError, match="columns 'some'"):
        dataset.merge_from(other, columns="some", maintenance=True)
    assert contents(dataset) == before
    result = dataset.merge_from(other, columns="shared", maintenance=True)
    assert result.columns_left_out == ("extra__z",)
    assert dataset.get(first, columns=["extra__y"]).to_pylist() == [{"extra__y": "y"}]
    assert_sound(dataset)


@pytest.mark.parametrize(("columns", "namespaces"), [("none", []), (["score__x"], ["score"])])
def test_all_columns_can_stay_behind_or_all_but_some(
    dataset: Dataset, other: Dataset, columns: str | list[str], namespaces: list[str]
) -> None:
    dataset.merge_from(other, columns=columns, maintenance=True)
    assert [o.namespace for o in dataset.list_overlays()] == namespaces
    assert dataset.to_arrow(["score__n"]).column(0).null_count == 3


def test_record_state_comes_along_and_tombstones_do_not(dataset: Dataset, other: Dataset) -> None:
    ids = other.to_arrow(["id"]).column(0).to_pylist()
    other.set_state(ids[0], qc_status="fail")
    dataset.merge_from(other, maintenance=True)
    assert dataset.get_state(ids[0]).to_pylist()[0]["usr_state__qc_status"] == "fail"
    assert [o.namespace for o in dataset.list_overlays()] == ["score", "usr_state"]
    assert dataset.to_arrow(include_deleted=True).num_rows == 3
    dataset.set_state(ids[1], qc_status="pass")
    assert_sound(dataset)


def test_a_dry_run_says_the_same_and_changes_nothing(dataset: Dataset, other: Dataset) -> None:
    add(dataset, "AAAA")
    before = contents(dataset), contents(other)
    said = dataset.merge_from(other, on_duplicate="skip", dry_run=True)
    refused = dataset.merge_from(other, dry_run=True)
    assert (said.ok, refused.ok, refused.rows_known) == (True, False, 1)
    assert (contents(dataset), contents(other)) == before
    done = dataset.merge_from(other, on_duplicate="skip", maintenance=True)
    assert json.loads(json.dumps(said.to_dict())) | {"dry_run": False, "snapshot": done.snapshot} == done.to_dict() | {
        "columns": list(done.columns), "columns_left_out": [],
    }  # fmt: skip
    assert contents(other) == before[1]


def test_it_is_one_commit_with_a_snapshot_and_nothing_where_there_is_nothing(
    dataset: Dataset, other: Dataset
) -> None:
    add(dataset, "ACGT")
    with pytest.raises(MaintenanceRequired):
        dataset.merge_from(other)
    with dataset.maintenance(reason="one dataset for all"):
        dataset.merge_from(other)
    new = events(dataset)[2:]
    assert [e["action"] for e in new] == ["snapshot", "merge"]
    assert len({e["txid"] for e in new}) == 1
    part = next(a for a in new[1]["artifacts"]["added"] if a["path"].startswith("_derived/score"))
    assert new[1]["metrics"] | {"bytes": 0} == {
        "rows": 3, "rows_incoming": 3, "rows_known": 0, "rows_deleted": 1, "overlay_rows": 2, "bytes": 0,
        "overlay_bytes": part["bytes"], "namespaces": ["score"],
    }  # fmt: skip
    before = contents(dataset)
    dataset.merge_from(other, on_duplicate="skip", maintenance=True)
    assert contents(dataset) == before


def test_a_dataset_is_not_merged_into_itself_or_from_nowhere(dataset: Dataset) -> None:
    with pytest.raises(ValidationError, match="into itself"):
        dataset.merge_from(Dataset(dataset.root, dataset.name), maintenance=True)
    with pytest.raises(DatasetNotFound):
        dataset.merge_from(Dataset(dataset.root, "nothing"), maintenance=True)


def test_what_the_other_dataset_does_not_store_keeps_its_values_here(root: Path) -> None:
    here, there = Dataset(root, "here").init(), Dataset(root, "there").init()
    for dataset, values in (
        (here, {"score__x": [1.0, 2.0], "score__n": [7, 8]}),
        (there, {"score__x": [5.0, 6.0]}),
    ):
        ids = add(dataset, "ACGT", "CCCC")
        dataset.write_overlay("score", pa.table({"id": list(ids), **values}))
    preview = here.merge_from(there, on_duplicate="replace", dry_run=True)
    assert preview.columns == ("score__x",)
    result = here.merge_from(there, on_duplicate="replace", maintenance=True)
    assert result.columns == ("score__x",)
    found = here.to_arrow(["score__x", "score__n"]).to_pydict()
    assert found == {"score__x": [5.0, 6.0], "score__n": [7, 8]}
    event = [e for e in here.events() if e.action == "merge"][-1]
    size = (here.dir / "_derived/score.parquet").stat().st_size
    assert event.metrics["bytes"] == event.metrics["overlay_bytes"] == size
    assert event.metrics["namespaces"] == ["score"]
    assert (event.metrics["rows"], event.metrics["overlay_rows"]) == (0, 2)
    assert here.validate(deep=True).ok
