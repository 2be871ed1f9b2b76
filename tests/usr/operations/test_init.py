"""Making a dataset never costs one that is there."""

from pathlib import Path

import pytest

from dnadesign.usr import CorruptFileError, Dataset, ValidationError
from tests.usr.conftest import add, scores


def test_a_dataset_that_lost_its_log_is_not_replaced_by_an_empty_one(dataset: Dataset) -> None:
    add(dataset, "ACGT", "CCCC")
    before = dataset.records_path.read_bytes()
    dataset.events_path.unlink()

    with pytest.raises(CorruptFileError, match="no event"):
        dataset.init()

    assert dataset.records_path.read_bytes() == before
    assert not dataset.exists()


def test_overlays_without_a_log_are_not_taken_over_by_a_new_dataset(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT")
    dataset.write_overlay_part("score", scores(ids, [1.0]))
    dataset.events_path.write_bytes(b"")
    dataset.records_path.unlink()

    with pytest.raises(CorruptFileError, match="_derived/score"):
        dataset.init()


def test_no_dataset_is_made_in_another_ones_folder_nor_around_others(tmp_path: Path) -> None:
    Dataset(tmp_path, "lab").init()
    Dataset(tmp_path, "group/one").init()
    Dataset(tmp_path, "group/two").init()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValidationError, match="'lab' is a dataset, so there can be none in it"):
        Dataset(tmp_path, "lab/one").init()
    with pytest.raises(ValidationError, match="is a group, of the dataset group/one"):
        Dataset(tmp_path, "group").init()
    assert sorted(tmp_path.rglob("*")) == before
    assert Dataset(tmp_path, "lab").check().ok
