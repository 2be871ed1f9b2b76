"""A long log, a receiver that fails in every way, and a watcher that is killed again and again.

The default run is small. The whole size:  ROBUST_EVENTS=100000 ROBUST_KILLS=50 pytest tests/notify/test_robustness.py
"""

import os
import random
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.notify.console import WATCH_HOOK, Notify, interrupt
from tests.notify.event_logs import append, dataset_folder, event, line
from tests.notify.receiver import DROP, GARBAGE, OK, Answer, Request, receiving

EVENTS = int(os.environ.get("ROBUST_EVENTS", "3000"))
KILLS = int(os.environ.get("ROBUST_KILLS", "6"))
WATCH = (
    *WATCH_HOOK, "--follow", "--poll", "0.01", "--only-tools", "densegen", "--progress-every", "60", "--tries", "3",
    "--backoff", "0.002", "--timeout", "1",
)  # fmt: skip


def runs_of_events(count: int, chance: random.Random) -> list[dict[str, object]]:
    """Runs that start, make progress and end well or badly, among events of other tools."""
    events: list[dict[str, object]] = []
    while len(events) < count:
        run_id = f"run{len(events)}"
        actions = [
            "densegen_started",
            *["import_rows"] * chance.randrange(4),
            chance.choice(["densegen_completed", "densegen_failed"]),
        ]
        for action in actions:
            events.append(event(action, number=len(events), run_id=run_id, metrics={"rows": 5}))
            if chance.random() < 0.2:
                events.append(event("snapshot", number=len(events), tool="usr"))
    return events


def fails_at_random(chance: random.Random) -> Callable[[int], Answer]:
    """A receiver that is well nine times in ten."""
    troubles = [Answer(500), Answer(503, delay=0.02), Answer(429, {"Retry-After": "0.01"}), DROP, GARBAGE]
    return lambda number: chance.choice(troubles) if chance.random() < 0.1 else OK


def write_slowly(folder: Path, events: list[dict[str, object]]) -> None:
    """Append to a log as a run does, with half a line to be seen at times."""
    for start in range(0, len(events), 100):
        lines = b"".join(line(one) for one in events[start : start + 100])
        for part in (lines[:-300], lines[-300:]):
            with (folder / ".events.log").open("ab") as file:
                file.write(part)
            time.sleep(0.002)


def test_nothing_is_lost_or_overtaken_whatever_happens(notify: Notify, tmp_path: Path) -> None:
    chance = random.Random(7)
    events = runs_of_events(EVENTS, chance)
    folder = dataset_folder(tmp_path)
    ours = [one for one in events if one["actor"]["tool"] == "densegen"]  # type: ignore[index] # plain JSON
    expected = [int(str(one["event_id"]), 16) for one in ours if one["action"] != "import_rows"]
    writer = threading.Thread(target=write_slowly, args=(folder, events))
    with receiving(fails_at_random(chance)) as receiver:
        writer.start()
        for kill in range(KILLS):
            watcher = notify.start(*WATCH, "--events", folder / ".events.log", HOOK=receiver.url())
            receiver.wait_for_ids(len(expected) * (kill + 1) // (KILLS + 2))
            time.sleep(chance.random() * 0.05)
            watcher.kill()
            watcher.communicate()
        writer.join()
        last = notify.start(*WATCH, "--events", folder / ".events.log", HOOK=receiver.url())
        receiver.wait_for(lambda seen: len(seen.accepted_ids) >= len(expected), seconds=600)
        interrupt(last)
        assert_complete(receiver.accepted, expected, progress=len(ours) - len(expected))


def assert_complete(accepted: list[Request], expected: list[int], *, progress: int) -> None:
    """Each event arrived, in order; what came again came after a kill, under the same id and with the same content."""
    numbers = [int(request.json["id"], 16) for request in accepted]
    assert list(dict.fromkeys(numbers)) == expected
    assert sum(later <= earlier for earlier, later in pairwise(numbers)) <= KILLS
    first: dict[str, Request] = {}
    for request in accepted:
        assert request.json == first.setdefault(request.id, request).json
    assert len(first) == len(expected)
    folded = [request.json["data"]["folded"] for request in first.values()]
    assert sum(one["events"] for one in folded if one) == progress


def test_what_is_filtered_out_costs_the_receiver_nothing(notify: Notify, tmp_path: Path) -> None:
    log = append(
        dataset_folder(tmp_path), [event("snapshot", number=number, tool="usr") for number in range(EVENTS)]
    )
    with receiving() as receiver:
        result = notify.run(*WATCH_HOOK, "--only-tools", "densegen", "--events", log, HOOK=receiver.url())
        assert f"{EVENTS:,} filtered out" in result.err
        assert receiver.connections == 0
