"""Lines of the log that stand there twice, or not where they were written, are told."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from dnadesign.usr import Dataset
from dnadesign.usr.operations import _mutation
from dnadesign.usr.operations._report import Finding
from tests.usr.conftest import add, scores

Lines = list[bytes]


@pytest.fixture
def written(dataset: Dataset) -> Dataset:
    """A log of: init, rows, a part, a tool's event, two changes in one, a part, a tombstone."""
    ids = add(dataset, "ACGTAC", "TTGACA", "GGCATT", "CCCCCC")
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    dataset.log_event("a_tool_ran")
    with dataset.transaction() as tx:
        tx.write_overlay_part("score", scores(ids[1:2], [2.0]))
        tx.add_sequences(["AAAAAA"], bio_type="dna", alphabet="dna_4")
    dataset.write_overlay_part("score", scores(ids[2:3], [3.0]))
    dataset.tombstone(ids[:1], reason="no")
    return dataset


def findings(dataset: Dataset, lines: Lines) -> list[Finding]:
    dataset.events_path.write_bytes(b"".join(lines))
    return [f for f in dataset.verify_events().findings if f.check == "events.order"]


def lines_of(dataset: Dataset) -> Lines:
    return dataset.events_path.read_bytes().splitlines(keepends=True)


def test_a_log_as_it_was_written_is_in_order_archived_or_not(written: Dataset) -> None:
    assert findings(written, lines_of(written)) == []
    for _ in range(2):
        written.archive_events(maintenance=True)
        add(written, f"ACG{'T' * (1 + len(list((written.dir / '_events').iterdir())))}")
    assert findings(written, lines_of(written)) == []
    assert written.verify_events(deep=True).ok


PLACES: dict[str, Callable[[Lines, int], Lines]] = {
    "after itself": lambda lines, n: [*lines[: n + 1], *lines[n:]],
    "at the end": lambda lines, n: [*lines, lines[n]],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", range(8))
def test_a_line_that_stands_there_twice_is_a_failure_of_verify_and_a_note_of_validate(
    written: Dataset, number: int, place: str
) -> None:
    lines = lines_of(written)
    assert len(lines) == 8
    found = findings(written, PLACES[place](lines, number))
    assert [(f.result, "stands in the log twice" in f.message) for f in found] == [("failed", True)]
    told = [f for f in written.check().findings if f.check == "events.order"]
    assert {f.result for f in told} == {"note"}


@pytest.mark.parametrize("number", range(7))
def test_two_lines_in_another_order_are_told_where_they_are_of_two_changes(
    written: Dataset, number: int
) -> None:
    lines = lines_of(written)
    lines[number : number + 2] = lines[number : number + 2][::-1]
    found = findings(written, lines)
    one_change = number == 4
    assert bool(found) != one_change
    apart = number in (3, 5)  # one of the two is of a change with two events
    assert any(f.result == "failed" for f in found) == apart


def test_a_segment_that_was_copied_is_told(written: Dataset) -> None:
    path = written.dir / written.archive_events(maintenance=True).path
    path.with_name("events-20200101T000000000000Z.log").write_bytes(path.read_bytes())
    assert any("twice" in p.message for p in written.verify_events().problems)


def test_a_clock_that_was_set_back_is_a_note_and_no_failure(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = SimpleNamespace(now=lambda zone: datetime(2020, 1, 1, tzinfo=UTC).astimezone(zone))
    monkeypatch.setattr(_mutation, "datetime", clock)
    add(dataset, "ACGT")
    add(dataset, "ACGTT")
    report = dataset.verify_events(deep=True)
    assert report.ok
    (note,) = [f for f in report.findings if f.check == "events.order"]
    assert (note.result, note.where) == ("note", ".events.log, event 2")
