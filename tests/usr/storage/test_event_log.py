from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import ConcurrentChangeError, EventLogError
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.storage import log_lines
from dnadesign.usr.storage.event_log import LogSource, last_lines, read_all_events, read_events
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.log_file import LogPosition
from dnadesign.usr.storage.log_lines import RawLine, last_line_end, read_lines, read_lines_backward
from dnadesign.usr.storage.visibility import committed_log_end
from tests.usr.storage.stepped_log import SteppedWriter, event_line

LINES = st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=20)


def expected(lines: list[bytes], longest: int) -> list[RawLine]:
    found, offset = [], 0
    for line in lines:
        too_long = len(line) > longest
        found.append(RawLine(line[:5] if too_long else line, offset, offset + len(line), too_long))
        offset += len(line)
    return found


@given(lines=LINES, torn=st.binary(max_size=10), chunk=st.integers(1, 30), longest=st.integers(5, 45))
def test_lines_are_read_alike_forwards_and_backwards_whatever_the_chunks(
    lines: list[bytes], torn: bytes, chunk: int, longest: int
) -> None:
    text, torn = b"".join(lines), torn.replace(b"\n", b"")
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.multiple(
            log_lines, _FORWARD_CHUNK=chunk, _BACKWARD_CHUNK=chunk, LONGEST_READ=longest, SHOWN_OF_LONGER=5
        ),
    ):
        path = Path(folder) / "log"
        path.write_bytes(text + torn)
        with opened(REAL, path, "read") as file:
            assert last_line_end(file, len(text + torn)) == len(text)
            assert list(read_lines(file, 0, len(text))) == expected(lines, longest)
            assert list(read_lines_backward(file, len(text))) == expected(lines, longest)[::-1]
            some = len(b"".join(lines[: len(lines) // 2]))
            assert list(read_lines(file, some, len(text))) == expected(lines, longest)[len(lines) // 2 :]


class Dataset:
    """A dataset's log, written by a writer that is always done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "ds"
        self.writer = SteppedWriter(self.folder)
        self.log = self.folder / EVENTS

    def write(self, *actions: str) -> None:
        for action in actions:
            change = self.writer.archive("done") if action == "archive" else None
            for _ in change or self.writer.commit([event_line(action)], "done"):
                pass

    def tail(self, count: int | None) -> list[str]:
        lines, _ = last_lines(LogSource.at(REAL, self.log), count=count)
        return [line.event.action for line in lines if line.event is not None]

    def all_actions(self) -> list[str]:
        end = committed_log_end(REAL, self.folder).end
        return [event.action for event in read_all_events(REAL, self.folder, end=end)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path)


@given(st.lists(st.sampled_from(["a", "b", "c", "archive"]), max_size=12), st.none() | st.integers(0, 14))
def test_the_log_reads_as_one_across_its_archived_segments(actions: list[str], count: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Dataset(Path(folder))
        made.write(*actions)
        all_of_them = ["events_archive" if action == "archive" else action for action in actions]
        assert made.all_actions() == all_of_them
        wanted = len(actions) if count is None else min(count, len(actions))
        assert made.tail(count) == all_of_them[len(actions) - wanted :]


def test_two_equal_events_that_are_not_repeated_by_archiving_both_count(dataset: Dataset) -> None:
    old = b'{"event_version":1,"timestamp_utc":"2026-02-06T12:00:03Z","action":"init"}\n'
    dataset.log.write_bytes(old + old)
    assert dataset.all_actions() == ["init", "init"]
    assert dataset.tail(None) == ["init", "init"]


def test_events_between_two_offsets_are_those_that_stand_there(dataset: Dataset) -> None:
    dataset.write("a", "b", "c")
    size = len(event_line("a"))
    found = read_events(REAL, dataset.folder, start=size, end=2 * size)
    assert [event.action for event in found] == ["b"]
    assert list(read_events(REAL, dataset.folder, start=size, end=size)) == []


def test_a_damaged_line_is_named_by_file_and_offset(dataset: Dataset) -> None:
    dataset.write("a")
    good = dataset.log.stat().st_size
    with dataset.log.open("ab") as log:
        log.write(b"not an event\n")
    with pytest.raises(EventLogError, match=rf"\.events\.log, byte {good}: the line is not JSON"):
        dataset.all_actions()
    lines, _ = last_lines(LogSource.at(REAL, dataset.log), count=None)
    assert [line.error is None for line in lines] == [True, False]


def test_a_log_archived_between_the_look_and_the_reading_is_found_again(dataset: Dataset) -> None:
    dataset.write("a", "archive", "b", "c")
    seen = committed_log_end(REAL, dataset.folder)
    dataset.write("archive", "d", "e", "archive")
    found = read_events(REAL, dataset.folder, start=0, end=seen.end, log=seen)
    assert [event.action for event in found] == ["events_archive", "b", "c"]
    found = read_all_events(REAL, dataset.folder, end=seen.end, log=seen)
    assert [event.action for event in found] == ["a", "events_archive", "b", "c"]


def test_a_log_that_is_gone_since_the_look_is_noticed(dataset: Dataset) -> None:
    dataset.write("a")
    seen = committed_log_end(REAL, dataset.folder)
    dataset.log.rename(dataset.log.with_name("elsewhere"))
    for _ in range(2):
        with pytest.raises(ConcurrentChangeError):
            list(read_events(REAL, dataset.folder, start=0, end=seen.end, log=seen))
        with pytest.raises(ConcurrentChangeError):
            list(read_all_events(REAL, dataset.folder, end=seen.end, log=seen))
        dataset.log.write_bytes(event_line("other"))


def test_a_log_that_is_shorter_than_what_is_asked_for_is_noticed(dataset: Dataset) -> None:
    dataset.write("a")
    size = dataset.log.stat().st_size
    with pytest.raises(ConcurrentChangeError):
        list(read_events(REAL, dataset.folder, start=0, end=2 * size))


def test_where_there_is_no_log_there_are_no_lines(tmp_path: Path) -> None:
    assert last_lines(LogSource.at(REAL, tmp_path / EVENTS), count=5) == ([], None)
    assert list(read_all_events(REAL, tmp_path, end=0)) == []


def test_a_search_from_the_end_stops_where_it_is_told(dataset: Dataset) -> None:
    dataset.write("a", "archive", "b", "c", "b", "c")
    source = LogSource.at(REAL, dataset.log)
    looked_at = []

    def is_b(line: object) -> bool:
        looked_at.append(line)
        return line.event.action == "b"  # type: ignore[attr-defined]  # a LogLine

    lines, _ = last_lines(source, count=1, keep=is_b)
    assert [line.event.action for line in lines if line.event] == ["b"]
    assert len(looked_at) == 2
    lines, _ = last_lines(
        source, count=None, enough=lambda line: line.event is not None and line.event.action == "b"
    )
    assert [line.event.action for line in lines if line.event] == ["c"]


@pytest.mark.parametrize(
    "found",
    [{}, {"device": 1}, {"device": "1", "inode": 2, "offset": 3, "head": "x"},
     {"device": True, "inode": 2, "offset": 3, "head": "x"}, {"device": 1, "inode": 2, "offset": 3, "head": None}],
)  # fmt: skip
def test_what_is_no_position_is_refused(found: dict) -> None:
    with pytest.raises(EventLogError, match="not a position"):
        LogPosition.from_dict(found)


def test_a_position_comes_back_from_its_dict_as_it_was() -> None:
    position = LogPosition(1, 2, 3, "ab")
    assert LogPosition.from_dict(position.to_dict()) == position
