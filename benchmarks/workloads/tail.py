"""Read a long event log."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.bench import NAME, Bench
from benchmarks.generated import write_log
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from dnadesign.usr import Dataset, EventFollower


def measure(bench: Bench) -> list[Line]:
    """The log followed from its start, and tailed whole, against orjson on its lines."""
    count = bench.sizes.events
    made = bench.generated(f"events-{count}.log", lambda path: write_log(path, count))
    with bench.scratch("tailed") as root:
        folder = root / NAME
        folder.mkdir()
        log = folder / ".events.log"
        shutil.copy(made, log)
        contestants = [
            Contestant("usr", lambda: _follow(log)),
            Contestant("tail", lambda: sum(line.is_event for line in Dataset(root, NAME).tail_events())),
        ]
        if bench.peers:
            contestants.append(Contestant("orjson", lambda: _with_orjson(log)))
        else:
            contestants.append(Contestant("orjson", lambda: len(log.read_bytes().splitlines())))
        found = alternate(contestants, bench.sizes.rounds, flush=False)
    against = Against(Figure("read and parse with orjson", found["orjson"].samples), 2.0)
    return [
        Line(f"follow {count:,} events from the start", found["usr"], against, (), NOTE),
        Line(f"tail {count:,} events (tail -n all)", found["tail"], against),
    ]


NOTE = (
    "each line is checked to be a whole, valid event and passed on as it is; orjson makes an object of each"
)


def _follow(log: Path) -> int:
    count = 0
    with EventFollower(log) as follower:
        while lines := follower.poll():
            count += sum(line.is_event for line in lines)
    return count


def _with_orjson(log: Path) -> int:
    import orjson

    with log.open("rb") as file:
        return sum(1 for line in file if orjson.loads(line))
