"""Describing columns and listing files: true numbers about one version."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, DatasetNotFound, SchemaError, ValidationError, registry_hash
from tests.usr.conftest import add, scores
from tests.usr.operations.maintained import events, rows


def described(
    dataset: Dataset, *columns: str, where: str | None = None, include_deleted: bool = False
) -> dict[str, dict]:
    table = dataset.describe(list(columns) or None, where=where, include_deleted=include_deleted)
    return {row.pop("column"): row for row in table.to_pylist()}


def test_each_column_is_described_with_its_registered_type(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CC", "GGG", "TTT")
    dataset.write_overlay_part("score", rows(ids[:3]))
    found = described(dataset)
    assert list(found) == dataset.schema().names
    assert found["length"] == {
        "type": "int32", "count": 4, "nulls": 0, "distinct": 3, "exact": True, "min": "2", "max": "4", "mean": 3.0,
    }  # fmt: skip
    assert found["score__x"] == {
        "type": "float64", "count": 2, "nulls": 2, "distinct": 2, "exact": True, "min": "0.0", "max": "1.0", "mean": 0.5,
    }  # fmt: skip
    assert (found["bio_type"]["min"], found["bio_type"]["distinct"], found["bio_type"]["mean"]) == (
        "dna",
        1,
        None,
    )
    vector = found["score__vec"]
    assert (vector["type"], vector["count"], vector["min"]) == ("fixed_size_list<float32>[2]", 2, None)
    assert found["score__n"]["min"] == str(2**53 + 1)
    assert found["score__when"]["max"] == "2026-01-03T23:30:00.000000000Z"


def test_an_empty_dataset_and_columns_without_values_can_be_described(dataset: Dataset) -> None:
    found = described(dataset, "length", "score__x")
    assert found["length"] == {
        "type": "int32",
        "count": 0,
        "nulls": 0,
        "distinct": 0,
        "exact": True,
    } | dict.fromkeys(("min", "max", "mean"))
    add(dataset, "A")
    assert described(dataset, "score__x")["score__x"]["nulls"] == 1


def test_only_some_rows_and_columns_can_be_described(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CC", "GGG")
    dataset.tombstone(ids[0])
    assert described(dataset, "length")["length"]["max"] == "3"
    assert described(dataset, "length", include_deleted=True)["length"]["max"] == "4"
    assert described(dataset, "length", where="length < 3")["length"]["count"] == 1
    with pytest.raises(SchemaError, match="did you mean 'length'"):
        dataset.describe(["lenght"])
    with pytest.raises(ValidationError):
        dataset.describe(where="nonsense = 1")


def test_the_manifest_lists_every_file_with_its_hash_and_rows(dataset: Dataset) -> None:
    ids = add(dataset, "AAAA", "CC")
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0]))
    dataset.freeze_registry(maintenance=True)
    dataset.materialize(overlays="archive", maintenance=True)
    dataset.archive_events(maintenance=True)
    dataset.tombstone(ids[0])
    found = dataset.manifest()
    there = {
        str(p.relative_to(dataset.dir)): p
        for p in dataset.dir.rglob("*")
        if p.is_file() and p.name != ".usr.lock" and ".usr" not in p.relative_to(dataset.dir).parts
    }
    assert {f.path for f in found.files} == set(there)
    for file in found.files:
        data = there[file.path].read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        rows_there = pq.read_metadata(there[file.path]).num_rows if file.path.endswith(".parquet") else None
        assert file.rows == rows_there
    assert found.rows == 2
    assert found.registry_hash == found.base_registry_hash == found.frozen_registry_hash
    assert found.registry_hash == registry_hash(dataset.root)
    assert found.last_event_id == events(dataset)[-1]["event_id"]
    assert found.events == len(list(dataset.events()))
    assert json.loads(json.dumps(found.to_dict()))["files"][0]["path"] == found.files[0].path


def test_manifests_of_a_dataset_and_its_copy_are_equal_until_one_changes(
    dataset: Dataset, tmp_path: Path
) -> None:
    add(dataset, "AAAA")
    before = dataset.manifest()
    assert dataset.manifest() == before
    add(dataset, "CCCC")
    after = dataset.manifest()
    changed = {f.path for f in after.files} & {f.path for f in set(after.files) - set(before.files)}
    assert changed == {".events.log", "records.parquet"}
    with pytest.raises(DatasetNotFound):
        Dataset(dataset.root, "nothing").manifest()
