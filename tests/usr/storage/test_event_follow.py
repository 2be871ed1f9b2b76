from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from unittest.mock import patch

import pytest

from dnadesign.usr.contract.errors import CorruptFileError, EventLogError
from dnadesign.usr.contract.events import MAX_LINE_BYTES
from dnadesign.usr.contract.layout import EVENTS, INTENT, PRIVATE
from dnadesign.usr.storage import event_follow
from dnadesign.usr.storage.event_follow import EventFollower
from dnadesign.usr.storage.log_file import LogLine
from tests.usr.storage.stepped_log import SteppedWriter, event_line

OLD = b'{"event_version":1,"timestamp_utc":"2026-02-06T12:00:%02dZ","action":"act_%d","args":{"pad":"%s"}}\n'


def old_lines(first: int, count: int) -> bytes:
    return b"".join(OLD % (n % 60, n, b"x" * 300) for n in range(first, first + count))


def actions(lines: list[LogLine]) -> list[str]:
    return [line.event.action if line.event is not None else "damaged" for line in lines]


def write(writer: SteppedWriter, *names: str) -> None:
    for name in names:
        change = writer.archive("done") if name == "archive" else writer.commit([event_line(name)], "done")
        for _ in change:
            pass


@pytest.fixture
def writer(tmp_path: Path) -> SteppedWriter:
    return SteppedWriter(tmp_path / "ds")


def test_a_log_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "later" / EVENTS
    with EventFollower(log) as follower, EventFollower(log, start="end") as from_end:
        assert follower.poll() == []
        assert follower.position is None
        write(SteppedWriter(tmp_path / "later"), "a")
        assert actions(follower.poll()) == ["a"]
        assert actions(from_end.poll()) == ["a"]


def test_following_from_the_end_begins_where_the_log_ended_when_the_follower_was_made(
    writer: SteppedWriter,
) -> None:
    write(writer, "a", "archive", "b")
    with EventFollower(writer.log, start="end") as follower:
        write(writer, "c", "archive", "d")
        assert actions(follower.poll()) == ["c", "events_archive", "d"]
        assert follower.poll() == []


def test_a_line_knows_its_bytes_its_place_and_where_to_go_on(writer: SteppedWriter) -> None:
    write(writer, "a", "b", "c")
    text = writer.log.read_bytes()
    with EventFollower(writer.log) as follower:
        lines = follower.poll()
        for line in lines:
            assert text[line.offset : line.after.offset] == line.raw
            assert line.path == writer.log
            with EventFollower(writer.log, position=line.after) as again:
                assert [found.raw for found in again.poll()] == text[line.after.offset :].splitlines(
                    keepends=True
                )
        assert follower.position == lines[-1].after


def test_a_poll_returns_no_more_lines_than_asked_for(writer: SteppedWriter) -> None:
    write(writer, "a", "b", "archive", "c")
    with EventFollower(writer.log) as follower:
        assert [actions(follower.poll(1)) for _ in range(5)] == [["a"], ["b"], ["events_archive"], ["c"], []]
        with pytest.raises(ValueError, match="at least 1"):
            follower.poll(0)


def test_archived_segments_moved_away_by_hand_are_passed_over(writer: SteppedWriter) -> None:
    write(writer, "a", "archive", "b", "archive", "c", "archive", "d")
    with EventFollower(writer.log) as follower:
        assert actions(follower.poll(1)) == ["a"]
        sorted((writer.dataset / "_events").iterdir())[1].unlink()
        assert actions(follower.poll()) == ["events_archive", "events_archive", "c", "events_archive", "d"]


def test_a_position_is_found_again_in_a_copy_with_other_inodes(writer: SteppedWriter, tmp_path: Path) -> None:
    write(writer, "a", "b")
    with EventFollower(writer.log) as follower:
        follower.poll(1)
        position = follower.position
    write(writer, "archive", "c", "archive", "d")
    shutil.copytree(writer.dataset, tmp_path / "copy")
    shutil.rmtree(writer.dataset)
    with EventFollower(tmp_path / "copy" / EVENTS, position=position) as again:
        assert actions(again.poll()) == ["b", "events_archive", "c", "events_archive", "d"]


def test_a_log_cut_below_the_position_is_an_error_each_time(writer: SteppedWriter) -> None:
    write(writer, "a", "b")
    with EventFollower(writer.log) as follower:
        follower.poll()
        os.truncate(writer.log, len(event_line("a")))
        for _ in range(2):
            with pytest.raises(EventLogError, match=r"cannot be found"):
                follower.poll()


def test_a_log_cut_below_the_position_is_read_anew_where_that_is_wanted(writer: SteppedWriter) -> None:
    write(writer, "archive", "b", "c")
    with EventFollower(writer.log, on_truncation="restart") as follower:
        follower.poll()
        position = follower.position
        os.truncate(writer.log, len(event_line("events_archive")))
        assert actions(follower.poll()) == ["events_archive"]
    with EventFollower(writer.log, position=position, on_truncation="restart") as again:
        assert actions(again.poll()) == ["events_archive"]
        write(writer, "d")
        assert actions(again.poll()) == ["d"]


def test_a_log_rewritten_with_other_bytes_of_the_same_length_is_noticed(writer: SteppedWriter) -> None:
    write(writer, "a", "b")
    with EventFollower(writer.log) as follower:
        follower.poll()
        position = follower.position
        writer.log.write_bytes(event_line("c") + event_line("d") + event_line("e"))
        with pytest.raises(EventLogError):
            follower.poll()
    with pytest.raises(EventLogError), EventFollower(writer.log, position=position) as again:
        again.poll()


def test_another_dataset_in_the_place_of_the_one_that_was_followed_is_an_error(writer: SteppedWriter) -> None:
    write(writer, "a")
    with EventFollower(writer.log) as follower:
        follower.poll()
        position = follower.position
    writer.dataset.rename(writer.dataset.with_name("gone"))
    with EventFollower(writer.log, position=position) as again:
        assert again.poll() == []  # nothing there: it may come back
        write(SteppedWriter(writer.dataset), "x")
        with pytest.raises(EventLogError, match="neither the log nor an archived segment"):
            again.poll()


def test_damaged_lines_are_reported_with_their_place_and_passed(writer: SteppedWriter) -> None:
    write(writer, "a")
    bad = [
        b"{\n",
        b"\xff\xfe\n",
        b"\n",
        b'{"event_version":2,"action":"x"}\n',
        b"x" * (MAX_LINE_BYTES + 100_000) + b"\n",
    ]
    offset = writer.log.stat().st_size
    with writer.log.open("ab") as log:
        log.write(b"".join(bad))
    write(writer, "b")
    with EventFollower(writer.log) as follower:
        lines = follower.poll()
    assert actions(lines) == ["a", *["damaged"] * 5, "b"]
    for line, text in zip(lines[1:-1], bad, strict=True):
        assert line.offset == offset
        assert f"byte {offset}:" in str(line.error)
        assert line.raw == (text if len(text) <= MAX_LINE_BYTES else text[:4096])
        offset += len(text)
    assert "event_version is 2" in str(lines[4].error)
    assert "1,148,577 bytes is no event" in str(lines[5].error)


def test_memory_stays_bounded_however_long_the_log_and_its_lines_are(tmp_path: Path) -> None:
    log = tmp_path / "plain.log"
    with log.open("wb") as file:
        for n in range(15):
            file.write(old_lines(n * 1000, 1000))
        file.write(b"y" * 40_000_000 + b"\n")
        file.write(old_lines(0, 1))
    with EventFollower(log) as follower:
        tracemalloc.start()
        count = 0
        while lines := follower.poll(500):
            count += len(lines)
            last = lines[-1]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (count, actions([last])) == (15_002, ["act_0"])
    assert peak < 15_000_000


def test_one_poll_without_a_limit_is_bounded_and_the_next_goes_on(writer: SteppedWriter) -> None:
    write(writer, "a", "b", "c", "d", "e")
    with (
        patch.object(event_follow, "_BYTES_A_POLL", 2 * len(event_line("a"))),
        EventFollower(writer.log) as follower,
    ):
        assert [actions(follower.poll()) for _ in range(4)] == [["a", "b"], ["c", "d"], ["e"], []]


def test_a_damaged_intent_is_an_error_and_no_line_is_lost(writer: SteppedWriter) -> None:
    write(writer, "a")
    with EventFollower(writer.log) as follower:
        (writer.dataset / INTENT).write_bytes(b"{}")
        with pytest.raises(CorruptFileError):
            follower.poll()
        (writer.dataset / INTENT).unlink()
        assert actions(follower.poll()) == ["a"]


def test_lines_read_before_an_error_are_returned_first(writer: SteppedWriter) -> None:
    write(writer, "a", "archive", "b")
    with EventFollower(writer.log) as follower:
        (writer.dataset / INTENT).write_bytes(b"{}")  # in the way of the log, not of the archived segment
        assert actions(follower.poll()) == ["a", "events_archive"]
        with pytest.raises(CorruptFileError):
            follower.poll()
        (writer.dataset / INTENT).unlink()
        assert actions(follower.poll()) == ["b"]


def test_a_dataset_of_an_older_tool_is_followed_without_any_private_folder(tmp_path: Path) -> None:
    log = tmp_path / EVENTS
    log.write_bytes(old_lines(0, 3))
    with EventFollower(log) as follower:
        assert actions(follower.poll()) == ["act_0", "act_1", "act_2"]
        assert not (tmp_path / PRIVATE).exists()
        with log.open("ab") as file:
            file.write(old_lines(3, 1)[:-20])
            file.flush()
            assert follower.poll() == []
            file.write(old_lines(3, 1)[-20:])
        assert actions(follower.poll()) == ["act_3"]


def test_a_dataset_followed_through_a_symbolic_link_is_the_dataset(
    writer: SteppedWriter, tmp_path: Path
) -> None:
    write(writer, "a")
    link = tmp_path / "link.log"
    link.symlink_to(writer.log)
    doomed = writer.commit([event_line("b")], "rolled back")
    with EventFollower(link) as follower:
        size = writer.log.stat().st_size
        while writer.log.stat().st_size == size:
            next(doomed)
        assert actions(follower.poll()) == ["a"]
        for _ in doomed:
            pass
        write(writer, "archive", "c")
        assert actions(follower.poll()) == ["events_archive", "c"]


def test_a_plain_file_that_is_rotated_is_read_to_its_end_first(tmp_path: Path) -> None:
    log = tmp_path / "tool.log"
    log.write_bytes(old_lines(0, 2))
    with EventFollower(log) as follower:
        assert actions(follower.poll(1)) == ["act_0"]
        with log.open("ab") as file:
            file.write(old_lines(2, 1) + b"torn")
        log.rename(tmp_path / "tool.log.1")
        assert actions(follower.poll(2)) == []  # no new file yet: the old one may still be written
        log.write_bytes(old_lines(3, 1))
        lines = follower.poll()
        assert actions(lines) == ["act_1", "act_2", "damaged", "act_3"]
        assert "ends in the middle of a line" in str(lines[2].error)
        position = follower.position
    with log.open("ab") as file:
        file.write(old_lines(4, 1))
    with EventFollower(log, position=position) as again:
        assert actions(again.poll()) == ["act_4"]


APPEND = """
import sys, time
path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, "ab", buffering=0) as log:
    for n in range(first, first + count):
        line = b'{"event_version":1,"timestamp_utc":"2026-02-06T12:00:00Z","action":"act_%d"}\\n' % n
        log.write(line[:10])
        log.write(line[10:])
"""


def test_every_line_of_an_appending_process_is_seen_once(tmp_path: Path) -> None:
    log = tmp_path / "tool.log"
    seen: list[str] = []
    with EventFollower(log) as follower:
        for round_ in range(3):
            process = subprocess.Popen([sys.executable, "-c", APPEND, str(log), str(round_ * 500), "500"])
            while process.poll() is None:
                seen += actions(follower.poll(7))
            while (
                lines := follower.poll()
            ):  # a plain file that comes and goes between two looks is not known of
                seen += actions(lines)
            log.rename(tmp_path / f"tool.log.{round_}")
    assert seen == [f"act_{n}" for n in range(1500)]


def test_a_position_is_json(writer: SteppedWriter) -> None:
    write(writer, "a")
    with EventFollower(writer.log) as follower:
        follower.poll()
        position = follower.position
    assert position is not None
    assert json.loads(json.dumps(position.to_dict())) == position.to_dict()
