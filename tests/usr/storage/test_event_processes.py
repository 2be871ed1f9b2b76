from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from dnadesign.usr import Dataset, EventFollower, LogLine, LogPosition

WRITE = """
import sys
from dnadesign.usr import Dataset, use_actor
dataset = Dataset(sys.argv[1], "a")
with use_actor(tool="writer", run_id=sys.argv[2]):
    for n in range(int(sys.argv[3])):
        dataset.log_event("x_step", metrics={"n": n})
        if n % 7 == 6:
            with dataset.maintenance(reason="the log is long"):
                dataset.archive_events()
"""


def start(root: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITE, str(root), name, str(count)])


def follow(
    log: Path, position: LogPosition | None, most: int | None
) -> tuple[list[LogLine], LogPosition | None]:
    """What one short-lived follower sees, and where the next one is to go on."""
    with EventFollower(log, position=position) as follower:
        lines = follower.poll(most)
        return lines, LogPosition.from_dict(follower.position.to_dict()) if follower.position else None


def drain(log: Path, position: LogPosition | None) -> list[LogLine]:
    found: list[LogLine] = []
    with EventFollower(log, position=position) as follower:
        while lines := follower.poll():
            found += lines
    return found


def test_followers_that_come_and_go_see_every_event_of_many_writers_once(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, "a")
    dataset.init()
    writers = [start(tmp_path, f"w{n}", 9) for n in range(3)]
    seen: list[LogLine] = []
    position, chance = None, random.Random(1)
    while any(writer.poll() is None for writer in writers):
        lines, position = follow(dataset.events_path, position, chance.choice([None, 1, 3]))
        seen += lines
    seen += drain(dataset.events_path, position)
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert all(line.error is None for line in seen)
    ids = [line.event.event_id for line in seen if line.event is not None]
    assert ids == [event.event_id for event in dataset.events()]
    assert len(set(ids)) == len(ids) == 1 + 3 * (9 + 1)


def test_a_follower_never_sees_what_a_killed_writer_did_not_commit(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, "a")
    dataset.init()
    seen: list[LogLine] = []
    position, chance = None, random.Random(2)
    for round_ in range(3):
        writer = start(tmp_path, f"k{round_}", 1000)
        before = len(seen)
        while len(seen) < before + 5:
            assert writer.poll() is None
            lines, position = follow(dataset.events_path, position, None)
            seen += lines
        time.sleep(chance.random() * 0.01)
        writer.kill()
        writer.wait()
    dataset.log_event("x_end")
    seen += drain(dataset.events_path, position)
    found = [line.event.event_id if line.event is not None else line.error for line in seen]
    assert found == [event.event_id for event in dataset.events()]


def test_segments_stay_in_order_when_a_clock_is_set_back(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, "a")
    dataset.init()
    archived = dataset.archive_events(maintenance=True)
    (dataset.dir / archived.path).rename(dataset.dir / "_events/events-29990101T000000000000Z.log")
    for n in range(2):
        dataset.log_event("x_step", metrics={"n": n})
        dataset.archive_events(maintenance=True)
    with EventFollower(dataset.events_path) as follower:
        seen = [line.event.action for line in follower.poll() if line.event is not None]
    assert seen == ["init", "events_archive", "x_step", "events_archive", "x_step", "events_archive"]
    assert sorted(path.name for path in (dataset.dir / "_events").iterdir()) == [
        f"events-29990101T00000000000{n}Z.log" for n in range(3)
    ]
