"""Rows that do not fit are refused with an error of ours, and change nothing."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, SequencesError
from tests.usr.conftest import add

NOT_UTF8 = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))


@pytest.mark.parametrize(
    "rows",
    [
        5,
        None,
        [None],
        [b"ACGT"],
        ["ACGT", {"sequence": "CCCC"}],
        ["ACG\ud800"],
        [{"sequence": "ACG\ud800"}],
        [{5: "ACGT"}],
        pa.table({"sequence": NOT_UTF8}),
        pa.table({"sequence": pa.array([b"\xff"])}),
    ],
    ids=repr,
)
def test_rows_that_are_no_sequences_are_refused(dataset: Dataset, rows: Any) -> None:
    with pytest.raises(SequencesError, match="rows"):
        dataset.add_sequences(rows, bio_type="dna", alphabet="dna_4")

    assert dataset.info().rows == 0


@pytest.mark.parametrize(
    "options",
    [
        {"source": 5},
        {"source": None},
        {"source": "\ud800"},
        {"created_at": "2026-11-22"},
        {"created_at": date(2026, 11, 22)},
        {"created_at": datetime(2026, 11, 22)},  # noqa: DTZ001 - that it has no zone is the point
        {"alphabet": ["dna_4"]},
        {"bio_type": ["dna"]},
    ],
    ids=repr,
)
def test_options_of_another_type_are_refused(dataset: Dataset, options: dict[str, Any]) -> None:
    given: dict[str, Any] = {"bio_type": "dna", "alphabet": "dna_4"} | options

    with pytest.raises(SequencesError):
        dataset.add_sequences(["ACGT"], **given)

    assert dataset.info().rows == 0


def test_a_row_that_is_no_text_is_named(dataset: Dataset) -> None:
    with pytest.raises(SequencesError, match="row 1, column 'sequence'"):
        dataset.add_sequences(["ACGT", "AC\ud800"], bio_type="dna", alphabet="dna_4")


def test_an_aware_time_is_kept_to_the_microsecond(dataset: Dataset) -> None:
    moment = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
    dataset.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4", created_at=moment)

    assert dataset.head(1).column("created_at")[0].as_py() == moment


def test_texts_that_are_not_utf8_never_get_into_an_overlay(dataset: Dataset) -> None:
    register = pa.table(
        {"id": list(add(dataset, "ACGT")), "score__meta": pa.array([{"name": "x", "gc": 0.5}])}
    )
    names = pa.StructArray.from_arrays([NOT_UTF8, pa.array([0.5])], names=["name", "gc"])
    broken = register.set_column(1, "score__meta", names)

    with pytest.raises(SequencesError, match="score__meta"):
        dataset.write_overlay_part("score", broken)

    assert dataset.list_overlays() == ()
    dataset.write_overlay_part("score", register)
