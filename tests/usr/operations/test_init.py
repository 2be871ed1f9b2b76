"""Making a dataset never costs one that is there."""

import pytest

from dnadesign.usr import CorruptFileError, Dataset
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
