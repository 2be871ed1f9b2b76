"""What has to hold of a dataset after any crash, fault or race."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.errors import DatasetNotFound, SequencesError
from dnadesign.usr.contract.layout import EVENTS, EVENTS_ARCHIVE, PRIVATE, overlay_of
from dnadesign.usr.storage.event_follow import EventFollower
from dnadesign.usr.storage.version import open_version
from dnadesign.usr.testing.simulated import SimulatedFileSystem
from tests.faults.changes import BASE, DATASET, digest


@dataclass(frozen=True)
class Expected:
    """What is known of the changes that were tried, by their numbers.

    Attributes:
        done: Acknowledged, in this order.
        failed: Reported as failed.
        open: Neither: cut short.
    """

    done: tuple[int, ...] = ()
    failed: frozenset[int] = frozenset()
    open: frozenset[int] = frozenset()

    def and_done(self, number: int) -> "Expected":
        return Expected((*self.done, number), self.failed, self.open)

    def and_failed(self, number: int) -> "Expected":
        return Expected(self.done, self.failed | {number}, self.open)

    def and_open(self, number: int) -> "Expected":
        return Expected(self.done, self.failed, self.open | {number})


def problems_of_log(events: list[dict[str, Any]], expected: Expected) -> list[str]:
    """What is wrong with the changes that the log tells of."""
    problems = []
    ids = [event["event_id"] for event in events]
    if len(set(ids)) != len(ids):
        problems.append("an event stands in the log twice")
    numbers = [event["metrics"]["number"] for event in events]
    for number in dict.fromkeys(numbers):
        of = next(e["metrics"]["of"] for e in events if e["metrics"]["number"] == number)
        if numbers.count(number) != of:
            problems.append(f"change {number} has {numbers.count(number)} of its {of} events")
    found = list(dict.fromkeys(numbers))
    missing = [number for number in expected.done if number not in found]
    if missing:
        problems.append(f"acknowledged changes {missing} are not in the log")
    elif [number for number in found if number in expected.done] != list(expected.done):
        problems.append(f"the log has changes {found}, acknowledged were {expected.done}")
    wrong = [number for number in found if number in expected.failed]
    if wrong:
        problems.append(f"changes {wrong}, reported as failed, are in the log")
    unknown = set(found) - set(expected.done) - expected.open - expected.failed
    if unknown:
        problems.append(f"changes {sorted(unknown)} are in the log and nobody made them")
    return problems


def folded(events: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The files that the events tell of, with their hashes."""
    files: dict[str, str] = {}
    for event in events:
        for artifact in event["artifacts"]["removed"]:
            files.pop(artifact["path"], None)
        for artifact in event["artifacts"]["added"]:
            files[artifact["path"]] = artifact["sha1"]
    return files


@lru_cache(maxsize=1 << 13)
def _parsed(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found


def parse_log(segments: list[bytes]) -> list[dict[str, Any]]:
    """The events of a log, archived segments first; the first of a file that repeats the last before it is left out."""
    events: list[dict[str, Any]] = []
    for data in segments:
        lines = [_parsed(line) for line in data.splitlines()]
        if lines and events and lines[0]["event_id"] == events[-1]["event_id"]:
            lines = lines[1:]
        events += lines
    return events


def stored_segments(files: dict[str, bytes | None]) -> list[bytes]:
    archived = sorted(p for p in files if p.startswith(f"{EVENTS_ARCHIVE}/"))
    return [files[p] or b"" for p in [*archived, EVENTS] if p in files]


def public(files: dict[str, bytes | None]) -> dict[str, str]:
    return {
        path: digest(content)
        for path, content in files.items()
        if content is not None and not path.startswith((PRIVATE, EVENTS, EVENTS_ARCHIVE))
    }


def problems_of_settled(fs: SimulatedFileSystem, expected: Expected, dataset: Path = DATASET) -> list[str]:
    """What is wrong with a dataset after recovery: its log, its files, what lies about."""
    files = fs.files(dataset)
    segments = stored_segments(files)
    if any(data and not data.endswith(b"\n") for data in segments):
        return ["a log ends in the middle of a line"]
    try:
        events = parse_log(segments)
    except ValueError as error:
        return [f"the log has a line that is no event: {error}"]
    problems = problems_of_log(events, expected)
    told, there = folded(events), public(files)
    if told != there:
        lost, extra = set(told) - set(there), set(there) - set(told)
        other = {p for p in set(told) & set(there) if told[p] != there[p]}
        problems.append(f"files differ from the log: lost {lost}, unaccounted {extra}, other content {other}")
    left = [
        p
        for p, c in files.items()
        if c is not None and p.startswith((".usr/leases/", ".usr/intent", ".usr/."))
    ]
    if left:
        problems.append(f"left behind: {left}")
    folders = {p for p, content in files.items() if content is None}
    for path in folders:
        if path.startswith("_derived/") and f"{path}.parquet" in files:
            inside = [p for p in there if p.startswith(f"{path}/")]
            if inside:
                problems.append(f"{path} is both a file and a folder")
    return problems


def problems_of_reading(fs: SimulatedFileSystem, expected: Expected, dataset: Path = DATASET) -> list[str]:
    """What is wrong with what a reader without a lock sees: it has to be one committed version, and a new one."""
    try:
        with open_version(fs, dataset) as version:
            end, seen = version.log.end, {
                file.path: digest(file.file.read_at(0, file.file.stat().size)) for file in version.files()
            }  # fmt: skip
    except DatasetNotFound:
        return ["a reader finds no dataset"] if expected.done else []
    except SequencesError as error:
        return [f"a reader is refused: {error}"]
    files = fs.files(dataset)
    if EVENTS not in files:
        return []  # just archived; what follows would have to find the staged log
    segments = stored_segments(files)
    try:
        events = parse_log([*segments[:-1], segments[-1][:end]])
    except ValueError as error:
        return [f"a reader sees a line that is no event: {error}"]
    problems = [f"a reader: {p}" for p in problems_of_log(events, expected)]
    told = {p: h for p, h in folded(events).items() if p == BASE or overlay_of(p) is not None}
    if seen != told:
        problems.append(f"a reader sees {sorted(seen.items())}, the log tells of {sorted(told.items())}")
    return problems


def problems_of_following(fs: SimulatedFileSystem, expected: Expected, dataset: Path = DATASET) -> list[str]:
    """What is wrong with the events that a follower without a lock gets from the start."""
    events = []
    with EventFollower(dataset / EVENTS, fs=fs) as follower:
        while lines := follower.poll():
            events += [json.loads(line.raw) for line in lines]
    return [f"a follower: {p}" for p in problems_of_log(events, expected)]


def problems_of_names(
    fs: SimulatedFileSystem, before: Mapping[str, bytes], after: Mapping[str, bytes], dataset: Path = DATASET
) -> list[str]:
    """What a program that opens files by their names, and knows nothing of intents, finds wrong while a change is made.

    An overlay that the change writes may have rows of records that it adds, and one that it replaces may have rows of
    records that it takes away. So none of the first may have its name before the new base has its own, and none of the
    others after that.

    Args:
        fs: The files.
        before: The files before the change.
        after: Those after it.
        dataset: Where they are.
    """
    old, new = before.get(BASE), after.get(BASE)
    if old is None or new is None or old == new:
        return []
    there = fs.files(dataset)
    shrinks = not new.startswith(old)
    ahead, behind = [], []
    for path, content in there.items():
        if overlay_of(path) is not None and before.get(path) != after.get(path):
            ahead += [path] if there[BASE] == old and content == after.get(path) else []
            behind += [path] if there[BASE] == new and shrinks and content == before.get(path) else []
    problems = [f"{path} has its name before the base of the same change" for path in ahead]
    return problems + [f"{path} keeps its name after the base that its rows are of" for path in behind]
