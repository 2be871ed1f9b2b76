"""What a registry change breaks is told before and after it is made, overlay by overlay."""

from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import (
    Dataset,
    RegistryError,
    ValidationError,
    diff_registry,
    preview_registration,
    register_namespace,
    registry_hash,
)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    register_namespace(tmp_path, namespace="n", columns="n__a:int64,n__b:string")
    register_namespace(tmp_path, namespace="other", columns="other__x:bool")
    dataset = Dataset(tmp_path, "d").init()
    ids = dataset.add_sequences(["AAAA", "CCCC"], bio_type="dna", alphabet="dna_4").ids
    dataset.write_overlay_part("n", pa.table({"id": [ids[0]], "n__a": [1]}))
    dataset.write_overlay_part("n", pa.table({"id": [ids[1]], "n__b": ["x"]}))
    dataset.write_overlay_part("other", pa.table({"id": [ids[1]], "other__x": [True]}))
    Dataset(tmp_path, "empty").init()
    return dataset


def test_a_preview_names_the_overlays_that_would_break_and_changes_nothing(dataset: Dataset) -> None:
    before = registry_hash(dataset.root)
    diff = preview_registration(dataset.root, namespace="n", columns="n__a:float64,n__b:string,n__c:bool")
    assert [str(c) for c in diff.changes] == ["~ n__a int64 -> float64", "+ n__c bool"]
    (broken,) = diff.broken
    assert (broken.dataset, broken.namespace, broken.files) == ("d", "n", 1)
    assert [str(c) for c in broken.columns] == ["n__a is stored as int64, registered as float64"]
    assert registry_hash(dataset.root) == before
    register_namespace(
        dataset.root, namespace="n", columns="n__a:float64,n__b:string,n__c:bool", overwrite=True
    )
    assert registry_hash(dataset.root) == diff.after
    assert [f.check for f in dataset.check().problems] == ["registry.match"]


def test_a_compatible_change_breaks_nothing(dataset: Dataset) -> None:
    diff = preview_registration(dataset.root, namespace="n", columns="n__a:int64,n__b:string,n__c:bool")
    assert diff.broken == ()
    register_namespace(
        dataset.root, namespace="n", columns="n__a:int64,n__b:string,n__c:bool", overwrite=True
    )
    assert dataset.validate().ok


def test_current_frozen_and_any_snapshot_can_be_compared(dataset: Dataset) -> None:
    with pytest.raises(RegistryError, match="no registry is frozen"):
        diff_registry(dataset.root, dataset="d")
    first = dataset.freeze_registry(maintenance=True).registry_hash
    register_namespace(dataset.root, namespace="n", columns="n__a:int64", overwrite=True)
    second = dataset.freeze_registry(maintenance=True).registry_hash
    assert diff_registry(dataset.root, dataset="d").changes == ()
    diff = diff_registry(dataset.root, dataset="d", before=first[:12], after="frozen")
    assert (diff.before, diff.after) == (first, second)
    assert [str(c) for c in diff.changes] == ["- n__b string"]
    assert [(b.dataset, b.namespace) for b in diff.broken] == [("d", "n")]
    with pytest.raises(RegistryError, match="no snapshot"):
        diff_registry(dataset.root, dataset="d", before="deadbeef")
    with pytest.raises(ValidationError, match="name the dataset"):
        diff_registry(dataset.root)
