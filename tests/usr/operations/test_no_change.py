"""What changes nothing leaves the log as it is, unless a batch has to be remembered."""

from collections.abc import Callable
from typing import Any

import pytest

from dnadesign.usr import Dataset
from tests.usr.conftest import add


def a_file(dataset: Dataset, text: str, **more: Any) -> Any:
    path = dataset.root / "rows.csv"
    path.write_text(text)
    return dataset.import_file(path, alphabet="dna_4", on_conflict="ignore", **more).accepted


def rows(dataset: Dataset, sequences: list[str], **more: Any) -> Any:
    return dataset.add_sequences(
        sequences, bio_type="dna", alphabet="dna_4", on_conflict="ignore", **more
    ).added


def in_a_transaction(dataset: Dataset) -> Any:
    with dataset.transaction() as tx:
        tx.add_sequences([], bio_type="dna", alphabet="dna_4")
        tx.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", on_conflict="ignore")
    return sum(result.added for result in tx.result.results)


ADDS: dict[str, Callable[..., Any]] = {
    "no rows": lambda dataset, **more: rows(dataset, [], **more),
    "rows that are there": lambda dataset, **more: rows(dataset, ["ACGT", "TTTT"], **more),
    "a file without rows": lambda dataset, **more: a_file(dataset, "sequence\n", **more),
    "a file whose rows are there": lambda dataset, **more: a_file(dataset, "sequence\nACGT\n", **more),
    "a file whose rows are wrong": lambda dataset, **more: a_file(
        dataset, "sequence\nX!\n", on_invalid="skip", **more
    ),
}


@pytest.mark.parametrize("change", [*ADDS, "a transaction"])
def test_adding_nothing_writes_no_event_and_no_file(dataset: Dataset, change: str) -> None:
    add(dataset, "ACGT", "TTTT")
    before = dataset.events_path.read_bytes(), dataset.records_path.read_bytes()
    assert (ADDS | {"a transaction": in_a_transaction})[change](dataset) == 0
    assert (dataset.events_path.read_bytes(), dataset.records_path.read_bytes()) == before


@pytest.mark.parametrize("change", ADDS)
def test_a_batch_that_adds_nothing_is_remembered(dataset: Dataset, change: str) -> None:
    add(dataset, "ACGT", "TTTT")
    for _ in range(2):
        assert ADDS[change](dataset, batch_id="b") == 0
        record = dataset.batch("b")
        assert record is not None
        assert record.actions == ("import_rows",)
        assert len(list(dataset.events())) == 3


def test_a_transaction_has_an_event_for_each_of_its_changes_alone(dataset: Dataset) -> None:
    add(dataset, "ACGT")
    with dataset.transaction() as tx:
        tx.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", on_conflict="ignore")
        tx.add_sequences(["AAAA"], bio_type="dna", alphabet="dna_4", on_conflict="ignore")
    assert [result.added for result in tx.result.results] == [0, 1]
    assert [event.metrics["rows"] for event in dataset.events()] == [0, 1, 1]
    assert dataset.verify_events(deep=True).ok
