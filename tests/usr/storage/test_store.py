"""What cannot be read, or is of a newer library, is told with an error of ours wherever a dataset is opened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dnadesign.usr import CorruptFileError, Dataset, EventLogError, SchemaError, StorageError, list_datasets
from tests.usr.conftest import add, scores

READS: list[Callable[[Dataset], Any]] = [
    lambda ds: ds.scan().read_all(),
    lambda ds: ds.head(1),
    lambda ds: ds.get([]),
    lambda ds: ds.schema(),
    lambda ds: ds.info(),
    lambda ds: ds.list_overlays(),
    lambda ds: ds.coverage("score"),
    lambda ds: ds.connect(),
]
WRITES: list[Callable[[Dataset], Any]] = [
    lambda ds: add(ds, "GGGG"),
    lambda ds: ds.write_overlay_part("score", scores((), [])),
    lambda ds: ds.log_event("tool_ran"),
    lambda ds: ds.freeze_registry(maintenance=True),
    lambda ds: ds.snapshot(),
]


@pytest.fixture
def filled(dataset: Dataset) -> Dataset:
    dataset.write_overlay_part("score", scores(add(dataset, "ACGT"), [1.0]))
    return Dataset(dataset.root, dataset.name)


def refused_everywhere(dataset: Dataset, kind: type[Exception], match: str, *, reads: bool = True) -> None:
    before = dataset.events_path.read_bytes() if dataset.events_path.is_file() else None
    for use in (READS if reads else []) + WRITES:
        with pytest.raises(kind, match=match):
            use(dataset)
    assert before is None or dataset.events_path.read_bytes() == before


def test_a_base_of_a_newer_schema_version_is_neither_read_nor_written(filled: Dataset) -> None:
    table = pq.read_table(filled.records_path)
    newer = dict(table.schema.metadata) | {b"usr:schema_version": b"2"}
    pq.write_table(table.replace_schema_metadata(newer), filled.records_path)

    refused_everywhere(filled, SchemaError, "usr:schema_version is '2'")

    assert "base.metadata" in {finding.check for finding in filled.check().problems}


def test_a_log_that_a_newer_library_has_written_to_keeps_readers_and_writers_off(filled: Dataset) -> None:
    line = json.loads(filled.events_path.read_bytes().splitlines()[-1]) | {
        "event_version": 2,
        "event_id": "f" * 32,
    }
    with filled.events_path.open("a") as log:
        log.write(json.dumps(line) + "\n")

    refused_everywhere(filled, EventLogError, "event_version is 2")
    with pytest.raises(EventLogError, match="byte"):
        list(filled.events())


def test_nothing_is_written_behind_a_line_that_is_no_event(filled: Dataset) -> None:
    rows = filled.scan().read_all()
    with filled.events_path.open("ab") as log:
        log.write(b"\x00\xffno event\n")

    refused_everywhere(filled, EventLogError, r"\.events\.log, byte \d+", reads=False)

    assert filled.scan().read_all().equals(rows)


def test_a_base_that_is_gone_is_told_as_such(filled: Dataset) -> None:
    filled.records_path.unlink()

    refused_everywhere(filled, CorruptFileError, "base table is gone")


@pytest.mark.parametrize("name", ["_derived", ".usr"])
def test_a_file_where_a_folder_should_be_is_told_with_its_path(filled: Dataset, name: str) -> None:
    (filled.dir / name).rename(filled.dir / "aside")
    (filled.dir / name).write_bytes(b"")

    for read in READS:
        with pytest.raises(StorageError, match=f"{name}.*Not a directory"):
            read(filled)


def test_a_folder_where_the_log_should_be_is_told(filled: Dataset) -> None:
    filled.events_path.unlink()
    filled.events_path.mkdir()

    refused_everywhere(filled, StorageError, "Is a directory")
    with pytest.raises(StorageError, match="Is a directory"):
        filled.verify_events()
    with pytest.raises(StorageError, match="Is a directory"):
        list(filled.events())


def test_a_root_that_is_a_file_is_told(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.write_bytes(b"")

    for use in (
        Dataset(root, "promoters").init,
        lambda: list_datasets(root),
        lambda: Dataset.open(root, "a"),
    ):
        with pytest.raises(StorageError, match="Not a directory"):
            use()


def test_validation_goes_on_behind_a_file_that_cannot_be_read(filled: Dataset) -> None:
    (part,) = (filled.dir / "_derived/score").iterdir()
    part.write_bytes(b"")
    (filled.root / "registry.yaml").write_text("namespaces: {}\n")

    checks = {finding.check for finding in filled.check().problems}

    assert {"file", "registry.current", "events.files"} <= checks
    assert filled.check().rows == 1
