"""A batch that is committed is found before anything else is looked at: the same input gets the same answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dnadesign.usr import BatchConflict, Dataset, ValidationError, compute_id, register_namespace
from dnadesign.usr.contract.registry import USR_STATE, Registry
from dnadesign.usr.operations import _mutation
from dnadesign.usr.storage.registry_file import registry_bytes

SEQUENCES = ("AAAA", "CCCC")
IDS = [compute_id("dna", sequence) for sequence in SEQUENCES]
COLUMNS = "score__n:int16,score__x:float32,score__at:timestamp[s],score__name:large_string"
STATE = registry_bytes(Registry((USR_STATE,))).decode()


def registry_with(*columns: str) -> str:
    lines = [
        f"    - {{name: {name}, type: '{kind}'}}\n" for name, _, kind in (c.partition(":") for c in columns)
    ]
    return STATE + "  score:\n    columns:\n" + "".join(lines)


CHANGES: dict[str, str | None] = {
    "other types": registry_with(
        "score__n:string", "score__x:string", "score__at:timestamp[ns]", "score__name:string"
    ),
    "another order": registry_with(
        "score__name:large_string", "score__at:timestamp[s]", "score__x:float32", "score__n:int16"
    ),
    "a column less": registry_with("score__n:int16"),
    "wider types": registry_with(
        "score__n:int64", "score__x:float64", "score__at:timestamp[us]", "score__name:string"
    ),
    "the namespace gone": STATE,
    "not a registry": "namespaces: [",
    "no registry": None,
}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    register_namespace(tmp_path, namespace="score", columns=COLUMNS)
    return Dataset(tmp_path, "d").init(source="tests")


def change_registry(dataset: Dataset, text: str | None) -> None:
    path = dataset.root / "registry.yaml"
    path.unlink() if text is None else path.write_text(text)


def table(first: int = 1) -> pa.Table:
    return pa.table(
        {
            "id": IDS,
            "score__name": ["a", "b"],
            "score__n": [first, 2],
            "score__x": [0.5, None],
            "score__at": pa.array([0, 1], pa.timestamp("s")),
        }
    )


def a_part(dataset: Dataset, first: int = 1) -> Any:
    stream = pa.RecordBatchReader.from_batches(table().schema, table(first).to_batches())  # is read once
    return dataset.write_overlay_part("score", stream, batch_id="b")


def a_transaction(dataset: Dataset, first: int = 1) -> Any:
    with dataset.transaction(batch_id="b") as tx:
        tx.add_sequences(["GGGG"], bio_type="dna", alphabet="dna_4")
        tx.write_overlay_part("score", table(first), allow_missing=True)
    return tx.result.results


def rows(dataset: Dataset, first: int = 1) -> Any:
    sequences = (f"{'ACGT'[first]}G{n}" for n in ("T", "A"))  # is read once
    return dataset.add_sequences(sequences, bio_type="dna", alphabet="dna_4", batch_id="b")


def a_file(dataset: Dataset, first: int = 1) -> Any:
    path = dataset.root / "rows.csv"
    path.write_text(f"sequence\n{'ACGT'[first]}TTT\n")
    report = dataset.import_file(path, alphabet="dna_4", batch_id="b")
    return report.accepted, report.skipped


WRITERS: dict[str, Callable[..., Any]] = {
    "a part": a_part,
    "a transaction": a_transaction,
    "rows": rows,
    "a file": a_file,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_committed_batch_answers_as_before_and_refuses_other_content_whatever_became_of_the_registry(
    dataset: Dataset, writer: str, change: str
) -> None:
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    write = WRITERS[writer]
    first = write(dataset)
    before = dataset.events_path.read_bytes()
    change_registry(dataset, CHANGES[change])
    again = Dataset.open(dataset.root, "d")
    assert write(again) == first
    with pytest.raises(BatchConflict, match="other content"):
        write(again, 3)
    assert dataset.events_path.read_bytes() == before


@pytest.mark.parametrize("layout", ["file", "part"])
def test_a_batch_answers_after_a_change_of_registry_though_its_part_was_compacted(
    dataset: Dataset, layout: Any
) -> None:
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    first = a_part(dataset)
    dataset.compact_overlay("score", layout=layout, maintenance=True)
    change_registry(dataset, CHANGES["other types"])
    assert a_part(dataset) == first
    with pytest.raises(BatchConflict, match="other content"):
        a_part(dataset, 3)


def test_a_batch_without_a_row_left_answers_by_the_frozen_registry_and_else_says_what_is_lost(
    dataset: Dataset,
) -> None:
    dataset.freeze_registry(maintenance=True)
    none = dataset.write_overlay_part("score", table(), allow_missing=True, batch_id="none")
    change_registry(dataset, CHANGES["wider types"])
    assert dataset.write_overlay_part("score", table(), allow_missing=True, batch_id="none") == none
    dataset.write_overlay_part("score", table(), allow_missing=True, batch_id="wide")
    change_registry(dataset, CHANGES["other types"])
    with pytest.raises(BatchConflict, match=r"nothing tells what namespace 'score' was then"):
        dataset.write_overlay_part("score", table(), allow_missing=True, batch_id="wide")


def test_input_that_nothing_would_take_is_other_content_where_its_batch_is_committed(
    dataset: Dataset,
) -> None:
    rows(dataset)
    with pytest.raises(BatchConflict, match="other content"):
        dataset.add_sequences(["AXA"], bio_type="dna", alphabet="dna_4", batch_id="b")


def test_a_batch_answers_where_nothing_can_be_written(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rows(dataset)
    monkeypatch.setattr(
        "dnadesign.usr.storage.staging._take_lease", lambda *_: pytest.fail("staged something")
    )
    assert rows(Dataset.open(dataset.root, "d")) == first


SECRETS = ["run7?token=abcdef123", "ghp_" + "a1" * 18, "https://user:p4ss@example.org/7"]


@pytest.mark.parametrize("batch_id", SECRETS, ids=range(len(SECRETS)))
def test_a_batch_id_with_a_secret_in_it_is_refused_without_being_shown(
    dataset: Dataset, batch_id: str
) -> None:
    with pytest.raises(ValidationError, match="looks like a secret") as caught:
        dataset.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", batch_id=batch_id)
    assert not any(part in str(caught.value) for part in ("abcdef123", "a1a1a1", "p4ss"))
    assert len(list(dataset.events())) == 1


def test_a_batch_that_was_committed_under_such_an_id_answers(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(_mutation, "check_new_batch_id", lambda _: None)
        first = dataset.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", batch_id=SECRETS[0])
    assert dataset.batch(SECRETS[0]) is not None
    again = dataset.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", batch_id=SECRETS[0])
    assert again == first
