"""Validation reports what keeps an overlay from being read, and what an older or damaged freeze comes to."""

from typing import Any

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, OverlayLayoutError, ValidationError
from tests.usr.conftest import add, scores
from tests.usr.operations.test_part_joins import put


def failed(dataset: Dataset, **options: Any) -> set[str]:
    return {finding.check for finding in dataset.check(**options).problems}


def test_parts_with_two_kinds_of_key_are_reported_and_compaction_makes_them_one(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    put(dataset, pa.table({"sequence": ["ACGT"], "score__x": [1.0]}), key="sequence")
    put(dataset, scores(ids[1:], [2.0]))

    assert "overlay.keys" in failed(dataset)
    with pytest.raises(OverlayLayoutError, match="overlay-compact"):
        dataset.to_arrow()

    dataset.compact_overlay("score", maintenance=True)
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0]


def test_a_key_that_is_not_there_is_reported_with_everything_else(dataset: Dataset) -> None:
    put(dataset, scores(add(dataset, "ACGT"), [1.0]), key="barcode")

    assert {"overlay.file", "registry.match", "events.files"} <= failed(dataset)


def test_freezing_again_mends_a_damaged_snapshot_of_the_same_registry(dataset: Dataset) -> None:
    frozen = dataset.freeze_registry(maintenance=True)
    (dataset.dir / frozen.path).write_bytes(b"namespaces: {}\n")
    with pytest.raises(ValidationError, match="freeze the registry again"):
        dataset.validate(registry_mode="frozen")

    assert dataset.freeze_registry(maintenance=True).changed

    dataset.validate(registry_mode="frozen")
    assert not dataset.freeze_registry(maintenance=True).changed
    assert dataset.info().frozen_registry_hash == frozen.registry_hash
