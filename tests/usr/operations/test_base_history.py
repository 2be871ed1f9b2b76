"""What an event says of the base before it has to be what the event before it left, or lines of the log are not as written."""

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dnadesign.usr import Dataset
from dnadesign.usr.operations import _base_history
from dnadesign.usr.operations._report import Finding
from tests.faults.mutants import rewritten
from tests.usr.conftest import add

WRITES = ("import_rows", "merge", "registry_freeze", "materialize", "dedupe", "snapshot")


def sequences(first: int, count: int) -> list[str]:
    return ["".join("ACGT"[n >> shift & 3] for shift in range(0, 16, 2)) for n in range(first, first + count)]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset whose base was written in every way, its small row groups folded more than once."""
    root = tmp_path_factory.mktemp("root")
    other = Dataset(root, "other").init()
    add(other, *sequences(900, 3))
    dataset = Dataset(root, "grown").init()
    for n in range(20):
        add(dataset, *sequences(3 * n, 1 + n % 3))
    with dataset.transaction() as tx:
        tx.add_sequences(sequences(200, 2), bio_type="dna", alphabet="dna_4")
        tx.add_sequences(sequences(210, 3), bio_type="dna", alphabet="dna_4")
    dataset.log_event("a_tool_ran")
    dataset.tombstone(dataset.head(1).column("id").to_pylist())
    with dataset.maintenance(reason="a test"):
        dataset.freeze_registry()
        add(dataset, *sequences(300, 2), sequences(300, 1)[0].lower())
        dataset.merge_from(other)
        dataset.dedupe(key="sequence_ci")
        add(dataset, *sequences(400, 2))
        dataset.materialize(drop_deleted=True)
    for n in range(18):
        add(dataset, *sequences(500 + n, 1))
    dataset.snapshot()
    add(dataset, *sequences(600, 1))
    return dataset


@pytest.fixture
def copy(grown: Dataset, tmp_path: Path) -> Dataset:
    shutil.copytree(grown.root, tmp_path / "root")
    return Dataset(tmp_path / "root", grown.name)


Lines = list[dict[str, Any]]


def lines_of(dataset: Dataset) -> Lines:
    return [json.loads(line) for line in dataset.events_path.read_bytes().splitlines()]


def breaks(dataset: Dataset, lines: Lines, *, compact: bool = True) -> list[Finding]:
    """What does not follow from what came before, in a log with these lines."""
    text = "".join(json.dumps(line, separators=(",", ":") if compact else None) + "\n" for line in lines)
    dataset.events_path.write_text(text, encoding="utf-8")
    return [p for p in dataset.verify_events().problems if p.check in ("events.base", "events.order")]


def base_lines(lines: Lines) -> list[int]:
    """The lines that tell of a new base, or of a copy of it, but the first and the last: a file's size tells of these."""
    found = [i for i, line in enumerate(lines) if line["action"] in WRITES]
    return [i for i in found if lines[i]["metrics"].get("rows") or lines[i]["action"] == "registry_freeze"][
        :-1
    ]


def test_a_log_as_it_was_written_has_no_break(copy: Dataset) -> None:
    lines = lines_of(copy)
    assert {line["action"] for line in lines} >= set(WRITES)
    kept = [e["prefix_bytes"] for line in lines for e in line["artifacts"]["added"] if "prefix_bytes" in e]
    assert any(later < earlier for earlier, later in pairwise(kept))  # it was folded
    assert copy.verify_events(deep=True).ok
    assert breaks(copy, lines, compact=False) == []
    copy.archive_events(maintenance=True)
    add(copy, *sequences(700, 2))
    assert copy.validate(deep=True).ok


def removals(dataset: Dataset) -> dict[str, bool]:
    """Lines of the log, and whether taking just that one out leaves a break."""
    lines = lines_of(dataset)
    return {
        f"{i} {lines[i]['action']}": bool(breaks(dataset, lines[:i] + lines[i + 1 :]))
        for i in base_lines(lines)
        if lines[i]["action"] != "snapshot"  # it changes nothing of the base
    }


def test_each_line_of_the_base_that_is_taken_out_leaves_a_break(copy: Dataset) -> None:
    found = removals(copy)
    assert len(found) > 40
    assert [line for line, told in found.items() if not told] == []


def test_lines_of_the_base_in_another_order_or_there_twice_leave_a_break(copy: Dataset) -> None:
    lines = lines_of(copy)
    txids = [line["txid"] for line in lines]
    unseen = []
    for i in base_lines(lines):
        line, after = lines[i], lines[i + 1]
        if line["action"] == "snapshot":
            continue
        if not breaks(copy, [*lines[: i + 1], *lines[i:]]) and i + 1 not in base_lines(lines):
            unseen.append(f"{i} {line['action']} twice")
        if after["action"] not in WRITES or txids[i] == txids[i + 1]:
            continue
        if not breaks(copy, [*lines[:i], after, line, *lines[i + 2 :]]):
            unseen.append(f"{i} {line['action']} after {after['action']}")
    assert unseen == []


def entry_of(line: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = line["artifacts"]["added"][0]
    assert found["path"] == "records.parquet"
    return found


def larger(line: dict[str, Any]) -> None:
    entry_of(line)["bytes"] += 1


CHANGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "its size": larger,
    "its growth": lambda line: line["metrics"].update(bytes=line["metrics"]["bytes"] - 1),
    "its rows": lambda line: entry_of(line).update(rows=entry_of(line)["rows"] + 1),
    "the rows that it added": lambda line: line["metrics"].update(rows=line["metrics"]["rows"] + 1),
    "what it kept": lambda line: entry_of(line).update(prefix_bytes=entry_of(line)["prefix_bytes"] + 1),
    "that it kept anything": lambda line: entry_of(line).update(prefix_bytes="some"),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_line_that_was_changed_leaves_a_break(
    change: Callable[[dict[str, Any]], object], copy: Dataset
) -> None:
    lines = lines_of(copy)
    last = len(lines) - 1  # which only the lines before it tell of
    for number in (5, last):
        changed = deepcopy(lines)
        change(changed[number])
        found = breaks(copy, changed)
        assert found
        assert number != last or {f.where for f in found} == {f".events.log, event {last + 1}"}


@pytest.mark.parametrize("value", [None, "x", -1, 1 << 70, [], {"a": 1}, "gone"])
@pytest.mark.parametrize("name", ["bytes", "rows", "prefix_bytes", "footer_bytes", "footer_sha256", "pieces"])
def test_whatever_a_line_says_of_the_base_the_log_can_be_checked(
    name: str, value: object, copy: Dataset
) -> None:
    lines = lines_of(copy)
    for line in (lines[0], lines[5]):
        entry_of(line)[name] = value
        if value == "gone":
            del entry_of(line)[name]
    breaks(copy, lines)
    assert copy.verify_events(deep=True).findings


def test_a_break_is_told_with_its_event_what_does_not_fit_and_what_to_do(copy: Dataset) -> None:
    lines = lines_of(copy)
    before, gone, after = lines[4], lines[5], lines[6]
    (found,) = breaks(copy, lines[:5] + lines[6:])[:1]
    assert found.where == ".events.log, event 6"
    assert found.message == (
        f"event {after['event_id']} appended to a base of {entry_of(gone)['bytes']} bytes; "
        f"event 5 (id {before['event_id']}) left one of {entry_of(before)['bytes']}"
    )
    assert found.mend is not None
    assert "backup" in found.mend
    told = [f for f in copy.check().findings if f.check == "events.base"]
    assert {(f.result, f.where) for f in told} >= {
        ("note", ".events.log, event 6")
    }  # the files may be sound all the same


def test_events_of_older_tools_that_do_not_say_what_they_wrote_are_no_break(copy: Dataset) -> None:
    lines = lines_of(copy)
    lines[5]["artifacts"] = {}
    assert breaks(copy, lines) == []
    del lines[7]
    assert breaks(copy, lines)


LESS = {
    "growth": (_base_history._misfits, "size - grown != before.bytes", "False"),
    "rows": (_base_history._rows_missing, "rows == before + added", "True"),
    "the copy's size": (_base_history.BaseHistory.copied, "found != there", "False"),
}


@pytest.mark.parametrize("less", LESS.values(), ids=LESS)
def test_lines_that_are_taken_out_show_that_a_check_is_left_out_of(
    less: tuple[object, str, str], copy: Dataset
) -> None:
    function, old, new = less
    with rewritten(function, (old, new)):
        assert not all(removals(copy).values())
