"""Datasets of an earlier writer are read, checked and written to as if they were of today."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, compute_id, registry_hash

OLDER = Path(__file__).parent / "older"
NEW_COLUMNS = {"small": ("mock", "mock__score", [1.5]), "parts": ("densegen", "densegen__plan", ["new"])}


@pytest.fixture(params=["small", "parts"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Dataset, dict[str, Any]]:
    root = tmp_path / request.param
    shutil.copytree(OLDER / request.param, root)
    manifest = json.loads((root / "manifest.json").read_text())
    return Dataset.open(root, manifest["datasets"][0]["dataset"]), manifest


def plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def check_values(dataset: Dataset, manifest: dict[str, Any]) -> None:
    said = manifest["datasets"][0]
    for record, wanted in said["sample_rows"].items():
        (row,) = dataset.get(record, include_deleted=True).to_pylist()
        assert {name: plain(row[name]) for name in wanted} == wanted


def test_rows_columns_and_values_are_those_of_the_manifest(older: tuple[Dataset, dict[str, Any]]) -> None:
    dataset, manifest = older
    said = manifest["datasets"][0]
    table = dataset.to_arrow(include_deleted=True)
    assert table.num_rows == said["rows_include_deleted"]
    assert dataset.to_arrow().num_rows == said["rows_visible"]
    assert table.column_names == said["columns_after_merge"]
    assert table.column("id").to_pylist() == manifest["ids_in_base_order"]
    check_values(dataset, manifest)


def test_nested_types_are_the_registered_ones_and_not_what_a_database_makes_of_them(
    older: tuple[Dataset, dict[str, Any]],
) -> None:
    dataset, _ = older
    kinds = {field.name: field.type for field in dataset.schema()}
    if "densegen__vec" in kinds:
        assert kinds["densegen__vec"] == pa.list_(pa.float32(), 8)
        assert kinds["densegen__sites"] == pa.list_(pa.struct([("tf", pa.string()), ("offset", pa.int64())]))
    else:
        assert kinds["mock__label"] == pa.string()
        assert kinds["usr__deleted_at"] == pa.timestamp("us", "UTC")
    assert kinds["created_at"] == pa.timestamp("us", "UTC")
    assert dataset.to_arrow().schema == dataset.schema()


def test_they_validate_against_the_current_and_the_frozen_registry(
    older: tuple[Dataset, dict[str, Any]],
) -> None:
    dataset, manifest = older
    assert registry_hash(dataset.root) == manifest["registry_hash"]
    for mode in ("current", "frozen", "either"):
        assert dataset.validate(registry_mode=mode).ok
    assert dataset.info().frozen_registry_hash == manifest["registry_hash"]
    notes = [f.message for f in dataset.check().findings if f.result == "note"]
    assert any("of an older tool, without a word on what was written" in note for note in notes)


def test_they_take_new_rows_and_parts_and_keep_the_old_values(older: tuple[Dataset, dict[str, Any]]) -> None:
    dataset, manifest = older
    said = manifest["datasets"][0]
    namespace, column, values = NEW_COLUMNS[dataset.root.name]
    result = dataset.add_sequences(["ACGTACGTAA"], bio_type="dna", alphabet="dna_4")
    dataset.write_overlay_part(namespace, pa.table({"id": list(result.ids), column: values}))
    assert dataset.to_arrow(include_deleted=True).num_rows == said["rows_include_deleted"] + 1
    assert dataset.get(result.ids[0]).column(column).to_pylist() == values
    check_values(dataset, manifest)
    assert dataset.validate().ok
    assert dataset.info().frozen_registry_hash == manifest["registry_hash"]
    assert dataset.validate(registry_mode="frozen").ok


def test_a_single_file_overlay_becomes_a_part_when_a_part_is_written(tmp_path: Path) -> None:
    shutil.copytree(OLDER / "small", tmp_path / "small")
    dataset = Dataset.open(tmp_path / "small", "ns/a")
    old = (dataset.dir / "_derived" / "mock.parquet").read_bytes()
    covered = set(pq.read_table(dataset.dir / "_derived" / "mock.parquet").column("id").to_pylist())
    free = next(i for i in dataset.to_arrow(["id"]).column(0).to_pylist() if i not in covered)
    dataset.write_overlay_part("mock", pa.table({"id": [free], "mock__score": [9.0]}))
    parts = sorted((dataset.dir / "_derived" / "mock").iterdir())
    assert len(parts) == 2
    assert parts[0].read_bytes() == old
    assert not (dataset.dir / "_derived" / "mock.parquet").exists()
    assert dataset.list_overlays()[0].rows == 41


def test_every_id_is_still_the_hash_of_its_sequence(older: tuple[Dataset, dict[str, Any]]) -> None:
    dataset, _ = older
    rows = pq.read_table(dataset.records_path).to_pylist()
    assert all(r["id"] == compute_id(r["bio_type"], r["sequence"]) for r in rows)


def test_older_events_are_read_with_what_they_have(older: tuple[Dataset, dict[str, Any]]) -> None:
    dataset, manifest = older
    said = manifest["datasets"][0]["events"]
    events = list(dataset.events())
    assert [e.action for e in events] == [e["action"] for e in said]
    assert [dict(e.metrics) for e in events] == [e["metrics"] for e in said]
    assert all(e.event_id is None and e.txid is None for e in events)


def test_they_can_be_compacted_and_materialized_with_every_value_kept(
    older: tuple[Dataset, dict[str, Any]],
) -> None:
    dataset, manifest = older
    namespace = NEW_COLUMNS[dataset.root.name][0]
    before = dataset.to_arrow(include_deleted=True)
    with dataset.maintenance(reason="test"):
        dataset.compact_overlay(namespace, layout="part")
        assert dataset.to_arrow(include_deleted=True).equals(before)
        dataset.compact_overlay(namespace)
        assert dataset.to_arrow(include_deleted=True).equals(before)
        dataset.materialize(overlays="archive")
    assert namespace not in [overlay.namespace for overlay in dataset.list_overlays()]
    after = dataset.to_arrow(include_deleted=True)
    assert after.select(before.column_names).equals(before)
    check_values(dataset, manifest)
    assert dataset.validate().ok
    dataset.add_sequences(["ACGTACGTAA"], bio_type="dna", alphabet="dna_4")
    assert dataset.validate().ok
