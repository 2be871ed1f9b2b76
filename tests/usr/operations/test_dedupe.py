"""Removing duplicates: which row stays, what goes along, and what a dry run says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, MaintenanceRequired, SchemaError, ValidationError, compute_id
from dnadesign.usr.contract.records import CORE_SCHEMA
from dnadesign.usr.operations.dedupe import Keep
from tests.usr.conftest import add, scores
from tests.usr.operations.maintained import assert_sound, contents, events, rows


def sequences(dataset: Dataset, **options: bool) -> list[str]:
    found: list[str] = dataset.to_arrow(["sequence"], **options).column(0).to_pylist()
    return found


def repeat_rows(dataset: Dataset, take: list[int]) -> None:
    """Put rows into the base as a tool without checks may have: the same row more than once."""
    table = pq.read_table(dataset.records_path)
    schema = pa.schema(CORE_SCHEMA, metadata=table.schema.metadata)
    pq.write_table(table.take(pa.array(take)).cast(schema), dataset.records_path)


@pytest.mark.parametrize(("keep", "left"), [("first", ["ACGT", "GG"]), ("last", ["GG", "acgt"])])
def test_the_first_or_the_last_of_each_is_kept_and_overlay_rows_go_along(
    dataset: Dataset, keep: Keep, left: list[str]
) -> None:
    ids = add(dataset, "ACGT", "GG", "AcGt", "acgt")
    dataset.write_overlay_part("score", rows(ids[:2]))
    dataset.write_overlay_part("score", rows(ids[2:], start=2))
    values = {row["id"]: row for row in dataset.to_arrow().to_pylist()}
    result = dataset.dedupe(key="sequence_ci", keep=keep, maintenance=True)
    assert sequences(dataset) == left
    assert (result.rows_before, result.rows_removed, result.overlay_rows) == (4, 2, {"score": 2})
    assert {row["id"]: row for row in dataset.to_arrow().to_pylist()} == {
        key: row for key, row in values.items() if row["sequence"] in left
    }
    assert_sound(dataset)
    assert dataset.list_overlays()[0].layout == "parts"
    dataset.write_overlay_part("score", scores(add(dataset, "AcGt"), [1.0]))
    assert_sound(dataset)


def test_a_record_that_is_not_deleted_is_kept_rather_than_one_that_is(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "acgt", "AAA", "aaa")
    dataset.tombstone([ids[0], ids[2], ids[3]])
    dataset.dedupe(key="sequence_ci", maintenance=True)
    assert sequences(dataset) == ["acgt"]
    assert sequences(dataset, include_deleted=True) == ["acgt", "AAA"]
    assert_sound(dataset)


def test_a_row_that_is_there_twice_goes_once_and_its_overlay_row_stays(dataset: Dataset) -> None:
    ids = add(dataset, "AA", "CC")
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0]))
    repeat_rows(dataset, [0, 1, 0, 0])
    assert not dataset.check().ok
    result = dataset.dedupe(key="id", maintenance=True)
    assert [(g.sequence, g.kept, g.removed) for g in result.groups] == [("AA", 0, (2, 3))]
    assert result.overlay_rows == {}
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0]
    found = dataset.check()
    assert found.ok  # what is there now is sound, whatever was done to the base before
    assert [f.result for f in found.findings if f.check == "events.base"] == ["note"]
    assert [f.check for f in dataset.verify_events().problems] == ["events.base"]


def test_records_of_different_bio_types_are_never_the_same(dataset: Dataset) -> None:
    add(dataset, "ACG")
    dataset.add_sequences(["ACG"], bio_type="protein", alphabet="protein_20")
    assert dataset.dedupe(key="sequence", maintenance=True).rows_removed == 0
    with pytest.raises(SchemaError, match="'sequence_ci' is for dna_4 only, the base has protein_20"):
        dataset.dedupe(key="sequence_ci", maintenance=True)


def test_sequences_that_an_older_tool_stored_untrimmed_are_compared_trimmed(dataset: Dataset) -> None:
    now = datetime.now(UTC)
    table = pa.Table.from_pylist(
        [
            {"id": compute_id("dna", s), "bio_type": "dna", "sequence": s, "alphabet": "dna_4",
             "length": len(s), "source": "", "created_at": now}
            for s in ("ACGT", " ACGT")
        ],
        CORE_SCHEMA.with_metadata(pq.read_schema(dataset.records_path).metadata),
    )  # fmt: skip
    pq.write_table(table, dataset.records_path)
    assert dataset.dedupe(key="id", dry_run=True).rows_removed == 0
    dataset.dedupe(key="sequence", maintenance=True)
    assert sequences(dataset) == ["ACGT"]


def test_a_dry_run_says_the_same_and_changes_nothing(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "GG", "acgt")
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0, 3.0]))
    before = contents(dataset)
    said = dataset.dedupe(key="sequence_ci", dry_run=True)
    assert contents(dataset) == before
    done = dataset.dedupe(key="sequence_ci", maintenance=True)
    assert (said.rows_removed, said.groups, said.overlay_rows) == (1, done.groups, done.overlay_rows)
    assert said.snapshot is None
    assert json.loads(json.dumps(said.to_dict()))["groups"] == [
        {"sequence": "ACGT", "kept": 0, "removed": [2], "kept_id": ids[0], "removed_ids": [ids[2]]}
    ]


def test_it_is_one_commit_with_a_snapshot_and_nothing_where_there_is_nothing(
    dataset: Dataset, tmp_path: Path
) -> None:
    ids = add(dataset, "ACGT", "acgt")
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0]))
    with pytest.raises(MaintenanceRequired):
        dataset.dedupe(key="sequence_ci")
    with pytest.raises(ValidationError, match="key 'name'"):
        dataset.dedupe(key="name", maintenance=True)  # type: ignore[arg-type]  # as users do
    base = dataset.records_path.read_bytes()
    with dataset.maintenance(reason="twins"):
        result = dataset.dedupe(key="sequence_ci")
    new = events(dataset)[3:]
    assert [e["action"] for e in new] == ["snapshot", "dedupe", "compact_overlay"]
    assert len({e["txid"] for e in new}) == 1
    assert new[1]["metrics"] == {
        "rows": 1, "rows_before": 2, "rows_removed": 1, "overlay_rows_removed": 1,
        "bytes": dataset.records_path.stat().st_size,
    }  # fmt: skip
    assert result.snapshot is not None
    assert (dataset.dir / result.snapshot).read_bytes() == base
    before = contents(dataset)
    assert dataset.dedupe(key="sequence_ci", maintenance=True).snapshot is None
    assert contents(dataset) == before


def test_types_of_a_materialized_base_stay_as_they_are(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "GG", "acgt")
    dataset.write_overlay_part("score", rows(ids))
    dataset.materialize(overlays="drop", maintenance=True)
    before = pq.read_table(dataset.records_path)
    dataset.dedupe(key="sequence_ci", maintenance=True)
    assert pq.read_table(dataset.records_path).equals(before.slice(0, 2), check_metadata=True)
    assert_sound(dataset)
