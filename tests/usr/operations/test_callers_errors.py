"""What a caller's own generator raises reaches the caller as it is, and nothing is written."""

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, SchemaError
from tests.usr.conftest import add
from tests.usr.operations.maintained import names

SEQUENCES = pa.schema([("sequence", pa.string())])
SCORES = pa.schema([("id", pa.string()), ("score__x", pa.float64())])


class OutOfDesigns(Exception):
    """One that this library cannot know."""


ERRORS = [
    OutOfDesigns("none is left"),
    FileNotFoundError(2, "my file is not there"),
    TypeError("mine"),
    pa.ArrowInvalid("mine"),
    SchemaError("mine", mend="mine"),
]


def batches(schema: pa.Schema, row: dict[str, list[Any]], error: Exception) -> pa.RecordBatchReader:
    def each() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch(row, schema=schema)
        raise error

    return pa.RecordBatchReader.from_batches(schema, each())


def sequences(error: Exception) -> Iterator[str]:
    yield "GGGG"
    raise error


def part(dataset: Dataset, error: Exception) -> pa.RecordBatchReader:
    ids = dataset.to_arrow(["id"]).column("id").to_pylist()
    return batches(SCORES, {"id": ids, "score__x": [1.0]}, error)


def in_a_transaction(dataset: Dataset, error: Exception) -> None:
    with dataset.transaction() as tx:
        tx.write_overlay_part("score", part(dataset, error))


WRITES: dict[str, Callable[[Dataset, Exception], object]] = {
    "add_sequences, a generator": lambda d, e: d.add_sequences(
        sequences(e), bio_type="dna", alphabet="dna_4"
    ),
    "add_sequences, a reader": lambda d, e: d.add_sequences(
        batches(SEQUENCES, {"sequence": ["GGGG"]}, e), bio_type="dna", alphabet="dna_4"
    ),
    "write_overlay_part": lambda d, e: d.write_overlay_part("score", part(d, e)),
    "write_overlay": lambda d, e: d.write_overlay("score", part(d, e)),
    "transaction": in_a_transaction,
}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("write", WRITES)
def test_the_generators_own_exception_reaches_the_caller_and_nothing_is_written(
    write: str, error: Exception, dataset: Dataset
) -> None:
    error = copy(error)
    add(dataset, "ACGT")
    before = (
        names(dataset.dir / "_derived"),
        dataset.events_path.read_bytes(),
        dataset.records_path.read_bytes(),
    )
    with pytest.raises(type(error)) as caught:
        WRITES[write](dataset, error)
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert (
        names(dataset.dir / "_derived"),
        dataset.events_path.read_bytes(),
        dataset.records_path.read_bytes(),
    ) == before
    assert not list((dataset.dir / ".usr").rglob(".*"))
    add(dataset, "CCCC")


def test_a_generator_that_gives_what_is_no_batch_is_refused_with_a_mend(dataset: Dataset) -> None:
    def each() -> Iterator[Any]:
        yield 3

    with pytest.raises(SchemaError, match="cannot be read as a table") as caught:
        dataset.write_overlay_part("score", pa.RecordBatchReader.from_batches(SCORES, each()))
    assert caught.value.mend
