"""Every file that an event says was added has its bytes and their hash there, moved ones too."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from dnadesign.usr import Dataset
from tests.usr.conftest import add, scores
from tests.usr.operations.maintained import assert_sound, events


def a_file(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay("score", scores(ids[:2], [1.0, 2.0]))


def two_parts(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    dataset.write_overlay_part("score", scores(ids[1:2], [2.0]))


def drop_deleted(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.tombstone(ids[:1], reason="no")
    dataset.materialize(drop_deleted=True, maintenance=True)


STORED: dict[str, Callable[..., None]] = {"a file": a_file, "two parts": two_parts}
CHANGES: dict[str, Callable[..., Any]] = {
    "compact": lambda dataset, _: dataset.compact_overlay("score", maintenance=True),
    "archive": lambda dataset, _: dataset.remove_overlay("score", maintenance=True),
    "delete": lambda dataset, _: dataset.remove_overlay("score", mode="delete", maintenance=True),
    "another part": lambda dataset, ids: dataset.write_overlay_part("score", scores(ids[2:], [3.0])),
    "materialize": lambda dataset, _: dataset.materialize(maintenance=True),
    "drop deleted rows": drop_deleted,
    "archive the log": lambda dataset, _: dataset.archive_events(maintenance=True),
    "snapshot": lambda dataset, _: dataset.snapshot(),
    "freeze": lambda dataset, _: dataset.freeze_registry(maintenance=True),
}


def bytes_of(entry: dict[str, Any], data: bytes) -> dict[str, Any]:
    """What the entry should say of the file with these bytes."""
    found: dict[str, Any] = {"bytes": len(data)}
    if "prefix_sha256" in entry:  # the log: its last line cannot have its own hash in it
        prefix = data[: data.rindex(b"\n", 0, -1) + 1]
        return found | {"prefix_bytes": len(prefix), "prefix_sha256": hashlib.sha256(prefix).hexdigest()}
    return found | {"sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stored", STORED)
def test_an_event_gives_size_and_hash_of_each_file_that_it_adds_or_moves(
    dataset: Dataset, stored: str, change: str
) -> None:
    ids = add(dataset, "ACGTAC", "TTGACA", "GGCATT")
    STORED[stored](dataset, ids)
    known = len(events(dataset))
    CHANGES[change](dataset, ids)
    new = events(dataset)[known:] or events(dataset)  # an archived log begins anew
    added = [entry for event in new for entry in event["artifacts"]["added"]]
    assert added or change == "delete"
    for entry in added:
        path = dataset.dir / entry["path"]
        if path.exists() and (entry["path"] != "records.parquet" or "sha256" in entry):
            expected = bytes_of(entry, path.read_bytes())
            assert {name: entry.get(name) for name in expected} == expected
    moved = {entry["moved_from"]: entry for entry in added if "moved_from" in entry}
    for event in new:
        for entry in event["artifacts"]["removed"]:
            if entry["path"] in moved:
                names = ("bytes", "sha256")
                assert [entry.get(n) for n in names] == [moved[entry["path"]][n] for n in names]
    assert_sound(dataset)


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_event_that_archives_the_log_says_how_long_the_segment_is(dataset: Dataset, rounds: int) -> None:
    add(dataset, "ACGTAC")
    for _ in range(rounds):
        result = dataset.archive_events(maintenance=True)
    segment = dataset.dir / result.path
    (event,) = events(dataset)
    assert (result.bytes, event["metrics"]["bytes"]) == (segment.stat().st_size,) * 2
    assert_sound(dataset)


def test_a_changed_byte_of_an_archived_log_is_told(dataset: Dataset) -> None:
    add(dataset, "ACGTAC")
    segment = dataset.dir / dataset.archive_events(maintenance=True).path
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b'"source":"tests"', b'"source":"texts"', 1))
    assert segment.read_bytes() != data
    (problem,) = dataset.verify_events(deep=True).problems
    assert problem.where == str(segment.relative_to(dataset.dir))


def test_a_file_that_was_damaged_before_it_was_moved_is_still_held_against_what_was_written(
    dataset: Dataset,
) -> None:
    ids = add(dataset, "ACGTAC", "TTGACA", "GGCATT")
    a_file(dataset, ids)
    path = dataset.dir / "_derived" / "score.parquet"
    data = path.read_bytes()
    old = data.replace(b"usr:overlay_created_at", b"usr:overlay_created_aT", 1)
    assert old != data
    path.write_bytes(old)
    dataset.write_overlay_part("score", scores(ids[2:], [3.0]))
    problems = dataset.verify_events(deep=True).problems
    assert any("are not those that event" in problem.message for problem in problems)
